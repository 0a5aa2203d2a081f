import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POST as setup } from "./setup/route";
import { POST as setupLink } from "./setup/link/route";
import { GET as session } from "./session/route";
import { GET as listTokens, POST as createToken } from "./tokens/route";
import { DELETE as revokeToken } from "./tokens/[id]/route";
import { POST as createPool, GET as listPools } from "./pools/route";
import { POST as createEnrolment } from "./enrolments/route";
import { POST as invite } from "./invitations/route";
import { GET as environments, PUT as putEnvironment } from "./environments/route";
import { createToken as createTokenVerb } from "@/server/access/create-token";
import { handleAuth } from "@/server/auth/handle-auth";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { ensureSetupLink } from "@/server/access/ensure-setup-link";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

const ORIGIN = "http://127.0.0.1:4600";
function call(method: string, path: string, headers: Record<string, string>, body?: unknown): Request {
  return new Request(`${ORIGIN}${path}`, { method, headers: { "content-type": "application/json", "x-plumbline-peer": "127.0.0.1", host: "127.0.0.1:4600", ...headers }, ...(body !== undefined && { body: JSON.stringify(body) }) });
}
const setupFile = (): { link: string | null; token: string; expiresAt: string } => JSON.parse(readFileSync(join(test.app.config.dataDir, "setup.json"), "utf8"));
const tokenOf = (link: string | null): string => new URL(link ?? "").searchParams.get("token") ?? "";
const entryTypes = async (): Promise<string[]> => (await test.db.$queryRaw<{ type: string }[]>`SELECT type FROM ledger_entries ORDER BY seq`).map(({ type }) => type);

describe("set-up", () => {
  const person = { name: "Ada", email: "Ada@example.org", password: "a long enough one" };

  it("writes one link and one token, readable by the owner alone, and keeps them on the next start", async () => {
    await ensureSetupLink(test.app);
    const first = setupFile();
    expect(statSync(join(test.app.config.dataDir, "setup.json")).mode & 0o777).toBe(0o600);
    await ensureSetupLink(test.app);
    expect(setupFile()).toEqual(first);
    const response = await session(call("GET", "/api/v1/session", { authorization: `Bearer ${first.token}` }));
    expect((await response.json()).roles).toHaveLength(7);
  });

  it("gives a new link to who holds the local key on this machine, and to nobody else", async () => {
    const before = setupFile();
    expect((await setupLink(call("POST", "/api/v1/setup/link", { authorization: `Local ${"0".repeat(64)}` }, {}))).status).toBe(401);
    const local = `Local ${test.app.keys.localKey}`;
    expect((await setupLink(call("POST", "/api/v1/setup/link", { authorization: local, "x-plumbline-peer": "10.0.0.1" }, {}))).status).toBe(401);
    const response = await setupLink(call("POST", "/api/v1/setup/link", { authorization: local }, {}));
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual(setupFile());
    expect(setupFile().link).not.toBe(before.link);
    const stale = await setup(call("POST", "/api/v1/setup", {}, { token: tokenOf(before.link), ...person }));
    expect(stale.status).toBe(404);
  });

  it("makes one account from 10 parallel uses of one link, with all roles, signed in", async () => {
    const token = tokenOf(setupFile().link);
    const responses = await Promise.all(Array.from({ length: 10 }, (_, index) => setup(call("POST", "/api/v1/setup", { "x-plumbline-peer": `10.1.0.${index}` }, { token, ...person, email: `ada${index === 0 ? "" : index}@example.org` }))));
    expect(responses.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 404)]);
    const [made] = responses.filter(({ status }) => status === 201);
    const cookie = made?.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ") ?? "";
    expect(cookie).toContain("plumbline.session_token=");
    const who = await session(call("GET", "/api/v1/session", { cookie }));
    expect(await who.json()).toMatchObject({ name: "Ada", kind: "person" });
    expect(setupFile().link).toBeNull();
    expect((await entryTypes()).at(-1)).toBe("user-created");
    await ensureSetupLink(test.app);
    expect(setupFile().link).toBeNull();
    expect(existsSync(join(test.app.config.dataDir, "setup.json"))).toBe(true);

    // The same cookie writes from our own pages only.
    const body = { name: "by-cookie", role: "viewer" };
    const foreign: Record<string, string>[] = [{}, { origin: "null" }, { origin: "https://evil.example" }, { origin: ORIGIN, "sec-fetch-site": "cross-site" }];
    for (const headers of foreign) {
      expect((await createToken(call("POST", "/api/v1/tokens", { cookie, ...headers }, body))).status).toBe(403);
    }
    expect((await createToken(call("POST", "/api/v1/tokens", { cookie, origin: ORIGIN, "sec-fetch-site": "same-origin" }, body))).status).toBe(201);
  });

  it("signs in with the password, not with another, and not when disabled", async () => {
    const [user] = await test.db.$queryRaw<{ email: string; actor: string }[]>`SELECT email, "actorId"::text AS actor FROM "user"`;
    const signIn = (password: string) => handleAuth(call("POST", "/api/auth/sign-in/email", { origin: ORIGIN, "x-plumbline-peer": "10.9.9.9" }, { email: user?.email, password }));
    expect((await signIn("wrong password here")).status).toBe(401);
    const ok = await signIn(person.password);
    expect(ok.status).toBe(200);
    const cookie = ok.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
    await test.db.$executeRaw`UPDATE actors SET disabled_at = now() WHERE id = ${user?.actor}::uuid`;
    expect((await session(call("GET", "/api/v1/session", { cookie }))).status).toBe(401);
    expect((await signIn(person.password)).status).toBe(403);
    await test.db.$executeRaw`UPDATE actors SET disabled_at = NULL WHERE id = ${user?.actor}::uuid`;
    const tries = [];
    for (let index = 0; index < 12; index += 1) tries.push((await signIn("wrong password here")).status);
    expect(tries.at(-1)).toBe(429);
    expect((await handleAuth(call("POST", "/api/auth/sign-up/email", { origin: ORIGIN }, { email: "x@example.org", password: person.password, name: "x" }))).status).toBe(404);
    expect((await handleAuth(call("POST", "/api/auth/sign-in/email", { origin: "https://evil.example" }, {}))).status).toBe(403);
  });
});

describe("tokens", () => {
  it("are shown once, kept as a hash, used, listed, and end at once", async () => {
    const admin = await test.bearer("admin");
    const made = await createToken(call("POST", "/api/v1/tokens", { ...admin, "idempotency-key": "t1" }, { name: "ci", role: "publisher", service: "pay*", team: "payments" }));
    expect(made.status).toBe(201);
    const { id, token } = await made.json();
    const again = await createToken(call("POST", "/api/v1/tokens", { ...admin, "idempotency-key": "t1" }, { name: "ci", role: "publisher", service: "pay*", team: "payments" }));
    expect(again.status).toBe(409);
    const [leaked] = await test.db.$queryRaw<{ found: boolean }[]>`
      SELECT EXISTS (SELECT FROM idempotency_keys k WHERE k.response::text LIKE ${`%${token}%`}) OR EXISTS (SELECT FROM ledger_entries e WHERE convert_from(e.bytes, 'UTF8') LIKE ${`%${token}%`}) AS found`;
    expect(leaked?.found).toBe(false);
    const mine = { authorization: `Bearer ${token}` };
    const who = await session(call("GET", "/api/v1/session", mine));
    expect(await who.json()).toMatchObject({ kind: "token", roles: [{ role: "publisher", service: "pay*", environment: "*" }] });
    expect((await createToken(call("POST", "/api/v1/tokens", mine, { name: "more", role: "admin" }))).status).toBe(403);
    const list = await (await listTokens(call("GET", "/api/v1/tokens", admin))).json();
    expect(list.items.find((item: { id: string }) => item.id === id)).toMatchObject({ name: "ci", team: "payments", revokedAt: null });

    const revoke = () => revokeToken(call("DELETE", `/api/v1/tokens/${id}`, admin), { params: Promise.resolve({ id }) });
    expect((await revoke()).status).toBe(200);
    expect((await session(call("GET", "/api/v1/session", mine))).status).toBe(401);
    expect((await revoke()).status).toBe(200);
    expect((await entryTypes()).filter((type) => type === "token-revoked")).toHaveLength(1);
    expect((await revokeToken(call("DELETE", "/api/v1/tokens/x", admin), { params: Promise.resolve({ id: "x" }) })).status).toBe(400);
  });

  it("cannot reach further than the admin who makes them", async () => {
    const admin = await test.ctxWith([{ role: "admin", service: "pay*", environment: "dev", expiresAt: null }]);
    const input = { name: "t", role: "operator" as const, service: "*", environment: "*", expiresInHours: 1 };
    await expect(createTokenVerb({ ctx: admin, input })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(createTokenVerb({ ctx: admin, input: { ...input, service: "payments", environment: "dev" } })).resolves.toMatchObject({ role: "operator" });
  });
});

describe("pools, enrolments, environments, invitations", () => {
  it("opens a pool and makes an enrolment line that pins the ledger's key", async () => {
    const admin = await test.bearer("admin");
    expect((await createPool(call("POST", "/api/v1/pools", admin, { name: "hosts", environments: ["nowhere"] }))).status).toBe(400);
    expect((await createPool(call("POST", "/api/v1/pools", admin, { name: "hosts", environments: ["production", "dev"], ephemeral: true, ttlMinutes: 120 }))).status).toBe(201);
    expect((await createPool(call("POST", "/api/v1/pools", admin, { name: "hosts", environments: ["dev"] }))).status).toBe(409);
    expect((await (await listPools(call("GET", "/api/v1/pools", await test.bearer("viewer")))).json()).items).toMatchObject([{ name: "hosts", environments: ["dev", "production"], ttlMinutes: 120, agents: 0 }]);
    const made = await createEnrolment(call("POST", "/api/v1/enrolments", admin, { pool: "hosts" }));
    const { token, command } = await made.json();
    expect(token).toMatch(/^ple_[A-Za-z0-9_-]{43}\.[0-9a-f]{16}$/);
    expect(command).toContain(`--url ${ORIGIN} --token ${token}`);
    expect((await createEnrolment(call("POST", "/api/v1/enrolments", admin, { pool: "none" }))).status).toBe(404);
    expect((await createEnrolment(call("POST", "/api/v1/enrolments", await test.bearer("operator"), { pool: "hosts" }))).status).toBe(403);
  });

  it("makes and changes environments, each with one entry", async () => {
    const admin = await test.bearer("admin");
    const put = async (body: unknown) => (await putEnvironment(call("PUT", "/api/v1/environments", admin, body))).json();
    expect(await put({ name: "canary", protected: true })).toMatchObject({ ordinal: 3, requiredApprovals: 1 });
    expect(await put({ name: "canary", requiredApprovals: 2 })).toMatchObject({ protected: true, requiredApprovals: 2 });
    await put({ name: "canary", requiredApprovals: 2 });
    expect((await entryTypes()).filter((type) => type === "environment-changed")).toHaveLength(1);
    const names = (await (await environments(call("GET", "/api/v1/environments", admin))).json()).items.map((item: { name: string }) => item.name);
    expect(names).toEqual(["dev", "staging", "production", "canary"]);
  });

  it("lets one invited person in, with that role only", async () => {
    const admin = await test.bearer("admin");
    const { link } = await (await invite(call("POST", "/api/v1/invitations", admin, { name: "Grace", email: "grace@example.org", role: "approver", environment: "production" }))).json();
    const token = tokenOf(link);
    const person = { token, name: "Grace", email: "grace@example.org", password: "correct horse battery" };
    expect((await setup(call("POST", "/api/v1/setup", {}, { ...person, email: "eve@example.org" }))).status).toBe(400);
    const made = await setup(call("POST", "/api/v1/setup", {}, person));
    expect(made.status).toBe(201);
    const cookie = made.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
    expect((await (await session(call("GET", "/api/v1/session", { cookie }))).json()).roles).toEqual([{ role: "approver", service: "*", environment: "production" }]);
    expect((await setup(call("POST", "/api/v1/setup", {}, person))).status).toBe(404);
  });
});

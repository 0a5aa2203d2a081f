import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { changeExecutorRequest, createExecutorRequest, testMessage, type CreatedExecutor } from "@/lib/contract/executors";
import { parseEnvelope } from "@/lib/domain/ledger/entry";
import type { Ctx } from "@/server/context";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { startLocalServer, type LocalServer } from "@/server/testing/local-server";
import { changeExecutor } from "./change-executor";
import { createExecutor } from "./create-executor";
import { readExecutor, secretOf } from "./executor-row";
import { listExecutors } from "./list-executors";
import { removeExecutor } from "./remove-executor";
import { testExecutor } from "./test-executor";

let test: TestApp;
let server: LocalServer;
let ctx: Ctx;
beforeAll(async () => {
  test = await createTestApp({ outboundAllow: "127.0.0.1" });
  server = await startLocalServer();
  ctx = await test.ctx();
});
afterAll(async () => {
  await server.close();
  await test.drop();
});
beforeEach(async () => {
  server.received.length = 0;
  server.answer((_, response) => response.end("{}"));
  await test.db.$executeRaw`UPDATE executors SET removed_at = now() WHERE removed_at IS NULL`;
});

const create = (input: unknown, by = ctx): Promise<CreatedExecutor> => createExecutor({ ctx: by, input: createExecutorRequest.parse(input) });
const change = (id: string, input: unknown, by = ctx): Promise<CreatedExecutor> => changeExecutor({ ctx: by, input: { ...changeExecutorRequest.parse(input), id } });
const secretNow = async (id: string): Promise<string | null> => {
  const stored = await readExecutor(test.db, id);
  return stored && secretOf(test.app, stored);
};
const webhook = (name = "deployer", more: object = {}) => ({ name, config: { kind: "webhook", url: `${server.url}/hook` }, ...more });
const github = (more: object = {}) => ({ name: "actions", config: { kind: "github", baseUrl: server.url, owner: "acme", repo: "deploy", workflow: "rollout.yml", ...more }, secret: "ghp_secret" });
const lastEntry = async () => {
  const [row] = await test.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries ORDER BY seq DESC LIMIT 1`;
  return parseEnvelope(row?.bytes ?? new Uint8Array());
};

describe("an executor", () => {
  it("of kind webhook gets a secret that is shown once and sealed", async () => {
    const made = await create(webhook("deployer", { service: "pay*", environment: "production" }));
    expect(made).toMatchObject({ name: "deployer", service: "pay*", environment: "production", secret: expect.stringMatching(/^whsec_/) });
    const stored = await readExecutor(test.db, made.id);
    expect(stored && secretOf(test.app, stored)).toBe(made.secret);
    expect(Buffer.from(stored?.secret ?? []).toString("latin1")).not.toContain(made.secret?.slice(6, 20));
    const listed = await listExecutors({ ctx });
    expect(listed.items.map((item) => ({ ...item, secret: made.secret }))).toEqual([made]);
    expect(listed.checkKey).toMatch(/^whpk_/);
    expect(JSON.stringify(listed)).not.toContain(made.secret?.slice(6));
    expect(await lastEntry()).toMatchObject({ type: "executor-changed", payload: { executor: made.id, change: "created", name: "deployer", kind: "webhook", host: expect.stringContaining("127.0.0.1") } });
    expect(JSON.stringify(await lastEntry())).not.toContain("/hook");
  });
  it("of another kind keeps its token to itself", async () => {
    const made = await create(github());
    expect(made.secret).toBeNull();
    expect(JSON.stringify([made, await listExecutors({ ctx }), await lastEntry()])).not.toContain("ghp_secret");
  });
  it.each([
    ["without its token", () => ({ ...github(), secret: undefined }), /needs the token/],
    ["with a secret that is none", () => ({ ...webhook(), secret: "hunter2hunter2" }), /whsec_ and the base64/],
    ["at an address in disguise", () => ({ name: "x", config: { kind: "webhook", url: "https://2130706433/" } }), /ordinary form/],
  ])("%s is refused", async (_, input, message) => {
    await expect(create(input())).rejects.toMatchObject({ kind: "invalid", message: expect.stringMatching(message) });
  });
  it("needs a name of its own, until the other is removed", async () => {
    const first = await create(webhook());
    await expect(create(webhook())).rejects.toMatchObject({ kind: "conflict" });
    await removeExecutor({ ctx, input: first });
    await expect(create(webhook())).resolves.toMatchObject({ name: "deployer" });
  });
  it("is made once by two who name it alike", async () => {
    const results = await Promise.allSettled([create(webhook("twin")), create(webhook("twin"))]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

describe("changing", () => {
  it("leaves what it does not name, the secret first of all", async () => {
    const made = await create(webhook("deployer", { service: "pay*" }));
    const url = `${server.url}/elsewhere`;
    expect(await change(made.id, { environment: "production", config: { kind: "webhook", url } })).toEqual({ ...made, environment: "production", config: { kind: "webhook", url }, secret: null });
    expect(await secretNow(made.id)).toBe(made.secret);
    expect(await lastEntry()).toMatchObject({ type: "executor-changed", payload: { executor: made.id, change: "changed", service: "pay*", environment: "production", secretReplaced: false } });
    expect(JSON.stringify(await lastEntry())).not.toContain("/elsewhere");
  });
  it("makes a webhook's secret anew, shown once", async () => {
    const made = await create(webhook());
    const { secret } = await change(made.id, { secret: null });
    expect(secret).toMatch(/^whsec_/);
    expect(secret).not.toBe(made.secret);
    expect(await secretNow(made.id)).toBe(secret);
    expect(await lastEntry()).toMatchObject({ payload: { secretReplaced: true } });
    expect(JSON.stringify(await lastEntry())).not.toContain(secret?.slice(6));
  });
  it("takes a token for a new one, and does not show it", async () => {
    const made = await create(github());
    await expect(change(made.id, { secret: "ghp_renewed" })).rejects.toMatchObject({ kind: "invalid", extras: { fields: [{ path: "config" }] } });
    expect(await change(made.id, { secret: "ghp_renewed", config: github().config })).toEqual(made);
    expect(await secretNow(made.id)).toBe("ghp_renewed");
  });
  it("does not lead a token to another host than the one that it was given for", async () => {
    const made = await create(github());
    const elsewhere = { ...github({ baseUrl: "https://collector.example.org" }).config };
    await expect(change(made.id, { config: elsewhere })).rejects.toMatchObject({ kind: "invalid", extras: { fields: [{ path: "secret" }] } });
    expect((await listExecutors({ ctx })).items).toMatchObject([{ config: made.config }]);
    expect(await change(made.id, { config: elsewhere, secret: "ghp_for_there" })).toMatchObject({ config: elsewhere, secret: null });
    // Without its branch, which has a default, the same host needs nothing.
    expect(await change(made.id, { config: { ...elsewhere, repo: "other" } })).toMatchObject({ config: { repo: "other" } });
    expect(await secretNow(made.id)).toBe("ghp_for_there");
  });
  it.each([
    ["another kind", () => ({ config: github().config }), /of the kind webhook/, "config.kind"],
    ["an address in disguise", () => ({ config: { kind: "webhook", url: "https://2130706433/" } }), /ordinary form/, "config.url"],
    ["a secret that is none", () => ({ secret: "hunter2hunter2" }), /whsec_ and the base64/, "secret"],
  ])("to %s is refused, and nothing changes", async (_, input, message, path) => {
    const made = await create(webhook());
    await expect(change(made.id, input())).rejects.toMatchObject({ kind: "invalid", message: expect.stringMatching(message), extras: { fields: [{ path }] } });
    expect((await listExecutors({ ctx })).items).toEqual([{ ...made, secret: undefined }]);
    expect(await secretNow(made.id)).toBe(made.secret);
  });
  it("needs a token to be given, since only its maker can make one", async () => {
    const made = await create(github());
    await expect(change(made.id, { secret: null })).rejects.toMatchObject({ kind: "invalid", extras: { fields: [{ path: "secret" }] } });
  });
  it("to a name that is taken is refused; to its own it is not", async () => {
    const [first] = [await create(webhook("first")), await create(webhook("second"))];
    await expect(change(first.id, { name: "second" })).rejects.toMatchObject({ kind: "conflict" });
    await expect(change(first.id, { name: "first" })).resolves.toMatchObject({ name: "first" });
    await expect(change(first.id, { name: "third" })).resolves.toMatchObject({ name: "third" });
  });
  it("needs the right for what it covered, and for what it will cover", async () => {
    const staging = await test.ctxWith([{ role: "admin", service: "*", environment: "staging", expiresAt: null }]);
    const everywhere = await create(webhook("everywhere"));
    const own = await create(webhook("own", { environment: "staging" }), staging);
    await expect(change(everywhere.id, { environment: "staging" }, staging)).rejects.toMatchObject({ kind: "forbidden" });
    await expect(change(own.id, { environment: "*" }, staging)).rejects.toMatchObject({ kind: "forbidden" });
    await expect(change(own.id, { service: "pay*" }, staging)).resolves.toMatchObject({ service: "pay*" });
  });
  it("says what it was told last, like the list", async () => {
    const made = await create(webhook());
    await test.db.$executeRaw`INSERT INTO deliveries (executor_id, event, body, status, last_error) VALUES (${made.id}::uuid, 'wave-opened', '{}', 'failed', 'it answered 410')`;
    expect(await change(made.id, { service: "pay*" })).toMatchObject({ last: { status: "failed", error: "it answered 410" } });
  });
  it("waits for no decision that names it, and holds none up", async () => {
    const made = await create(webhook());
    await test.db.$transaction(async (tx) => {
      // As whoever starts a rollout does, who holds the ledger by then.
      await tx.$executeRaw`INSERT INTO deliveries (executor_id, event, body) VALUES (${made.id}::uuid, 'wave-opened', '{}')`;
      await change(made.id, { service: "pay*" });
    }, { timeout: 30_000 });
    expect((await listExecutors({ ctx })).items).toMatchObject([{ service: "pay*" }]);
  });
  it("finds no executor that is removed or never was", async () => {
    const made = await create(webhook());
    await removeExecutor({ ctx, input: made });
    await expect(change(made.id, {})).rejects.toMatchObject({ kind: "not-found" });
    await expect(change(randomUUID(), {})).rejects.toMatchObject({ kind: "not-found" });
  });
});

describe("removing", () => {
  it("erases the secret, gives up what was not sent, and can be done twice", async () => {
    const { id } = await create(webhook());
    await test.db.$executeRaw`INSERT INTO deliveries (executor_id, event, body) VALUES (${id}::uuid, 'wave-opened', '{}')`;
    const removed = await removeExecutor({ ctx, input: { id } });
    expect(await lastEntry()).toMatchObject({ payload: { executor: id, change: "removed" } });
    expect(await removeExecutor({ ctx, input: { id } })).toEqual(removed);
    expect((await listExecutors({ ctx })).items).toEqual([]);
    const [row] = await test.db.$queryRaw<{ secret: Uint8Array | null; status: string; last_error: string }[]>`
      SELECT x.secret, d.status, d.last_error FROM executors x JOIN deliveries d ON d.executor_id = x.id WHERE x.id = ${id}::uuid`;
    expect(row).toEqual({ secret: null, status: "failed", last_error: "The executor was removed before it was told." });
    await expect(testExecutor({ ctx, input: { id } })).rejects.toMatchObject({ kind: "not-found" });
  });
  it("and making are bound to where somebody may", async () => {
    const staging = await test.ctxWith([{ role: "admin", service: "*", environment: "staging", expiresAt: null }]);
    await expect(create(webhook(), staging)).rejects.toMatchObject({ kind: "forbidden" });
    const everywhere = await create(webhook("everywhere"));
    const own = await create(webhook("own", { environment: "staging" }), staging);
    await expect(removeExecutor({ ctx: staging, input: everywhere })).rejects.toMatchObject({ kind: "forbidden" });
    expect((await listExecutors({ ctx: staging })).items.map(({ name }) => name)).toEqual(["own"]);
    await expect(removeExecutor({ ctx: staging, input: own })).resolves.toMatchObject({ id: own.id });
    await expect(removeExecutor({ ctx, input: { id: randomUUID() } })).rejects.toMatchObject({ kind: "not-found" });
  });
});

describe("a test", () => {
  const tryOut = async (input: unknown) => testExecutor({ ctx, input: await create(input) });
  it("reaches a webhook, signed, and writes nothing", async () => {
    expect(await tryOut(webhook())).toEqual({ ok: true, status: 200, sentence: "The receiver answered 200." });
    expect(testMessage.parse(JSON.parse(server.received[0]?.body ?? ""))).toMatchObject({ type: "test", data: { executor: { name: "deployer" } } });
    expect(server.received[0]?.headers["webhook-signature"]).toMatch(/^v1,/);
    expect(await test.db.$queryRaw`SELECT 1 FROM deliveries WHERE event = 'test'`).toEqual([]);
  });
  it("says what went wrong", async () => {
    server.answer((_, response) => response.writeHead(401).end('{"message":"Bad credentials"}'));
    expect(await tryOut(github())).toEqual({ ok: false, status: 401, sentence: "GitHub answered 401: Bad credentials." });
    expect(server.received[0]).toMatchObject({ method: "GET", url: "/repos/acme/deploy/actions/workflows/rollout.yml", headers: { authorization: "Bearer ghp_secret" } });
  });
  it("does not start a pipeline", async () => {
    server.answer((_, response) => response.writeHead(400).end('{"message":{"base":["Reference not found"]}}'));
    expect(await tryOut({ name: "pipeline", config: { kind: "gitlab", baseUrl: server.url, project: "acme/payments" }, secret: "glptt-1" })).toMatchObject({ ok: true, sentence: expect.stringContaining("accepts the token") });
    expect(server.received[0]?.url).toBe("/api/v4/projects/acme%2Fpayments/trigger/pipeline");
  });
  it("does not go where it must not", async () => {
    expect(await tryOut({ name: "meta", config: { kind: "webhook", url: "http://169.254.169.254/latest" } })).toMatchObject({ ok: false, status: null });
  });
});

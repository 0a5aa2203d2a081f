import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureDemoPerson } from "@/server/access/ensure-setup-link";
import { createPool } from "@/server/access/create-pool";
import { revokeAgent } from "@/server/access/revoke-agent";
import { hashSecret } from "@/server/access/secret-token";
import { authenticateAgent } from "@/server/auth/authenticate";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { GET as session } from "./session/route";
import { POST as createToken } from "./tokens/route";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp({ demo: true });
  await ensureDemoPerson(test.app);
  await ensureDemoPerson(test.app);
});
afterAll(() => test.drop());

const here = { host: "127.0.0.1:4600", "x-plumbline-peer": "127.0.0.1" };
const ask = async (headers: Record<string, string>): Promise<number> => (await session(new Request("http://127.0.0.1:4600/api/v1/session", { headers }))).status;

describe("the demo person", () => {
  it("is whoever asks this machine by its own name, from this machine", async () => {
    expect(await ask(here)).toBe(200);
    expect(await ask({ ...here, host: "localhost:4600" })).toBe(200);
    expect(await ask({ ...here, host: "rebound.example:4600" })).toBe(401);
    expect(await ask({ ...here, "x-plumbline-peer": "192.168.1.5" })).toBe(401);
    expect(await ask({ ...here, authorization: "Bearer plt_wrong" })).toBe(401);
  });
  it("does not write for another site", async () => {
    const post = (headers: Record<string, string>) =>
      createToken(new Request("http://127.0.0.1:4600/api/v1/tokens", { method: "POST", headers: { ...here, "content-type": "application/json", ...headers }, body: '{"name":"x","role":"viewer"}' }));
    expect((await post({ origin: "https://evil.example" })).status).toBe(403);
    expect((await post({ "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await post({ origin: "http://localhost:4600", "sec-fetch-site": "same-origin" })).status).toBe(201);
    expect((await post({ "content-type": "text/plain" })).status).toBe(415);
  });
});

describe("an agent", () => {
  it("is refused from the moment it is revoked, by either of its tokens", async () => {
    const ctx = await test.ctx("admin");
    const pool = await createPool({ ctx, input: { name: "hosts", environments: ["dev"], scopes: ["engine"], ephemeral: false, networks: [] } });
    const id = randomUUID();
    const [token, previous] = [0, 1].map(() => `pla_${randomBytes(32).toString("base64url")}`) as [string, string];
    await test.db.$executeRaw`INSERT INTO actors (id, kind, display_name) VALUES (${id}::uuid, 'agent', 'host')`;
    await test.db.$executeRaw`
      INSERT INTO agents (id, pool_id, name, runtime, agent_version, token_hash, previous_token_hash, previous_token_until)
      VALUES (${id}::uuid, ${pool.id}::uuid, 'host', 'exec', '1', ${hashSecret(token)}, ${hashSecret(previous)}, now() + interval '1 hour')`;
    const authenticate = (bearer: string) => authenticateAgent(test.app, new Request("http://127.0.0.1:4600/api/agent/v1/inventory", { headers: { authorization: `Bearer ${bearer}` } }));
    await expect(authenticate(token)).resolves.toMatchObject({ id, kind: "agent" });
    await expect(authenticate(previous)).resolves.toMatchObject({ id });
    await test.db.$executeRaw`UPDATE agents SET previous_token_until = now() - interval '1 second' WHERE id = ${id}::uuid`;
    await expect(authenticate(previous)).rejects.toMatchObject({ kind: "unauthenticated" });
    const first = await revokeAgent({ ctx, input: { agent: id, reason: "stolen" } });
    await expect(authenticate(token)).rejects.toMatchObject({ kind: "unauthenticated" });
    expect(await revokeAgent({ ctx, input: { agent: id, reason: "again" } })).toEqual(first);
    await expect(revokeAgent({ ctx, input: { agent: randomUUID(), reason: "nobody" } })).rejects.toMatchObject({ kind: "not-found" });
  });
});

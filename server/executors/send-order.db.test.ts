import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createExecutorRequest, waveMessage, type CreatedExecutor } from "@/lib/contract/executors";
import { promoteRequest } from "@/lib/contract/rollouts";
import { fromBase64 } from "@/lib/domain/ledger/bytes";
import { parseEnvelope, readAssignment } from "@/lib/domain/ledger/entry";
import { parseVkey } from "@/lib/domain/ledger/signed-note";
import { verifyTlogProof } from "@/lib/domain/ledger/tlog-proof";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { serverVkey } from "@/server/ledger/signing-key";
import { listDeliveries } from "@/server/notifications/list-deliveries";
import { resendDelivery } from "@/server/notifications/resend-delivery";
import { sendDeliveries } from "@/server/outbound/deliver";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { startLocalServer, type LocalServer, type Received } from "@/server/testing/local-server";
import { createExecutor } from "./create-executor";
import { dispatchWave } from "./dispatch-wave";
import { listExecutors } from "./list-executors";
import { removeExecutor } from "./remove-executor";

let test: TestApp;
let server: LocalServer;
let ctx: Ctx;
let rolloutId: string;
let targetIds: bigint[];
let executor: CreatedExecutor;
let dir: string;
const place = { service: "payments", environment: "staging" };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "plumbline-verify-"));
  test = await createTestApp({ outboundAllow: "127.0.0.1" });
  server = await startLocalServer();
  ctx = await test.ctx();
  for (const version of ["1.0.0", "2.0.0"]) await registerVersion(ctx, "payments", version);
  await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "1.0.0" }) });
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "a", service: "payments", image: fakeImage("payments 1.0.0") });
  rolloutId = (await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0" }) })).id;
  targetIds = (await test.db.$queryRaw<{ id: bigint }[]>`SELECT id FROM targets`).map(({ id }) => id);
});
afterAll(async () => {
  await server.close();
  await test.drop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  server.received.length = 0;
  server.answer((_, response) => response.writeHead(204).end());
  await test.db.$executeRaw`DELETE FROM deliveries`;
  await test.db.$executeRaw`UPDATE executors SET removed_at = now() WHERE removed_at IS NULL`;
  await test.db.$executeRaw`UPDATE rollouts SET status = 'running', finished_at = NULL WHERE id = ${rolloutId}::uuid`;
  await use({ name: "deployer", config: { kind: "webhook", url: `${server.url}/hook` } });
  await signCheckpoint(test.app);
});

async function use(input: unknown): Promise<void> {
  executor = await createExecutor({ ctx, input: createExecutorRequest.parse(input) });
  await test.db.$executeRaw`UPDATE rollouts SET executor_id = ${executor.id}::uuid WHERE id = ${rolloutId}::uuid`;
}
const dispatch = () => transact(test.db, (tx) => dispatchWave(tx, { rolloutId, wave: 1, targetIds, at: new Date() }));
const delivery = async () => (await test.db.$queryRaw<{ status: string; attempts: number; last_status: number | null; last_error: string | null }[]>`SELECT status, attempts, last_status, last_error FROM deliveries`)[0];
/** The verifier of docs/executors.md, as a reader would run it. */
async function verifyAsDocumented(received: Received | undefined, vkey: string, secret: string): Promise<string> {
  const [, code = ""] = /```js\n([\s\S]*?)\n```/.exec(readFileSync("docs/executors.md", "utf8")) ?? [];
  const file = join(dir, "verify.mjs");
  writeFileSync(file, code);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file, vkey, secret], (error, stdout, stderr) => resolve(error ? (/Error: (.*)/.exec(stderr)?.[1] ?? stderr) : stdout.trim()));
    child.stdin?.end(JSON.stringify({ headers: received?.headers, body: received?.body }));
  });
}

describe("an order", () => {
  it("carries the decision and its proof, and both are verified without this server", async () => {
    await dispatch();
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject({ status: "sent", attempts: 1, last_status: 204 });
    const [received] = server.received;
    const { data } = waveMessage.parse(JSON.parse(received?.body ?? ""));
    const bytes = fromBase64(data.proof.entry) ?? new Uint8Array();
    const log = { origin: test.app.keys.origin, keys: [parseVkey(serverVkey(test.app.keys))] };
    expect(verifyTlogProof(data.proof.tlogProof, bytes, log)).toMatchObject({ index: data.entry.index });
    expect(readAssignment(parseEnvelope(bytes))).toMatchObject({ rollout: rolloutId, ...place, to: { version: "2.0.0" } });
    expect(data).toMatchObject({ url: expect.stringContaining(`/rollouts/${rolloutId}`), targets: { count: 1, more: null } });

    const vkey = serverVkey(test.app.keys);
    const secret = executor.secret ?? "";
    expect(await verifyAsDocumented(received, vkey, secret)).toBe(`promote payments in staging to 2.0.0: decided, entry ${data.entry.index}`);
    const digest = data.to?.components[0]?.digest ?? "";
    const changed = { ...received, body: received?.body.replaceAll(digest, `sha256:${"0".repeat(64)}`) ?? "" };
    expect(await verifyAsDocumented({ ...received, ...changed } as Received, vkey, secret)).toBe("not signed with this secret");
    // Whoever has the secret, but not the log's key, still cannot make anything up.
    const headers = received?.headers ?? {};
    const forged = createHmac("sha256", Buffer.from(secret.replace("whsec_", ""), "base64")).update(`${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${changed.body}`).digest("base64");
    expect(await verifyAsDocumented({ ...received, ...changed, headers: { ...headers, "webhook-signature": `v1,${forged}` } } as Received, vkey, secret)).toBe(`the decision does not name sha256:${"0".repeat(64)}`);
    expect(await verifyAsDocumented(received, vkey.replace(/.$/, (last) => (last === "A" ? "B" : "A")), secret)).not.toContain("decided");
  });

  it("waits for the checkpoint that covers it, without spending an attempt", async () => {
    // An entry that no checkpoint covers yet.
    await createExecutor({ ctx, input: createExecutorRequest.parse({ name: "another", service: "orders", config: { kind: "webhook", url: server.url } }) });
    await dispatch();
    await test.db.$executeRaw`UPDATE deliveries SET body = jsonb_set(body, '{entry,index}', (SELECT to_jsonb(size - 1) FROM ledger_head))`;
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject({ status: "pending", attempts: 0, last_error: "The decision is not signed yet." });
    expect(server.received).toEqual([]);
    await signCheckpoint(test.app);
    await test.db.$executeRaw`UPDATE deliveries SET next_attempt_at = clock_timestamp()`;
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject({ status: "sent", attempts: 1 });
  });

  it("is sent once, whoever looks", async () => {
    await dispatch();
    await Promise.all([sendDeliveries(test.app), sendDeliveries(test.app), sendDeliveries(test.app)]);
    expect(server.received).toHaveLength(1);
  });

  it.each([
    ["fails", 500, { status: "pending", attempts: 1, last_status: 500 }],
    ["is busy", 429, { status: "pending", attempts: 1, last_status: 429 }],
    ["refuses", 422, { status: "failed", attempts: 1, last_status: 422 }],
  ])("to one who %s", async (_, status, expected) => {
    server.answer((_request, response) => response.writeHead(status).end('{"message":"no"}'));
    await dispatch();
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject(expected);
  });
});

describe("what is not sent", () => {
  it("an order of a paused rollout waits until it goes on", async () => {
    await test.db.$executeRaw`UPDATE rollouts SET status = 'paused' WHERE id = ${rolloutId}::uuid`;
    await dispatch();
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject({ status: "pending", attempts: 0, last_error: expect.stringContaining("is paused") });
    await test.db.$executeRaw`UPDATE rollouts SET status = 'running' WHERE id = ${rolloutId}::uuid`;
    await test.db.$executeRaw`UPDATE deliveries SET next_attempt_at = clock_timestamp()`;
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject({ status: "sent" });
  });
  it.each(["superseded", "aborted", "failed", "succeeded"])("an order of a rollout that is %s", async (status) => {
    await dispatch();
    await test.db.$executeRaw`UPDATE rollouts SET status = ${status}, finished_at = now() WHERE id = ${rolloutId}::uuid`;
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject({ status: "failed", last_status: null, last_error: expect.stringMatching(/superseded|has ended/) });
    expect(server.received).toEqual([]);
  });
  it("an order to an executor that was removed", async () => {
    await dispatch();
    await removeExecutor({ ctx, input: { id: executor.id } });
    await sendDeliveries(test.app);
    expect(await delivery()).toMatchObject({ status: "failed", last_error: expect.stringContaining("removed") });
    expect(server.received).toEqual([]);
  });
});

describe("other kinds", () => {
  it("run a workflow at GitHub, whose answer moves nothing", async () => {
    await use({ name: "actions", config: { kind: "github", baseUrl: server.url, owner: "acme", repo: "deploy", workflow: "rollout.yml" }, secret: "ghp_secret" });
    await dispatch();
    await sendDeliveries(test.app);
    expect(server.received[0]).toMatchObject({ method: "POST", url: "/repos/acme/deploy/actions/workflows/rollout.yml/dispatches", headers: { authorization: "Bearer ghp_secret", "user-agent": "plumbline" } });
    expect(JSON.parse(server.received[0]?.body ?? "")).toMatchObject({ ref: "main", inputs: { ...place, version: "2.0.0", digest: fakeImage("payments 2.0.0").digest, proof: expect.stringMatching(/\/api\/v1\/rollouts\/.*\/proof$/) } });
    expect(await delivery()).toMatchObject({ status: "sent" });
    expect(await test.db.$queryRaw`SELECT DISTINCT status FROM rollout_targets WHERE rollout_id = ${rolloutId}::uuid AND status = 'verified'`).toEqual([]);
  });
  it("trigger a pipeline at GitLab, and hide the token that it quotes", async () => {
    await use({ name: "pipeline", config: { kind: "gitlab", baseUrl: server.url, project: "acme/payments" }, secret: "glptt-secret" });
    server.answer((_, response) => response.writeHead(404).end('{"message":"404 no token glptt-secret"}'));
    await dispatch();
    await sendDeliveries(test.app);
    expect(new URLSearchParams(server.received[0]?.body).get("variables[PLUMBLINE_VERSION]")).toBe("2.0.0");
    const row = await delivery();
    expect(row).toMatchObject({ status: "failed", last_status: 404 });
    expect(row?.last_error).not.toContain("glptt-secret");
  });
});

it("shows each executor what it was told, and sends it again under the same id", async () => {
  server.answer((_, response) => response.writeHead(422).end());
  await dispatch();
  await sendDeliveries(test.app);
  const told = await listDeliveries({ ctx, input: { executor: executor.id, limit: 10 } });
  expect(told.items).toMatchObject([{ status: "failed", lastStatus: 422, executor: { id: executor.id, name: "deployer" }, wave: 1 }]);
  expect((await listDeliveries({ ctx, input: { executor: rolloutId, limit: 10 } })).items).toEqual([]);
  expect((await listExecutors({ ctx })).items).toMatchObject([{ name: "deployer", last: { status: "failed", error: expect.stringContaining("422") } }]);
  server.answer((_, response) => response.end());
  await resendDelivery({ ctx, input: { id: told.items[0]?.id ?? "" } });
  await sendDeliveries(test.app);
  expect(server.received.map(({ headers }) => headers["webhook-id"])).toEqual([server.received[0]?.headers["webhook-id"], server.received[0]?.headers["webhook-id"]]);
});

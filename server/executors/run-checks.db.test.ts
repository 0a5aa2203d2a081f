import { createPublicKey, verify } from "node:crypto";
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { promoteRequest } from "@/lib/contract/rollouts";
import { checkRequest } from "@/lib/contract/executors";
import type { ExternalCheck } from "@/lib/domain/rollout/strategy";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { startLocalServer, type LocalServer } from "@/server/testing/local-server";
import { checkPublicKey } from "./check-key";
import { runChecks } from "./run-checks";

let test: TestApp;
let server: LocalServer;
let rolloutId: string;
const place = { service: "payments", environment: "staging", partition: "default" };
const times = { timeoutMs: 10_000, everyMs: 10_000, withinMs: 60_000 };

beforeAll(async () => {
  test = await createTestApp({ outboundAllow: "127.0.0.1" });
  server = await startLocalServer();
  const ctx = await test.ctx();
  for (const version of ["1.0.0", "2.0.0"]) await registerVersion(ctx, "payments", version);
  await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "1.0.0", strategy: "all-at-once" }) });
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "a", service: "payments", image: fakeImage("payments 1.0.0") });
  rolloutId = (await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0", strategy: "all-at-once" }) })).id;
});
afterAll(async () => {
  await server.close();
  await test.drop();
});
beforeEach(async () => {
  server.received.length = 0;
  server.answer((_, response) => response.end('{"ok": true}'));
  await test.db.$executeRaw`DELETE FROM wave_checks`;
  await test.db.$executeRaw`DELETE FROM changes`;
  await test.db.$executeRaw`UPDATE rollouts SET status = 'running', finished_at = NULL WHERE id = ${rolloutId}::uuid`;
});

type Row = { status: string; detail: string | null; attempts: number; finished: boolean; wait_ms: number };
async function arrange(check: ExternalCheck | null, { startedSecondsAgo = 0 }: { startedSecondsAgo?: number } = {}): Promise<void> {
  await test.db.$executeRaw`UPDATE waves SET gate = jsonb_set(gate, '{check}', ${JSON.stringify(check)}::jsonb) WHERE rollout_id = ${rolloutId}::uuid AND ordinal = 1`;
  await test.db.$executeRaw`
    INSERT INTO wave_checks (rollout_id, ordinal, started_at, next_attempt_at) VALUES (${rolloutId}::uuid, 1, clock_timestamp() - make_interval(secs => ${startedSecondsAgo}::float8), clock_timestamp() - interval '1 second')`;
}
async function row(): Promise<Row | undefined> {
  const [one] = await test.db.$queryRaw<Row[]>`
    SELECT status, detail, attempts, finished_at IS NOT NULL AS finished, (extract(epoch FROM next_attempt_at - clock_timestamp()) * 1000)::float8 AS wait_ms FROM wave_checks`;
  return one;
}
const makeDue = () => test.db.$executeRaw`UPDATE wave_checks SET next_attempt_at = clock_timestamp() - interval '1 second'`;
const changes = async () => (await test.db.$queryRaw<{ topic: string; key: string }[]>`SELECT topic, key FROM changes`).map(({ topic, key }) => `${topic} ${key}`);
const webhook = (more: Partial<Extract<ExternalCheck, { kind: "webhook" }>> = {}): ExternalCheck => ({ kind: "webhook", url: `${server.url}/check`, ...times, ...more });
const prometheus = (query = "errors"): ExternalCheck => ({ kind: "prometheus", url: `${server.url}/prom/`, query, op: "<", threshold: 0.01, ...times });

describe("a webhook", () => {
  it("is told what is asked, by a signature that the public key alone verifies", async () => {
    await arrange(webhook());
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "passed", detail: "It said yes.", attempts: 1, finished: true });
    expect(await changes()).toEqual([`rollout ${rolloutId}`]);
    const [request] = server.received;
    expect(checkRequest.parse(JSON.parse(request?.body ?? ""))).toMatchObject({
      type: "check-asked",
      data: { rollout: { id: rolloutId, kind: "promote" }, ...place, wave: { number: 1 }, from: { version: "1.0.0" }, to: { version: "2.0.0" }, counts: { total: 1, verified: 0, failed: 0 }, attempt: 1 },
    });
    const key = Buffer.from(checkPublicKey(test.app.keys).replace("whpk_", ""), "base64");
    expect(key).toHaveLength(32);
    const spki = createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key]), format: "der", type: "spki" });
    const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = request?.headers ?? {};
    const [version, encoded = ""] = String(signature).split(",");
    expect(version).toBe("v1a");
    expect(verify(null, Buffer.from(`${String(id)}.${String(timestamp)}.${request?.body ?? ""}`), spki, Buffer.from(encoded, "base64"))).toBe(true);
    expect(verify(null, Buffer.from(`${String(id)}.${String(timestamp)}.${request?.body ?? ""} `), spki, Buffer.from(encoded, "base64"))).toBe(false);
  });

  it("that says no fails the check, with its reason", async () => {
    server.answer((_, response) => response.end('{"ok": false, "reason": "the budget is spent"}'));
    await arrange(webhook());
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "failed", detail: "It said no: the budget is spent.", finished: true });
  });

  it("that hangs is no answer: asked again, and given up when its time is over", async () => {
    server.answer(() => undefined);
    await arrange(webhook({ timeoutMs: 100, withinMs: 60_000, everyMs: 20_000 }));
    await runChecks(test.app);
    const first = await row();
    expect(first).toMatchObject({ status: "due", detail: "No answer: 127.0.0.1 did not answer within 0.1 s.", attempts: 1, finished: false });
    expect(first?.wait_ms).toBeGreaterThan(15_000);
    expect(first?.wait_ms).toBeLessThanOrEqual(20_000);
    // Nothing new to say: nobody is told a second time.
    await makeDue();
    await runChecks(test.app);
    expect(await changes()).toEqual([`rollout ${rolloutId}`]);

    await test.db.$executeRaw`UPDATE wave_checks SET started_at = started_at - interval '1 minute'`;
    await makeDue();
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "unanswered", detail: "No answer: 127.0.0.1 did not answer within 0.1 s. It was asked 3 times within 60 s.", attempts: 3, finished: true });
    expect(server.received).toHaveLength(3);
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ["fails", (response) => response.writeHead(500).end('{"ok": true}'), /it said 500/],
    ["sends a trickle without end", (response) => void response.write("{"), /did not answer within/],
    ["sends too much", (response) => response.end(`{"ok": true, "reason": "${"x".repeat(200_000)}"}`), /more than 65536 bytes/],
    ["leads elsewhere", (response) => response.writeHead(302, { location: "https://example.org" }).end(), /redirect/],
    ["ends the connection", (response) => response.destroy(), /ended the connection/],
    ["speaks no JSON", (response) => response.end("<p>yes</p>"), /is not \{"ok": true\}/],
  ])("that %s is no answer", async (_, listener, detail) => {
    server.answer((_request, response) => listener(response));
    await arrange(webhook({ timeoutMs: 200 }));
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "due", detail: expect.stringMatching(detail) });
  });

  it("at an address that must not be asked is no answer", async () => {
    await arrange(webhook({ url: "https://169.254.169.254/latest" }));
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "due", detail: expect.stringMatching(/^No answer: /) });
    expect(server.received).toEqual([]);
  });
});

describe("Prometheus", () => {
  const result = (...values: string[]): string => JSON.stringify({ status: "success", data: { resultType: "vector", result: values.map((value) => ({ metric: { job: "payments" }, value: [1, value] })) } });
  it("is asked at its own path, and its values compared", async () => {
    server.answer((_, response) => response.end(result("0.001", "0.002")));
    await arrange(prometheus('sum(rate(errors{service="payments"}[5m]))'));
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "passed", detail: "All 2 values are < 0.01." });
    const url = new URL(server.received[0]?.url ?? "", server.url);
    expect([server.received[0]?.method, url.pathname, url.searchParams.get("query"), url.searchParams.get("timeout")]).toEqual(["GET", "/prom/api/v1/query", 'sum(rate(errors{service="payments"}[5m]))', "10000ms"]);
  });
  it("is asked by a form when the query is long", async () => {
    server.answer((_, response) => response.end(result("1")));
    const query = `sum(errors{pod=~"${"x|".repeat(1_000)}y"})`;
    await arrange(prometheus(query));
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "failed", detail: '{job="payments"} is 1, not < 0.01.' });
    expect(server.received[0]).toMatchObject({ method: "POST", url: "/prom/api/v1/query" });
    expect(new URLSearchParams(server.received[0]?.body).get("query")).toBe(query);
  });
  it("without a result is no answer, until the time is over", async () => {
    server.answer((_, response) => response.end(result()));
    await arrange(prometheus(), { startedSecondsAgo: 50 });
    await runChecks(test.app);
    const due = await row();
    expect(due).toMatchObject({ status: "due", detail: "No answer: the query has no result. Nothing measured is nothing proved." });
    // For the last time when the time is over, not after it.
    expect(due?.wait_ms).toBeLessThanOrEqual(10_000);
    await test.db.$executeRaw`UPDATE wave_checks SET started_at = started_at - interval '10 seconds'`;
    await makeDue();
    await runChecks(test.app);
    expect(await row()).toMatchObject({ status: "unanswered" });
  });
});

it("asks once, whoever looks", async () => {
  await arrange(webhook());
  await Promise.all([runChecks(test.app), runChecks(test.app), runChecks(test.app), runChecks(test.app)]);
  expect(server.received).toHaveLength(1);
  expect(await row()).toMatchObject({ status: "passed", attempts: 1 });
});

it("lets no hanging check hold up another", async () => {
  const ctx = await test.ctx();
  await registerVersion(ctx, "orders", "1.0.0");
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "o", service: "orders", image: fakeImage("orders 0.9.0") });
  const other = await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, service: "orders", version: "1.0.0", strategy: "all-at-once" }) });
  let release: () => void = () => undefined;
  server.answer(({ url }, response) => {
    if (url === "/check") release = () => response.end('{"ok": true}');
    else response.end('{"ok": true}');
  });
  await arrange(webhook());
  const running = runChecks(test.app);
  await expect.poll(() => server.received.length).toBe(1);
  // It becomes due while the other question is open.
  await test.db.$executeRaw`UPDATE waves SET gate = jsonb_set(gate, '{check}', ${JSON.stringify(webhook({ url: `${server.url}/other` }))}::jsonb) WHERE rollout_id = ${other.id}::uuid`;
  await test.db.$executeRaw`INSERT INTO wave_checks (rollout_id, ordinal) VALUES (${other.id}::uuid, 1)`;
  await expect.poll(async () => (await test.db.$queryRaw<{ status: string }[]>`SELECT status FROM wave_checks WHERE rollout_id = ${other.id}::uuid`)[0]?.status).toBe("passed");
  release();
  await running;
  expect((await test.db.$queryRaw<{ status: string }[]>`SELECT DISTINCT status FROM wave_checks`).map(({ status }) => status)).toEqual(["passed"]);
});

it("leaves a rollout alone that does not run, and what was begun anew meanwhile", async () => {
  await test.db.$executeRaw`UPDATE rollouts SET status = 'paused' WHERE id = ${rolloutId}::uuid`;
  await arrange(webhook());
  await runChecks(test.app);
  expect(server.received).toEqual([]);
  await test.db.$executeRaw`UPDATE rollouts SET status = 'running' WHERE id = ${rolloutId}::uuid`;
  server.answer((_, response) => {
    void test.db.$executeRaw`UPDATE wave_checks SET attempts = 0, started_at = clock_timestamp(), next_attempt_at = clock_timestamp() + interval '1 hour'`.then(() => response.end('{"ok": false}'));
  });
  await runChecks(test.app);
  expect(await row()).toMatchObject({ status: "due", detail: null, attempts: 0 });
});

it("says so when a wave names no check", async () => {
  await arrange(null);
  await runChecks(test.app);
  expect(await row()).toMatchObject({ status: "unanswered", detail: expect.stringContaining("names no check") });
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLogVerifier } from "@/lib/domain/ledger/verify-log";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent } from "@/server/testing/fake-fleet";
import { POST as approve } from "./approvals/route";
import { GET as checkpoint } from "./ledger/checkpoint/route";
import { GET as entries } from "./ledger/entries/route";
import { GET as exportLog } from "./ledger/export/route";
import { GET as consistency } from "./ledger/proof/consistency/route";
import { GET as inclusion } from "./ledger/proof/inclusion/route";
import { POST as liftHold } from "./holds/lift/route";
import { POST as promote } from "./promotions/route";
import { POST as recall } from "./recalls/route";
import { POST as register, GET as releases } from "./releases/route";
import { POST as rollBack } from "./rollbacks/route";
import { GET as preview } from "./rollouts/preview/route";
import { GET as rollout } from "./rollouts/[id]/route";
import { POST as abort } from "./rollouts/[id]/abort/route";
import { GET as rollouts } from "./rollouts/route";

type Handler = typeof rollout;
let test: TestApp;
let bearer: { authorization: string };
let approver: { authorization: string };
const place = { service: "payments", environment: "production" };

beforeAll(async () => {
  test = await createTestApp();
  bearer = await test.bearer();
  approver = await test.bearer("approver");
});
afterAll(() => test.drop());

async function send(handler: Handler, method: string, { path = "x", body, params = {}, headers = {} }: { path?: string; body?: unknown; params?: Record<string, string>; headers?: Record<string, string> } = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = new Request(`http://127.0.0.1/api/v1/${path}`, { method, headers: { ...bearer, "content-type": "application/json", ...headers }, ...(body === undefined ? {} : { body: text }) });
  const response = await handler(request, { params: Promise.resolve(params) });
  const answer = await response.text();
  return { status: response.status, json: answer.startsWith("{") && !answer.includes("}\n{") ? JSON.parse(answer) : null, text: answer };
}

function registration(version: string) {
  const image = fakeImage(version);
  return { service: "payments", version, components: [{ repository: "registry.test/payments", digest: image.digest, manifests: image.manifests }] };
}

it("serves the line over HTTP, as the contract says", async () => {
  expect((await send(register, "POST", { body: registration("1.0.0") })).status).toBe(201);
  expect((await send(register, "POST", { body: registration("1.0.0") })).status).toBe(200);
  await send(register, "POST", { body: registration("2.0.0") });
  for (const version of ["1.0.0", "2.0.0"]) {
    expect((await send(approve, "POST", { body: { ...place, version } })).json).toMatchObject({ type: "/problems/four-eyes", status: 403 });
    expect((await send(approve, "POST", { body: { ...place, version, note: "read it" }, headers: approver })).json).toMatchObject({ approved: true });
  }
  expect((await send(releases, "GET", { path: "releases?service=payments&limit=1" })).json).toMatchObject({ items: [{ version: "2.0.0" }], nextCursor: expect.any(String) });
  expect((await send(promote, "POST", { body: { ...place, version: "1.0.0" } })).json).toMatchObject({ status: "succeeded" });
  const agent = await FakeAgent.make(test, "production");
  await agent.report({ key: "app", service: "payments", image: fakeImage("1.0.0") });
  expect((await send(promote, "POST", { body: { ...place, version: "2.0.0" } })).status).toBe(202);
  const shown = await send(preview, "GET", { path: "rollouts/preview?kind=rollback&service=payments&environment=production" });
  expect(shown.json).toMatchObject({ allowed: true, to: { version: "1.0.0" }, activeRollout: { kind: "promote" } });

  const key = randomUUID();
  const body = { ...place, version: "1.0.0", reason: "error rate", revision: shown.json.revision };
  const answers = await Promise.all(Array.from({ length: 50 }, () => send(rollBack, "POST", { body, headers: { "idempotency-key": key } })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
  expect((await send(rollBack, "POST", { body: { ...body, reason: "other" }, headers: { "idempotency-key": key } })).status).toBe(422);
  expect((await send(rollBack, "POST", { body })).json).toMatchObject({ status: 409, changed: expect.arrayContaining([expect.stringContaining("1.0.0")]) });
  const id: string = answers[0]?.json.id;
  expect((await send(rollout, "GET", { params: { id } })).json).toMatchObject({ status: "running", supersedes: { number: expect.any(Number) }, waves: [{ cells: "f" }] });
  expect((await send(rollouts, "GET", { path: "rollouts?status=active" })).json).toMatchObject({ items: [{ id }] });
  expect((await send(abort, "POST", { params: { id }, body: {} })).json).toMatchObject({ status: "aborted" });
  expect((await send(liftHold, "POST", { body: { ...place, reason: "done" } })).json).toMatchObject({ entry: expect.any(Number) });
  expect((await send(recall, "POST", { body: { service: "payments", version: "2.0.0", reason: "CVE" } })).status).toBe(201);
});

it("answers bad input with a problem document, and writes nothing", async () => {
  const size = async () => (await test.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`)[0]?.size;
  const before = await size();
  const deep = `{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`;
  const bodies: [Handler, unknown, number][] = [
    [rollBack, "{", 400],
    [rollBack, deep, 400],
    [rollBack, { ...place, reason: 5 }, 400],
    [rollBack, { ...place, reason: "x", extra: 1 }, 400],
    [rollBack, { ...place, reason: "a\u0000b" }, 400],
    [rollBack, '{"service":"payments","environment":"production","reason":"\\ud800"}', 400],
    [rollBack, { ...place, service: "nobody", reason: "x" }, 404],
    [rollBack, { ...place, version: "2.0.0", reason: "x" }, 409],
    [rollBack, { ...place, version: "1.0.0", reason: "key AKIAIOSFODNN7EXAMPLE" }, 422],
    [register, { ...registration("3.0.0"), components: [{ digest: "md5:abc" }] }, 400],
    [register, { ...registration("3.0.0"), service: "No Name" }, 400],
  ];
  for (const [handler, body, status] of bodies) {
    const answer = await send(handler, "POST", { body });
    expect([answer.status, answer.json?.requestId]).toEqual([status, expect.any(String)]);
  }
  expect((await send(rollout, "GET", { params: { id: "no-uuid" } })).status).toBe(400);
  expect((await send(rollout, "GET", { params: { id: randomUUID() } })).status).toBe(404);
  expect((await send(releases, "GET", { path: "releases?cursor=zzz" })).status).toBe(400);
  expect(await size()).toBe(before);
});

it("serves the ledger: entries, proofs, checkpoint and an export that verifies", async () => {
  const log = await send(exportLog, "GET");
  const signed = await send(checkpoint, "GET");
  const verifier = createLogVerifier({ vkey: signed.json.vkey });
  for (const line of log.text.trimEnd().split("\n")) verifier.line(JSON.parse(line));
  expect(verifier.finish()).toMatchObject({ ok: true, size: signed.json.size, withheld: 0 });
  expect((await send(entries, "GET", { path: "entries?from=2&limit=2" })).json).toMatchObject({ items: [{ index: 2 }, { index: 3 }], nextCursor: "4" });
  expect((await send(inclusion, "GET", { path: `p?index=3&size=${signed.json.size}` })).json.hashes.length).toBeGreaterThan(2);
  expect((await send(consistency, "GET", { path: `p?from=3&to=${signed.json.size}` })).status).toBe(200);
  expect((await send(inclusion, "GET", { path: "p?index=9&size=3" })).status).toBe(400);
});

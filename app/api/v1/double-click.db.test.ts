import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Ctx } from "@/server/context";
import { listRollouts } from "@/server/rollouts/list-rollouts";
import { previewRollout } from "@/server/rollouts/preview-rollout";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion } from "@/server/testing/fake-fleet";
import { POST as postPromotion } from "./promotions/route";
import { POST as postRollback } from "./rollbacks/route";

let test: TestApp;
let ctx: Ctx;
let bearer: { authorization: string };
let service: string;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  bearer = await test.bearer();
});
afterAll(() => test.drop());
/** One host that runs version 1, which is assigned. */
beforeEach(async () => {
  service = `svc-${randomUUID().slice(0, 8)}`;
  const image = await registerVersion(ctx, service, "1.0.0");
  await registerVersion(ctx, service, "2.0.0");
  await post(postPromotion, { ...place(), version: "1.0.0" });
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "app", service, image });
});

const place = () => ({ service, environment: "staging", partition: "default" });
const kinds = async () => (await listRollouts({ ctx, input: { service, limit: 100 } })).items.map(({ kind }) => kind);

type Answer = { status: number; json: { id?: string; type?: string; detail?: string; changed?: string[]; reasons?: { reason: string; sentence: string }[] } };
async function post(handler: typeof postPromotion, body: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Answer> {
  const request = new Request("http://127.0.0.1/api/v1/x", { method: "POST", headers: { ...bearer, "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  const response = await handler(request, { params: Promise.resolve({}) });
  return { status: response.status, json: await response.json() };
}

it("a double click with the same key starts one promotion, and answers both alike", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(postPromotion, { ...place(), version: "2.0.0" }, headers)));
  expect(new Set(answers.map(({ status, json }) => `${status} ${json.id}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(202);
  expect(await kinds()).toEqual(["promote", "promote"]);
});

it("a double click without a key starts one promotion, and says to the other what is under way", async () => {
  const answers = await Promise.all([1, 2].map(() => post(postPromotion, { ...place(), version: "2.0.0" })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 409]);
  const second = answers.find(({ status }) => status === 409);
  expect(second?.json.reasons?.map(({ sentence }) => sentence)).toEqual(["2.0.0 is assigned already; one target is not verified on it.", "A promotion is under way here. Wait for it, or abort it."]);
  expect(await kinds()).toEqual(["promote", "promote"]);
});

it("a double click on the same view starts one rollback, and says to the other what changed", async () => {
  await post(postPromotion, { ...place(), version: "2.0.0" });
  const { revision } = await previewRollout({ ctx, input: { ...place(), kind: "rollback", version: "1.0.0" } });
  const body = { ...place(), version: "1.0.0", reason: "error rate", revision };
  const answers = await Promise.all([1, 2].map(() => post(postRollback, body)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 409]);
  expect(answers.find(({ status }) => status === 409)?.json).toMatchObject({ type: expect.stringContaining("stale-view"), changed: expect.arrayContaining(["The assigned release is now 1.0.0 (was 2.0.0)."]) });
  expect(await kinds()).toEqual(["rollback", "promote", "promote"]);
});

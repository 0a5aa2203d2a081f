import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { progressReport } from "@/lib/contract/agent";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { Ctx } from "@/server/context";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { advanceRollouts, type Looked } from "./advance-rollouts";
import { getRollout } from "./get-rollout";
import { pokeOffers } from "./offer-rest";
import { pauseRollout, resumeRollout } from "./steer-rollout";
import { promoteRelease } from "./promote-release";
import { recordProgress } from "./record-progress";

/** More than two parts of them. */
const MANY = 620;

let test: TestApp;
let ctx: Ctx;
let service: string;
let v1: FakeImage;
let v2: FakeImage;
let host: FakeAgent;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());
beforeEach(async () => {
  service = `svc-${randomUUID().slice(0, 8)}`;
  v1 = await registerVersion(ctx, service, "1.0.0");
  v2 = await registerVersion(ctx, service, "2.0.0");
  host = await FakeAgent.make(test, "staging");
});

const report = (count: number, image: FakeImage) => host.report(...Array.from({ length: count }, (_, at) => ({ key: `app-${at}`, service, image })));
const promote = (strategy: Record<string, unknown> = {}) => promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", partition: "default", version: "2.0.0", strategy: { cut: { kind: "all-at-once" }, minUptimeMs: 0, ...strategy } }) });
const counts = async (id: string) => (await getRollout({ ctx, input: { id } })).counts;
/** How many targets were told how often. */
const told = () => test.db.$queryRaw<{ generation: bigint; targets: number }[]>`
  SELECT d.generation, count(*)::int AS targets FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${host.ctx.actor.id}::uuid GROUP BY 1`;

it("a large wave is told in parts, each target once", async () => {
  await report(MANY, v1);
  const { id } = await promote();
  const first = await counts(id);
  expect(first.inFlight).toBeGreaterThan(0);
  expect(first.inFlight).toBeLessThan(MANY / 2);
  expect(first.waiting).toBe(MANY - first.inFlight);
  await Promise.all([advanceRollouts(test.app), advanceRollouts(test.app)]);
  await advanceRollouts(test.app);
  expect(await counts(id)).toMatchObject({ waiting: 0, inFlight: MANY });
  expect(await told()).toEqual([{ generation: 1n, targets: MANY }]);
});

it("this process goes on by itself with what it left, when it is told that it was committed", async () => {
  await report(MANY, v1);
  const { id } = await promote();
  expect((await counts(id)).waiting).toBeGreaterThan(0);
  pokeOffers(test.app);
  await vi.waitFor(async () => expect(await counts(id)).toMatchObject({ waiting: 0, inFlight: MANY }), { timeout: 20_000 });
  expect(await told()).toEqual([{ generation: 1n, targets: MANY }]);
});

it("who is paused in between tells nobody else, and goes on when resumed", async () => {
  await report(MANY, v1);
  const { id, counts: first } = await promote();
  await pauseRollout({ ctx, input: { id, reason: "wait" } });
  pokeOffers(test.app);
  await advanceRollouts(test.app);
  expect(await counts(id)).toMatchObject({ waiting: first.waiting, inFlight: first.inFlight });
  await resumeRollout({ ctx, input: { id } });
  await advanceRollouts(test.app);
  expect(await counts(id)).toMatchObject({ waiting: 0, inFlight: MANY });
  expect(await told()).toEqual([{ generation: 1n, targets: MANY }]);
});

it("a cap on how many at a time holds across parts", async () => {
  await report(MANY, v1);
  const { id } = await promote({ maxInFlight: 450 });
  for (let turn = 0; turn < 3; turn += 1) await advanceRollouts(test.app);
  expect(await counts(id)).toMatchObject({ waiting: MANY - 450, inFlight: 450 });
});

it("a turn looks at those of whom something was written since the last, and at all of them now and then", async () => {
  await report(2, v1);
  const { id } = await promote();
  const looked = new Map<string, Looked>();
  const start = Date.now();
  const turn = (afterMs: number) => advanceRollouts(test.app, { looked, now: new Date(start + afterMs) });
  const statuses = async () => (await getRollout({ ctx, input: { id } })).targets.map(({ status }) => status);
  await turn(0);
  await turn(250);
  expect(await statuses()).toEqual(["offered", "offered"]);
  const say = (target: string, step: string) => recordProgress({ ctx: host.ctx, input: progressReport.parse({ v: 1, targets: [{ target, rollout: id, generation: 1, step, at: host.now() }] }) });
  await say("app-0", "stopping");
  await turn(500);
  expect((await statuses()).toSorted()).toEqual(["offered", "replacing"]);
  await turn(750);
  // Nothing was written since, and not all are looked at: an hour changes nothing yet.
  looked.set(id, { from: looked.get(id)?.from ?? "0", allAt: start + 3_599_000 });
  await turn(3_600_000);
  expect((await statuses()).toSorted()).toEqual(["offered", "replacing"]);
  looked.set(id, { from: looked.get(id)?.from ?? "0", allAt: start });
  await turn(3_600_000);
  expect(new Set(await statuses())).toEqual(new Set(["stuck"]));
  await say("app-1", "done");
  await turn(3_600_250);
  await report(2, v2);
  await turn(3_600_500);
  expect(await getRollout({ ctx, input: { id } })).toMatchObject({ status: "succeeded", counts: { verified: 2 } });
});

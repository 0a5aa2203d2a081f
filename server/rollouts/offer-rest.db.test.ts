import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { progressReport } from "@/lib/contract/agent";
import { promoteRequest, rollbackRequest } from "@/lib/contract/rollouts";
import type { Ctx } from "@/server/context";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { advanceRollouts, type Looked } from "./advance-rollouts";
import { countOffered } from "./count-offered";
import { getRollout } from "./get-rollout";
import { offerRest, pokeOffers } from "./offer-rest";
import { abortRollout, pauseRollout, resumeRollout } from "./steer-rollout";
import { promoteRelease } from "./promote-release";
import { recordProgress } from "./record-progress";
import { startRollback } from "./start-rollback";

/** More than two parts of them. */
const MANY = 1_020;

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
/** How many copies are judged by something else than what their target shall run, and how many the counters say there are. */
const uncounted = async () => {
  const [row] = await test.db.$queryRaw<{ behind: number; counted: number }[]>`
    SELECT (SELECT count(*)::int FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN target_desired d ON d.target_id = i.target_id
        WHERE i.agent_scope_id = s.id AND c.desired_release_id IS DISTINCT FROM d.release_id) AS behind,
      (SELECT sum(k.instances)::int FROM combination_counts k JOIN combinations c ON c.id = k.combination_id JOIN releases r ON r.id = c.desired_release_id AND r.version = '2.0.0' WHERE k.agent_scope_id = s.id) AS counted
    FROM agent_scopes s WHERE s.agent_id = ${host.ctx.actor.id}::uuid`;
  return row;
};

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
  await vi.waitFor(async () => expect(await uncounted()).toEqual({ behind: 0, counted: MANY }), { timeout: 20_000 });
});

it("whom a process told and did not count any more, a turn counts, though the rollout is over", async () => {
  await report(MANY, v1);
  const { id, counts: first } = await promote();
  expect(await uncounted()).toEqual({ behind: first.inFlight, counted: null });
  await offerRest(test.app, id);
  expect(await counts(id)).toMatchObject({ waiting: 0 });
  await abortRollout({ ctx, input: { id, how: "stop", reason: "enough" } });
  // Whoever told them may still be at it.
  await advanceRollouts(test.app);
  expect(await uncounted()).toEqual({ behind: MANY, counted: null });
  await test.db.$executeRaw`UPDATE rollouts SET uncounted_since = uncounted_since - interval '11 s' WHERE id = ${id}::uuid`;
  await Promise.all([advanceRollouts(test.app), countOffered(test.app, id)]);
  expect(await uncounted()).toEqual({ behind: 0, counted: MANY });
});

it("whom a rollback told and did not count yet, another one tells again", async () => {
  await report(MANY, v2);
  await promote();
  for (let turn = 0; turn < 3; turn += 1) await advanceRollouts(test.app);
  const back = () => startRollback({ ctx, input: rollbackRequest.parse({ service, environment: "staging", partition: "default", version: "1.0.0", reason: "errors" }) });
  const first = await back();
  expect(await uncounted()).toMatchObject({ behind: first.counts.inFlight });
  const second = await back();
  expect(second).toMatchObject({ kind: "reconverge", counts: { total: MANY } });
  await advanceRollouts(test.app);
  await advanceRollouts(test.app);
  expect(await counts(second.id)).toMatchObject({ total: MANY, waiting: 0, inFlight: MANY });
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
  const { id } = await promote({ maxInFlight: 750 });
  for (let turn = 0; turn < 3; turn += 1) await advanceRollouts(test.app);
  expect(await counts(id)).toMatchObject({ waiting: MANY - 750, inFlight: 750 });
});

it("a worker leaves a wave to the process that decided it, for a while", async () => {
  await report(MANY, v1);
  const { id, counts: first } = await promote();
  await advanceRollouts(test.app, { looked: new Map() });
  expect(await counts(id)).toMatchObject({ waiting: first.waiting, inFlight: first.inFlight });
  await test.db.$executeRaw`UPDATE rollouts SET uncounted_since = uncounted_since - interval '1 s' WHERE id = ${id}::uuid`;
  await advanceRollouts(test.app, { looked: new Map() });
  expect(await counts(id)).toMatchObject({ waiting: 0, inFlight: MANY });
  expect(await uncounted()).toEqual({ behind: 0, counted: MANY });
});

it("few at a time are told and counted in the decision", async () => {
  await report(MANY, v1);
  await promote({ maxInFlight: 50 });
  expect(await uncounted()).toEqual({ behind: 0, counted: 50 });
});

it("who was told by a clock that is put back is counted with the others", async () => {
  await report(MANY, v1);
  const { id } = await promote();
  await test.db.$executeRaw`UPDATE rollout_targets SET offered_at = offered_at + interval '1 hour' WHERE rollout_id = ${id}::uuid AND offered_at IS NOT NULL`;
  await test.db.$executeRaw`UPDATE rollouts SET uncounted_since = uncounted_since + interval '1 hour' WHERE id = ${id}::uuid`;
  await advanceRollouts(test.app);
  expect(await counts(id)).toMatchObject({ waiting: 0 });
  expect(await uncounted()).toEqual({ behind: 0, counted: MANY });
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
  // Nothing was written since, and not all are looked at: an hour changes nothing yet. Since this very moment, because what
  // other tests have under way in the same server would let a turn look further back.
  const [{ xid }] = await test.db.$queryRaw<[{ xid: string }]>`SELECT pg_current_xact_id()::text AS xid`;
  looked.set(id, { from: xid, allAt: start + 3_599_000 });
  await turn(3_600_000);
  expect((await statuses()).toSorted()).toEqual(["offered", "replacing"]);
  looked.set(id, { from: xid, allAt: start });
  await turn(3_600_000);
  expect(new Set(await statuses())).toEqual(new Set(["stuck"]));
  await say("app-1", "done");
  await turn(3_600_250);
  await report(2, v2);
  await turn(3_600_500);
  expect(await getRollout({ ctx, input: { id } })).toMatchObject({ status: "succeeded", counts: { verified: 2 } });
});

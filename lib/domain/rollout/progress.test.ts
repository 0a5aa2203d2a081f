import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type {
  ObservedInstance,
  ProgressPolicy,
  RolloutState,
  RolloutTargetState,
  RolloutTransitions,
  TargetGoal,
  TargetObservation,
} from "@/lib/domain/rollout/progress";
import { advanceRollout, countTargets, judgeTarget } from "@/lib/domain/rollout/progress";
import type { TargetReason, TargetStatus, WaveStatus } from "@/lib/domain/rollout/statuses";
import { canRolloutMove, canTargetMove, canWaveMove, TARGET_STATUSES } from "@/lib/domain/rollout/statuses";

const NOW = 1_000_000;
const POLICY: ProgressPolicy = {
  minUptimeMs: 50,
  answerWithinMs: 100,
  replaceWithinMs: 1000,
  giveUpAfterMs: 5000,
  maxReapplies: 2,
};
const instance = (changes: Partial<ObservedInstance> = {}): ObservedInstance => ({
  key: "i1",
  component: "main",
  candidates: ["new"],
  state: "running",
  health: "healthy",
  uptimeMs: 50,
  restarts: 0,
  ...changes,
});
const goal = (changes: Partial<TargetGoal> = {}): TargetGoal => ({
  status: "replacing",
  statusSince: NOW - 10,
  reason: null,
  kind: "rollback",
  generation: 5,
  components: [{ name: "main", artifactId: "new" }],
  previousInstances: [],
  regressions: 0,
  ...changes,
});
const observed = (changes: Partial<TargetObservation> = {}): TargetObservation => ({
  present: true,
  kind: "service",
  freshness: "fresh",
  canAct: true,
  generation: 5,
  desiredCount: 1,
  instances: [instance()],
  declared: [],
  progress: null,
  reportedAt: NOW,
  ...changes,
});
const said = (
  phase: NonNullable<TargetObservation["progress"]>["phase"],
  changes: Partial<NonNullable<TargetObservation["progress"]>> = {},
): NonNullable<TargetObservation["progress"]> => ({ phase, generation: 5, reason: null, at: NOW - 10, ...changes });
const old = instance({ candidates: ["old"] });
const two = [
  { name: "web", artifactId: "newWeb" },
  { name: "db", artifactId: "newDb" },
];
const web = instance({ key: "w", component: "web", candidates: ["newWeb"] });
const db = instance({ key: "d", component: "db", candidates: ["newDb"] });

type Expected = TargetStatus | [TargetStatus, TargetReason];

describe("judgeTarget", () => {
  it.each<[string, Partial<TargetGoal>, Partial<TargetObservation>, Expected]>([
    ["everything agrees", {}, {}, "verified"],
    ["everything agrees, straight from the offer", { status: "offered" }, {}, "verified"],
    ["not offered yet", { status: "pending" }, { instances: [old] }, "pending"],
    ["right bytes, but the generation was not obeyed", { status: "offered" }, { generation: 4 }, "offered"],
    ["right bytes, host lets nobody act", { status: "offered" }, { generation: null, canAct: false }, "verified"],
    ["a shared manifest", {}, { instances: [instance({ candidates: ["older", "new"] })] }, "verified"],
    ["up for too short", {}, { instances: [instance({ uptimeMs: 49 })], progress: said("done") }, "replacing"],
    ["no health check", {}, { instances: [instance({ health: "unknown" })] }, "verified"],
    ["unhealthy", {}, { instances: [instance({ health: "unhealthy" })], progress: said("done") }, "replacing"],
    ["starting", {}, { instances: [instance({ state: "starting" })], progress: said("started") }, "replacing"],
    ["too few copies", {}, { desiredCount: 2, progress: said("replacing") }, "replacing"],
    ["enough copies", {}, { desiredCount: 2, instances: [instance(), instance({ key: "i2" })] }, "verified"],
    ["one copy still old", {}, { instances: [instance(), old], progress: said("replacing") }, "replacing"],
    ["the old one has exited", {}, { instances: [instance(), { ...old, state: "exited" }] }, "verified"],
    ["all components", { components: two }, { instances: [web, db] }, "verified"],
    ["one component still old", { components: two }, { instances: [web, { ...db, candidates: ["old"] }], progress: said("replacing") }, "replacing"],
    ["one component in the place of the other", { components: two }, { instances: [web, { ...db, candidates: ["newWeb"] }], progress: said("replacing") }, "replacing"],
    ["two copies of one component, one of the other", { components: two }, { desiredCount: 2, instances: [web, { ...web, key: "w2" }, db], progress: said("replacing") }, "replacing"],
    ["replace: the same instance is still there", { kind: "replace", previousInstances: ["i1"] }, { progress: said("replacing") }, "replacing"],
    ["replace: a new instance", { kind: "replace", previousInstances: ["i0"] }, {}, "verified"],
    ["a job, by its declared digest", {}, { kind: "job", instances: [], declared: [{ component: "main", candidates: ["new"] }] }, "verified"],
    ["a job that would run the old", {}, { kind: "job", instances: [], declared: [{ component: "main", candidates: ["old"] }], progress: said("replacing") }, "replacing"],
    ["scaled to zero", {}, { desiredCount: 0, instances: [], declared: [{ component: "main", candidates: ["new"] }] }, "verified"],
    ["told to stop, stopped", { components: [], kind: "stop" }, { instances: [] }, "verified"],
    ["told to stop, still runs", { components: [], kind: "stop" }, { progress: said("replacing") }, "replacing"],
    ["told to stop, gone", { components: [], kind: "stop" }, { present: false }, "verified"],
    ["gone", {}, { present: false }, "gone"],
    ["gone before it was offered", { status: "pending" }, { present: false }, "gone"],
    ["came back, right", { status: "gone" }, {}, "verified"],
    ["came back, old", { status: "gone" }, { instances: [old], generation: 4 }, "offered"],

    ["no answer yet", { status: "offered", statusSince: NOW - 99 }, { instances: [old], generation: 4 }, "offered"],
    ["no answer", { status: "offered", statusSince: NOW - 100 }, { instances: [old], generation: 4 }, ["stuck", "no-answer"]],
    ["a word about an earlier generation is no answer", { status: "offered", statusSince: NOW - 100 }, { instances: [old], generation: 4, progress: said("done", { generation: 4 }) }, ["stuck", "no-answer"]],
    ["answered", { status: "offered" }, { instances: [old], progress: said("acknowledged") }, "acknowledged"],
    ["fetching", { status: "acknowledged" }, { instances: [old], progress: said("fetching") }, "replacing"],
    ["a late \"acknowledged\" moves nothing back", {}, { instances: [old], progress: said("acknowledged") }, "replacing"],
    ["the agent went silent", {}, { instances: [old], freshness: "silent" }, ["stuck", "agent-silent"]],
    ["silent with the right bytes proves nothing", {}, { freshness: "silent" }, ["stuck", "agent-silent"]],
    ["it came back and answers", { status: "stuck", reason: "agent-silent" }, { instances: [old], progress: said("replacing") }, "replacing"],
    ["it came back, done", { status: "stuck", reason: "agent-silent" }, {}, "verified"],
    ["the host lets nobody act", { status: "offered" }, { instances: [old], canAct: false }, ["stuck", "not-allowed"]],
    ["the agent refused", { status: "offered" }, { instances: [old], progress: said("refused") }, ["failed", "ledger-refused"]],
    ["cannot fetch", {}, { instances: [old], progress: said("failed", { reason: "cannot-fetch" }) }, ["failed", "cannot-fetch"]],
    ["did not start", {}, { instances: [old], progress: said("failed") }, ["failed", "start-failed"]],
    ["failed, and right after all", { status: "failed", reason: "start-failed" }, { progress: said("failed") }, "verified"],
    ["says done, a later report shows other bytes", {}, { instances: [old], progress: said("done") }, ["failed", "wrong-digest"]],
    ["says done, no report since", {}, { instances: [old], progress: said("done"), reportedAt: NOW - 10 }, "replacing"],
    ["takes too long", { statusSince: NOW - 1000 }, { instances: [old], progress: said("replacing") }, ["stuck", "wrong-digest"]],
    ["crashes again and again", { statusSince: NOW - 1000 }, { instances: [instance({ state: "waiting", restarts: 4 })], progress: said("started") }, ["stuck", "crash-loop"]],
    ["never up for long", { statusSince: NOW - 1000 }, { instances: [instance({ uptimeMs: 3, restarts: 4 })], progress: said("started") }, ["stuck", "crash-loop"]],
    ["stays unhealthy", { statusSince: NOW - 1000 }, { instances: [instance({ health: "unhealthy" })], progress: said("done") }, ["stuck", "unhealthy"]],
    ["stays too few", { statusSince: NOW - 1000 }, { desiredCount: 3, progress: said("done") }, ["stuck", "too-few"]],

    ["verified stays", { status: "verified" }, {}, "verified"],
    ["verified, now unhealthy: another axis", { status: "verified" }, { instances: [instance({ health: "unhealthy" })] }, "verified"],
    ["verified, now silent", { status: "verified" }, { instances: [old], freshness: "silent" }, "verified"],
    ["verified, left its digest", { status: "verified" }, { instances: [old] }, ["regressed", "wrong-digest"]],
    ["verified, left it once more", { status: "verified", regressions: 1 }, { instances: [old] }, ["regressed", "wrong-digest"]],
    ["verified, left it after two re-applications", { status: "verified", regressions: 2 }, { instances: [old] }, ["contested", "wrong-digest"]],
    ["regressed, right again", { status: "regressed", regressions: 1 }, {}, "verified"],
    ["regressed, re-applied in vain", { status: "regressed", regressions: 3 }, { instances: [old] }, ["contested", "wrong-digest"]],
    ["contested stays", { status: "contested", reason: "wrong-digest" }, { instances: [old] }, ["contested", "wrong-digest"]],
    ["contested, right again", { status: "contested" }, {}, "verified"],
    ["contested, silent: nothing new is known", { status: "contested" }, { freshness: "silent" }, "contested"],
    ["verified, gone", { status: "verified" }, { present: false }, "gone"],
    ["withdrawn stays", { status: "withdrawn" }, {}, "withdrawn"],
  ])("%s", (_, goalChanges, observedChanges, expected) => {
    const { reason, status } = judgeTarget(goal(goalChanges), observed(observedChanges), NOW, POLICY);
    expect(reason === null ? status : [status, reason]).toEqual(expected);
  });

  it("says when running is right but something else would start next", () => {
    const declared = (candidate: string): TargetObservation => observed({ declared: [{ component: "main", candidates: [candidate] }] });
    expect(judgeTarget(goal(), declared("old"), NOW, POLICY)).toEqual({ status: "verified", reason: null, willRevert: true });
    expect(judgeTarget(goal(), declared("new"), NOW, POLICY).willRevert).toBe(false);
    expect(judgeTarget(goal(), observed(), NOW, POLICY).willRevert).toBe(false);
  });

  it("makes only allowed moves, and comes to rest when nothing changes", () => {
    const instances = fc.array(
      fc.record({
        candidates: fc.constantFrom(["new"], ["old"], ["new", "old"], []),
        state: fc.constantFrom("running" as const, "starting" as const, "waiting" as const, "exited" as const),
        health: fc.constantFrom("healthy" as const, "unhealthy" as const, "unknown" as const),
        uptimeMs: fc.constantFrom(0, 100),
        restarts: fc.nat(2),
      }),
      { maxLength: 3 },
    );
    const progress = fc.option(
      fc.record({
        phase: fc.constantFrom("acknowledged" as const, "replacing" as const, "done" as const, "failed" as const, "refused" as const),
        generation: fc.constantFrom(4, 5),
        reason: fc.constant(null),
        at: fc.constantFrom(NOW - 2000, NOW - 10),
      }),
    );
    const observations = fc.record({
      present: fc.boolean(),
      freshness: fc.constantFrom("fresh" as const, "late" as const, "silent" as const),
      canAct: fc.boolean(),
      generation: fc.constantFrom(null, 4, 5),
      desiredCount: fc.constantFrom(null, 0, 1, 2),
      instances: instances.map((list) => list.map((changes, index) => instance({ ...changes, key: `i${index}` }))),
      progress,
    });
    fc.assert(
      fc.property(fc.constantFrom(...TARGET_STATUSES), fc.constantFrom(10, 2000), observations, (status, age, changes) => {
        let current = goal({ status, statusSince: NOW - age });
        const seen = [status];
        for (let step = 0; step < 5; step += 1) {
          const next = judgeTarget(current, observed(changes), NOW, POLICY);
          if (next.status === current.status) return;
          expect([current.status, next.status, canTargetMove(current.status, next.status)]).toEqual([current.status, next.status, true]);
          seen.push(next.status);
          // As the store does: the time of a status is when it was entered.
          current = { ...current, status: next.status, reason: next.reason, statusSince: NOW };
        }
        expect(seen).toEqual("it came to rest");
      }),
    );
  });
});

const wave = (index: number, status: WaveStatus, changes: Partial<RolloutState["waves"][number]> = {}): RolloutState["waves"][number] => ({
  index,
  status,
  statusSince: NOW - 10,
  passShare: 1,
  soakMs: 0,
  failureThreshold: 0,
  ...changes,
});
const member = (key: string, status: TargetStatus, changes: Partial<RolloutTargetState> = {}): RolloutTargetState => ({
  key,
  wave: 0,
  status,
  statusSince: NOW - 10,
  willRevert: false,
  ...changes,
});
const rollout = (changes: Partial<RolloutState> = {}): RolloutState => ({
  status: "running",
  waves: [wave(0, "open")],
  onFailure: "fail",
  ...changes,
});

interface Step {
  rollout?: string;
  waves?: [number, WaveStatus][];
  offer?: string[];
}
const summary = ({ offer, rollout, waves }: RolloutTransitions): Step => ({
  ...(rollout ? { rollout: rollout.to } : {}),
  ...(waves.length > 0 ? { waves: waves.map(({ index, to }) => [index, to]) } : {}),
  ...(offer.length > 0 ? { offer } : {}),
});

describe("advanceRollout", () => {
  it.each<[string, Partial<RolloutState>, RolloutTargetState[], Step]>([
    ["starts, opens the wave and offers", { status: "planned", waves: [wave(0, "pending")] }, [member("a", "pending")], { rollout: "running", waves: [[0, "open"]], offer: ["a"] }],
    ["without any target starts", { status: "planned", waves: [] }, [], { rollout: "running" }],
    ["without any target is done", { waves: [] }, [], { rollout: "succeeded" }],
    ["waits for those in flight", {}, [member("a", "verified"), member("b", "replacing")], {}],
    ["offers who is still pending in an open wave", {}, [member("a", "pending")], { offer: ["a"] }],
    ["passes when all are verified", {}, [member("a", "verified"), member("b", "verified")], { waves: [[0, "passed"]] }],
    ["leaves out who is gone", {}, [member("a", "verified"), member("b", "gone"), member("c", "withdrawn")], { waves: [[0, "passed"]] }],
    ["passes when everyone is gone", {}, [member("a", "gone")], { waves: [[0, "passed"]] }],
    ["passes at its share", { waves: [wave(0, "open", { passShare: 0.5 })] }, [member("a", "verified"), member("b", "replacing")], { waves: [[0, "passed"]] }],
    ["needs at least one, whatever the share", { waves: [wave(0, "open", { passShare: 0 })] }, [member("a", "replacing")], {}],
    ["counts regressed as in flight", {}, [member("a", "verified"), member("b", "regressed")], {}],
    ["soaks first", { waves: [wave(0, "open", { soakMs: 100 })] }, [member("a", "verified")], { waves: [[0, "soaking"]] }],
    ["is still soaking", { waves: [wave(0, "soaking", { soakMs: 100 })] }, [member("a", "verified")], {}],
    ["soaked", { waves: [wave(0, "soaking", { soakMs: 10 })] }, [member("a", "verified")], { waves: [[0, "passed"]] }],
    ["regressed while soaking: starts again", { waves: [wave(0, "soaking", { soakMs: 10 })] }, [member("a", "regressed")], { waves: [[0, "open"]] }],
    ["fails when nobody is in flight", {}, [member("a", "verified"), member("b", "failed")], { waves: [[0, "failed"]] }],
    ["does not fail while others are in flight", {}, [member("a", "replacing"), member("b", "failed")], {}],
    ["waits for the stuck", {}, [member("a", "verified"), member("b", "stuck")], {}],
    ["gives the stuck up in the end", { waves: [wave(0, "open", { statusSince: NOW - 5000 })] }, [member("b", "stuck", { statusSince: NOW - 5000 })], { waves: [[0, "failed"]] }],
    ["tolerates failures below the threshold for a while", { waves: [wave(0, "open", { failureThreshold: 0.5 })] }, [member("a", "verified"), member("b", "failed")], {}],
    ["a failed wave fails the rollout", { waves: [wave(0, "failed")] }, [member("a", "failed")], { rollout: "failed" }],
    ["or pauses it", { waves: [wave(0, "failed")], onFailure: "pause" }, [member("a", "failed")], { rollout: "paused" }],
    ["all passed: succeeded", { waves: [wave(0, "passed")] }, [member("a", "verified")], { rollout: "succeeded" }],
    ["all passed, something will revert", { waves: [wave(0, "passed")] }, [member("a", "verified", { willRevert: true })], { rollout: "succeeded-will-revert" }],
    ["opens the next wave", { waves: [wave(1, "pending"), wave(0, "passed")] }, [member("a", "verified"), member("b", "pending", { wave: 1 })], { waves: [[1, "open"]], offer: ["b"] }],
    ["a gate waits", { waves: [wave(0, "waiting")] }, [member("a", "pending")], {}],
    ["paused: no new offers", { status: "paused" }, [member("a", "pending"), member("b", "replacing")], {}],
    ["paused: opens no wave", { status: "paused", waves: [wave(0, "pending")] }, [member("a", "pending")], {}],
    ["paused: what runs may finish", { status: "paused" }, [member("a", "verified")], { waves: [[0, "passed"]] }],
    ["paused: does not end", { status: "paused", waves: [wave(0, "passed")] }, [member("a", "verified")], {}],
    ["ended: nothing moves", { status: "superseded" }, [member("a", "pending")], {}],
  ])("%s", (_, changes, targets, expected) => {
    expect(summary(advanceRollout(rollout(changes), targets, NOW, POLICY))).toEqual(expected);
  });

  it("makes only allowed moves and ends", () => {
    const members = fc.array(
      fc.record({ wave: fc.nat(2), status: fc.constantFrom<TargetStatus>("verified", "failed", "gone", "pending", "stuck") }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(members, fc.boolean(), (list, pauses) => {
        let state = rollout({ status: "planned", onFailure: pauses ? "pause" : "fail", waves: [0, 1, 2].map((index) => wave(index, "pending")) });
        let targets = list.map((changes, index) => member(`t${index}`, changes.status, { wave: changes.wave }));
        for (let step = 0, now = NOW; step < 30; step += 1, now += 10_000) {
          const moves = advanceRollout(state, targets, now, POLICY);
          for (const { index, to } of moves.waves) {
            const from = state.waves.find((one) => one.index === index)?.status ?? "pending";
            expect(canWaveMove(from, to)).toBe(true);
          }
          if (moves.rollout) expect(canRolloutMove(state.status, moves.rollout.to)).toBe(true);
          const at = now;
          state = {
            ...state,
            status: moves.rollout?.to ?? state.status,
            waves: state.waves.map((one) => {
              const move = moves.waves.find(({ index }) => index === one.index);
              return move ? { ...one, status: move.to, statusSince: at } : one;
            }),
          };
          targets = targets.map((one) => (moves.offer.includes(one.key) ? { ...one, status: "verified" } : one));
        }
        expect(["succeeded", "failed", "paused"]).toContain(state.status);
      }),
    );
  });
});

describe("countTargets", () => {
  it("counts every status once, without those that left", () => {
    expect(countTargets(TARGET_STATUSES.map((status) => ({ status })))).toEqual({
      total: 9,
      verified: 1,
      inFlight: 5,
      stuck: 1,
      failed: 2,
    });
  });
});

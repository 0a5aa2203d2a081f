import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedInstance, ProgressPolicy, TargetGoal, TargetObservation } from "@/lib/domain/rollout/judge-target";
import { judgeTarget } from "@/lib/domain/rollout/judge-target";
import type { TargetReason, TargetStatus } from "@/lib/domain/rollout/statuses";
import { canTargetMove, TARGET_STATUSES } from "@/lib/domain/rollout/statuses";

const NOW = 1_000_000;
const POLICY: ProgressPolicy = {
  minUptimeMs: 50,
  answerWithinMs: 100,
  replaceWithinMs: 1000,
  sickForMs: 500,
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
  executor: "agent",
  generation: 5,
  components: [{ name: "main", artifactId: "new" }],
  previousInstances: [],
  wasVerified: false,
  untold: false,
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
  managerReverts: false,
  progress: null,
  observedAt: NOW,
  ...changes,
});
const said = (
  phase: NonNullable<TargetObservation["progress"]>["phase"],
  changes: Partial<NonNullable<TargetObservation["progress"]>> = {},
): NonNullable<TargetObservation["progress"]> => ({ phase, generation: 5, reason: null, at: NOW - 10, saidAt: NOW - 10, ...changes });
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
    ["told to stop, vanished before its turn", { components: [], kind: "stop", status: "pending", generation: null }, { present: false }, "gone"],
    ["told to stop, still away, and it was never its turn", { components: [], kind: "stop", status: "gone", generation: null }, { present: false }, "gone"],
    ["told to stop by another system, where no generation counts", { components: [], kind: "stop", executor: "external", status: "offered", generation: 0 }, { present: false }, "verified"],
    ["told to stop by another system, still away", { components: [], kind: "stop", executor: "external", status: "gone", generation: 0 }, { present: false }, "verified"],
    ["told to stop, to be told again, and gone meanwhile", { components: [], kind: "stop", status: "pending" }, { present: false }, "gone"],
    ["told to stop, verified by being away", { components: [], kind: "stop", status: "verified" }, { present: false }, "verified"],
    ["gone before it was offered", { status: "pending", generation: null }, { present: false }, "gone"],
    ["gone stays gone", { status: "gone" }, { present: false }, "gone"],
    ["never offered, came back: waits for its turn", { status: "gone", generation: null }, { instances: [old] }, "pending"],
    ["never offered, came back right: waits for its turn all the same", { status: "gone", generation: null }, {}, "pending"],
    ["never offered, came back silent", { status: "gone", generation: null }, { freshness: "silent" }, "pending"],
    ["told by another system, vanished, came back: is not told again", { executor: "external", status: "gone", generation: 0 }, { instances: [old], generation: null }, "offered"],
    ["came back, right", { status: "gone" }, {}, "verified"],
    ["came back after an absence longer than any answer takes", { status: "gone", statusSince: NOW - 100 }, { instances: [old], generation: 4 }, ["stuck", "no-answer"]],
    ["came back, host lets nobody act any more", { status: "gone" }, { instances: [old], canAct: false }, ["stuck", "not-allowed"]],
    ["verified, vanished, came back with other bytes", { status: "gone", wasVerified: true }, { instances: [old] }, ["regressed", "wrong-digest"]],
    ["verified, vanished, came back with other bytes after its agent had said done", { status: "gone", wasVerified: true }, { instances: [old], progress: said("done") }, ["regressed", "wrong-digest"]],
    ["verified, vanished, came back with other bytes for the third time", { status: "gone", wasVerified: true, regressions: 2 }, { instances: [old] }, ["contested", "wrong-digest"]],
    ["verified, vanished, came back right", { status: "gone", wasVerified: true }, {}, "verified"],
    ["verified, vanished, comes up again", { status: "gone", wasVerified: true }, { instances: [instance({ uptimeMs: 3 })], progress: said("done") }, "replacing"],
    ["verified, vanished, and its agent is silent", { status: "gone", wasVerified: true }, { instances: [old], freshness: "silent" }, ["stuck", "agent-silent"]],
    ["external: verified, vanished, came back with other bytes", { executor: "external", status: "gone", generation: 0, wasVerified: true }, { instances: [old], generation: null }, ["regressed", "wrong-digest"]],
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
    ["it came back and took the order up, as its report alone says", { status: "stuck", reason: "agent-silent" }, { instances: [old] }, "acknowledged"],
    ["it came back, done", { status: "stuck", reason: "agent-silent" }, {}, "verified"],
    ["the host lets nobody act", { status: "offered" }, { instances: [old], canAct: false }, ["stuck", "not-allowed"]],
    ["the agent refused", { status: "offered" }, { instances: [old], progress: said("refused") }, ["failed", "ledger-refused"]],
    ["cannot fetch", {}, { instances: [old], progress: said("failed", { reason: "cannot-fetch" }) }, ["failed", "cannot-fetch"]],
    ["did not start", {}, { instances: [old], progress: said("failed") }, ["failed", "start-failed"]],
    ["failed, and right after all", { status: "failed", reason: "start-failed" }, { progress: said("failed") }, "verified"],
    ["says done, a later report shows other bytes", {}, { instances: [old], progress: said("done") }, ["failed", "wrong-digest"]],
    ["says done, no look since", {}, { instances: [old], progress: said("done"), observedAt: NOW - 10 }, "replacing"],
    ["says done, and a look from before comes late", {}, { instances: [old], progress: said("done", { at: NOW - 20, saidAt: NOW - 5 }), observedAt: NOW - 10 }, "replacing"],
    ["takes too long", { statusSince: NOW - 1000 }, { instances: [old], progress: said("replacing") }, ["stuck", "wrong-digest"]],
    ["answered by its report alone, and takes too long", { status: "acknowledged", statusSince: NOW - 1000 }, { instances: [old] }, ["stuck", "wrong-digest"]],
    ["answered by its report alone, took too long: stays stuck", { status: "stuck", reason: "wrong-digest" }, { instances: [old] }, ["stuck", "wrong-digest"]],
    ["took too long, a new word starts the time anew", { status: "stuck", reason: "wrong-digest" }, { instances: [old], progress: said("replacing") }, "replacing"],
    ["took too long, the last word is as old", { status: "stuck", reason: "wrong-digest" }, { instances: [old], progress: said("replacing", { at: NOW - 1000 }) }, ["stuck", "wrong-digest"]],
    ["another problem by now", { status: "stuck", reason: "too-few" }, { instances: [old], progress: said("replacing", { at: NOW - 1000 }) }, ["stuck", "wrong-digest"]],
    ["failed stays so, however long it takes", { status: "failed", reason: "start-failed", statusSince: NOW - 1000 }, { instances: [old], progress: said("failed", { at: NOW - 1000 }) }, ["failed", "start-failed"]],
    ["crashes again and again", { statusSince: NOW - 1000 }, { instances: [instance({ state: "waiting", restarts: 4 })], progress: said("started") }, ["failed", "crash-loop"]],
    ["never up for long", { statusSince: NOW - 1000 }, { instances: [instance({ uptimeMs: 3, restarts: 4 })], progress: said("started") }, ["failed", "crash-loop"]],
    ["stays unhealthy", { statusSince: NOW - 1000 }, { instances: [instance({ health: "unhealthy" })], progress: said("done") }, ["failed", "unhealthy"]],
    ["stays too few", { statusSince: NOW - 1000 }, { desiredCount: 3, progress: said("done") }, ["stuck", "too-few"]],

    ["external: seen, without a generation", { executor: "external", status: "offered" }, { generation: null }, "verified"],
    ["external: seen where no agent may act", { executor: "external", status: "offered" }, { generation: null, canAct: false }, "verified"],
    ["external: not seen yet", { executor: "external", status: "offered", statusSince: NOW - 999 }, { instances: [old], generation: null, canAct: false }, "offered"],
    ["external: an agent's answer is not waited for", { executor: "external", status: "offered", statusSince: NOW - 100 }, { instances: [old], generation: null }, "offered"],
    ["external: not seen for too long", { executor: "external", status: "offered", statusSince: NOW - 1000 }, { instances: [old], generation: null }, ["stuck", "wrong-digest"]],
    ["external: seen, not healthy for too long", { executor: "external", status: "offered", statusSince: NOW - 1000 }, { instances: [instance({ health: "unhealthy" })] }, ["failed", "unhealthy"]],
    ["external: stuck stays stuck, with what is the matter now", { executor: "external", status: "stuck", reason: "wrong-digest" }, { instances: [instance({ uptimeMs: 3 })] }, ["stuck", "too-few"]],
    ["external: stuck, then seen", { executor: "external", status: "stuck", reason: "wrong-digest" }, { generation: null }, "verified"],
    ["external: its agent went silent", { executor: "external", status: "offered" }, { freshness: "silent" }, ["stuck", "agent-silent"]],
    ["external: the system says that it failed", { executor: "external", status: "offered" }, { instances: [old], progress: said("failed") }, ["failed", "start-failed"]],
    ["external: left its digest", { executor: "external", status: "verified" }, { instances: [old] }, ["regressed", "wrong-digest"]],

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
    expect(judgeTarget(goal(), declared("old"), NOW, POLICY)).toEqual({ status: "verified", reason: null, willRevert: true, unhealthy: false });
    expect(judgeTarget(goal(), declared("new"), NOW, POLICY).willRevert).toBe(false);
    expect(judgeTarget(goal(), observed(), NOW, POLICY).willRevert).toBe(false);
  });

  it.each<[string, Partial<TargetGoal>, Partial<TargetObservation>, boolean]>([
    ["healthy", { status: "verified" }, {}, false],
    ["no health check", { status: "verified" }, { instances: [instance({ health: "unknown" })] }, false],
    ["unhealthy", { status: "verified" }, { instances: [instance({ health: "unhealthy" })] }, true],
    ["one copy of two", { status: "verified" }, { desiredCount: 2, instances: [instance(), instance({ key: "i2", health: "unhealthy" })] }, true],
    ["crashes now", { status: "verified" }, { instances: [instance({ state: "waiting", restarts: 1 })] }, true],
    ["has just come up after a crash", { status: "verified" }, { instances: [instance({ uptimeMs: 3, restarts: 1 })] }, true],
    ["crashed long ago", { status: "verified" }, { instances: [instance({ restarts: 7 })] }, false],
    ["scaled up, the new copy is not there yet", { status: "verified" }, { desiredCount: 2 }, false],
    ["a young copy without a restart", { status: "verified" }, { instances: [instance({ uptimeMs: 3 })] }, false],
    ["silent: nothing is known", { status: "verified" }, { freshness: "silent", instances: [instance({ health: "unhealthy" })] }, false],
    ["not verified yet", { status: "replacing" }, { instances: [instance({ health: "unhealthy" })] }, false],
    ["other bytes are another matter", { status: "verified" }, { instances: [{ ...old, health: "unhealthy" }] }, false],
    ["gone", { status: "verified" }, { present: false, instances: [instance({ health: "unhealthy" })] }, false],
  ])("says that a verified target became unhealthy: %s", (_, goalChanges, observedChanges, expected) => {
    expect(judgeTarget(goal(goalChanges), observed(observedChanges), NOW, POLICY).unhealthy).toBe(expected);
  });

  it.each<[string, Partial<TargetGoal>, Partial<TargetObservation>, boolean]>([
    ["another tool puts its own version back", {}, { managerReverts: true }, true],
    ["it was told to carry it out", { executor: "external" }, { managerReverts: true }, false],
    ["a reconverge brings what is assigned anyway", { kind: "reconverge" }, { managerReverts: true }, false],
    ["it does not run yet", {}, { managerReverts: true, instances: [] }, false],
  ])("says that it will be reverted: %s", (_, goalChanges, observedChanges, expected) => {
    expect(judgeTarget(goal(goalChanges), observed(observedChanges), NOW, POLICY).willRevert).toBe(expected);
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
        saidAt: fc.constantFrom(NOW - 2000, NOW - 10),
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
    const goals = fc.record({
      status: fc.constantFrom(...TARGET_STATUSES),
      executor: fc.constantFrom("agent" as const, "external" as const),
      generation: fc.constantFrom(null, 5),
      wasVerified: fc.boolean(),
      regressions: fc.nat(3),
      components: fc.constantFrom([{ name: "main", artifactId: "new" }], []),
    });
    fc.assert(
      fc.property(goals, fc.constantFrom(10, 2000), observations, fc.nat(1500), (wanted, age, changes, stepMs) => {
        // Only who waits for its turn, or left before it, has no generation.
        const mayWait = wanted.status === "gone" || wanted.status === "withdrawn";
        const generation = wanted.status === "pending" ? null : mayWait ? wanted.generation : 5;
        let current = goal({ ...wanted, generation, statusSince: NOW - age });
        const seen = [current.status];
        let at = NOW;
        // Long enough for every patience to run out, some of them twice.
        for (let step = 0; step < 12; step += 1, at += stepMs) {
          const next = judgeTarget(current, observed(changes), at, POLICY);
          if (next.status !== current.status) {
            expect([current.status, next.status, canTargetMove(current.status, next.status)]).toEqual([current.status, next.status, true]);
            seen.push(next.status);
            // As the store does: the time of a status is when it was entered.
            current = { ...current, statusSince: at };
          }
          current = { ...current, status: next.status, reason: next.reason };
        }
        // gone, pending, offered, acknowledged, replacing, and where it ends.
        expect(seen.length, seen.join(" → ")).toBeLessThanOrEqual(6);
        expect(new Set(seen).size, seen.join(" → ")).toBe(seen.length);
      }),
      { seed: 20260112, numRuns: 500 },
    );
  });
});

describe("an order that an external system did not take", () => {
  const away = observed({ instances: [instance({ candidates: ["old"] })] });
  it.each<[string, Partial<TargetGoal>, TargetStatus, TargetReason | null]>([
    ["is a reason to be stuck at once", { status: "offered", untold: true }, "stuck", "not-told"],
    ["and stays one, however long", { status: "stuck", reason: "not-told", untold: true, statusSince: 0 }, "stuck", "not-told"],
    ["sent again after hours: its time begins anew", { status: "stuck", reason: "not-told", untold: false, statusSince: 0 }, "offered", null],
  ])("%s", (_, changes, status, reason) => {
    expect(judgeTarget(goal({ executor: "external", ...changes }), away, NOW, POLICY)).toMatchObject({ status, reason });
  });
});

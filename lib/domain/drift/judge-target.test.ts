import { describe, expect, it } from "vitest";
import type { Desired } from "@/lib/domain/drift/classify";
import type { TargetCounts } from "@/lib/domain/drift/judge-target";
import { admitTarget, judgeDeclared, judgeTargetPresence, SETTLE_MS, trackShortSince } from "@/lib/domain/drift/judge-target";

const NOW = 10_000_000;
const assigned: Desired = {
  kind: "release",
  release: { id: "r1", registeredSeq: 1, components: [], settingsDigest: null, baselineSettings: null, recalled: false },
};
const target = (changes: Partial<TargetCounts> = {}): TargetCounts => ({
  kind: "service",
  desiredCount: 3,
  readyCount: 2,
  listed: true,
  shortSince: NOW - SETTLE_MS,
  freshness: "fresh",
  ...changes,
});

describe("judgeTargetPresence", () => {
  it.each<[string, TargetCounts, Desired, boolean, string[]]>([
    ["short for the settle time", target(), assigned, false, ["missing"]],
    ["short for less", target({ shortSince: NOW - SETTLE_MS + 1 }), assigned, false, []],
    ["short, not tracked yet", target({ shortSince: null }), assigned, false, []],
    ["enough", target({ readyCount: 3 }), assigned, false, []],
    ["more than enough", target({ readyCount: 4 }), assigned, false, []],
    ["no declared count", target({ desiredCount: null }), assigned, false, []],
    ["scaled to zero", target({ desiredCount: 0, readyCount: 0 }), assigned, false, []],
    ["a job", target({ kind: "job" }), assigned, false, []],
    ["a oneshot", target({ kind: "oneshot" }), assigned, false, []],
    ["a daemon", target({ kind: "daemon" }), assigned, false, ["missing"]],
    ["during a rollout", target(), assigned, true, ["in-transition"]],
    ["silent: nothing is known", target({ freshness: "silent" }), assigned, false, []],
    ["late", target({ freshness: "late" }), assigned, false, ["missing"]],
    ["no longer listed", target({ listed: false, readyCount: 3 }), assigned, false, ["missing"]],
    ["nothing assigned", target(), { kind: "none" }, false, []],
    ["an assignment of nothing", target(), { kind: "nothing" }, false, []],
  ])("%s", (_, counts, desired, rollout, expected) => {
    expect(judgeTargetPresence(counts, desired, rollout, NOW)).toEqual(expected);
  });
});

describe("judgeDeclared", () => {
  const later = (changes: Partial<Parameters<typeof judgeDeclared>[0]> = {}): Parameters<typeof judgeDeclared>[0] => ({ kind: "job", desiredCount: null, freshness: "fresh", running: 0, declared: [false], ...changes });
  it.each<[string, Parameters<typeof judgeDeclared>[0], boolean, string[]]>([
    ["a job that would run something else", later(), false, ["will-revert"]],
    ["a oneshot", later({ kind: "oneshot" }), false, ["will-revert"]],
    ["a service that is scaled to zero", later({ kind: "service", desiredCount: 0 }), false, ["will-revert"]],
    ["a service that should run", later({ kind: "service", desiredCount: 1 }), false, []],
    ["a service that says nothing of its count", later({ kind: "service" }), false, []],
    ["one of two components", later({ declared: [true, false] }), false, ["will-revert"]],
    ["what is assigned", later({ declared: [true] }), false, []],
    ["the runtime does not say", later({ declared: [null] }), false, []],
    ["it runs now: its copies say so themselves", later({ running: 1 }), false, []],
    ["during a rollout", later(), true, ["in-transition"]],
    ["silent: nothing is known", later({ freshness: "silent" }), false, []],
  ])("%s", (_, given, rollout, expected) => {
    expect(judgeDeclared(given, rollout)).toEqual(expected);
  });
});

describe("trackShortSince", () => {
  it.each<[string, Parameters<typeof trackShortSince>[0], { desiredCount: number | null; readyCount: number }, number | null]>([
    ["first report, short", null, { desiredCount: 3, readyCount: 2 }, NOW],
    ["still short", { desiredCount: 3, shortSince: 5 }, { desiredCount: 3, readyCount: 1 }, 5],
    ["was enough", { desiredCount: 3, shortSince: null }, { desiredCount: 3, readyCount: 1 }, NOW],
    ["enough again", { desiredCount: 3, shortSince: 5 }, { desiredCount: 3, readyCount: 3 }, null],
    ["an autoscaler raised it", { desiredCount: 3, shortSince: 5 }, { desiredCount: 6, readyCount: 3 }, NOW],
    ["an autoscaler lowered it, still short", { desiredCount: 6, shortSince: 5 }, { desiredCount: 3, readyCount: 2 }, 5],
    ["no declared count", { desiredCount: 3, shortSince: 5 }, { desiredCount: null, readyCount: 0 }, null],
  ])("%s", (_, before, current, expected) => {
    expect(trackShortSince(before, current, NOW)).toBe(expected);
  });
});

describe("admitTarget", () => {
  const base = {
    assigned: true,
    hasDesiredRow: false,
    presentAtAssignment: false,
    orchestrated: false,
    othersOfServiceInScope: 1,
  };
  it.each<[string, Partial<typeof base>, string]>([
    ["an extra copy started by hand", {}, "unexpected"],
    ["there when the assignment was made", { presentAtAssignment: true }, "admitted"],
    ["it has a desired row already (the container came back)", { hasDesiredRow: true }, "admitted"],
    ["an orchestrator declared it", { orchestrated: true }, "admitted"],
    ["the first of this service on a new host", { othersOfServiceInScope: 0 }, "admitted"],
    ["nothing is assigned here", { assigned: false, presentAtAssignment: true }, "unexpected"],
    ["nothing is assigned here, new host", { assigned: false, othersOfServiceInScope: 0 }, "unexpected"],
  ])("%s", (_, changes, expected) => {
    expect(admitTarget({ ...base, ...changes })).toBe(expected);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choosePartition, explainPartitionRefusal, partitionsToken, planPartitions, type PartitionRule, type StandingPartition, type TargetGroup } from "./partitions";

const rule = (name: string, selector: Record<string, string>): PartitionRule => ({ name, selector });
const EU = rule("eu", { region: "eu-*" });
const CANARY = rule("canary", { role: "canary" });
const standing = (name: string, version: string | null, more: Partial<StandingPartition> = {}): StandingPartition => ({
  name, selector: {}, assignment: version === null ? null : { releaseId: `r-${version}`, version }, rollout: null, held: false, pinned: false, ...more,
});
const group = (labels: Record<string, string>, targets: number, more: Partial<TargetGroup> = {}): TargetGroup => ({ labels, partition: "default", ruled: null, targets, apart: 0, ...more });

describe("choosePartition", () => {
  it.each<[string, Record<string, string>, PartitionRule[], string]>([
    ["nothing declared", { region: "eu-west" }, [], "default"],
    ["a pattern", { region: "eu-west" }, [EU], "eu"],
    ["another region", { region: "us-east" }, [EU], "default"],
    ["no such label", {}, [EU], "default"],
    ["the first that matches", { region: "eu-west", role: "canary" }, [CANARY, EU], "canary"],
    ["in declared order", { region: "eu-west", role: "canary" }, [EU, CANARY], "eu"],
    ["every label has to match", { region: "eu-west" }, [rule("gold", { region: "eu-*", tier: "gold" })], "default"],
    ["no selector: only rules put something there", { region: "eu-west" }, [rule("edge", {}), EU], "eu"],
    ["a name of Object.prototype is no label", {}, [rule("odd", { constructor: "*" })], "default"],
  ])("%s", (_, labels, rules, expected) => {
    expect(choosePartition(labels, rules)).toBe(expected);
  });
});

describe("planPartitions", () => {
  it("starts a new partition with the assignment of the one that its targets come from", () => {
    const plan = planPartitions({ current: [standing("default", "1.0.0")], declared: [EU], groups: [group({ region: "eu-west" }, 3), group({ region: "us" }, 2)] });
    expect(plan).toMatchObject({ refusals: [], notes: [], moved: 3, chosen: ["eu", "default"], removed: [] });
    expect(plan.partitions).toEqual([
      { ...EU, isNew: true, targets: 3, matches: 3, from: [{ partition: "default", targets: 3 }], assignment: { releaseId: "r-1.0.0", version: "1.0.0" }, inherits: "default" },
      { name: "default", selector: {}, isNew: false, targets: 2, matches: 5, from: [], assignment: { releaseId: "r-1.0.0", version: "1.0.0" }, inherits: null },
    ]);
  });

  it("gives one that takes nothing yet what its first targets would have run, and says that it takes nothing", () => {
    const plan = planPartitions({ current: [standing("default", "1.0.0")], declared: [EU], groups: [group({ region: "us" }, 2)] });
    expect(plan.partitions[0]).toMatchObject({ targets: 0, inherits: "default", assignment: { version: "1.0.0" } });
    expect(plan.notes).toEqual(["eu matches no target that is here now."]);
  });

  it("says who takes what another matches too", () => {
    const plan = planPartitions({ current: [standing("default", null)], declared: [CANARY, EU], groups: [group({ region: "eu-west", role: "canary" }, 1), group({ region: "eu-west" }, 4)] });
    expect(plan.partitions.map(({ name, targets, matches }) => [name, targets, matches])).toEqual([["canary", 1, 1], ["eu", 4, 5], ["default", 0, 5]]);
    expect(plan.notes).toEqual(["eu matches 5 targets and takes 4: canary, before it, takes 1."]);
  });

  it.each<[string, StandingPartition[], PartitionRule[], TargetGroup[], string[]]>([
    ["a removed one whose targets fall among others of another release", [standing("default", "1.0.0"), standing("eu", "2.0.0")], [], [group({}, 1), group({}, 2, { partition: "eu" })], ["different-releases"]],
    ["a removed one with the same release", [standing("default", "1.0.0"), standing("eu", "1.0.0")], [], [group({}, 2, { partition: "eu" })], []],
    ["a removed one of another release where nothing is", [standing("default", "1.0.0"), standing("eu", "2.0.0")], [], [], []],
    ["targets of two releases come together in a new one", [standing("default", "1.0.0"), standing("us", "2.0.0")], [EU, rule("us", { region: "us" })], [group({ region: "eu-1" }, 1), group({ region: "eu-2" }, 1, { partition: "us" })], ["different-releases"]],
    ["targets that nobody decided about come to those of a release", [standing("default", null), standing("eu", "1.0.0", { selector: EU.selector })], [EU], [group({ region: "eu-1" }, 1)], ["different-releases"]],
    ["targets of a release come to those that nobody decided about", [standing("default", null), standing("eu", "1.0.0")], [], [group({}, 1), group({}, 1, { partition: "eu" })], ["different-releases"]],
    ["a rollout where targets leave", [standing("default", "1.0.0", { rollout: 7 })], [EU], [group({ region: "eu-1" }, 1)], ["rollout-active"]],
    ["a rollout in one that is removed", [standing("default", "1.0.0"), standing("eu", "1.0.0", { rollout: 7 })], [], [], ["rollout-active"]],
    ["a rollout where nobody moves", [standing("default", "1.0.0", { rollout: 7 })], [EU], [group({ region: "us" }, 1)], []],
    ["what a stopped rollout left apart", [standing("default", "1.0.0")], [EU], [group({ region: "eu-1" }, 2, { apart: 1 })], ["split"]],
    ["a split where nobody moves", [standing("default", "1.0.0")], [EU], [group({ region: "us" }, 2, { apart: 1 })], []],
    ["one that rules put targets into is removed", [standing("default", "1.0.0"), standing("edge", "1.0.0")], [], [group({}, 2, { partition: "edge", ruled: "edge" })], ["ruled"]],
    ["one that rules put nothing into is removed", [standing("default", "1.0.0"), standing("edge", "1.0.0")], [], [group({}, 0, { partition: "edge", ruled: "edge" })], []],
    ["one that rules put targets into, kept without a selector", [standing("default", "1.0.0"), standing("edge", "2.0.0")], [rule("edge", {})], [group({}, 2, { partition: "edge", ruled: "edge" })], []],
    ["targets that a rule keeps, and a selector matches", [standing("default", "1.0.0"), standing("edge", "2.0.0")], [EU, rule("edge", {})], [group({ region: "eu-1" }, 2, { partition: "edge", ruled: "edge" })], []],
    ["targets that came to one by a rule before it was declared, and others by its selector", [standing("default", "1.0.0")], [EU], [group({}, 1, { partition: "eu", ruled: "eu" }), group({ region: "eu-1" }, 1)], ["different-releases"]],
    ["a pinned one is removed", [standing("default", "1.0.0"), standing("eu", "1.0.0", { pinned: true })], [], [], ["pinned"]],
    ["a held one is removed", [standing("default", "1.0.0"), standing("eu", "1.0.0", { held: true })], [], [], ["held"]],
  ])("%s", (_, current, declared, groups, reasons) => {
    const plan = planPartitions({ current, declared, groups });
    expect(plan.refusals.map(({ reason }) => reason)).toEqual(reasons);
    for (const refusal of plan.refusals) expect(explainPartitionRefusal(refusal)).toMatch(/\.$/);
  });

  it("names both sides that would come together", () => {
    const { refusals } = planPartitions({ current: [standing("default", "1.0.0"), standing("eu", "2.0.0")], declared: [], groups: [group({}, 1), group({}, 2, { partition: "eu" })] });
    expect(refusals.map(explainPartitionRefusal)).toEqual(["default (1.0.0) and eu (2.0.0) would come together in default. Bring them to one release first, or keep them apart."]);
  });

  it("leaves targets where a rule puts them, counts them there, and assigns nothing new to them", () => {
    const plan = planPartitions({ current: [standing("default", "1.0.0")], declared: [EU, rule("edge", {}), rule("cell", {})], groups: [group({ region: "eu-1" }, 2, { partition: "edge", ruled: "edge" }), group({ region: "eu-1" }, 3)] });
    expect(plan).toMatchObject({ refusals: [], moved: 3, chosen: ["edge", "eu"], notes: ["cell has no selector: it takes what a mapping rule puts there, which is no target now."] });
    expect(plan.partitions.map(({ name, targets, matches, inherits }) => [name, targets, matches, inherits])).toEqual([["eu", 3, 3, "default"], ["edge", 2, 2, null], ["cell", 0, 0, "default"], ["default", 0, 3, null]]);
  });

  it("says who leaves a pin and who comes under one", () => {
    const plan = planPartitions({ current: [standing("default", "1.0.0", { pinned: true }), standing("eu", "1.0.0", { pinned: true, selector: EU.selector })], declared: [EU], groups: [group({ region: "eu-1" }, 1)] });
    expect(plan.notes).toEqual(["1 target of default, which is pinned, moves to eu and is pinned no more.", "1 target of default comes under the pin of eu."]);
  });

  it("is refused, or leaves every target what was assigned to it, whatever is declared", () => {
    const value = fc.constantFrom("a", "b", "ab");
    const labels = fc.dictionary(fc.constantFrom("x", "y"), value, { maxKeys: 2 });
    const rules = fc.uniqueArray(fc.record({ name: fc.constantFrom("p", "q", "r"), selector: fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom("a*", "b", "*"), { minKeys: 1, maxKeys: 2 }) }), { selector: ({ name }) => name, maxLength: 3 });
    const version = fc.constantFrom("1", "2", null);
    fc.assert(
      fc.property(rules, rules, fc.array(version, { minLength: 4, maxLength: 4 }), fc.array(fc.record({ labels, targets: fc.integer({ min: 0, max: 3 }) }), { maxLength: 8 }), (before, after, versions, places) => {
        const current = [...before, rule("default", {})].map(({ name, selector }, at) => standing(name, versions[at] ?? null, { selector }));
        const groups = places.map((place) => group(place.labels, place.targets, { partition: choosePartition(place.labels, before) }));
        const plan = planPartitions({ current, declared: after, groups });
        expect(plan.partitions.reduce((sum, { targets }) => sum + targets, 0)).toBe(groups.reduce((sum, { targets }) => sum + targets, 0));
        if (plan.refusals.length > 0) return;
        groups.forEach(({ partition, targets }, at) => {
          const was = current.find(({ name }) => name === partition)?.assignment ?? null;
          if (targets > 0) expect(plan.partitions.find(({ name }) => name === plan.chosen[at])?.assignment ?? null).toEqual(was);
        });
      }),
    );
  });
});

describe("partitionsToken", () => {
  it("differs by name, selector and order, and not by default", () => {
    const token = partitionsToken([EU, CANARY]);
    expect(partitionsToken([EU, CANARY, rule("default", {})])).toBe(token);
    expect(new Set([token, partitionsToken([CANARY, EU]), partitionsToken([EU]), partitionsToken([]), partitionsToken([rule("eu", { region: "eu-1" }), CANARY])]).size).toBe(5);
    expect(partitionsToken([rule("x", { a: "1", b: "2" })])).toBe(partitionsToken([rule("x", { b: "2", a: "1" })]));
  });
});

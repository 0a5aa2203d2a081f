import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlannableTarget, Strategy } from "@/lib/domain/rollout/plan";
import { planRollout } from "@/lib/domain/rollout/plan";

const target = (key: string, changes: Partial<PlannableTarget> = {}): PlannableTarget => ({
  key,
  partition: "default",
  region: null,
  labels: {},
  ...changes,
});
const many = (count: number): PlannableTarget[] =>
  Array.from({ length: count }, (_, index) => target(`t${String(index).padStart(3, "0")}`));
const sizes = (targets: PlannableTarget[], strategy: Strategy): number[] =>
  planRollout(targets, strategy).waves.map((wave) => wave.targets.length);

describe("planRollout", () => {
  it.each<[string, PlannableTarget[], Strategy, number[]]>([
    ["all at once", many(7), { kind: "all-at-once" }, [7]],
    ["nobody", [], { kind: "all-at-once" }, []],
    ["percentages, rounded up", many(10), { kind: "percentages", steps: [1, 25, 100] }, [1, 2, 7]],
    ["100 % is implied, order and repetitions do not matter", many(10), { kind: "percentages", steps: [50, 10, 10] }, [1, 4, 5]],
    ["at least one more each time", many(3), { kind: "percentages", steps: [1, 2, 100] }, [1, 1, 1]],
    ["fewer targets than waves", many(2), { kind: "percentages", steps: [1, 10, 50, 100] }, [1, 1]],
    ["nonsense steps", many(4), { kind: "percentages", steps: [-5, 0, 250] }, [4]],
  ])("%s", (_, targets, strategy, expected) => {
    expect(sizes(targets, strategy)).toEqual(expected);
  });

  it("says what happens with fewer targets than waves", () => {
    const { notes } = planRollout(many(2), { kind: "percentages", steps: [1, 10, 50, 100] });
    expect(notes).toEqual(["There are fewer targets (2) than waves (4): 2 are left."]);
    expect(planRollout([], { kind: "all-at-once" }).notes).toEqual(["There is no target: nothing will be replaced."]);
  });

  it("puts canaries first", () => {
    const targets = [target("a"), target("c", { labels: { canary: "true" } }), target("b", { partition: "canary" })];
    expect(planRollout(targets, { kind: "percentages", steps: [50] }).waves.map((wave) => wave.targets)).toEqual([
      ["b", "c"],
      ["a"],
    ]);
  });

  it("makes one wave per region in the given order, the others after by name", () => {
    const targets = ["us", "eu", "ap", null].map((region, index) => target(`t${index}`, { region }));
    const { waves } = planRollout(targets, { kind: "groups", by: "region", order: ["eu"] });
    expect(waves.map((wave) => wave.name)).toEqual(["eu", "ap", "no region", "us"]);
  });

  it("makes waves by partition, canary first, and by label", () => {
    const targets = [target("a", { partition: "blue" }), target("b", { partition: "canary" }), target("c", { labels: { rack: "r1" } })];
    const names = (strategy: Strategy): string[] => planRollout(targets, strategy).waves.map((wave) => wave.name);
    expect(names({ kind: "groups", by: "partition", order: ["blue"] })).toEqual(["canary", "blue", "default"]);
    expect(names({ kind: "groups", by: { label: "rack" }, order: [] })).toEqual(["no rack", "r1"]);
  });

  it("holds every target exactly once, in waves that are not empty, whatever the order", () => {
    const steps = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), steps, (count, list) => {
        const targets = many(count);
        const plan = planRollout(targets, { kind: "percentages", steps: list });
        expect(plan.waves.flatMap((wave) => wave.targets).sort()).toEqual(targets.map(({ key }) => key));
        expect(plan.waves.every((wave, index) => wave.targets.length > 0 && wave.index === index)).toBe(true);
        expect(planRollout(targets.toReversed(), { kind: "percentages", steps: list })).toEqual(plan);
      }),
    );
  });
});

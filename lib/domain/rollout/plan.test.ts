import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlannableTarget } from "@/lib/domain/rollout/plan";
import { planRollout } from "@/lib/domain/rollout/plan";
import { OPEN_GATE, type Cut, type Strategy, type WaveGate } from "@/lib/domain/rollout/strategy";

const target = (key: string, changes: Partial<PlannableTarget> = {}): PlannableTarget => ({
  key,
  name: `app-${key}`,
  agent: `host-${key}`,
  partition: "default",
  region: null,
  labels: {},
  ...changes,
});
const many = (count: number): PlannableTarget[] =>
  Array.from({ length: count }, (_, index) => target(`t${String(index).padStart(3, "0")}`));
const by = (cut: Cut, changes: Partial<Pick<Strategy, "gate" | "waves">> = {}): Pick<Strategy, "cut" | "gate" | "waves"> => ({ cut, gate: OPEN_GATE, waves: [], ...changes });
const sizes = (targets: PlannableTarget[], cut: Cut): number[] => planRollout(targets, by(cut)).waves.map((wave) => wave.targets.length);
const contents = (targets: PlannableTarget[], cut: Cut): [string, readonly string[]][] =>
  planRollout(targets, by(cut)).waves.map((wave) => [wave.name, wave.targets]);
const named = (waves: Record<string, string[]>): Cut => ({ kind: "targets", waves: Object.entries(waves).map(([name, targets]) => ({ name, targets })) });

describe("planRollout", () => {
  it.each<[string, PlannableTarget[], Cut, number[]]>([
    ["all at once", many(7), { kind: "all-at-once" }, [7]],
    ["nobody", [], { kind: "all-at-once" }, []],
    ["nobody, in percentages", [], { kind: "percentages", steps: [5, 25, 100] }, []],
    ["nobody, by region", [], { kind: "groups", by: "region", order: ["eu"] }, []],
    ["nobody, by name", [], named({ canary: ["a"] }), []],
    ["percentages, rounded up", many(10), { kind: "percentages", steps: [1, 25, 100] }, [1, 2, 7]],
    ["100 % is implied, order and repetitions do not matter", many(10), { kind: "percentages", steps: [50, 10, 10] }, [1, 4, 5]],
    ["at least one more each time", many(3), { kind: "percentages", steps: [1, 2, 100] }, [1, 1, 1]],
    ["nearly everyone leaves one for each that follows", many(4), { kind: "percentages", steps: [98, 99, 100] }, [2, 1, 1]],
    ["exact percentages are not rounded up by binary fractions", many(1000), { kind: "percentages", steps: [16.1, 32.7, 100] }, [161, 166, 673]],
    ["a fraction of a percent", many(300), { kind: "percentages", steps: [0.1, 100] }, [1, 299]],
    ["fewer targets than waves", many(2), { kind: "percentages", steps: [1, 10, 50, 100] }, [1, 1]],
    ["one target, many waves", many(1), { kind: "percentages", steps: [1, 10, 50, 100] }, [1]],
    ["as many as waves", many(4), { kind: "percentages", steps: [1, 10, 50, 100] }, [1, 1, 1, 1]],
    ["nonsense steps", many(4), { kind: "percentages", steps: [-5, 0, 250] }, [4]],
    ["no steps", many(4), { kind: "percentages", steps: [] }, [4]],
  ])("%s", (_, targets, cut, expected) => {
    expect(sizes(targets, cut)).toEqual(expected);
  });

  it.each<[string, PlannableTarget[], Cut, string[]]>([
    ["no target", [], { kind: "all-at-once" }, ["There is no target: nothing will be replaced."]],
    ["enough of them", many(10), { kind: "percentages", steps: [5, 25, 100] }, []],
    ["fewer targets than waves", many(2), { kind: "percentages", steps: [1, 10, 50, 100] }, ["There are fewer targets (2) than waves (4): 2 are left."]],
    ["one target", many(1), { kind: "percentages", steps: [5, 100] }, ["There are fewer targets (1) than waves (2): one wave is left."]],
    ["a wave without targets", many(3), named({ canary: ["nobody"], first: ["app-t000"] }), ["No target is in canary: that wave is left out.", "Not here: nobody."]],
    ["waves without targets", many(3), named({ a: ["x"], b: ["y"] }), ["No target is in a, b: those waves are left out.", "Not here: x, y."]],
    ["who is not here, shortened", many(1), named({ a: ["app-t000", "1", "2", "3", "4", "5", "6", "7"] }), ["Not here: 1, 2, 3, 4, 5 and 2 more."]],
    ["everyone named: the rest is no empty wave", many(1), named({ a: ["app-t000"] }), []],
    ["regions that the order names and nobody is in", many(2), { kind: "groups", by: "region", order: ["eu", "us"] }, []],
  ])("says in the preview: %s", (_, targets, cut, expected) => {
    expect(planRollout(targets, by(cut)).notes).toEqual(expected);
  });

  it("puts canaries first", () => {
    const targets = [target("a"), target("c", { labels: { canary: "true" } }), target("b", { partition: "canary" }), target("d", { labels: { canary: "false" } })];
    expect(contents(targets, { kind: "percentages", steps: [50] })).toEqual([
      ["50 %", ["b", "c"]],
      ["100 %", ["a", "d"]],
    ]);
    expect(contents(targets, { kind: "all-at-once" })).toEqual([["all", ["b", "c", "a", "d"]]]);
  });

  it("makes one wave per region in the given order, the others after by name", () => {
    const targets = ["us", "eu", "ap", null].map((region, index) => target(`t${index}`, { region }));
    expect(contents(targets, { kind: "groups", by: "region", order: ["eu", "nowhere"] }).map(([name]) => name)).toEqual(["eu", "ap", "no region", "us"]);
  });

  it("makes waves by partition, canary first, and by label", () => {
    const targets = [target("a", { partition: "blue" }), target("b", { partition: "canary" }), target("c", { labels: { rack: "r1" } })];
    const names = (cut: Cut): string[] => contents(targets, cut).map(([name]) => name);
    expect(names({ kind: "groups", by: "partition", order: ["blue"] })).toEqual(["canary", "blue", "default"]);
    expect(names({ kind: "groups", by: { label: "rack" }, order: [] })).toEqual(["no rack", "r1"]);
  });

  it("makes waves of those whom a person named, by name or by agent and name, and one for everyone else", () => {
    const targets = [target("a", { name: "web", agent: "eu-1" }), target("b", { name: "web", agent: "eu-2" }), target("c", { name: "api", agent: "eu-1" }), target("d", { name: "db", agent: "eu-1" })];
    expect(contents(targets, named({ first: ["eu-2/web"], second: ["api"] }))).toEqual([
      ["first", ["b"]],
      ["second", ["c"]],
      ["the rest", ["a", "d"]],
    ]);
    // One name stands for all that have it.
    expect(contents(targets, named({ first: ["web"] }))).toEqual([
      ["first", ["a", "b"]],
      ["the rest", ["c", "d"]],
    ]);
    // Named twice, by either name: the first wave that does.
    expect(contents(targets, named({ first: ["web", "api"], second: ["eu-1/web", "api"] }))).toEqual([
      ["first", ["a", "b", "c"]],
      ["the rest", ["d"]],
    ]);
  });

  describe("gates", () => {
    const gates = (targets: PlannableTarget[], cut: Cut, changes: Partial<Pick<Strategy, "gate" | "waves">>): WaveGate[] => planRollout(targets, by(cut, changes)).waves.map(({ gate }) => gate);
    const check = { kind: "webhook" as const, url: "https://gate.test", timeoutMs: 1, everyMs: 1, withinMs: 1 };
    const steps: Cut = { kind: "percentages", steps: [10, 50, 100] };

    it("stand before every wave but the first, unless it is named", () => {
      const asks = { ...OPEN_GATE, goAhead: true, check };
      expect(gates(many(10), steps, { gate: asks })).toEqual([{ ...asks, goAhead: false, check: null }, asks, asks]);
      expect(gates(many(10), steps, { gate: asks, waves: [{ wave: 1, goAhead: true }] })[0]).toEqual({ ...asks, check: null });
    });

    it("are changed for single waves", () => {
      expect(gates(many(10), steps, { waves: [{ wave: 2, soakMs: 9, passShare: 0.5 }, { wave: 7, soakMs: 1 }] })).toEqual([OPEN_GATE, { ...OPEN_GATE, soakMs: 9, passShare: 0.5 }, OPEN_GATE]);
    });

    it("stay with the wave that they were said for when others fall away", () => {
      const waves = [{ wave: 1, soakMs: 1 }, { wave: 2, soakMs: 2 }, { wave: 3, soakMs: 3, goAhead: true }];
      // Of three steps the middle goes: the last keeps what stands before it.
      expect(gates(many(2), steps, { waves }).map(({ soakMs, goAhead }) => [soakMs, goAhead])).toEqual([[1, false], [3, true]]);
      expect(gates(many(2), named({ nobody: ["x"], half: ["app-t000"] }), { waves }).map(({ soakMs, goAhead }) => [soakMs, goAhead])).toEqual([[2, false], [3, true]]);
    });

    it("never stand before the wave that opens the rollout because another one fell away", () => {
      const waves = [{ wave: 2, goAhead: true, check }, { wave: 3, goAhead: true, check }];
      expect(gates(many(1), steps, { waves }).map(({ goAhead, check: asked }) => [goAhead, asked])).toEqual([[false, null]]);
      expect(gates(many(2), named({ nobody: ["x"], half: ["app-t000"] }), { waves }).map(({ goAhead }) => goAhead)).toEqual([false, true]);
    });
  });

  it("holds every target exactly once, in waves that are not empty, whatever the order and the cut", () => {
    const names = fc.constantFrom("app-t000", "host-t001/app-t001", "app-t002", "app-t030", "nobody");
    const cuts = fc.oneof(
      fc.constant<Cut>({ kind: "all-at-once" }),
      fc.record({ kind: fc.constant("percentages" as const), steps: fc.array(fc.double({ min: 0.1, max: 100, noNaN: true }), { maxLength: 6 }) }),
      fc.record({ kind: fc.constant("groups" as const), by: fc.constantFrom("region" as const, "partition" as const, { label: "rack" }), order: fc.array(fc.constantFrom("eu", "us", "r1", "r9"), { maxLength: 3 }) }),
      fc.record({ kind: fc.constant("targets" as const), waves: fc.array(fc.record({ name: fc.constantFrom("one", "two"), targets: fc.array(names, { minLength: 1, maxLength: 4 }) }), { minLength: 1, maxLength: 4 }) }),
    );
    const traits = fc.record({
      region: fc.constantFrom("eu", "us", "ap", null),
      partition: fc.constantFrom("default", "canary", "blue"),
      labels: fc.constantFrom<Record<string, string>>({}, { canary: "true" }, { rack: "r1" }, { rack: "r2", canary: "false" }),
    });
    fc.assert(
      fc.property(fc.array(traits, { maxLength: 60 }), cuts, (list, cut) => {
        const targets = many(list.length).map((one, at) => ({ ...one, ...list[at] }));
        const plan = planRollout(targets, by(cut));
        expect(plan.waves.flatMap((wave) => wave.targets).sort()).toEqual(targets.map(({ key }) => key));
        expect(plan.waves.every((wave, index) => wave.targets.length > 0 && wave.index === index)).toBe(true);
        expect(planRollout(targets.toReversed(), by(cut))).toEqual(plan);
        if (cut.kind !== "percentages") return;
        // As many waves as steps, or as targets when those are fewer.
        expect(plan.waves.length).toBe(Math.min(targets.length, new Set([...cut.steps, 100]).size));
      }),
      { seed: 20260112, numRuns: 300 },
    );
  });
});

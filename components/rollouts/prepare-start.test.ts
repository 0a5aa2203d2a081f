import { describe, expect, it } from "vitest";
import { formatEstimate, joinGate, placeWaves, prepareBlast, sortEvidence, startWords, summariseEvidence } from "./prepare-start";
import type { EvidenceItem, StartWordsInput } from "./prepare-start";

const item = (text: string, ok: boolean | null, required: boolean): EvidenceItem => ({ text, ok, required, at: null });

describe("evidence", () => {
  const items = [item("a", true, true), item("b", false, false), item("c", null, true), item("d", false, true), item("e", null, false)];

  it("lists what fails first, and what is not known before what holds", () => {
    expect(sortEvidence(items).map((each) => each.text)).toEqual(["d", "c", "b", "e", "a"]);
  });

  it("counts the required ones only, and the unknown as not holding", () => {
    expect(summariseEvidence(items)).toBe("1 of 3 required hold");
  });
});

describe("prepareBlast", () => {
  const blast = { instances: 1_204, targets: 97, actable: 97, regions: [{ region: "eu", instances: 452 }], waves: [{ name: "all", targets: 97 }], estimateMs: null };

  it("reads in words and numbers", () => {
    expect(prepareBlast(blast).map((figure) => `${figure.value}: ${figure.label}`)).toEqual([
      "1,204: instances, on 97 targets",
      "1 region: eu 452",
      "1 wave: all at once",
      "no estimate: too little history here",
    ]);
  });

  it("says when some hosts do not let Plumbline act", () => {
    expect(prepareBlast({ ...blast, actable: 96 })[0]?.label).toBe("instances, 1 target does not allow acting (--act)");
  });
});

it.each([
  [360_000, 540_000, "6–9 min"],
  [20_000, 40_000, "20–40 s"],
  [10_000, 120_000, "under 2 min"],
  [60_000, 60_000, "60 s"],
  [3_600_000, 7_200_000, "1–2 h"],
])("estimate %d to %d ms reads %s", (from, to, words) => expect(formatEstimate(from, to)).toBe(words));

describe("startWords", () => {
  const words = (over: Partial<StartWordsInput>) => startWords({ kind: "promote", service: "payments", environment: "production", to: "1.43.0", selected: null, ...over });
  it.each<[string, Partial<StartWordsInput>, string, string, string]>([
    ["a promotion", {}, "Promote payments 1.43.0 to production", "promote 1.43.0", "payments in production is rolling out 1.43.0"],
    ["one without a release yet", { to: null }, "Promote payments to production", "promote", "payments in production is rolling out another release"],
    ["a rollback", { kind: "rollback" }, "Roll back payments in production", "roll back to 1.43.0", "payments in production is rolling back to 1.43.0"],
    ["everything that deviates", { kind: "reconverge" }, "Put payments back on 1.43.0 in production", "put back on 1.43.0", "payments in production is being put back on 1.43.0"],
    ["three of them", { kind: "reconverge", selected: 3 }, "Put 3 targets of payments back on 1.43.0 in production", "put 3 back on 1.43.0", "3 targets of payments in production are being put back on 1.43.0"],
    ["all new copies", { kind: "replace" }, "Replace payments in production", "replace all", "payments in production is being replaced"],
    ["one new copy", { kind: "replace", selected: 1 }, "Replace 1 target of payments in production", "replace 1", "1 target of payments in production is being replaced"],
    ["a stop", { kind: "stop", to: null }, "Stop payments in production", "stop payments", "payments in production is being stopped"],
  ])("%s", (_name, over, title, act, under) => expect(words(over)).toEqual({ title, act, under }));
});

it("a wave begins where the one before it ends, and together they are everything", () => {
  const wave = (ordinal: number, targets: number) => ({ ordinal, name: "w", targets, instances: targets, sample: [], gate: [] });
  expect(placeWaves([wave(1, 5), wave(2, 20), wave(3, 75)]).map(({ from, share }) => [from, share])).toEqual([[0, 0.05], [0.05, 0.2], [0.25, 0.75]]);
  expect(placeWaves([])).toEqual([]);
});

it.each([
  [["after somebody says go", "passes when all are verified", "and stay so for 60 s", "fails with the first failure"], "After somebody says go; passes when all are verified and stay so for 60 s; fails with the first failure."],
  [["passes when 95 % are verified"], "Passes when 95 % are verified."],
  [[], ""],
])("a gate reads as one sentence", (words, sentence) => expect(joinGate(words)).toBe(sentence));

import { describe, expect, it } from "vitest";
import { formatEstimate, prepareBlast, sortEvidence, summariseEvidence } from "./prepare-rollback";
import type { EvidenceItem } from "./prepare-rollback";

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

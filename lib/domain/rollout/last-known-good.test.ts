import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EvidenceCheck, ReleaseRecord } from "@/lib/domain/rollout/last-known-good";
import { chooseLastKnownGood, DEFAULT_LKG_POLICY as policy } from "@/lib/domain/rollout/last-known-good";

const MINUTE = 60_000;
const record = (seq: number, changes: Partial<ReleaseRecord> = {}): ReleaseRecord => ({
  releaseId: `r${seq}`,
  version: `1.${seq}`,
  registeredSeq: seq,
  share: 1,
  ranForMs: 60 * MINUTE,
  unhealthyShare: 0,
  restartsGrowing: false,
  approved: true,
  adopted: false,
  recalled: false,
  assignedHere: true,
  rolledBackFrom: false,
  clearedByMistake: false,
  lastRanUntil: seq * 1000,
  ...changes,
});
const current = record(42, { rolledBackFrom: true, restartsGrowing: true });

describe("chooseLastKnownGood", () => {
  it.each<[string, ReleaseRecord[], string | null, boolean, EvidenceCheck[]]>([
    ["the one before", [current, record(41), record(40)], "r41", false, []],
    ["whatever the order of the records", [record(40), current, record(41)], "r41", false, []],
    ["most recently run, not most recently registered", [current, record(41, { lastRanUntil: 1 }), record(40)], "r40", false, []],
    ["exactly at the limits", [current, record(41, { share: 0.9, ranForMs: 30 * MINUTE, unhealthyShare: 0.05 })], "r41", false, []],
    ["too few targets ran it", [current, record(41, { share: 0.89 }), record(40)], "r40", false, []],
    ["too short", [current, record(41, { ranForMs: 30 * MINUTE - 1 }), record(40)], "r40", false, []],
    ["unhealthy", [current, record(41, { unhealthyShare: 0.06 }), record(40)], "r40", false, []],
    ["growing restarts", [current, record(41, { restartsGrowing: true }), record(40)], "r40", false, []],
    ["a rollback left it", [current, record(41, { rolledBackFrom: true }), record(40)], "r40", false, []],
    ["a rollback left it by mistake", [current, record(41, { rolledBackFrom: true, clearedByMistake: true }), record(40)], "r41", false, []],
    ["cleared as a mistake, but too short all the same", [current, record(41, { rolledBackFrom: true, clearedByMistake: true, ranForMs: 1 }), record(40)], "r40", false, []],
    ["cleared as a mistake, and recalled in between", [current, record(41, { rolledBackFrom: true, clearedByMistake: true, recalled: true }), record(40)], "r40", false, []],
    ["recalled in between: the one before that", [current, record(41, { recalled: true }), record(40, { recalled: true }), record(39)], "r39", false, []],
    ["recalled in between, what is left is weak", [current, record(41, { recalled: true }), record(40, { rolledBackFrom: true })], "r40", true, ["not-rolled-back"]],
    ["an aborted canary that ran most recently proved nothing", [current, record(43, { share: 0.05, ranForMs: 2 * MINUTE }), record(41)], "r41", false, []],
    ["only an aborted canary is left", [current, record(43, { share: 0.05, ranForMs: 2 * MINUTE })], "r43", true, ["ran-on-enough", "ran-long-enough"]],
    ["newer, and left by a rollback: that is where one comes from", [current, record(43, { rolledBackFrom: true })], null, true, []],
    ["newer, and left by mistake", [current, record(43, { rolledBackFrom: true, clearedByMistake: true })], "r43", false, []],
    ["newer, and only turned up", [current, record(43, { assignedHere: false })], null, true, []],
    ["older, and only turned up", [current, record(41, { assignedHere: false })], "r41", false, []],
    ["nothing is assigned", [record(41)], "r41", false, []],
    ["recalled", [current, record(41, { recalled: true }), record(40)], "r40", false, []],
    ["not approved", [current, record(41, { approved: false }), record(40)], "r40", false, []],
    ["none qualifies: the best, with what is missing", [current, record(41, { share: 0.1, ranForMs: 1 }), record(40, { ranForMs: 1 })], "r40", true, ["ran-long-enough"]],
    ["none qualifies, equally weak: the most recent", [current, record(41, { ranForMs: 1 }), record(40, { share: 0 })], "r41", true, ["ran-long-enough"]],
    ["only recalled ones", [current, record(41, { recalled: true })], null, true, []],
    ["nothing else ever ran", [current], null, true, []],
    ["nothing at all", [], null, true, []],
  ])("%s", (_, records, expected, weak, missing) => {
    const chosen = chooseLastKnownGood({ records, current: { releaseId: "r42", registeredSeq: 42 }, policy });
    expect([chosen.release?.id ?? null, chosen.weak, chosen.missing]).toEqual([expected, weak, missing]);
  });

  it("says of what was adopted that nobody looked at it, and lets it count", () => {
    const chosen = chooseLastKnownGood({ records: [record(41, { adopted: true })], current: { releaseId: "r42", registeredSeq: 42 }, policy });
    expect([chosen.release?.id, chosen.weak]).toEqual(["r41", false]);
    expect(chosen.evidence.filter(({ check }) => check === "approved").map(({ ok, detail }) => [ok, detail])).toEqual([[true, "adopted here as it ran, no evidence"]]);
  });

  it("says that a rollback was cleared as a mistake", () => {
    const sentences = (changes: Partial<ReleaseRecord>) =>
      chooseLastKnownGood({ records: [record(41, changes)], current: { releaseId: "r42", registeredSeq: 42 }, policy }).evidence.filter(({ check }) => check === "not-rolled-back").map(({ ok, detail }) => [ok, detail]);
    expect(sentences({})).toEqual([[true, "no rollback left it"]]);
    expect(sentences({ rolledBackFrom: true })).toEqual([[false, "a rollback left it"]]);
    expect(sentences({ rolledBackFrom: true, clearedByMistake: true })).toEqual([[true, "a rollback left it, cleared as a mistake"]]);
  });

  it("takes other limits", () => {
    const lenient = { minShare: 0.5, minRanForMs: 30_000, maxUnhealthyShare: 0.5 };
    const records = [current, record(41, { share: 0.5, ranForMs: 30_000, unhealthyShare: 0.5 })];
    expect(chooseLastKnownGood({ records, current: { releaseId: "r42", registeredSeq: 42 }, policy }).missing).toEqual(["ran-on-enough", "ran-long-enough", "healthy"]);
    const chosen = chooseLastKnownGood({ records, current: { releaseId: "r42", registeredSeq: 42 }, policy: lenient });
    expect(chosen.missing).toEqual([]);
    expect(chosen.evidence.find(({ check }) => check === "ran-long-enough")?.detail).toBe("ran for 30 s, 30 s wanted");
  });

  it("lists a failing check first, each with its moment", () => {
    const { evidence } = chooseLastKnownGood({ records: [record(41, { restartsGrowing: true })], current: { releaseId: "r42", registeredSeq: 42 }, policy });
    expect(evidence[0]).toEqual({
      check: "restarts-steady",
      ok: false,
      detail: "its restarts were growing",
      required: false,
      at: 41_000,
    });
    expect(evidence).toHaveLength(7);
  });

  it("never offers the current, a recalled or an unapproved release", () => {
    const records = fc.uniqueArray(
      fc.record({
        seq: fc.integer({ min: 38, max: 45 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        approved: fc.boolean(),
        recalled: fc.boolean(),
        rolledBackFrom: fc.boolean(),
      }),
      { selector: ({ seq }) => seq },
    );
    fc.assert(
      fc.property(records, (list) => {
        const all = list.map(({ seq, ...changes }) => record(seq, changes));
        const { release } = chooseLastKnownGood({ records: all, current: { releaseId: "r42", registeredSeq: 42 }, policy });
        const usable = all.filter(({ releaseId, registeredSeq, approved, recalled, rolledBackFrom }) => releaseId !== "r42" && approved && !recalled && (registeredSeq < 42 || !rolledBackFrom));
        if (usable.length === 0) expect(release).toBeNull();
        else expect(usable.map(({ releaseId }) => releaseId)).toContain(release?.id);
      }),
    );
  });
});

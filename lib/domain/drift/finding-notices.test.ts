import { describe, expect, it } from "vitest";
import { decideFindingNotice, GONE_AFTER_MS, TOLD_AFTER_MS, TOLD_AGAIN_MS, TOLD_KINDS, type ToldCause } from "./finding-notices";

const NOW = 10 * TOLD_AGAIN_MS;
const cause = (changes: Partial<ToldCause> = {}): ToldCause => ({ kind: "behind", enforced: true, open: null, waived: false, endedAt: null, told: null, ...changes });
const open = (ageMs: number, instances = 3): ToldCause["open"] => ({ instances, oldestAt: NOW - ageMs });
const told = (state: "open" | "resolved", ageMs: number, instances = 3): ToldCause["told"] => ({ state, instances, openedToldAt: NOW - ageMs });

describe("decideFindingNotice", () => {
  it.each<[string, ToldCause, string | null]>([
    ["nothing is there, nothing was told", cause(), null],
    ["it has just come, and a deployment passes through it", cause({ open: open(TOLD_AFTER_MS - 1) }), null],
    ["it stays", cause({ open: open(TOLD_AFTER_MS) }), "finding-opened"],
    ["nobody knows the bytes", cause({ kind: "unknown-artifact", open: open(0) }), "finding-opened"],
    ["it was recalled", cause({ kind: "recalled", open: open(0) }), "finding-opened"],
    ["nobody approved it", cause({ kind: "unapproved", open: open(0) }), "finding-opened"],
    ["it was told a moment ago", cause({ open: open(TOLD_AFTER_MS, 9), told: told("open", TOLD_AGAIN_MS - 1) }), null],
    ["it has grown since", cause({ open: open(NOW, 9), told: told("open", TOLD_AGAIN_MS) }), "finding-opened"],
    ["it stands as it was told", cause({ open: open(NOW, 3), told: told("open", 5 * TOLD_AGAIN_MS) }), null],
    ["it has shrunk", cause({ open: open(NOW, 2), told: told("open", 5 * TOLD_AGAIN_MS) }), null],
    ["it is gone for a moment", cause({ endedAt: NOW - GONE_AFTER_MS + 1, told: told("open", 5) }), null],
    ["it is gone", cause({ endedAt: NOW - GONE_AFTER_MS, told: told("open", 5) }), "finding-resolved"],
    ["what is left is waived", cause({ waived: true, told: told("open", 5) }), "finding-resolved"],
    ["what is left is waived, and some has just gone", cause({ waived: true, endedAt: NOW - GONE_AFTER_MS + 1, told: told("open", GONE_AFTER_MS) }), null],
    ["it is not there, nobody knows since when, and it was there a moment ago", cause({ told: told("open", GONE_AFTER_MS - 1) }), null],
    ["it is not there, and nobody knows since when", cause({ told: told("open", GONE_AFTER_MS) }), "finding-resolved"],
    ["the environment does not enforce", cause({ enforced: false, open: open(NOW, 9) }), null],
    ["the environment does not enforce any more", cause({ enforced: false, open: open(NOW, 9), told: told("open", 5) }), "finding-resolved"],
    ["that it does not any more was told", cause({ enforced: false, open: open(NOW, 9), told: told("resolved", NOW) }), null],
    ["that it is gone was told", cause({ endedAt: 0, told: told("resolved", 5) }), null],
    ["it is back soon", cause({ open: open(TOLD_AFTER_MS), told: told("resolved", TOLD_AGAIN_MS - 1) }), null],
    ["it is back later", cause({ open: open(TOLD_AFTER_MS), told: told("resolved", TOLD_AGAIN_MS) }), "finding-opened"],
  ])("%s", (_, input, expected) => {
    expect(decideFindingNotice(input, NOW)).toBe(expected);
  });
  it("tells of what is critical and of drift, not of warnings", () => {
    expect(TOLD_KINDS).toContain("unknown-artifact");
    expect(TOLD_KINDS).toContain("flapping");
    for (const kind of ["tag-moved", "will-revert", "silent", "clock-skew"] as const) expect(TOLD_KINDS).not.toContain(kind);
  });
});

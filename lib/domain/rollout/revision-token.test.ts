import { describe, expect, it } from "vitest";
import type { Revision } from "@/lib/domain/rollout/revision-token";
import { describeChanges, revisionToken } from "@/lib/domain/rollout/revision-token";

const revision = (changes: Partial<Revision> = {}): Revision => ({
  distribution: [
    { release: "r42", version: "1.42", targets: 5 },
    { release: null, version: null, targets: 1 },
  ],
  assigned: { release: "r42", version: "1.42" },
  target: { release: "r41", version: "1.41" },
  ledgerSize: 9,
  rollouts: [{ id: "o1", status: "running" }],
  policy: { approvals: 1, held: false },
  ...changes,
});

describe("revisionToken", () => {
  it.each<[string, Partial<Revision>, string]>([
    ["another assignment", { assigned: { release: "r41", version: "1.41" } }, "The assigned release is now 1.41 (was 1.42)."],
    ["nothing assigned", { assigned: null }, "The assigned release is now nothing (was 1.42)."],
    ["another last known good", { target: { release: "r40", version: "1.40" } }, "The release to go to is now 1.40 (was 1.41)."],
    ["a rollout ended", { rollouts: [{ id: "o1", status: "aborted" }] }, "A rollout that was running is now aborted."],
    ["another rollout", { rollouts: [{ id: "o1", status: "running" }, { id: "o2", status: "planned" }] }, "A rollout was started and is planned."],
    ["no rollout any more", { rollouts: [] }, "A rollout that was running is no longer the latest."],
    ["a release appeared", { distribution: [...revision().distribution, { release: "r7", version: "0.7", targets: 1 }] }, "Some targets now run 0.7."],
    ["a release vanished", { distribution: revision().distribution.slice(0, 1) }, "No target runs an unknown release any more."],
    ["a hold", { policy: { approvals: 1, held: true } }, 'The rule "held" is now true (was false).'],
    ["a rule more", { policy: { approvals: 1, held: false, frozen: "Friday" } }, 'The rule "frozen" is now Friday (was not set).'],
    ["a rule less", { policy: { approvals: 1 } }, 'The rule "held" is now not set (was false).'],
    ["no last known good any more: it was recalled in between", { target: null }, "The release to go to is now nothing (was 1.41)."],
    ["a decision", { ledgerSize: 11 }, "2 further decisions about this service were recorded."],
  ])("changes with %s, and says so", (_, changes, sentence) => {
    expect(revisionToken(revision(changes))).not.toBe(revisionToken(revision()));
    expect(describeChanges(revision(), revision(changes))).toEqual([sentence]);
  });

  it("says the most important first, and counts decisions only where nothing else says it", () => {
    const after = revision({ assigned: null, target: null, rollouts: [{ id: "o1", status: "superseded" }, { id: "o2", status: "running" }], policy: { approvals: 1, held: true }, ledgerSize: 12 });
    expect(describeChanges(revision(), after)).toEqual([
      "The assigned release is now nothing (was 1.42).",
      "The release to go to is now nothing (was 1.41).",
      "A rollout that was running is now superseded.",
      "A rollout was started and is running.",
      'The rule "held" is now true (was false).',
    ]);
  });

  it("tells what runs and leads to no release from nothing that runs", () => {
    expect(revisionToken(revision({ distribution: [] }))).not.toBe(revisionToken(revision({ distribution: [{ release: null, version: null, targets: 1 }] })));
  });

  it("does not change with how many run each, nor with any order", () => {
    const moved = revision({ distribution: revision().distribution.toReversed().map((row) => ({ ...row, targets: 99 })) });
    expect(revisionToken(moved)).toBe(revisionToken(revision()));
    expect(describeChanges(revision(), moved)).toEqual([]);
    expect(revisionToken(revision())).toMatch(/^[0-9a-f]{32}$/);
  });
});

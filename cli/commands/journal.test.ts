import { describe, expect, it } from "vitest";
import type { JournalItem } from "@/lib/contract/journal";
import { describeJournal } from "./journal";

const item = (changes: Partial<JournalItem>): JournalItem => ({ at: "2026-11-26T02:03:11.000Z", source: "event", kind: "restart", sentence: "restarted (exit 137, out of memory)", by: null, subject: { instance: "a".repeat(64), target: "payments", agent: "eu-1" }, until: null, learnedAt: "2026-11-26T02:03:12.000Z", learnedLater: false, rollout: null, entry: null, ...changes });

describe("describeJournal", () => {
  it("tells the newest last, naming days, instances and what was learned later", () => {
    const items = [
      item({ source: "gap", sentence: "Plumbline did not listen for 40 s", subject: null, learnedLater: true }),
      item({ learnedAt: "2026-11-26T02:07:11.000Z", learnedLater: true }),
      item({ at: "2026-11-25T23:59:00.000Z", source: "decision", sentence: "hold placed by Ada", subject: null }),
      item({ at: "2026-11-25T23:58:00.000Z", source: "silence", sentence: "eu-1 was last heard", subject: { instance: null, target: null, agent: "eu-1" } }),
    ];
    expect(describeJournal({ items, nextCursor: null }, "1h")).toEqual([
      "2026-11-25 UTC",
      "23:58:00  eu-1 was last heard",
      "23:59:00  hold placed by Ada",
      "2026-11-26 UTC",
      "02:03:11  aaaaaaaaaaaa on eu-1: restarted (exit 137, out of memory), learned 4 min later",
      "02:03:11  Plumbline did not listen for 40 s",
    ]);
  });
  it("says when nothing happened, and when there is more", () => {
    expect(describeJournal({ items: [], nextCursor: null }, "30m")).toEqual(["Nothing happened there within 30m."]);
    expect(describeJournal({ items: [item({})], nextCursor: "x" }, "30m")[0]).toBe("(older lines are left out: --limit, or a shorter --since)");
  });
});

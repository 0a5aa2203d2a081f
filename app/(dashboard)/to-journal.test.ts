import { describe, expect, it } from "vitest";
import type { JournalItem } from "@/lib/contract/journal";
import { journalOf, toJournalRows } from "./to-journal";

const item = (changes: Partial<JournalItem> = {}): JournalItem => ({ at: "2026-11-26T02:03:11.000Z", source: "event", kind: "restart", sentence: "restarted (exit 137)", by: null, subject: { instance: "b".repeat(64), target: "payments", agent: "eu-1" }, until: null, learnedAt: "2026-11-26T02:03:12.000Z", learnedLater: false, rollout: null, entry: null, ...changes });
/** The line under one that has nothing to do with it. */
const row = (changes: Partial<JournalItem>, names = true) => toJournalRows([item({ kind: "exec", sentence: "exec: sh" }), item(changes)], { names })[1];

describe("toJournalRows", () => {
  it.each<[string, Partial<JournalItem>, object]>([
    ["names a container by its first digits", {}, { text: "bbbbbbbbbbbb on eu-1: restarted (exit 137)", shape: "rolling", detail: undefined }],
    ["names a target where the key is long", { subject: { instance: "x".repeat(40), target: "payments", agent: "eu-1" } }, { text: "payments on eu-1: restarted (exit 137)" }],
    ["says what was learned later", { learnedAt: "2026-11-26T02:07:11.000Z", learnedLater: true }, { detail: "learned 4 min later" }],
    ["says the day of another day", { at: "2026-11-25T23:00:00.000Z" }, { detail: "Wed 25 Nov" }],
    ["names the entry of a decision", { source: "decision", kind: "hold-placed", sentence: "hold placed by Ada", subject: null, entry: 7 }, { text: "Hold placed by Ada", detail: "entry 7", shape: "person" }],
    ["does not name an agent twice", { source: "silence", kind: "silent", sentence: "eu-1 was last heard", subject: { instance: null, target: null, agent: "eu-1" } }, { text: "eu-1 was last heard", shape: "unknown" }],
  ])("%s", (_, changes, expected) => {
    expect(row(changes)).toMatchObject(expected);
  });
  it("makes one line of what happens to many copies of a target at once", () => {
    const gone = (second: number, agent = "eu-1", seconds = 12) => item({ at: `2026-11-26T02:03:${second}.000Z`, source: "span", kind: "gone", sentence: `gone; had run 1.0.0 for ${seconds} s`, subject: { instance: `${second}${agent}`, target: "payments", agent } });
    const rows = toJournalRows([gone(29), gone(28, "eu-2"), gone(27, "eu-1", 14), gone(26), item({ at: "2026-11-26T02:01:00.000Z", source: "span", kind: "gone", sentence: "gone; had run 1.0.0 for 9 s" })], { names: true });
    expect(rows.map(({ text, detail }) => [text, detail])).toEqual([
      ["payments on eu-1: gone; had run 1.0.0 for 12 s", "3 times within 3 s"],
      ["28eu-2 on eu-2: gone; had run 1.0.0 for 12 s", undefined],
      ["bbbbbbbbbbbb on eu-1: gone; had run 1.0.0 for 9 s", undefined],
    ]);
  });
  it("leaves out the name where the page says it", () => {
    expect(row({}, false)).toMatchObject({ text: "Restarted (exit 137)" });
  });
});

describe("journalOf", () => {
  it("asks for the last day of what is there, and for the last that it had of what is not", () => {
    expect(journalOf({ id: "a", ended: null })).toEqual({ filter: { instance: "a" }, note: "the last 24 hours" });
    expect(journalOf({ id: "a", ended: { at: "2026-11-20T02:03:11.000Z", reason: "gone" } })).toEqual({ filter: { instance: "a", to: "2026-11-20T02:03:11.000Z" }, note: "its last 24 hours" });
  });
});

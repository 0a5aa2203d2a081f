import { describe, expect, it } from "vitest";
import { describeLag, describeRuntimeEvent, describeSpanEnd, foldRestarts, isLearnedLater, RESTART_WITHIN_MS, type FoldedEvent, type RuntimeEvent } from "./journal";

const event = (kind: RuntimeEvent["kind"], at: number, changes: Partial<RuntimeEvent> = {}): RuntimeEvent => ({ id: `${kind} ${at}`, at, learnedAt: at, kind, instance: "a", by: null, digest: null, detail: kind === "stop" ? { exitCode: 137 } : {}, ...changes });
const told = (events: readonly FoldedEvent[]): string[] => events.toSorted((a, b) => a.at - b.at).map((one) => `${one.at} ${describeRuntimeEvent(one)}`);

describe("foldRestarts", () => {
  it.each<[string, RuntimeEvent[], string[]]>([
    ["a crash for memory", [event("oom", 1), event("stop", 2), event("start", 3)], ["3 restarted (exit 137, out of memory)"]],
    ["a restart that the runtime also names", [event("stop", 1), event("start", 2), event("restart", 3)], ["2 restarted (exit 137)"]],
    ["a restart alone", [event("restart", 3)], ["3 restarted"]],
    ["a start alone", [event("start", 3)], ["3 started"]],
    ["a stop alone", [event("stop", 3)], ["3 stopped (exit 137)"]],
    ["a stop for memory", [event("oom", 1), event("stop", 2)], ["2 stopped (exit 137, out of memory)"]],
    ["a start long after a stop", [event("stop", 1), event("start", 2 + RESTART_WITHIN_MS)], ["1 stopped (exit 137)", `${2 + RESTART_WITHIN_MS} started`]],
    ["two instances", [event("stop", 1), event("start", 2, { instance: "b" })], ["1 stopped (exit 137)", "2 started"]],
    ["one after the other, told newest first", [event("start", 4), event("stop", 3), event("start", 2), event("stop", 1)], ["2 restarted (exit 137)", "4 restarted (exit 137)"]],
    ["what happens at one moment", [event("start", 5), event("stop", 5), event("oom", 5)], ["5 restarted (exit 137, out of memory)"]],
    ["a command beside it", [event("exec", 1, { by: "alice", detail: { command: "sh" } }), event("stop", 2)], ["1 a command was run inside by alice: sh", "2 stopped (exit 137)"]],
    ["who did it", [event("stop", 1, { by: "alice" }), event("start", 2)], ["2 restarted by alice (exit 137)"]],
    ["settings", [event("settings", 1), event("declared", 2, { digest: `sha256:${"a".repeat(64)}` })], ["1 its settings were changed", "2 what it would start next was changed to aaaaaaa"]],
    ["memory alone", [event("oom", 1)], ["1 killed: out of memory"]],
  ])("%s", (_, events, expected) => {
    expect(told(foldRestarts(events))).toEqual(expected);
  });
});

describe("describeSpanEnd", () => {
  const ran = { ran: "1.0.0", minutes: 90, exitCode: null, oom: false };
  it.each([
    ["gone", "gone; had run 1.0.0 for 2 h"],
    ["image", "began to run something else; had run 1.0.0 for 2 h"],
    ["restart", "was started anew; had run 1.0.0 for 2 h"],
    ["health", "its health changed; had run 1.0.0 for 2 h"],
    ["mutated", "its files changed in place; had run 1.0.0 for 2 h"],
    ["settings", "its settings changed; had run 1.0.0 for 2 h"],
    ["mapping", "counts as another service, environment, partition or component since; had run 1.0.0 for 2 h"],
    ["agent-retired", "its agent retired; had run 1.0.0 for 2 h"],
    ["something", "something; had run 1.0.0 for 2 h"],
  ])("%s", (reason, expected) => {
    expect(describeSpanEnd({ ...ran, reason })).toBe(expected);
  });
  it("says how it ended", () => {
    expect(describeSpanEnd({ ...ran, reason: "exited", exitCode: 137, oom: true, minutes: 1 })).toBe("ended (exit 137, out of memory); had run 1.0.0 for 60 s");
  });
});

it.each([[0, "0 s"], [89_000, "89 s"], [90_000, "2 min"], [3_600_000, "60 min"], [7_200_000, "2 h"], [200_000_000, "2 d"]])("%i ms is %s", (ms, expected) => {
  expect(describeLag(ms)).toBe(expected);
});

it.each([[15_000, false], [15_001, true]])("what is learned after %i ms at an interval of 15 s: later %s", (lag, expected) => {
  expect(isLearnedLater({ at: 5, learnedAt: 5 + lag, intervalMs: 15_000 })).toBe(expected);
});

import { describe, expect, it } from "vitest";
import type { RolloutDetail } from "@/lib/contract/rollouts";
import { personNeeded } from "./decide-exit";
import { changeKey, rolloutLine } from "./progress-line";
import { renderProgress } from "./render-progress";
import { visibleLength, type Surface } from "./terminal-text";

const START = "2026-11-20T02:16:00.000Z";
const NOW = Date.parse(START) + 102_000;
const release = (version: string) => ({ id: `018f0000-0000-7000-8000-${version.replaceAll(".", "").padStart(12, "0")}`, version, digest: null });
const counts = (verified: number, inFlight: number, stuck: number, total: number) => ({ total, verified, inFlight, stuck, failed: 0, waiting: total - verified - inFlight - stuck, gone: 0, withdrawn: 0 });
type Wave = RolloutDetail["waves"][number];
const wave = (ordinal: number, name: string, change: Partial<Wave>): Wave => ({
  ordinal, name, status: "pending", statusSince: START, statusReason: null, openedAt: null, finishedAt: null, soakUntil: null, gate: [], goAhead: { needed: false, by: null, entry: null }, check: null, prefetched: 0, counts: counts(0, 0, 0, 2), cells: "", ...change,
});

function example(change: Partial<RolloutDetail> = {}): RolloutDetail {
  return {
    id: "018f0000-0000-7000-8000-000000000012", number: 12, service: "payments", environment: "production", partition: "default", kind: "promote", origin: "plumbline", status: "running", statusReason: null, outcome: null, incident: null,
    from: release("1.42.0"), to: release("1.43.0"), entry: 90, holdEntry: null, reason: null, startedBy: "ci", supersedes: null, createdAt: START, acceptedAt: START, acknowledgedAt: START, finishedAt: null, revision: 4,
    counts: counts(6, 3, 1, 40), estimateMs: { from: 212_000, to: 342_000 }, strategy: { version: 3, sentence: "5 %, 25 %, everyone.", maxInFlight: null }, waitingFor: null, executor: null, group: null, reverts: null, revertedBy: null, cleared: false, watchedUntil: null, external: null,
    waves: [
      wave(1, "canary", { status: "passed", counts: counts(2, 0, 0, 2) }),
      wave(2, "25 %", { status: "open", counts: counts(4, 3, 1, 10) }),
      wave(3, "everyone", { counts: counts(0, 0, 0, 28) }),
    ],
    stuck: [{ reason: "cannot-fetch", sentence: "The image could not be pulled.", next: "Check that the registry is reachable from the host.", count: 1, where: ["web-3"], oldestOfferedAt: START }],
    targets: [], events: [], summary: "",
    ...change,
  };
}

const plain: Surface = { width: 100, height: null, colour: false };
const render = (rollout: RolloutDetail, surface: Surface = plain) => renderProgress({ value: rollout, away: null, nowMs: NOW }, surface);

describe("what a terminal shows", () => {
  it("says everything that the browser says", () => {
    expect(render(example())).toEqual([
      "R-12 promote payments 1.42.0 → 1.43.0 in production  running 1:42",
      "1 canary    ████████████████████████████████  2/2                       passed",
      "2 25 %      █████████████▒▒▒▒▒▒▒▒▒▒!!!······  4/10 3 in flight 1 stuck  open",
      "3 everyone  ································  0/28                      pending",
      "6 of 40 verified, 3 in flight, 1 stuck; 2 to 4 min left",
      "1 stuck: The image could not be pulled. (web-3)",
      "  Check that the registry is reachable from the host.",
    ]);
  });

  it.each<[string, Partial<RolloutDetail>, string]>([
    ["a go-ahead", { waves: [wave(1, "canary", { status: "passed" }), wave(2, "rest", { status: "waiting", goAhead: { needed: true, by: null, entry: null } })] }, "Wave 2 (rest) waits for a person: plumbline rollout go-ahead R-12 --wave 2"],
    ["a go-ahead that was given", { waitingFor: "Waits for the freeze Christmas to end.", waves: [wave(1, "rest", { status: "waiting", goAhead: { needed: true, by: "Kim", entry: 91 } })] }, "Waits for the freeze Christmas to end."],
    ["a check", { waves: [wave(1, "rest", { status: "waiting", check: { status: "due", detail: "error rate 0.4 > 0.1", attempts: 3 } })] }, "Check before wave 1 is due: error rate 0.4 > 0.1, asked 3 times"],
    ["a pause", { status: "paused", statusReason: "Stopped by a person." }, "It is paused (Stopped by a person): plumbline rollout resume R-12"],
    ["a wave that failed", { status: "paused", waves: [wave(1, "canary", { status: "failed" })] }, "It is paused: plumbline rollout resume R-12 --failed retry|accept"],
    ["a soak", { waves: [wave(1, "canary", { status: "soaking", soakUntil: new Date(NOW + 41_000).toISOString() })] }, "soaking, 0:41 left"],
    ["bytes that are there", { waves: [wave(1, "rest", { prefetched: 2 })] }, "pending, 2 have the bytes"],
    ["its end", { status: "failed", finishedAt: START, statusReason: "Too many failed.", revertedBy: { id: "018f0000-0000-7000-8000-000000000013", number: 13 } }, "failed: Too many failed., R-13 rolls it back"],
    ["a partition", { partition: "canary" }, "in production/canary"],
    ["a stop", { kind: "stop", to: null }, "R-12 stop payments 1.42.0 in production"],
  ])("shows %s", (_, change, text) => expect(render(example(change)).join("\n")).toContain(text));

  it("says that the server is away, and that the rollout does not need it to watch", () => {
    expect(renderProgress({ value: example(), away: { forMs: 63_000, why: "ECONNREFUSED" }, nowMs: NOW }, plain).join("\n")).toContain("has not answered for 1:03 (ECONNREFUSED); trying again");
  });

  it("lets nobody's text steer the terminal", () => {
    const evil = example({ stuck: [{ reason: "start-failed", sentence: "\u001b[2JGone\u0007\nand\tback", next: "\u202ereversed", count: 1, where: [], oldestOfferedAt: null }] });
    expect(render(evil).join("|")).toContain("1 stuck: [2JGone and back|  reversed");
  });

  const longest = { service: "a-service-with-a-name-of-sixty-three-characters-in-all-and-more-", statusReason: "x".repeat(300), waves: Array.from({ length: 40 }, (_, at) => wave(at + 1, `region-${at + 1}-with-a-long-name`, { status: at < 20 ? "passed" : at === 20 ? "open" : "pending", counts: counts(at, 100, 20, 9_999) })) } satisfies Partial<RolloutDetail>;
  it.each([20, 33, 40, 59, 80, 120, 250])("fits %d columns and 12 rows, in colour and without, whatever it shows", (width) => {
    for (const colour of [true, false]) {
      for (const change of [{}, longest]) {
        const lines = render(example(change), { width, height: 12, colour });
        expect(lines.length).toBeLessThanOrEqual(12);
        expect(Math.max(...lines.map(visibleLength))).toBeLessThanOrEqual(width);
      }
    }
  });

  it("folds the waves that passed and those that come before it folds what is in the way", () => {
    const lines = render(example(longest), { width: 100, height: 12, colour: false });
    expect(lines).toContain("20 waves passed");
    expect(lines).toContain("18 more waves follow");
    expect(lines.at(-1)).toContain("Check that the registry");
  });

  it("draws at least one cell of whatever is there, and the bar is never longer than its column", () => {
    const [, line] = render(example({ waves: [wave(1, "all", { status: "open", counts: { total: 10_000, verified: 9_996, inFlight: 1, stuck: 1, failed: 1, waiting: 1, gone: 0, withdrawn: 0 } })] }));
    expect(line).toContain("▒!x·");
    expect(line).toMatch(/ {2}█{28}▒!x· {2}/);
  });

  it("uses colour only when asked to", () => {
    expect(render(example()).join("")).not.toContain("\u001b");
    expect(render(example(), { ...plain, colour: true }).join("")).toContain("\u001b[32m█");
  });
});

describe("a line for machines", () => {
  const frame = { at: START, away: null, end: null };
  it("changes with what happened, not with time", () => {
    const key = changeKey(rolloutLine(example(), frame));
    expect(changeKey(rolloutLine(example({ estimateMs: null }), { ...frame, at: "2026-11-20T02:17:00.000Z" }))).toBe(key);
    expect(changeKey(rolloutLine(example({ counts: counts(7, 2, 1, 40) }), frame))).not.toBe(key);
    expect(changeKey(rolloutLine(example(), { ...frame, away: { forMs: 1, why: "" } }))).not.toBe(key);
  });
  it("ends with the exit code, and only the last one says so", () => {
    expect(rolloutLine(example(), frame)).toMatchObject({ number: 12, to: "1.43.0", final: false, server: "answers", waves: [{ ordinal: 1, status: "passed" }, { status: "open" }, { status: "pending" }] });
    expect(rolloutLine(example(), { ...frame, end: { exit: 124, sentence: "late" } })).toMatchObject({ final: true, exit: 124, sentence: "late" });
  });
  it("names the person's part in the words of the screen", () => {
    const waiting = example({ status: "paused" });
    expect(rolloutLine(waiting, frame).waitsForPerson).toBe(personNeeded(waiting));
  });
});

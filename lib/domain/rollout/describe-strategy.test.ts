import { describe, expect, it } from "vitest";
import { describeDetails, describeLastKnownGood, describeStrategy, listWaves } from "./describe-strategy";
import { DEFAULT_LKG_POLICY, type LastKnownGoodPolicy } from "./last-known-good";
import { DEFAULT_STRATEGY, FAST_TRACK, OPEN_GATE, type Strategy } from "./strategy";

const strategy = (changes: Partial<Strategy>): Strategy => ({ ...FAST_TRACK, ...changes });
const webhook = { kind: "webhook", url: "https://user:secret@checks.example.org/go?token=1", timeoutMs: 1_000, everyMs: 30_000, withinMs: 600_000 } as const;

describe("one sentence", () => {
  it.each<[Strategy, string]>([
    [DEFAULT_STRATEGY.promote, "canary 5 % → 25 % → 100 %, each watched for 1 min; more than 5 % failures roll it back"],
    [FAST_TRACK, "everyone at once; any failure ends it as failed"],
    [strategy({ cut: { kind: "percentages", steps: [100] }, gate: { ...OPEN_GATE, maxFailures: 1 }, onFailure: "pause" }), "everyone at once; more than 1 failure pauses it"],
    [strategy({ cut: { kind: "percentages", steps: [0.5, 50] }, gate: { ...OPEN_GATE, failureThreshold: 0.025, maxFailures: 2, soakMs: 5_400_000 }, onFailure: "pause" }), "canary 0.5 % → 50 % → 100 %, each watched for 1 h 30 min; more than 2.5 % failures (and more than 2) pause it"],
    [strategy({ cut: { kind: "groups", by: "region", order: [] } }), "one region after another; any failure ends it as failed"],
    [strategy({ cut: { kind: "groups", by: { label: "cell" }, order: ["a", "b"] }, onFailure: "rollback" }), "one cell after another, a → b → other values of cell; any failure rolls it back"],
    [strategy({ cut: { kind: "targets", waves: [{ name: "first", targets: ["x"] }, { name: "second", targets: ["y", "z"] }] } }), "first (1 target) → second (2 targets) → the rest; any failure ends it as failed"],
    [strategy({ gate: { ...OPEN_GATE, soakMs: 86_400_000 + 1_500 } }), "everyone at once, watched for 1 d 1.5 s; any failure ends it as failed"],
  ])("%#", (given, words) => expect(describeStrategy(given)).toBe(words));
});

it("says what the sentence leaves out, and no secret of an address", () => {
  expect(describeDetails(DEFAULT_STRATEGY.promote)).toEqual([
    "A wave passes when all of its targets are verified.",
    "A copy counts once it has been up for 5 s without a restart.",
    "A replacement that takes longer than 10 min is stuck.",
    "A verified target that becomes unhealthy or crashes counts as failed.",
  ]);
  const all = strategy({
    cut: { kind: "percentages", steps: [10, 100] },
    gate: { ...OPEN_GATE, passShare: 0.95, health: false, goAhead: true, check: webhook },
    maxInFlight: 1,
    minUptimeMs: 0,
    stuckAfterMs: 2_700_000,
    waves: [
      { wave: 2, goAhead: false, check: { ...webhook, kind: "prometheus", query: "errors", op: "<", threshold: 0.01 }, failureThreshold: 0.1 },
      { wave: 1, soakMs: 0, health: true, check: null, passShare: 1 },
      { wave: 3 },
    ],
  });
  expect(describeDetails(all)).toEqual([
    "A wave passes when 95 % of its targets are verified.",
    "A copy counts as soon as it runs.",
    "A replacement that takes longer than 45 min is stuck.",
    "Health is not watched.",
    "A person says go before each further wave.",
    "Before each further wave: checks.example.org is asked every 30 s, for at most 10 min.",
    "At most 1 target is in flight at a time.",
    "Wave 1: no check, passes at 100 %, not watched, health counts.",
    "Wave 2: no go-ahead, checks.example.org is asked whether errors < 0.01 every 30 s, for at most 10 min, more than 10 % failures are too many.",
  ]);
});

it.each<[LastKnownGoodPolicy, string]>([
  [DEFAULT_LKG_POLICY, "ran on 90 % of the targets for 30 min, unhealthy for at most 5 % of the time"],
  [{ minShare: 1, minRanForMs: 86_400_000, maxUnhealthyShare: 0 }, "ran on 100 % of the targets for 1 d, never unhealthy"],
  [{ minShare: 0.5, minRanForMs: 0, maxUnhealthyShare: 1 }, "ran on 50 % of the targets, unhealthy for at most 100 % of the time"],
])("says what is known to be good: %j", (policy, words) => expect(describeLastKnownGood(policy)).toBe(words));

it("names the waves as far as they are known", () => {
  expect(listWaves({ kind: "percentages", steps: [5, 25] })).toEqual(["5 %", "25 %", "100 %"]);
  expect(listWaves({ kind: "all-at-once" })).toEqual(["everyone"]);
  expect(listWaves({ kind: "groups", by: "region", order: [] })).toBeNull();
  expect(listWaves({ kind: "targets", waves: [{ name: "first", targets: ["x"] }] })).toEqual(["first", "the rest"]);
});

import { describe, expect, it } from "vitest";
import { DEFAULT_STRATEGY, FAILURE_ACTIONS, FAST_TRACK, gateOf, OPEN_GATE, type Strategy, type WaveGate } from "@/lib/domain/rollout/strategy";

const check = { kind: "webhook" as const, url: "https://gate.test", timeoutMs: 1, everyMs: 1, withinMs: 1 };
const asks: WaveGate = { ...OPEN_GATE, soakMs: 5, goAhead: true, check };

describe("gateOf", () => {
  it.each<[string, Strategy["waves"], number, WaveGate]>([
    ["the strategy's own", [], 2, asks],
    ["nothing stands before the first", [], 1, { ...asks, goAhead: false, check: null }],
    ["unless it is named there", [{ wave: 1, goAhead: true, check }], 1, asks],
    ["the first's other fields are the strategy's", [{ wave: 1, goAhead: true }], 1, { ...asks, check: null }],
    ["what is said for this wave", [{ wave: 2, passShare: 0.5, goAhead: false }], 2, { ...asks, passShare: 0.5, goAhead: false }],
    ["and taken away from it", [{ wave: 2, check: null }], 2, { ...asks, check: null }],
    ["not what is said for another", [{ wave: 3, passShare: 0.5 }], 2, asks],
    ["said twice: the first", [{ wave: 2, soakMs: 1 }, { wave: 2, soakMs: 2 }], 2, { ...asks, soakMs: 1 }],
    ["a wave beyond all that were named", [{ wave: 2, soakMs: 1 }], 9, asks],
  ])("%s", (_, waves, wave, expected) => {
    expect(gateOf({ gate: asks, waves }, wave)).toEqual(expected);
  });
});

describe("what an environment does that never said otherwise", () => {
  it("goes forwards in steps, watched, and takes back by itself what fails", () => {
    const { promote } = DEFAULT_STRATEGY;
    expect(promote).toMatchObject({ cut: { kind: "percentages", steps: [5, 25, 100] }, onFailure: "rollback", maxInFlight: null });
    expect(gateOf(promote, 2)).toEqual({ ...OPEN_GATE, soakMs: 60_000, failureThreshold: 0.05 });
  });

  it("goes back at once, for everyone, and says so when that fails", () => {
    expect(DEFAULT_STRATEGY.rollback).toBe(FAST_TRACK);
    expect(FAST_TRACK).toMatchObject({ cut: { kind: "all-at-once" }, gate: OPEN_GATE, onFailure: "fail", maxInFlight: null });
    expect(FAILURE_ACTIONS).toContain(FAST_TRACK.onFailure);
  });

  it("waits for nobody", () => {
    for (const strategy of [DEFAULT_STRATEGY.promote, DEFAULT_STRATEGY.rollback]) {
      for (const wave of [1, 2, 3]) expect(gateOf(strategy, wave)).toMatchObject({ goAhead: false, check: null, health: true });
    }
  });
});

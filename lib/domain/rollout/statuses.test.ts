import { describe, expect, it } from "vitest";
import {
  ACTIVE_ROLLOUT_STATUSES,
  ACTIVE_TARGET_STATUSES,
  canRolloutMove,
  canTargetMove,
  canWaveMove,
  isActiveRollout,
  ROLLOUT_STATUSES,
  ROLLOUT_TRANSITIONS,
  SETTLED_TARGET_STATUSES,
  TARGET_STATUSES,
  TARGET_TRANSITIONS,
  TERMINAL_ROLLOUT_STATUSES,
  WAVE_STATUSES,
  WAVE_TRANSITIONS,
} from "@/lib/domain/rollout/statuses";

describe("statuses", () => {
  it("splits each list into two parts that share nothing", () => {
    expect([...ACTIVE_ROLLOUT_STATUSES, ...TERMINAL_ROLLOUT_STATUSES].sort()).toEqual([...ROLLOUT_STATUSES].sort());
    expect([...ACTIVE_TARGET_STATUSES, ...SETTLED_TARGET_STATUSES].sort()).toEqual([...TARGET_STATUSES].sort());
  });

  it("lets nothing follow what ended, and something follow what did not", () => {
    for (const status of ROLLOUT_STATUSES) {
      expect([status, ROLLOUT_TRANSITIONS[status].length > 0]).toEqual([status, isActiveRollout(status)]);
    }
    expect(canRolloutMove("running", "paused") && canRolloutMove("paused", "running")).toBe(true);
    expect(canRolloutMove("planned", "succeeded")).toBe(false);
  });

  it.each<[string, boolean, boolean]>([
    ["a wave that waited may fail by its check", canWaveMove("waiting", "failed"), true],
    ["a wave fails only after it was looked at", canWaveMove("pending", "failed"), false],
    ["a soak starts again", canWaveMove("soaking", "open") && canWaveMove("open", "soaking"), true],
    ["a person offers a failed wave again, or goes on without its failures", canWaveMove("failed", "open") && canWaveMove("failed", "passed"), true],
    ["a check before a wave that failed is asked again", canWaveMove("failed", "waiting"), true],
    ["what passed stays so", WAVE_TRANSITIONS.passed.length === 0, true],
    ["who was withdrawn stays so", TARGET_TRANSITIONS.withdrawn.length === 0, true],
    ["a target is verified only after its offer was answered, or by observation", canTargetMove("pending", "replacing"), false],
    ["a verified one leaves only by observation", canTargetMove("verified", "failed") || canTargetMove("verified", "withdrawn"), false],
    ["who comes back before its turn waits again", canTargetMove("gone", "pending"), true],
    ["a contested one is not fought for", canTargetMove("contested", "offered"), false],
    ["a person has a failed or a stuck one offered again", canTargetMove("failed", "pending") && canTargetMove("stuck", "pending"), true],
    ["nobody waits again otherwise", TARGET_STATUSES.some((from) => !["gone", "failed", "stuck"].includes(from) && canTargetMove(from, "pending")), false],
  ])("%s", (_, moves, expected) => {
    expect(moves).toBe(expected);
  });

  it("knows no move to where one already is", () => {
    for (const status of ROLLOUT_STATUSES) expect(canRolloutMove(status, status)).toBe(false);
    for (const status of WAVE_STATUSES) expect(canWaveMove(status, status)).toBe(false);
    for (const status of TARGET_STATUSES) expect(canTargetMove(status, status)).toBe(false);
  });

  it("reaches every status from the first one", () => {
    const reach = <S extends string>(first: S, table: Readonly<Record<S, readonly S[]>>): Set<S> => {
      const seen = new Set<S>([first]);
      for (const status of seen) for (const next of table[status]) seen.add(next);
      return seen;
    };
    expect(reach("planned", ROLLOUT_TRANSITIONS).size).toBe(ROLLOUT_STATUSES.length);
    expect(reach("pending", WAVE_TRANSITIONS).size).toBe(WAVE_STATUSES.length);
    expect(reach("pending", TARGET_TRANSITIONS).size).toBe(TARGET_STATUSES.length);
  });
});

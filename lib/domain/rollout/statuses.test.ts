import { describe, expect, it } from "vitest";
import {
  ACTIVE_ROLLOUT_STATUSES,
  ACTIVE_TARGET_STATUSES,
  canRolloutMove,
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

import type { AgentState, ListeningGap } from "@/lib/domain/fleet/freshness";
import { freshnessDeadlines, freshnessOf } from "@/lib/domain/fleet/freshness";

/** Above this difference (ms) between an agent's clock and the server's a `clock-skew` finding opens. */
export const MAX_CLOCK_SKEW_MS = 2 * 60_000;

export interface AgentPresence {
  state: AgentState;
  /** The last report's receipt, or the enrolment when there was none (epoch ms). */
  lastHeardAt: number;
  intervalMs: number;
  /** An ephemeral agent retires by itself when it was silent for its time to live (ms); null for one that stays. */
  ephemeralTtlMs: number | null;
}

export interface PresenceTransition {
  to: AgentState;
  /** When the new state began (epoch ms), which may be before now. */
  since: number;
}

/**
 * The next state of an agent, or null when it stays: active → late → silent → retired, and back to active with a
 * report. `retired` is final: whoever comes back enrols again. Times in which Plumbline itself was not listening are
 * given as `gaps`; nobody becomes late, silent or retired because of them.
 */
export function nextPresence(
  agent: AgentPresence,
  now: number,
  gaps: readonly ListeningGap[] = [],
): PresenceTransition | null {
  if (agent.state === "retired") return null;
  const times = { lastReportAt: agent.lastHeardAt, intervalMs: agent.intervalMs, gaps };
  const { lateAt, silentAt } = freshnessDeadlines(times);
  const move = (to: AgentState, since: number): PresenceTransition | null =>
    to === agent.state ? null : { to, since };
  const freshness = freshnessOf({ ...times, now });
  switch (freshness) {
    case "fresh":
      return move("active", agent.lastHeardAt);
    case "late":
      return move("late", lateAt);
    case "silent": {
      const listening = gaps.every((gap) => gap.to !== null);
      const retiresAt = silentAt + (agent.ephemeralTtlMs ?? Infinity);
      return listening && now >= retiresAt ? move("retired", agent.lastHeardAt) : move("silent", silentAt);
    }
    default:
      return freshness satisfies never;
  }
}

/** Whether the clocks differ too much. Both in epoch ms, taken at the same moment. */
export function isClockSkewed(agentClock: number, serverClock: number): boolean {
  return Math.abs(agentClock - serverClock) > MAX_CLOCK_SKEW_MS;
}

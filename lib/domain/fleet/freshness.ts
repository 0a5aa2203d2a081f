/** How old the last word about a scope is. `silent` means unknown, never in sync. */
export const FRESHNESS = ["fresh", "late", "silent"] as const;
export type Freshness = (typeof FRESHNESS)[number];

/** Where an agent stands. `retired` is a decision, or the end of an ephemeral agent's time to live. */
export const AGENT_STATES = ["active", "late", "silent", "retired"] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/** Late from this many intervals without a report, silent from that many. */
export const LATE_AFTER_INTERVALS = 2;
export const SILENT_AFTER_INTERVALS = 3;

/** A time in which Plumbline itself was not listening. `to` is null while it lasts. Epoch milliseconds. */
export interface ListeningGap {
  from: number;
  to: number | null;
}

/**
 * When an allowance (ms) since the last report runs out. A gap that began before that moment starts the allowance
 * anew at its end: whoever could not reach us gets the whole of it to come back. One that began later changes nothing,
 * so a silent agent does not look fresh because we restarted. Infinity while such a gap lasts.
 */
function dueAt(lastReportAt: number, allowanceMs: number, gaps: readonly ListeningGap[]): number {
  let due = lastReportAt + allowanceMs;
  for (const gap of [...gaps].sort((a, b) => a.from - b.from)) {
    if (gap.from >= due) break;
    if (gap.to === null) return Infinity;
    due = Math.max(due, gap.to + allowanceMs);
  }
  return due;
}

/** The moments (epoch ms) from which a scope counts as late and as silent if nothing more is heard. */
export function freshnessDeadlines(input: {
  lastReportAt: number;
  intervalMs: number;
  gaps?: readonly ListeningGap[];
}): { lateAt: number; silentAt: number } {
  const gaps = input.gaps ?? [];
  return {
    lateAt: dueAt(input.lastReportAt, LATE_AFTER_INTERVALS * input.intervalMs, gaps),
    silentAt: dueAt(input.lastReportAt, SILENT_AFTER_INTERVALS * input.intervalMs, gaps),
  };
}

/**
 * Freshness of one (agent, scope): `fresh` below 2 intervals since its last report, `silent` from 3 on.
 * Times in epoch milliseconds. A scope that never reported is silent.
 */
export function freshnessOf(input: {
  lastReportAt: number | null;
  intervalMs: number;
  now: number;
  gaps?: readonly ListeningGap[];
}): Freshness {
  if (input.lastReportAt === null) return "silent";
  const { lateAt, silentAt } = freshnessDeadlines({ ...input, lastReportAt: input.lastReportAt });
  if (input.now < lateAt) return "fresh";
  return input.now < silentAt ? "late" : "silent";
}

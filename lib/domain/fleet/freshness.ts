/** How old the last word about a scope is. `silent` means unknown, never in sync. */
export const FRESHNESS = ["fresh", "late", "silent"] as const;
export type Freshness = (typeof FRESHNESS)[number];

/** Where an agent stands. `retired` is a decision or the end of an ephemeral agent's time to live. */
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

/** How long (ms) of [from, to] Plumbline was not listening. Overlapping gaps count once. */
export function gapWithin(gaps: readonly ListeningGap[], from: number, to: number): number {
  const clipped = gaps
    .map((gap) => ({ from: Math.max(gap.from, from), to: Math.min(gap.to ?? to, to) }))
    .filter((gap) => gap.to > gap.from)
    .sort((a, b) => a.from - b.from);
  let total = 0;
  let reached = from;
  for (const gap of clipped) {
    const start = Math.max(gap.from, reached);
    if (gap.to > start) {
      total += gap.to - start;
      reached = gap.to;
    }
  }
  return total;
}

/**
 * Freshness of one (agent, scope): `fresh` below 2 intervals since its last report, `silent` from 3 on.
 * Times in epoch milliseconds; time inside `gaps` does not count, since nobody could have reported then.
 */
export function freshnessOf(input: {
  lastReportAt: number | null;
  intervalMs: number;
  now: number;
  gaps?: readonly ListeningGap[];
}): Freshness {
  if (input.lastReportAt === null) return "silent";
  const heardFor = input.now - input.lastReportAt - gapWithin(input.gaps ?? [], input.lastReportAt, input.now);
  if (heardFor < LATE_AFTER_INTERVALS * input.intervalMs) return "fresh";
  return heardFor < SILENT_AFTER_INTERVALS * input.intervalMs ? "late" : "silent";
}

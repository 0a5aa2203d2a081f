import { severityOf, type FindingCategory } from "@/lib/domain/drift/categories";

/** So many findings of one kind at one target within this time (ms) are one that comes and goes. */
export const FLAP_TIMES = 4;
export const FLAP_WITHIN_MS = 30 * 60_000;
/** After so long (ms) without a change it is over, and what is there then counts by itself again. */
export const FLAP_QUIET_MS = 30 * 60_000;

/** A target at which findings come and go. */
export interface Flap {
  /** What was there when it was last looked at. */
  present: readonly FindingCategory[];
  /** How often something came or went, at least. */
  times: number;
  /** When something last did (epoch ms). */
  lastAt: number;
}

export interface FlapFacts {
  flap: Flap | null;
  /** What is there now. */
  observed: readonly FindingCategory[];
  /** What has an open finding. */
  open: readonly FindingCategory[];
  /** How many findings of each kind ended here within FLAP_WITHIN_MS. */
  ended: ReadonlyMap<FindingCategory, number>;
}

/** Whether findings of a kind are folded while they come and go. What is critical, or was never approved, is always said by itself. */
export function isFoldable(kind: FindingCategory): boolean {
  return severityOf(kind) !== "critical" && kind !== "unapproved";
}

/**
 * Whether findings come and go at one target: the flap as it is now, or null when there is none (any more). While there is
 * one, nothing foldable is opened or kept open at the target: the flap stands for all of it.
 */
export function decideFlap({ flap, observed, open, ended }: FlapFacts, now: number): Flap | null {
  const present = [...new Set(observed.filter(isFoldable))].sort();
  if (flap !== null) {
    if (present.join() !== [...flap.present].sort().join()) return { present, times: flap.times + 1, lastAt: now };
    return now - flap.lastAt >= FLAP_QUIET_MS ? null : flap;
  }
  const times = Math.max(0, ...present.filter((kind) => !open.includes(kind)).map((kind) => (ended.get(kind) ?? 0) + 1));
  return times >= FLAP_TIMES ? { present, times, lastAt: now } : null;
}

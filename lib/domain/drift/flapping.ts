import { severityOf, type FindingCategory } from "@/lib/domain/drift/categories";

/** So many findings of one kind at one target within this time (ms) are one that comes and goes. */
export const FLAP_TIMES = 4;
export const FLAP_WITHIN_MS = 30 * 60_000;
/** After so long (ms) without a change it is over, and what is there then counts by itself again. */
export const FLAP_QUIET_MS = 30 * 60_000;

/** What comes and goes at a target. */
export interface Flap {
  /** The kinds that do. It stands for these and for no other. */
  kinds: readonly FindingCategory[];
  /** Which of them were there when it was last looked at. */
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
  /** How many findings of each kind ended here within FLAP_WITHIN_MS: about one image, where they are about images. */
  ended: ReadonlyMap<FindingCategory, number>;
  /** What a waiver covers here. A flap cannot be waived, so it must not stand for what is. */
  waived: ReadonlySet<FindingCategory>;
}

/** Whether findings of a kind are folded while they come and go. What is critical, or was never approved, is always said by itself. */
export function isFoldable(kind: FindingCategory): boolean {
  return severityOf(kind) !== "critical" && kind !== "unapproved";
}

/**
 * Whether findings come and go at one target: the flap as it is now, or null when there is none (any more). While there is
 * one, nothing of its kinds is opened or kept open at the target: the flap stands for all of it.
 */
export function decideFlap({ flap, observed, open, ended, waived }: FlapFacts, now: number): Flap | null {
  const there = [...new Set(observed)].filter((kind) => isFoldable(kind) && !waived.has(kind)).sort();
  const stands = (flap?.kinds ?? []).filter((kind) => !waived.has(kind));
  const begun = there.filter((kind) => !stands.includes(kind) && !open.includes(kind) && countOf(ended, kind) >= FLAP_TIMES);
  const kinds = [...stands, ...begun].sort();
  if (kinds.length === 0) return null;
  const present = there.filter((kind) => kinds.includes(kind));
  if (flap === null) return { kinds, present, times: Math.max(...begun.map((kind) => countOf(ended, kind))), lastAt: now };
  if (begun.length > 0 || present.join() !== flap.present.filter((kind) => stands.includes(kind)).sort().join()) return { kinds, present, times: flap.times + 1, lastAt: now };
  if (now - flap.lastAt >= FLAP_QUIET_MS) return null;
  return kinds.length === flap.kinds.length ? flap : { ...flap, kinds, present };
}

/** How often a kind has come, with this time. */
function countOf(ended: FlapFacts["ended"], kind: FindingCategory): number {
  return (ended.get(kind) ?? 0) + 1;
}

import { compareText } from "@/lib/domain/compare-text";
import type { FindingKind } from "@/lib/domain/drift/categories";

/** At most this many instances are named beside a finding. */
export const MAX_SAMPLE_KEYS = 5;

/** What makes a finding unique while it is open. */
export interface FindingKey {
  /** Id of the target, or of the agent and scope, that it is about. */
  target: string;
  category: FindingKind;
  /** The image (or artifact) that it is about; null when it is about none. */
  image: string | null;
}

/** One disagreement as just observed. Several with one key are added up. */
export interface ObservedFinding extends FindingKey {
  count: number;
  sampleKeys: readonly string[];
  /** When it was observed to begin (epoch ms). */
  since: number;
}

/** A finding that is open in the store. */
export interface OpenFinding extends ObservedFinding {
  id: string;
}

export interface FindingChanges {
  /** To insert; `openedAt` (epoch ms) is when we knew. */
  open: (ObservedFinding & { openedAt: number })[];
  /** To rewrite with these values. */
  update: OpenFinding[];
  resolve: { id: string; resolvedAt: number }[];
}

function keyOf(finding: FindingKey): string {
  return JSON.stringify([finding.target, finding.category, finding.image]);
}

/** Adds two observations of one key. Commutative and associative, so that order never shows. */
function merge(a: ObservedFinding, b: ObservedFinding): ObservedFinding {
  return {
    ...a,
    count: a.count + b.count,
    since: Math.min(a.since, b.since),
    sampleKeys: pickSamples([...a.sampleKeys, ...b.sampleKeys]),
  };
}

function pickSamples(keys: readonly string[]): string[] {
  return [...new Set(keys)].sort(compareText).slice(0, MAX_SAMPLE_KEYS);
}

/**
 * What has to change so that the open findings are exactly the observed ones. Applying it twice changes nothing, and
 * the order of either list does not matter. A finding keeps its earliest `since`.
 * @param open the open findings of the targets that were judged, no others
 * @param coverageComplete with incomplete coverage nothing absent is closed
 */
export function diffFindings(
  open: readonly OpenFinding[],
  observed: readonly ObservedFinding[],
  now: number,
  coverageComplete = true,
): FindingChanges {
  const wanted = new Map<string, ObservedFinding>();
  for (const finding of observed) {
    const single = { ...finding, sampleKeys: pickSamples(finding.sampleKeys) };
    const before = wanted.get(keyOf(finding));
    wanted.set(keyOf(finding), before ? merge(before, single) : single);
  }
  const changes: FindingChanges = { open: [], update: [], resolve: [] };
  const kept = new Set<string>();
  for (const finding of [...open].sort((a, b) => compareText(a.id, b.id))) {
    const key = keyOf(finding);
    const want = wanted.get(key);
    const isRepetition = kept.has(key);
    kept.add(key);
    if (isRepetition || !want) {
      if (isRepetition || coverageComplete) changes.resolve.push({ id: finding.id, resolvedAt: now });
      continue;
    }
    const next: OpenFinding = { ...want, id: finding.id, since: Math.min(finding.since, want.since) };
    const same =
      next.count === finding.count &&
      next.since === finding.since &&
      next.sampleKeys.join("\n") === finding.sampleKeys.join("\n");
    if (!same) changes.update.push(next);
  }
  for (const [key, want] of [...wanted].sort((a, b) => compareText(a[0], b[0]))) {
    if (!kept.has(key)) changes.open.push({ ...want, openedAt: now });
  }
  return changes;
}

/** A time in milliseconds, from the shorter to the longer. */
export interface Range {
  from: number;
  to: number;
}

/** Fewer verified targets than this tell no rate. */
const MIN_SAMPLES = 3;

/**
 * How long it still takes until the rest is verified, from the rate at which targets were verified: the rate of the whole
 * and that of the younger half differ, and the range lies between them, widened by a quarter.
 * @param verifiedAt when targets were verified (epoch ms), in any order
 * @param startedAt when the first was offered (epoch ms)
 * @param extraMs what is certain to be waited for besides, such as the soaks of the waves that follow
 * @returns null as long as it cannot be estimated
 */
export function estimateRemaining(input: { verifiedAt: readonly number[]; startedAt: number; remaining: number; now: number; extraMs?: number }): Range | null {
  const { now, remaining, startedAt, extraMs = 0 } = input;
  if (remaining <= 0) return { from: extraMs, to: extraMs };
  const times = input.verifiedAt.toSorted((a, b) => a - b);
  const half = times.slice(Math.floor(times.length / 2));
  const [first] = half;
  const elapsed = now - startedAt;
  if (times.length < MIN_SAMPLES || first === undefined || elapsed <= 0) return null;
  const overall = times.length / elapsed;
  const recent = half.length / Math.max(1, now - first);
  const [slow, fast] = overall < recent ? [overall, recent] : [recent, overall];
  return { from: Math.round((remaining / fast) * 0.75) + extraMs, to: Math.round((remaining / slow) * 1.25) + extraMs };
}

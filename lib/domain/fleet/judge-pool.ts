/** Half of a pool's agents gone within so long (ms) is a finding. */
export const SHRINK_WINDOW_MS = 5 * 60_000;
/** Of fewer than so many, half is one or two. */
export const SHRINK_LEAST = 4;
/** How long (ms) a pool that stays small is news; after that it is its size. */
export const SHRUNK_FOR_MS = 60 * 60_000;
/** A pool that is three quarters of what it was has come back. */
const RECOVERED_SHARE = 0.75;
/** How long (ms) fewer than the minimum are nobody's business: one is replaced. */
export const MINIMUM_SETTLE_MS = 2 * 60_000;

export interface PoolCounts {
  /** Agents that report now: neither silent nor gone. */
  live: number;
  /** How many did so `SHRINK_WINDOW_MS` ago. */
  liveBefore: number;
  /** Of those that did so then and do not now, how many said good-bye. */
  left: number;
  minimum: number | null;
  /** Since when (epoch ms) fewer than the minimum report; null when enough did at the last look. */
  shortSince: number | null;
  /** What an open finding says the pool had, and since when (epoch ms). */
  shrunk: { from: number; since: number } | null;
}

export interface PoolJudgement {
  shortSince: number | null;
  /** How many are missing, since when; null for enough, or not for long. */
  belowMinimum: { short: number; since: number; detail: string } | null;
  /** How many are gone of how many; null while the pool has most of its agents, or has been small for long. */
  shrunk: { gone: number; from: number; since: number; detail: string } | null;
}

/**
 * Whether a pool has too few agents, from counts alone: half of them gone within five minutes, or fewer than its minimum
 * for longer than a replacement takes. One that is replaced at the same pace as it loses is neither. Both are over by
 * themselves.
 */
export function judgePool(pool: PoolCounts, now: number): PoolJudgement {
  const shortSince = pool.minimum !== null && pool.live < pool.minimum ? (pool.shortSince ?? now) : null;
  return {
    shortSince,
    belowMinimum:
      pool.minimum !== null && shortSince !== null && now - shortSince >= MINIMUM_SETTLE_MS
        ? { short: pool.minimum - pool.live, since: shortSince, detail: `${pool.live} of at least ${pool.minimum}` }
        : null,
    shrunk: judgeShrinking(pool, now),
  };
}

function judgeShrinking({ live, liveBefore, left, shrunk }: PoolCounts, now: number): PoolJudgement["shrunk"] {
  if (shrunk) {
    if (live >= shrunk.from * RECOVERED_SHARE || now - shrunk.since >= SHRUNK_FOR_MS) return null;
    return { gone: shrunk.from - live, from: shrunk.from, since: shrunk.since, detail: `${live} are left of ${shrunk.from}` };
  }
  if (liveBefore < SHRINK_LEAST || live > liveBefore / 2) return null;
  const byThemselves = left === 0 ? "none said good-bye" : `${left} said good-bye`;
  return { gone: liveBefore - live, from: liveBefore, since: now, detail: `${live} are left of ${liveBefore}; ${byThemselves}` };
}

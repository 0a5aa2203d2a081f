import type { App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { advanceWaves } from "./advance-waves";
import { countOffered } from "./count-offered";
import { judgeTargets } from "./judge-targets";
import { offerRest, pokeOffers, TOLD_FIRST_MS } from "./offer-rest";
import { offerTargets } from "./offer-targets";
import { lockRollout, readBlocked } from "./read-rollout-state";
import { revertRollout } from "./revert-rollout";

/** How often every target in flight is looked at, because of time alone; in the turns between, those of whom something was written. */
const EVERYTHING_EVERY_MS = 2_000;

/** When those of a new rollout are all looked at first: a report may have come before the first turn. */
const FIRST_AFTER_MS = 1_000;

/** Who told a rollout's targets counts them too, and has had so long (ms) for it: its process may have ended. */
const COUNTED_AFTER_MS = 10_000;

/** From which transaction (64-bit xid) on a rollout's targets were not looked at yet, and when all of them were last. */
export type Looked = { from: string; allAt: number };

/** The job behind every active rollout; it remembers what it has looked at. */
export function advanceRolloutsInTurns(): (app: App) => Promise<void> {
  const looked = new Map<string, Looked>();
  return (app) => advanceRollouts(app, { looked });
}

/**
 * Judges the targets of every active rollout by observation and time, then moves its waves and itself.
 * @param now for tests; else the database's clock
 * @param looked what earlier turns have seen, kept up to date; without it everything is looked at, and nothing is left to others
 */
export async function advanceRollouts(app: App, { now = null, looked }: { now?: Date | null; looked?: Map<string, Looked> } = {}): Promise<void> {
  const due = await app.db.$queryRaw<{ id: string; active: boolean; watched: boolean; uncounted_ms: number | null }[]>`
    SELECT id, status IN ('planned', 'running', 'paused') AS active, coalesce(watched_until > clock_timestamp(), false) AS watched,
      (extract(epoch FROM clock_timestamp() - uncounted_since) * 1000)::float8 AS uncounted_ms FROM rollouts
    WHERE status IN ('planned', 'running', 'paused') OR watched_until > clock_timestamp() OR uncounted_since IS NOT NULL ORDER BY number`;
  const ids = new Set(due.map(({ id }) => id));
  for (const id of looked?.keys() ?? []) if (!ids.has(id)) looked?.delete(id);
  for (const { id, active, watched, uncounted_ms } of due) {
    try {
      const isBeingTold = looked !== undefined && uncounted_ms !== null && uncounted_ms >= 0 && uncounted_ms < TOLD_FIRST_MS;
      if (isBeingTold || (!active && !watched)) continue;
      const turn: Turn = { at: now, before: looked ? (looked.get(id) ?? "new") : "unknown" };
      const look = active ? await advanceOne(app, id, turn) : await putBack(app, id, turn);
      if (look) looked?.set(id, look);
    } catch (error) {
      // One rollout's trouble is not the others'; the next turn tries again.
      app.log.error({ err: error, rollout: id }, "A rollout could not be advanced");
    }
  }
  for (const { id, uncounted_ms } of due) {
    if (uncounted_ms === null || (uncounted_ms >= 0 && uncounted_ms < COUNTED_AFTER_MS)) continue;
    await countOffered(app, id).catch((error: unknown) => app.log.error({ err: error, rollout: id }, "Whom a rollout told could not be counted"));
  }
}

/** `new`: the rollout began since the last turn; `unknown`: nothing is remembered of it. */
type Turn = { at: Date | null; before: Looked | "new" | "unknown" };

async function advanceOne(app: App, id: string, turn: Turn): Promise<Looked | null> {
  const { revert, more, uncounted, look } = await transact(app.db, async (tx) => {
    const rollout = await lockRollout(tx, id, { wait: false });
    if (!rollout) return { revert: false, more: false, uncounted: false, look: null };
    const { now, look } = await judgeDue(tx, id, turn);
    if (rollout.status === "running") await offerAgain(tx, id, now);
    return { ...(await advanceWaves(tx, rollout, now)), look };
  });
  if (revert) {
    await revertRollout(app, id);
    pokeOffers(app);
  }
  if (more ? (await offerRest(app, id)) === "all" : uncounted) await countOffered(app, id);
  return look;
}

/**
 * A rollout that has ended is watched for a while: who leaves what it was verified on is told again, at most twice, when it
 * succeeded; of another one it is seen who still gets there.
 */
async function putBack(app: App, id: string, turn: Turn): Promise<Looked | null> {
  return transact(app.db, async (tx) => {
    const [row] = await tx.$queryRaw<{ succeeded: boolean }[]>`
      SELECT r.status LIKE 'succeeded%' AS succeeded FROM rollouts r WHERE r.id = ${id}::uuid AND EXISTS (SELECT FROM rollout_targets rt WHERE rt.rollout_id = r.id AND rt.status NOT IN ('verified', 'gone', 'withdrawn'))
      FOR NO KEY UPDATE OF r SKIP LOCKED`;
    if (!row) return null;
    const { now, look } = await judgeDue(tx, id, turn);
    if (row.succeeded) await offerAgain(tx, id, now);
    return look;
  });
}

/** Who left what it was verified on is told once more, at most twice: judging says `contested` after that. */
async function offerAgain(tx: Tx, rolloutId: string, now: Date): Promise<void> {
  const [regressed] = await tx.$queryRaw<unknown[]>`SELECT 1 FROM rollout_targets WHERE rollout_id = ${rolloutId}::uuid AND status = 'regressed' LIMIT 1`;
  // Whoever took a release back that may not be offered any more did right.
  if (regressed && (await readBlocked(tx, rolloutId)) === null) await offerTargets(tx, { rolloutId, offer: "regressed", now });
}

/** Judges whom something was written of since the last look, and now and then everybody. */
async function judgeDue(tx: Tx, rolloutId: string, { at, before }: Turn): Promise<{ now: Date; look: Looked }> {
  // Before looking: what is under way now, and commits later, is seen by the next look.
  const [clock] = await tx.$queryRaw<{ now: Date; xid: string }[]>`SELECT clock_timestamp() AS now, pg_snapshot_xmin(pg_current_snapshot())::text AS xid`;
  const now = at ?? clock?.now ?? new Date();
  const from = clock?.xid ?? "0";
  // Who has only just been told can show nothing yet, and telling the others comes first.
  if (before === "new") return { now, look: { from, allAt: now.getTime() + FIRST_AFTER_MS - EVERYTHING_EVERY_MS } };
  const all = before === "unknown" || Math.abs(now.getTime() - before.allAt) >= EVERYTHING_EVERY_MS;
  await judgeTargets(tx, { rolloutId, since: all ? null : before.from }, now);
  return { now, look: { from, allAt: all ? now.getTime() : before.allAt } };
}

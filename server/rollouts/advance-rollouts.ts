import type { App } from "@/server/context";
import { transact } from "@/server/db";
import { advanceWaves } from "./advance-waves";
import { judgeTargets } from "./judge-targets";
import { offerTargets } from "./offer-targets";
import { lockRollout } from "./read-rollout-state";
import { revertRollout } from "./revert-rollout";

/**
 * The job behind every active rollout: judges its targets by observation and time, then moves its waves and itself.
 * @param now for tests; else the database's clock
 */
export async function advanceRollouts(app: App, { now = null }: { now?: Date | null } = {}): Promise<void> {
  const due = await app.db.$queryRaw<{ id: string; active: boolean }[]>`
    SELECT id, status IN ('planned', 'running', 'paused') AS active FROM rollouts
    WHERE status IN ('planned', 'running', 'paused') OR watched_until > clock_timestamp() ORDER BY number`;
  for (const { id, active } of due) {
    try {
      if (active) await advanceOne(app, id, now);
      else await putBack(app, id, now);
    } catch (error) {
      // One rollout's trouble is not the others'; the next turn tries again.
      app.log.error({ err: error, rollout: id }, "A rollout could not be advanced");
    }
  }
}

async function advanceOne(app: App, id: string, at: Date | null): Promise<void> {
  const { revert } = await transact(app.db, async (tx) => {
    const rollout = await lockRollout(tx, id, { wait: false });
    if (!rollout) return { revert: false };
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const now = at ?? clock?.now ?? new Date();
    await judgeTargets(tx, { rolloutId: id }, now);
    // Once more, at most twice: judging says `contested` after that.
    if (rollout.status === "running") await offerTargets(tx, { rolloutId: id, offer: "regressed", now });
    return advanceWaves(tx, rollout, now);
  });
  if (revert) await revertRollout(app, id);
}

/** A rollout that has succeeded is watched for a while: who leaves what it was verified on is told again, at most twice. */
async function putBack(app: App, id: string, at: Date | null): Promise<void> {
  await transact(app.db, async (tx) => {
    const [row] = await tx.$queryRaw<{ now: Date }[]>`
      SELECT clock_timestamp() AS now FROM rollouts r WHERE r.id = ${id}::uuid AND EXISTS (SELECT FROM rollout_targets rt WHERE rt.rollout_id = r.id AND rt.status NOT IN ('verified', 'gone', 'withdrawn'))
      FOR NO KEY UPDATE OF r SKIP LOCKED`;
    if (!row) return;
    const now = at ?? row.now;
    await judgeTargets(tx, { rolloutId: id }, now);
    await offerTargets(tx, { rolloutId: id, offer: "regressed", now });
  });
}

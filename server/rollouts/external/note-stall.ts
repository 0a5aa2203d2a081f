import type { RolloutState } from "@/lib/domain/rollout/advance-rollout";
import { DONE_SETTLES_MS, hasStalled } from "@/lib/domain/rollout/follow-external";
import type { Tx } from "@/server/db";
import type { RolloutRow } from "../read-rollout-state";
import { tellRollout } from "../tell-rollout";

/**
 * Says once that a rollout which others carry out stands still, and once that it moves again. It stays `running`: whether
 * its deployer goes on is not Plumbline's to say. @returns whether there was something to say
 */
export async function noteStall(tx: Tx, rollout: RolloutRow, state: RolloutState, now: Date): Promise<boolean> {
  if (!state.follow || state.status !== "running") return false;
  const open = state.waves.filter(({ status }) => status === "open");
  const left = open.reduce((sum, { counts }) => sum + counts.pending + counts.inFlight + counts.stuck, 0);
  const quietSince = Math.max(0, ...open.map((wave) => wave.quietSince));
  const stalled = hasStalled({ left, quietSince }, now.getTime(), state.follow);
  if (stalled === (rollout.stalledSince !== null)) return !stalled && left > 0 && noteDone(tx, rollout, { left, now });
  const since = stalled ? new Date(quietSince) : null;
  const reason = since ? `Nothing has moved since ${formatUtc(since)}.` : null;
  rollout.stalledSince = since;
  await tx.$executeRaw`UPDATE rollouts SET stalled_since = ${since}, status_reason = ${reason}, revision = revision + 1 WHERE id = ${rollout.id}::uuid`;
  await tellRollout(tx, { rolloutId: rollout.id, at: now, kind: stalled ? "stalled" : "moving", detail: { reason } });
  return true;
}

/** Says once that a deployer calls done what is not to be seen. */
async function noteDone(tx: Tx, rollout: RolloutRow, { left, now }: { left: number; now: Date }): Promise<boolean> {
  const [said] = await tx.$queryRaw<{ by: string | null }[]>`
    SELECT coalesce(n.tool, n.by) AS by FROM announcements n
    WHERE n.rollout_id = ${rollout.id}::uuid AND n.status = 'succeeded' AND n.updated_at <= ${new Date(now.getTime() - DONE_SETTLES_MS)}::timestamptz
      AND NOT EXISTS (SELECT FROM rollout_events v WHERE v.rollout_id = n.rollout_id AND v.kind = 'announced' AND v.detail @> '{"unseen": true}')
    LIMIT 1`;
  if (!said) return false;
  const reason = `Announced as done, and not seen: ${left} target${left === 1 ? "" : "s"} did not get there.`;
  await tx.$executeRaw`UPDATE rollouts SET status_reason = ${reason}, revision = revision + 1 WHERE id = ${rollout.id}::uuid`;
  await tellRollout(tx, { rolloutId: rollout.id, at: now, kind: "announced", detail: { by: said.by, message: `it is done, but ${left} target${left === 1 ? "" : "s"} did not get there.`, unseen: true } });
  return true;
}

/** `2026-11-20 02:14 UTC`: it is read in notices, where no page says the zone. */
function formatUtc(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

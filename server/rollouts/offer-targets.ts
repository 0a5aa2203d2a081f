import type { Tx } from "@/server/db";
import { raiseDesired } from "@/server/desired/raise-desired";
import { regroupTargets } from "@/server/drift/regroup-targets";

/**
 * Moves the desired rows of targets to what the rollout brings, one generation up, and wakes their agents: the pending
 * ones of a wave that opens, or (without a wave) those that regressed. Called on a locked rollout.
 */
export async function offerTargets(tx: Tx, { rolloutId, wave, now }: { rolloutId: string; wave: number | null; now: Date }): Promise<void> {
  const rows = await tx.$queryRaw<{ target_id: bigint; agent_id: string }[]>`
    WITH offered AS (
      INSERT INTO target_desired AS d (target_id, release_id, entry_seq, rollout_id, generation, updated_at)
      SELECT rt.target_id, r.to_release_id, r.entry_seq, r.id, 1, ${now}::timestamptz
      FROM rollout_targets rt JOIN rollouts r ON r.id = rt.rollout_id
      WHERE rt.rollout_id = ${rolloutId}::uuid AND ((rt.status = 'pending' AND rt.wave = ${wave}::int) OR (rt.status = 'regressed' AND ${wave}::int IS NULL)) ORDER BY rt.target_id
      ON CONFLICT (target_id) DO UPDATE SET release_id = excluded.release_id, entry_seq = excluded.entry_seq, rollout_id = excluded.rollout_id,
        generation = d.generation + 1, updated_at = excluded.updated_at
      RETURNING d.target_id, d.generation
    ), moved AS (
      UPDATE rollout_targets rt SET status = 'offered', generation = offered.generation, offered_at = ${now}::timestamptz, updated_at = ${now}::timestamptz
      FROM offered WHERE rt.rollout_id = ${rolloutId}::uuid AND rt.target_id = offered.target_id RETURNING rt.target_id)
    SELECT moved.target_id, s.agent_id FROM moved JOIN targets t ON t.id = moved.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id`;
  if (rows.length === 0) return;
  await raiseDesired(tx, [...new Set(rows.map((row) => row.agent_id))]);
  await regroupTargets(tx, rows.map((row) => row.target_id), { now });
}

import { sqlArray, type Tx } from "@/server/db";
import { raiseDesired } from "@/server/desired/raise-desired";
import { regroupTargets } from "@/server/drift/regroup-targets";
import { lockVerdicts } from "@/server/drift/rejudge";

/** Which targets: waiting ones of the waves up to one, as many as there is room for (null for all), or those that regressed. */
export type Offer = { throughWave: number; count: number | null } | "regressed";
export type Offered = { targetId: bigint; wave: number };

/**
 * Moves the desired rows of targets to what the rollout brings, one generation up, and wakes their agents. Where another
 * system carries the rollout out, the generation stays: no agent is to act. Called on a locked rollout. Their verdicts
 * follow at once, or are the caller's to bring up to date (`countLater`).
 */
export async function offerTargets(tx: Tx, { rolloutId, offer, now, countLater = false }: { rolloutId: string; offer: Offer; now: Date; countLater?: boolean }): Promise<Offered[]> {
  const regressed = offer === "regressed";
  const throughWave = regressed ? null : offer.throughWave;
  const locked = await lockForWaves(tx, rolloutId, offer);
  if (locked.length === 0) return [];
  const offered = await tx.$queryRaw<{ target_id: bigint }[]>`
    WITH chosen AS (
      SELECT rt.target_id, r.to_release_id, r.entry_seq, r.id AS rollout_id,
        -- A target that was another service's before has no row of its past here, and its agent started what it was told then.
        CASE WHEN r.executor_id IS NOT NULL OR r.origin <> 'plumbline' THEN 0 WHEN coalesce(own.generation, 0) > 0 THEN 1
          ELSE 1 + coalesce((SELECT max(past.generation) FROM rollout_targets past WHERE past.target_id = rt.target_id), 0) END AS step
      FROM rollout_targets rt JOIN rollouts r ON r.id = rt.rollout_id LEFT JOIN target_desired own ON own.target_id = rt.target_id
      WHERE rt.rollout_id = ${rolloutId}::uuid AND rt.target_id = ANY(${sqlArray(locked)}::bigint[])
        AND ((rt.status = 'pending' AND rt.wave <= ${throughWave}::int)
          -- Whoever was told something else since is not told the old again.
          OR (${regressed} AND rt.status = 'regressed' AND r.executor_id IS NULL AND r.origin = 'plumbline' AND own.rollout_id = r.id)))
    INSERT INTO target_desired AS d (target_id, release_id, entry_seq, rollout_id, generation, updated_at)
    SELECT target_id, to_release_id, entry_seq, rollout_id, step, ${now}::timestamptz FROM chosen ORDER BY target_id
    ON CONFLICT (target_id) DO UPDATE SET release_id = excluded.release_id, entry_seq = excluded.entry_seq, rollout_id = excluded.rollout_id,
      generation = d.generation + excluded.generation, updated_at = excluded.updated_at
    RETURNING d.target_id`;
  if (offered.length === 0) return [];
  // Joined through tables with keys: of rows that are younger than its statistics the planner expects one, and would hold
  // each of them against each.
  const rows = await tx.$queryRaw<{ target_id: bigint; wave: number; agent_id: string }[]>`
    WITH moved AS (
      UPDATE rollout_targets rt SET status = 'offered', reason = NULL, generation = d.generation, offered_at = ${now}::timestamptz, updated_at = ${now}::timestamptz
      FROM target_desired d WHERE rt.rollout_id = ${rolloutId}::uuid AND rt.target_id = ANY(${sqlArray(offered.map((row) => row.target_id))}::bigint[]) AND d.target_id = rt.target_id RETURNING rt.target_id, rt.wave)
    SELECT moved.target_id, moved.wave, s.agent_id FROM moved JOIN targets t ON t.id = moved.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id ORDER BY moved.target_id`;
  await raiseDesired(tx, [...new Set(rows.map((row) => row.agent_id))]);
  if (!countLater) await regroupTargets(tx, rows.map((row) => row.target_id), { now });
  return rows.map((row) => ({ targetId: row.target_id, wave: row.wave }));
}

/** What offering to these targets will lock, for a decision that appends its entry first: after the ledger nothing is. */
export async function lockForTargets(tx: Tx, targetIds: readonly bigint[]): Promise<void> {
  await lockVerdicts(tx);
  await tx.$executeRaw`
    SELECT 1 FROM agent_scopes WHERE id IN (SELECT agent_scope_id FROM targets WHERE id = ANY(${sqlArray([...targetIds])}::bigint[])) ORDER BY id FOR NO KEY UPDATE`;
}

/**
 * Reports lock their scope first, then their agent's row, desired rows and instances. A decision takes the scopes of all
 * whom it may tell before any of those, so that it waits for reports, and they for it, but never both: agents that come
 * back by the hundred are just when somebody rolls back. Verdicts come before scopes, as in every decision.
 * @returns the targets whose scopes are locked: while these were waited for one of them may have gone
 */
export async function lockForWaves(tx: Tx, rolloutId: string, offer: Offer): Promise<bigint[]> {
  const { throughWave, count } = offer === "regressed" ? { throughWave: null, count: null } : offer;
  await lockVerdicts(tx);
  const chosen = await tx.$queryRaw<{ target_id: bigint; scope_id: bigint }[]>`
    SELECT chosen.target_id, t.agent_scope_id AS scope_id FROM (
      SELECT rt.target_id FROM rollout_targets rt
      WHERE rt.rollout_id = ${rolloutId}::uuid AND ((rt.status = 'pending' AND rt.wave <= ${throughWave}::int) OR (rt.status = 'regressed' AND ${throughWave}::int IS NULL))
      ORDER BY rt.wave, rt.target_id LIMIT ${count}::bigint) chosen
    JOIN targets t ON t.id = chosen.target_id`;
  if (chosen.length > 0) await tx.$executeRaw`SELECT 1 FROM agent_scopes WHERE id = ANY(${sqlArray([...new Set(chosen.map(({ scope_id }) => scope_id))])}::bigint[]) ORDER BY id FOR NO KEY UPDATE`;
  return chosen.map(({ target_id }) => target_id);
}

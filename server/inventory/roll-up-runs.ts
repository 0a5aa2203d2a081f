import type { Tx } from "@/server/db";

/** A run that an agent's journal tells the end of. */
export type EndedRun = { scopeId: bigint; target: string; digest: string; at: Date; exitCode: number | null; /** Whether a report had shown it: its span tells of it then. */ seen: boolean };

/**
 * Counts runs that ended per (target, digest): every one of a job or a one-shot, of others those that no report had shown,
 * because they were over before the next one. However often a target runs, it is one row.
 */
export async function rollUpRuns(tx: Tx, runs: readonly EndedRun[]): Promise<void> {
  if (runs.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO run_rollups AS r (target_id, digest, runs, failed, first_at, last_at, last_exit)
    SELECT t.id, n.digest, count(*), count(*) FILTER (WHERE n.exit_code <> 0), min(n.at), max(n.at), (array_agg(n.exit_code ORDER BY n.at DESC))[1]
    FROM unnest(${runs.map(({ scopeId }) => scopeId)}::bigint[], ${runs.map(({ target }) => target)}::text[], ${runs.map(({ digest }) => digest)}::text[], ${runs.map(({ at }) => at)}::timestamptz[],
      ${runs.map(({ exitCode }) => exitCode)}::int[], ${runs.map(({ seen }) => seen)}::boolean[]) n(scope_id, key, digest, at, exit_code, seen)
    JOIN targets t ON t.agent_scope_id = n.scope_id AND t.key = n.key AND (t.kind IN ('job', 'oneshot') OR NOT n.seen)
    GROUP BY t.id, n.digest ORDER BY t.id, n.digest
    ON CONFLICT (target_id, digest) DO UPDATE SET runs = r.runs + excluded.runs, failed = r.failed + excluded.failed, first_at = least(r.first_at, excluded.first_at),
      last_at = greatest(r.last_at, excluded.last_at), last_exit = CASE WHEN excluded.last_at >= r.last_at THEN excluded.last_exit ELSE r.last_exit END`;
}

import { SILENT_AFTER_INTERVALS } from "@/lib/domain/fleet/freshness";
import { judgePool, SHRINK_WINDOW_MS } from "@/lib/domain/fleet/judge-pool";
import { recordChanges } from "@/server/changes/record-change";
import type { App } from "@/server/context";
import { transact, type Tx } from "@/server/db";

const POOL_KINDS = ["pool-shrunk", "pool-below-minimum"] as const;
type PoolKind = (typeof POOL_KINDS)[number];

type Row = { id: string; environment_id: string | null; live: number; live_before: number; left: number; min_agents: number | null; short_since: Date | null; shrunk_from: number | null; shrunk_since: Date | null };
type Standing = { poolId: string; environmentId: string | null; kind: PoolKind; count: number; since: Date; cause: { from?: number; detail: string } };

/** Opens, keeps up to date and ends what there is to say about pools as a whole: half gone, or fewer than the minimum. */
export async function watchPools(app: App, now = new Date()): Promise<void> {
  await transact(app.db, async (tx) => {
    const rows = await readPools(tx, now);
    const short: { id: string; since: Date | null }[] = [];
    const standing = rows.flatMap((row): Standing[] => {
      const shrunk = row.shrunk_from === null || row.shrunk_since === null ? null : { from: row.shrunk_from, since: row.shrunk_since.getTime() };
      const judged = judgePool({ live: row.live, liveBefore: row.live_before, left: row.left, minimum: row.min_agents, shortSince: row.short_since?.getTime() ?? null, shrunk }, now.getTime());
      if (judged.shortSince !== (row.short_since?.getTime() ?? null)) short.push({ id: row.id, since: judged.shortSince === null ? null : new Date(judged.shortSince) });
      const of = { poolId: row.id, environmentId: row.environment_id };
      return [
        ...(judged.shrunk ? [{ ...of, kind: "pool-shrunk" as const, count: judged.shrunk.gone, since: new Date(judged.shrunk.since), cause: { from: judged.shrunk.from, detail: judged.shrunk.detail } }] : []),
        ...(judged.belowMinimum ? [{ ...of, kind: "pool-below-minimum" as const, count: judged.belowMinimum.short, since: new Date(judged.belowMinimum.since), cause: { detail: judged.belowMinimum.detail } }] : []),
      ];
    });
    if (short.length > 0) {
      await tx.$executeRaw`
        UPDATE pools p SET short_since = n.since FROM unnest(${short.map(({ id }) => id)}::uuid[], ${short.map(({ since }) => since)}::timestamptz[]) n(id, since) WHERE p.id = n.id AND p.closed_at IS NULL`;
    }
    const changed = await settleFindings(tx, standing, now);
    if (changed > 0) await recordChanges(tx, [{ topic: "findings" }]);
  });
}

/**
 * Each open pool with how many agents report now and how many did at the window's beginning. Who is silent now did so then
 * when it was heard late enough; whoever was revoked is no loss.
 */
function readPools(tx: Tx, now: Date): Promise<Row[]> {
  const before = new Date(now.getTime() - SHRINK_WINDOW_MS);
  return tx.$queryRaw<Row[]>`
    WITH present AS (
      SELECT a.pool_id, a.retired_reason, a.retired_at, a.enrolled_at, a.interval_ms, a.retired_at IS NULL AND a.state <> 'silent' AS live,
        CASE WHEN a.retired_at IS NULL AND a.state <> 'silent' THEN NULL ELSE coalesce((SELECT max(s.last_report_at) FROM agent_scopes s WHERE s.agent_id = a.id), a.enrolled_at) END AS heard_at
      FROM agents a WHERE a.revoked_at IS NULL AND (a.retired_at IS NULL OR a.retired_at > ${before})
    ), counted AS (
      SELECT pool_id, (count(*) FILTER (WHERE live))::int AS live, (count(*) FILTER (WHERE then_live))::int AS live_before, (count(*) FILTER (WHERE then_live AND NOT live AND retired_at - heard_at < make_interval(secs => ${SILENT_AFTER_INTERVALS}::int * interval_ms / 1000.0)))::int AS "left"
      FROM (SELECT *, enrolled_at <= ${before} AND (live OR heard_at > ${before}::timestamptz - make_interval(secs => ${SILENT_AFTER_INTERVALS}::int * interval_ms / 1000.0)) AS then_live FROM present) p GROUP BY 1)
    SELECT p.id::text, coalesce(c.live, 0) AS live, coalesce(c.live_before, 0) AS live_before, coalesce(c."left", 0) AS "left", p.min_agents, p.short_since, (f.cause ->> 'from')::int AS shrunk_from, f.since AS shrunk_since,
      (SELECT min(pe.environment_id::text) FROM pool_environments pe WHERE pe.pool_id = p.id HAVING count(*) = 1) AS environment_id
    FROM pools p LEFT JOIN counted c ON c.pool_id = p.id LEFT JOIN findings f ON f.pool_id = p.id AND f.kind = 'pool-shrunk' AND f.resolved_at IS NULL
    WHERE p.closed_at IS NULL AND (c.pool_id IS NOT NULL OR p.min_agents IS NOT NULL OR f.id IS NOT NULL)`;
}

/** Brings the open findings about pools to what stands now. @returns how many rows changed */
async function settleFindings(tx: Tx, standing: readonly Standing[], now: Date): Promise<number> {
  const columns = [standing.map(({ poolId }) => poolId), standing.map(({ kind }) => kind), standing.map(({ count }) => count), standing.map(({ cause }) => JSON.stringify(cause)), standing.map(({ since }) => since), standing.map(({ environmentId }) => environmentId)] as const;
  const written = standing.length === 0 ? 0 : await tx.$executeRaw`
    INSERT INTO findings AS f (kind, pool_id, environment_id, count, cause, since, opened_at)
    SELECT n.kind, n.pool_id, n.environment_id, n.count, n.cause::jsonb, n.since, ${now}
    FROM unnest(${columns[0]}::uuid[], ${columns[1]}::text[], ${columns[2]}::int[], ${columns[3]}::text[], ${columns[4]}::timestamptz[], ${columns[5]}::uuid[]) n(pool_id, kind, count, cause, since, environment_id)
    ON CONFLICT (kind, target_id, agent_scope_id, combination_id, rollout_id, image_id, pool_id) WHERE resolved_at IS NULL DO UPDATE SET count = excluded.count, cause = excluded.cause
    WHERE f.count <> excluded.count OR f.cause <> excluded.cause`;
  const over = await tx.$executeRaw`
    UPDATE findings f SET resolved_at = ${now}, resolved_reason = CASE f.kind WHEN 'pool-shrunk' THEN 'it has most of its agents again, or stayed at that size' ELSE 'it has enough agents again' END
    WHERE f.pool_id IS NOT NULL AND f.resolved_at IS NULL AND f.kind = ANY(${[...POOL_KINDS]}::text[])
      AND NOT EXISTS (SELECT FROM unnest(${columns[0]}::uuid[], ${columns[1]}::text[]) n(pool_id, kind) WHERE n.pool_id = f.pool_id AND n.kind = f.kind)`;
  return written + over;
}

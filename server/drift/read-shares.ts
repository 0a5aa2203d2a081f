import type { FindingGroup } from "@/lib/contract/fleet";
import type { FindingKind } from "@/lib/domain/drift/categories";
import type { Db } from "@/server/db";

type Shared = FindingGroup["shared"];
type Asked = { kind: FindingKind; service: string | null; environment_id: string | null; running_release_id: string | null; image_id: bigint | null };
type Row = { place: number; dimension: "region" | "agent"; value: string; affected: number; every: number };

/** A dimension is worth a line when it tells the affected from the rest. */
const LEAST_SHARE = 0.5;

/**
 * What the affected of each group share, beside the share of all instances of the service there: from the counters, by
 * region and by agent. In the groups' order, the most telling first.
 */
export async function readShares(db: Db, groups: readonly Asked[]): Promise<Shared[]> {
  if (groups.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    WITH asked AS MATERIALIZED (
      SELECT * FROM unnest(${groups.map(({ kind }) => kind)}::text[], ${groups.map(({ service }) => service)}::text[], ${groups.map(({ environment_id }) => environment_id)}::uuid[],
        ${groups.map(({ image_id }) => image_id)}::bigint[], ${groups.map(({ running_release_id }) => running_release_id)}::uuid[]) WITH ORDINALITY a(kind, service, environment_id, image_id, release_id, place)
      WHERE environment_id IS NOT NULL AND image_id IS NOT NULL),
    scopes AS MATERIALIZED (
      SELECT s.id, a.name AS agent, coalesce(a.region, (SELECT i.region FROM instances i WHERE i.agent_scope_id = s.id AND i.region IS NOT NULL LIMIT 1)) AS region
      FROM agent_scopes s JOIN agents a ON a.id = s.agent_id AND a.retired_at IS NULL),
    here AS MATERIALIZED (
      SELECT c.service_name, c.environment_id, s.region, s.agent, c.image_id, c.running_release_id, c.categories, sum(k.instances)::int AS instances
      FROM combinations c JOIN combination_counts k ON k.combination_id = c.id JOIN scopes s ON s.id = k.agent_scope_id
      WHERE (c.service_name, c.environment_id) IN (SELECT service, environment_id FROM asked)
      GROUP BY 1, 2, 3, 4, 5, 6, 7),
    every AS (
      SELECT a.place, d.dimension, d.value, sum(h.instances)::int AS every,
        coalesce(sum(h.instances) FILTER (WHERE a.kind = ANY(h.categories) AND (h.image_id = a.image_id OR h.running_release_id = a.release_id)), 0)::int AS affected
      FROM asked a JOIN here h ON h.service_name = a.service AND h.environment_id = a.environment_id
      CROSS JOIN LATERAL (VALUES ('region', h.region), ('agent', h.agent)) d(dimension, value)
      WHERE d.value IS NOT NULL GROUP BY 1, 2, 3)
    SELECT e.place::int, e.dimension, e.value, e.affected, e.every FROM every e
    WHERE e.affected > 0 OR e.dimension = 'region'`;
  return groups.map((_, at) => sharesOf(rows.filter((row) => row.place === at + 1)));
}

function sharesOf(rows: readonly Row[]): Shared {
  const shares = (["region", "agent"] as const).flatMap((dimension) => {
    const own = rows.filter((row) => row.dimension === dimension);
    const affected = sum(own, (row) => row.affected);
    // Where the affected are is listed whole for regions; agents that are not affected are left out of the query.
    const all = sum(rows.filter((row) => row.dimension === "region"), (row) => row.every) || sum(own, (row) => row.every);
    if (affected === 0 || all === 0) return [];
    return own.map((row) => ({ dimension, value: row.value, share: row.affected / affected, baseline: Math.min(1, row.every / all) }));
  });
  return shares.filter(({ share, baseline }) => share >= LEAST_SHARE && share > baseline).sort((a, b) => b.share - b.baseline - (a.share - a.baseline)).slice(0, 4);
}

function sum(rows: readonly Row[], pick: (row: Row) => number): number {
  return rows.reduce((total, row) => total + pick(row), 0);
}

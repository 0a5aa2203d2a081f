import type { PoolDto } from "@/lib/contract/access";
import type { Db, Tx } from "@/server/db";

const MINUTE_MS = 60_000;
const MOST = 500;
type Row = Omit<PoolDto, "ttlMinutes"> & { ttl_ms: bigint | null };

/** Pools as they travel, by name; one of them when it is named. */
export async function loadPools(db: Db | Tx, name: string | null = null): Promise<PoolDto[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT p.id::text, p.name, p.scopes, p.ephemeral, p.ttl_ms, p.max_agents AS "maxAgents", p.min_agents AS "minAgents", p.networks::text[] AS networks, p.closed_at IS NOT NULL AS closed,
      ARRAY(SELECT e.name::text FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = p.id ORDER BY e.ordinal) AS environments,
      g.agents, g.silent AS "silentAgents"
    FROM pools p CROSS JOIN LATERAL (
      SELECT count(*)::int AS agents, (count(*) FILTER (WHERE a.state = 'silent'))::int AS silent FROM agents a WHERE a.pool_id = p.id AND a.retired_at IS NULL) g
    WHERE ${name}::text IS NULL OR p.name = ${name} ORDER BY p.name LIMIT ${MOST}`;
  return rows.map(({ ttl_ms, ...row }) => ({ ...row, ttlMinutes: ttl_ms === null ? null : Number(ttl_ms) / MINUTE_MS }));
}

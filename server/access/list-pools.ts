import type { PoolDto } from "@/lib/contract/access";
import type { Page } from "@/lib/contract/primitives";
import type { Ctx } from "@/server/context";
import { authorise, visibleTo } from "./authorise";

const MOST = 500;
type Row = { id: string; name: string; environments: string[]; scopes: string[]; ephemeral: boolean; ttl_hours: number | null; max_agents: number | null; agents: number; closed: boolean };

/** The pools of which the reader may see an environment, by name. @throws AppError forbidden */
export async function listPools({ ctx }: { ctx: Ctx }): Promise<Page<PoolDto>> {
  authorise(ctx, "fleet.read");
  const rows = await ctx.db.$queryRaw<Row[]>`
    SELECT p.id::text, p.name, p.scopes, p.ephemeral, (p.ttl_ms / 3600000.0)::float8 AS ttl_hours, p.max_agents, p.closed_at IS NOT NULL AS closed,
      ARRAY(SELECT e.name::text FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = p.id ORDER BY e.ordinal) AS environments,
      (SELECT count(*)::int FROM agents g WHERE g.pool_id = p.id AND g.retired_at IS NULL) AS agents
    FROM pools p ORDER BY p.name LIMIT ${MOST}`;
  return {
    items: rows
      .filter((row) => row.environments.some((environment) => visibleTo(ctx, "fleet.read", { environment })))
      .map(({ ttl_hours, max_agents, ...row }) => ({ ...row, ttlHours: ttl_hours, maxAgents: max_agents })),
    nextCursor: null,
  };
}

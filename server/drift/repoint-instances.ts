import { Prisma, type Tx } from "@/server/db";
import { moveCounts } from "./move-counts";

type Moved = { scope_id: bigint; from_id: bigint; to_id: bigint; instances: number; unhealthy: number };

/**
 * Points instances to other combinations, and moves the counters with them: two books of one thing. Instances are never read
 * one by one.
 * @param source what follows FROM: `instances i` joined with rows `m`, whose `to_id` is where each goes
 * @returns how many were moved
 */
export async function repointInstances(tx: Tx, source: Prisma.Sql, { now }: { now: Date }): Promise<number> {
  const moved = await tx.$queryRaw<Moved[]>`
    WITH moving AS MATERIALIZED (
      SELECT i.id, i.agent_scope_id, i.health, i.combination_id AS from_id, m.to_id FROM ${source} ORDER BY i.id FOR UPDATE OF i
    ), updated AS (
      UPDATE instances i SET combination_id = moving.to_id FROM moving WHERE i.id = moving.id
    )
    SELECT agent_scope_id AS scope_id, from_id, to_id, count(*)::int AS instances, (count(*) FILTER (WHERE health = 'unhealthy'))::int AS unhealthy
    FROM moving GROUP BY 1, 2, 3`;
  await moveCounts(tx, moved.flatMap((row) => [
    { scopeId: row.scope_id, combinationId: row.from_id, instances: -row.instances, unhealthy: -row.unhealthy },
    { scopeId: row.scope_id, combinationId: row.to_id, instances: row.instances, unhealthy: row.unhealthy },
  ]), now);
  return moved.reduce((sum, { instances }) => sum + instances, 0);
}

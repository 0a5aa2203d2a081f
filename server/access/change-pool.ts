import type { z } from "zod";
import type { PoolDto, changePoolRequest } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { appendEntry } from "@/server/ledger/append-entry";
import { describeLimits, lockPool, settleLimits, ttlMsOf, type PoolLimits } from "./write-pool";

type Input = z.output<typeof changePoolRequest> & { pool: string };

/**
 * Changes the limits of a pool. They hold for whoever enrols from now on: nobody who is in is put out.
 * @throws AppError forbidden, not-found, invalid for limits that contradict each other, conflict when the pool is closed
 */
export async function changePool({ ctx, input }: { ctx: Ctx; input: Input }): Promise<PoolDto> {
  return transact(ctx.db, async (tx) => {
    const pool = await lockPool(tx, ctx, input.pool, "pools.change");
    const limits = await settleLimits(tx, mergeLimits(pool, input));
    const next = { ...pool, ...limits };
    if (JSON.stringify(describeLimits(next)) === JSON.stringify(describeLimits(pool))) return pool;
    await recordChanges(tx, [{ topic: "settings", key: pool.id }]);
    const { seq } = await appendEntry(tx, ctx, { type: "pool-changed", scope: { service: null, environment: null }, payload: { pool: pool.id, name: pool.name, ...describeLimits(limits) } });
    await tx.$executeRaw`
      UPDATE pools SET ephemeral = ${limits.ephemeral}, ttl_ms = ${ttlMsOf(limits)}::bigint, max_agents = ${limits.maxAgents}::int,
        min_agents = ${limits.minAgents}::int, networks = ${limits.networks}::text[]::cidr[], entry_seq = ${seq} WHERE id = ${pool.id}::uuid`;
    return next;
  });
}

function mergeLimits(before: PoolDto, input: Input): PoolLimits {
  const ephemeral = input.ephemeral ?? before.ephemeral;
  const kept = ephemeral ? before.ttlMinutes : null;
  return {
    ephemeral,
    ttlMinutes: input.ttlMinutes === undefined ? kept : input.ttlMinutes,
    maxAgents: input.maxAgents === undefined ? before.maxAgents : input.maxAgents,
    minAgents: input.minAgents === undefined ? before.minAgents : input.minAgents,
    networks: input.networks ?? before.networks,
  };
}

import type { PoolDto } from "@/lib/contract/access";
import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { authorise } from "./authorise";
import { loadPools } from "./load-pools";

const MINUTE_MS = 60_000;

/** What can be changed of a pool after it was made. */
export type PoolLimits = Pick<PoolDto, "ephemeral" | "ttlMinutes" | "maxAgents" | "minAgents" | "networks">;

/**
 * Limits as they will be kept: networks in the form that the database gives them, each once.
 * @throws AppError invalid for a minimum above the maximum, or a time to live of hosts that stay
 */
export async function settleLimits(tx: Tx, limits: PoolLimits): Promise<PoolLimits> {
  if (limits.minAgents !== null && limits.maxAgents !== null && limits.minAgents > limits.maxAgents) {
    throw new AppError("invalid", `At least ${limits.minAgents} and at most ${limits.maxAgents} agents cannot both hold.`, { fields: [{ path: "minAgents", message: "is above maxAgents" }] });
  }
  if (limits.ttlMinutes !== null && !limits.ephemeral) {
    throw new AppError("invalid", "Only the hosts of an ephemeral pool have a time to live.", { fields: [{ path: "ttlMinutes", message: "needs ephemeral" }] });
  }
  const rows = await tx.$queryRaw<{ network: string }[]>`SELECT DISTINCT network(n::inet)::text AS network FROM unnest(${limits.networks}::text[]) n ORDER BY 1`;
  return { ...limits, networks: rows.map(({ network }) => network) };
}

/** The time to live as it is stored. */
export function ttlMsOf({ ttlMinutes }: PoolLimits): number | null {
  return ttlMinutes === null ? null : ttlMinutes * MINUTE_MS;
}

/** The limits as the ledger keeps them. */
export function describeLimits({ ephemeral, ttlMinutes, maxAgents, minAgents, networks }: PoolLimits): JsonObject {
  return { ephemeral, ttlMinutes, maxAgents, minAgents, networks };
}

/**
 * A pool by name, its row locked against enrolments.
 * @throws AppError not-found, forbidden unless the right holds for each of its environments, conflict when it is closed
 */
export async function lockPool(tx: Tx, ctx: Ctx, name: string, verb: "pools.change" | "pools.close"): Promise<PoolDto> {
  await tx.$executeRaw`SELECT 1 FROM pools WHERE name = ${name} FOR NO KEY UPDATE`;
  const [pool] = await loadPools(tx, name);
  if (!pool) {
    authorise(ctx, verb);
    throw notFound("pool");
  }
  for (const environment of pool.environments) authorise(ctx, verb, { environment });
  if (pool.closed) throw new AppError("conflict", `The pool ${name} is closed.`, { type: "pool-closed" });
  return pool;
}

import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { PoolDto, createPoolRequest } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { authorise } from "./authorise";
import { describeLimits, settleLimits, ttlMsOf } from "./write-pool";

/**
 * Admits a group of hosts: which environments they may report for, in which scopes, how many of them, and from where.
 * @throws AppError forbidden, invalid (an environment that is not there, limits that contradict each other), conflict (the
 *   name is taken)
 */
export async function createPool({ ctx, input }: { ctx: Ctx; input: z.output<typeof createPoolRequest> }): Promise<PoolDto> {
  const environments = [...new Set(input.environments)].sort();
  const scopes = [...new Set(input.scopes)];
  for (const environment of environments) authorise(ctx, "pools.create", { environment });
  return transact(ctx.db, async (tx) => {
    const found = await tx.$queryRaw<{ id: string; name: string }[]>`
      SELECT id::text, name FROM environments WHERE name = ANY(${environments}::text[]) AND retired_at IS NULL`;
    const missing = environments.filter((name) => !found.some((environment) => environment.name === name));
    if (missing.length > 0) {
      throw new AppError("invalid", `There is no environment ${missing.join(", ")}.`, {
        type: "unknown-environment",
        fields: missing.map((name) => ({ path: `environments[${input.environments.indexOf(name)}]`, message: "is not an environment" })),
      });
    }
    const [taken] = await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM pools WHERE name = ${input.name}`;
    if (taken) throw new AppError("conflict", `There is a pool ${input.name} already.`, { type: "already-exists", fields: [{ path: "name", message: "is taken" }] });
    const limits = await settleLimits(tx, { ephemeral: input.ephemeral, ttlMinutes: input.ttlMinutes ?? null, maxAgents: input.maxAgents ?? null, minAgents: input.minAgents ?? null, networks: input.networks });
    const id = randomUUID();
    await recordChanges(tx, [{ topic: "settings", key: id }]);
    const { seq } = await appendEntry(tx, ctx, {
      type: "pool-created",
      scope: { service: null, environment: null },
      payload: { pool: id, name: input.name, environments, scopes, ...describeLimits(limits) },
    });
    await tx.$executeRaw`
      INSERT INTO pools (id, name, scopes, ephemeral, ttl_ms, max_agents, min_agents, networks, entry_seq)
      VALUES (${id}::uuid, ${input.name}, ${scopes}::text[], ${limits.ephemeral}, ${ttlMsOf(limits)}::bigint,
        ${limits.maxAgents}::int, ${limits.minAgents}::int, ${limits.networks}::text[]::cidr[], ${seq})`;
    await tx.$executeRaw`
      INSERT INTO pool_environments (pool_id, environment_id) SELECT ${id}::uuid, id::uuid FROM unnest(${found.map((environment) => environment.id)}::text[]) e(id)`;
    return { id, name: input.name, environments, scopes, ...limits, agents: 0, silentAgents: 0, closed: false };
  });
}

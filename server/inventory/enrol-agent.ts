import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { ACCEPTS, type EnrolResponse, type enrolRequest } from "@/lib/contract/agent";
import { hashSecret, makeSecret } from "@/server/access/secret-token";
import { recordChanges } from "@/server/changes/record-change";
import type { Actor, Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { recoveryVkey, serverVkey } from "@/server/ledger/signing-key";

type Input = z.output<typeof enrolRequest>;
type PoolRow = { token_id: string; pool_id: string; scopes: string[]; max_agents: number | null; uses_left: boolean; valid: boolean; closed: boolean };

/**
 * Exchanges an enrolment token for an identity: an actor and an agent of the token's pool, with a token of its own that is
 * shown once. Everything is checked on locked rows, so that a token for one host admits one.
 * @throws AppError unauthenticated for a token that is unknown, expired, revoked or used up; forbidden for scopes that
 *   the pool may not report; conflict when the pool is full or closed
 */
export async function enrolAgent({ ctx, input }: { ctx: Ctx; input: Input }): Promise<EnrolResponse> {
  const id = randomUUID();
  const token = makeSecret("agent");
  const agent: Actor = { id, kind: "agent", name: input.name, personId: id, roles: [] };
  const environments = await transact(ctx.db, async (tx) => {
    const pool = await lockPool(tx, input);
    await tx.$executeRaw`UPDATE enrolment_tokens SET uses = uses + 1 WHERE id = ${pool.token_id}::uuid`;
    await tx.$executeRaw`INSERT INTO actors (id, kind, display_name) VALUES (${id}::uuid, 'agent', ${input.name})`;
    await tx.$executeRaw`
      INSERT INTO agents (id, pool_id, name, machine_id, runtime, agent_version, protocol, region, token_hash, interval_ms)
      VALUES (${id}::uuid, ${pool.pool_id}::uuid, ${input.name}, ${input.machineId ?? null}, ${input.runtime}, ${input.agentVersion}, ${input.v}, ${input.region ?? null}, ${hashSecret(token)}, ${input.intervalMs})`;
    const rows = await tx.$queryRaw<{ name: string }[]>`
      SELECT e.name::text FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = ${pool.pool_id}::uuid ORDER BY e.ordinal`;
    await recordChanges(tx, [{ topic: "agent", key: id }]);
    await appendEntry(tx, { ...ctx, actor: agent }, {
      type: "agent-enrolled",
      scope: { service: null, environment: null },
      payload: { agent: id, pool: pool.pool_id, enrolment: pool.token_id, runtime: input.runtime, scopes: input.scopes },
    });
    return rows.map((row) => row.name);
  });
  const checkpoint = await signCheckpoint(ctx);
  if (!checkpoint) throw new AppError("unavailable", "The ledger is not open yet.");
  const { keys } = ctx;
  return {
    agent: id,
    token,
    origin: keys.origin,
    epoch: checkpoint.epoch,
    vkey: serverVkey(keys),
    recoveryVkey: recoveryVkey(keys),
    checkpoint: checkpoint.note,
    intervalMs: input.intervalMs,
    settingsKey: Buffer.from(keys.fleetKey).toString("hex"),
    environments,
    accepts: { ...ACCEPTS },
  };
}

async function lockPool(tx: Tx, input: Input): Promise<PoolRow> {
  const [pool] = await tx.$queryRaw<PoolRow[]>`
    SELECT t.id::text AS token_id, p.id::text AS pool_id, p.scopes, p.max_agents, p.closed_at IS NOT NULL AS closed,
      t.max_uses IS NULL OR t.uses < t.max_uses AS uses_left, t.revoked_at IS NULL AND t.expires_at > clock_timestamp() AS valid
    FROM enrolment_tokens t JOIN pools p ON p.id = t.pool_id WHERE t.token_hash = ${hashSecret(input.token)} FOR NO KEY UPDATE`;
  if (!pool?.valid || !pool.uses_left) {
    throw new AppError("unauthenticated", "The enrolment token is not valid: unknown, expired, revoked or used up.", { type: "enrolment-token" });
  }
  if (pool.closed) throw new AppError("conflict", "The pool of this token is closed.", { type: "pool-closed" });
  const foreign = input.scopes.findIndex((scope) => !pool.scopes.includes(scope));
  if (foreign !== -1) {
    throw new AppError("forbidden", `The pool of this token may not report ${input.scopes[foreign]}.`, { type: "scope-not-allowed", fields: [{ path: `scopes[${foreign}]`, message: "is not a scope of the pool" }] });
  }
  const [members] = await tx.$queryRaw<{ agents: bigint }[]>`
    SELECT count(*) AS agents FROM agents WHERE pool_id = ${pool.pool_id}::uuid AND retired_at IS NULL AND revoked_at IS NULL`;
  if (pool.max_agents !== null && Number(members?.agents ?? 0) >= pool.max_agents) {
    throw new AppError("conflict", `The pool of this token has all of its ${pool.max_agents} agents.`, { type: "pool-full" });
  }
  return pool;
}

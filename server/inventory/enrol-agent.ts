import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { ACCEPTS, type EnrolResponse, type enrolRequest } from "@/lib/contract/agent";
import { SILENT_AFTER_INTERVALS } from "@/lib/domain/fleet/freshness";
import { hashSecret, makeSecret } from "@/server/access/secret-token";
import { recordChanges } from "@/server/changes/record-change";
import type { Actor, Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { recoveryVkey, serverVkey } from "@/server/ledger/signing-key";
import { retireAgents } from "./retire-agents";

type Input = z.output<typeof enrolRequest>;
type PoolRow = { token_id: string; pool_id: string; pool: string; scopes: string[]; ephemeral: boolean; max_agents: number | null; networks: string[]; from_here: boolean; uses_left: boolean; valid: boolean; closed: boolean };
type Twin = { id: string; name: string; heard_seconds: number; fresh: boolean };


/**
 * Exchanges an enrolment token for an identity: an actor and an agent of the token's pool, with a token of its own that is
 * shown once. Everything is checked on locked rows, so that a token for one host admits one, and the last place of a pool
 * is taken once. A host that enrols again in its pool succeeds the agent that it was.
 * @param peer the address at the other end of the connection; null when it is not known, which no network covers
 * @throws AppError unauthenticated for a token that is unknown, expired, revoked or used up; forbidden for scopes that
 *   the pool may not report, and from outside its networks; conflict when the pool is full or closed, or another host
 *   reports with this one's machine id
 */
export async function enrolAgent({ ctx, input, peer = null, now = new Date() }: { ctx: Ctx; input: Input; peer?: string | null; now?: Date }): Promise<EnrolResponse> {
  const id = randomUUID();
  const token = makeSecret("agent");
  const agent: Actor = { id, kind: "agent", name: input.name, personId: id, roles: [] };
  const { environments, ephemeral } = await transact(ctx.db, async (tx) => {
    const pool = await lockPool(tx, input, peer);
    const twins = await findTwins(tx, pool, { input, now });
    await refuseFullPool(tx, pool, twins);
    await tx.$executeRaw`UPDATE enrolment_tokens SET uses = uses + 1 WHERE id = ${pool.token_id}::uuid`;
    await tx.$executeRaw`INSERT INTO actors (id, kind, display_name) VALUES (${id}::uuid, 'agent', ${input.name})`;
    await tx.$executeRaw`
      INSERT INTO agents (id, pool_id, name, machine_id, runtime, agent_version, protocol, region, token_hash, interval_ms)
      VALUES (${id}::uuid, ${pool.pool_id}::uuid, ${input.name}, ${input.machineId ?? null}, ${input.runtime}, ${input.agentVersion}, ${input.v}, ${input.region ?? null}, ${hashSecret(token)}, ${input.intervalMs})`;
    const rows = await tx.$queryRaw<{ name: string }[]>`
      SELECT e.name::text FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = ${pool.pool_id}::uuid ORDER BY e.ordinal`;
    await retireAgents(tx, twins.map((twin) => twin.id), { how: "re-enrolled", reason: "the host was enrolled again", successor: id, now });
    await recordChanges(tx, [{ topic: "agent", key: id }, { topic: "settings", key: pool.pool_id }]);
    await appendEntry(tx, { ...ctx, actor: agent }, {
      type: "agent-enrolled",
      scope: { service: null, environment: null },
      payload: { agent: id, pool: pool.pool_id, enrolment: pool.token_id, runtime: input.runtime, scopes: input.scopes, succeeds: twins.map((twin) => twin.id) },
    });
    return { environments: rows.map((row) => row.name), ephemeral: pool.ephemeral };
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
    ephemeral,
    accepts: { ...ACCEPTS },
  };
}

async function lockPool(tx: Tx, input: Input, peer: string | null): Promise<PoolRow> {
  const [pool] = await tx.$queryRaw<PoolRow[]>`
    SELECT t.id::text AS token_id, p.id::text AS pool_id, p.name::text AS pool, p.scopes, p.ephemeral, p.max_agents, p.networks::text[] AS networks, p.closed_at IS NOT NULL AS closed,
      cardinality(p.networks) = 0 OR coalesce(${plainAddress(peer)}::inet <<= ANY (p.networks), false) AS from_here,
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
  if (!pool.from_here) {
    throw new AppError("forbidden", `The pool ${pool.pool} admits hosts from ${pool.networks.join(", ")} only, and this one connects from ${peer ?? "an unknown address"}.`, { type: "network-not-allowed" });
  }
  return pool;
}

/** An address as the database compares it: IPv4 within IPv6 as IPv4, without a zone. */
function plainAddress(peer: string | null): string | null {
  return peer?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "").replace(/%.*$/, "") ?? null;
}

/**
 * The agents of this pool that this host has been: of its machine id, runtime and name. A host of an ephemeral pool is one
 * agent whatever it is called; but one of another name that was just heard is no predecessor: two hosts have the same
 * machine id then, as clones of one disk do, and would put each other out. On a host that stays several may report beside
 * each other, each under its own name.
 * @throws AppError conflict for such a clone
 */
async function findTwins(tx: Tx, pool: PoolRow, { input, now }: { input: Input; now: Date }): Promise<Twin[]> {
  if (input.machineId === undefined) return [];
  const twins = await tx.$queryRaw<Twin[]>`
    SELECT a.id::text, a.name, greatest(0, round(extract(epoch FROM ${now}::timestamptz - h.at)))::int AS heard_seconds, h.at > ${now}::timestamptz - make_interval(secs => ${SILENT_AFTER_INTERVALS}::int * a.interval_ms / 1000.0) AS fresh
    FROM agents a CROSS JOIN LATERAL (SELECT coalesce(max(s.last_report_at), a.enrolled_at) AS at FROM agent_scopes s WHERE s.agent_id = a.id) h
    WHERE a.pool_id = ${pool.pool_id}::uuid AND a.machine_id = ${input.machineId} AND a.retired_at IS NULL AND a.revoked_at IS NULL
      AND a.runtime = ${input.runtime} AND (a.name = ${input.name} OR ${pool.ephemeral}) ORDER BY a.id`;
  const clone = twins.find((twin) => twin.fresh && twin.name !== input.name);
  if (clone) {
    throw new AppError(
      "conflict",
      `${clone.name} has this host's machine id and was heard ${clone.heard_seconds} s ago. If it is another host, give each its own machine id (/etc/machine-id); if it is this one, let it leave first, or try again when it is silent.`,
      { type: "duplicate-machine", fields: [{ path: "machineId", message: `is the one of ${clone.name}` }] },
    );
  }
  return twins;
}

/** Silent hosts of an ephemeral pool keep no place from those that replace them. @throws AppError conflict when there is no place left */
async function refuseFullPool(tx: Tx, pool: PoolRow, twins: readonly Twin[]): Promise<void> {
  if (pool.max_agents === null) return;
  const [members] = await tx.$queryRaw<{ agents: number }[]>`
    SELECT count(*)::int AS agents FROM agents
    WHERE pool_id = ${pool.pool_id}::uuid AND retired_at IS NULL AND revoked_at IS NULL AND NOT (${pool.ephemeral} AND state = 'silent') AND NOT id = ANY(${twins.map((twin) => twin.id)}::uuid[])`;
  if ((members?.agents ?? 0) >= pool.max_agents) {
    throw new AppError("conflict", `The pool ${pool.pool} has all of its ${pool.max_agents} agents. One has to leave or retire first, or the pool gets a higher limit: plumbline pool set ${pool.pool} --max-agents N`, { type: "pool-full" });
  }
}

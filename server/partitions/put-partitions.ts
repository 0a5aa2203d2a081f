import type { z } from "zod";
import type { PartitionsDto, putPartitionsRequest } from "@/lib/contract/partitions";
import { explainPartitionRefusal, partitionsToken, planPartitions, type PartitionPlan, type PartitionRule } from "@/lib/domain/fleet/partitions";
import { formatSelector } from "@/lib/domain/fleet/selector";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { raiseDesired } from "@/server/desired/raise-desired";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { describeRelease } from "@/server/rollouts/describe-release";
import { isKnownPlace, lockPlace, readPlace } from "@/server/rollouts/read-place";
import { loadPartitions } from "./list-partitions";
import { moveTargets } from "./move-targets";
import { readPartitionRows, readTargetGroups, toStanding, type PartitionRow, type Site } from "./read-partitions";

type Input = z.output<typeof putPartitionsRequest>;
type Move = { id: bigint; from: string; to: string };

/** A large fleet is mapped anew in one transaction. */
const TIMEOUT_MS = 120_000;

/**
 * Declares the partitions of a service in an environment, in order, and maps what is there anew in the same transaction.
 * Nothing that runs or should run changes: a new partition starts with the assignment of the one that its targets come from.
 * The same list again writes nothing.
 * @throws AppError not-found; conflict `stale-view` with what changed; unprocessable with every reason
 */
export async function putPartitions({ ctx, input }: { ctx: Ctx; input: Input }): Promise<PartitionsDto> {
  authorise(ctx, "partitions.write", { service: input.service, environment: input.environment });
  refuseSecrets({ reason: input.reason, partitions: input.partitions.flatMap(({ selector }) => Object.values(selector)).join("\n") });
  return transact(
    ctx.db,
    async (tx) => {
      const place = await readPlace(tx, { service: input.service, environment: input.environment, partition: "default" }, { ctx, verb: "partitions.write" });
      if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
      const site: Site = { service: place.service, environment: place.environment };
      await lockSite(tx, site);
      const rows = await readPartitionRows(tx, site);
      const standing = rows.map(toStanding);
      if (input.revision !== undefined && input.revision !== partitionsToken(standing)) throw staleView(standing);
      if (partitionsToken(standing) === partitionsToken(input.partitions)) return loadPartitions(tx, site);
      const groups = await readTargetGroups(tx, site, labelsOf(input.partitions));
      const plan = planPartitions({ current: standing, declared: input.partitions, groups });
      if (plan.refusals.length > 0) throw refusePlan(plan);
      const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
      const now = clock?.now ?? new Date();
      const moves = groups.flatMap(({ ids, partition }, at): Move[] => {
        const to = plan.chosen[at] ?? partition;
        return to === partition ? [] : ids.map((id) => ({ id, from: partition, to }));
      });
      await writePartitions(tx, site, plan, now);
      await moveTargets(tx, site, moves, { now });
      await endWatches(tx, site, [...new Set(moves.map(({ from }) => from))]);
      await writeDecision(tx, ctx, { site, rows, plan, moves, reason: input.reason });
      const scope = { serviceId: site.service.id, serviceName: site.service.name, environmentId: site.environment.id };
      await recordChanges(tx, [{ topic: "fleet", ...scope }, { topic: "findings", ...scope }, { topic: "assignment", ...scope }, { topic: "settings", ...scope }]);
      return loadPartitions(tx, site);
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

/** The labels that any of these selectors asks for. */
export function labelsOf(rules: readonly PartitionRule[]): string[] {
  return [...new Set(rules.flatMap(({ selector }) => Object.keys(selector)))];
}

/** All partitions of a site in the one order in which places are locked, `default` made where it is missing. */
async function lockSite(tx: Tx, { service, environment }: Site): Promise<void> {
  await tx.$executeRaw`INSERT INTO partitions (service_id, environment_id, name) VALUES (${service.id}::uuid, ${environment.id}::uuid, 'default') ON CONFLICT DO NOTHING`;
  const names = await tx.$queryRaw<{ name: string }[]>`
    SELECT name::text FROM partitions WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND removed_at IS NULL`;
  for (const name of names.map((row) => row.name).sort()) await lockPlace(tx, { names: { service: service.name, environment: environment.name, partition: name }, service, environment, partitionKnown: true });
}

function staleView(standing: readonly PartitionRule[]): AppError {
  const declared = standing.filter(({ name }) => name !== "default");
  const now = declared.length === 0 ? "Only default stands now." : `Declared now: ${declared.map(({ name, selector }) => `${name} (${formatSelector(selector)})`).join(", ")}.`;
  return new AppError("conflict", "The partitions are others than you saw.", { type: "stale-view", changed: [now] });
}

function refusePlan({ refusals }: PartitionPlan): AppError {
  const reasons = refusals.map((refusal) => ({ reason: refusal.reason, sentence: explainPartitionRefusal(refusal) }));
  const moving = refusals.some(({ reason }) => reason === "rollout-active");
  return new AppError(moving ? "conflict" : "unprocessable", reasons.map(({ sentence }) => sentence).join(" "), { type: reasons[0]?.reason ?? "refused", reasons });
}

/** The rows of the list. A name that was declared before comes back with its history. */
async function writePartitions(tx: Tx, { service, environment }: Site, plan: PartitionPlan, now: Date): Promise<void> {
  const declared = plan.partitions.filter(({ name }) => name !== "default");
  await tx.$executeRaw`
    UPDATE partitions SET removed_at = ${now}, selector = '{}' WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND name = ANY(${plan.removed.map(({ name }) => name)}::text[])`;
  // Out of each other's way first: two rows may trade places.
  await tx.$executeRaw`
    UPDATE partitions SET ordinal = ordinal + 1000 WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND removed_at IS NULL AND name <> 'default'`;
  await tx.$executeRaw`
    INSERT INTO partitions AS p (service_id, environment_id, name, ordinal, selector, declared_at, split_from)
    SELECT ${service.id}::uuid, ${environment.id}::uuid, d.name, d.place, d.selector::jsonb, ${now}, d.source
    FROM unnest(${declared.map(({ name }) => name)}::text[], ${declared.map((_, at) => at + 1)}::int[], ${declared.map(({ selector }) => JSON.stringify(selector))}::text[], ${declared.map(({ inherits }) => inherits)}::text[]) d(name, place, selector, source)
    ON CONFLICT (service_id, environment_id, name) DO UPDATE SET ordinal = excluded.ordinal, selector = excluded.selector, removed_at = NULL,
      declared_at = CASE WHEN p.removed_at IS NULL THEN p.declared_at ELSE excluded.declared_at END, split_from = CASE WHEN p.removed_at IS NULL THEN p.split_from ELSE excluded.split_from END`;
}

/** A rollout that has ended watches over its targets no longer once they are somewhere else. */
async function endWatches(tx: Tx, { service, environment }: Site, partitions: readonly string[]): Promise<void> {
  await tx.$executeRaw`
    UPDATE rollouts SET watched_until = NULL
    WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ANY(${[...partitions]}::text[]) AND watched_until IS NOT NULL`;
}

/**
 * The entries. An agent holds what it is told against an entry about its target's own partition, so that each partition
 * which targets come into gets one that assigns there what they have already.
 */
async function writeDecision(tx: Tx, ctx: Ctx, { site, rows, plan, moves, reason }: { site: Site; rows: readonly PartitionRow[]; plan: PartitionPlan; moves: readonly Move[]; reason: string | undefined }): Promise<void> {
  const { service, environment } = site;
  const entry = { serviceId: service.id, environmentId: environment.id, scope: { service: service.name, environment: environment.name } };
  const declared = plan.partitions.filter(({ name }) => name !== "default");
  const decision = await appendEntry(tx, ctx, {
    ...entry,
    type: "partitions-changed",
    payload: { partitions: declared.map(({ name, selector }) => ({ name, selector: { ...selector } })), removed: plan.removed.map(({ name }) => name), moved: plan.moved },
    texts: { reason },
  });
  const filled = new Set(moves.map(({ to }) => to));
  const standing = new Map(rows.map((row) => [row.name, row]));
  const seqs = new Map<string, bigint>();
  for (const { name, assignment, inherits, isNew } of plan.partitions) {
    if (assignment === null || !(filled.has(name) || (isNew && inherits !== null))) continue;
    const release = assignment.releaseId === null ? null : { id: assignment.releaseId, version: assignment.version ?? "" };
    const { seq, at } = await appendEntry(tx, ctx, {
      ...entry,
      type: "assignment-changed",
      payload: {
        kind: release === null ? "stop" : "reconverge", rollout: null, service: service.name, environment: environment.name, partition: name,
        from: release && { release: release.id, version: release.version }, to: release && (await describeRelease(tx, service, release)), hold: null, incident: null, partitions: Number(decision.seq),
      },
    });
    seqs.set(name, seq);
    const source = standing.get(inherits ?? name);
    await tx.$executeRaw`
      INSERT INTO assignments (service_id, environment_id, partition, release_id, entry_seq, updated_at)
      VALUES (${service.id}::uuid, ${environment.id}::uuid, ${name}, ${assignment.releaseId}::uuid, ${seq}, ${source?.updated_at ?? at})
      ON CONFLICT (service_id, environment_id, partition) DO UPDATE SET release_id = excluded.release_id, entry_seq = excluded.entry_seq, updated_at = excluded.updated_at, revision = assignments.revision + 1`;
  }
  await tx.$executeRaw`
    UPDATE assignments SET release_id = NULL, entry_seq = ${decision.seq}, updated_at = ${decision.at}, revision = revision + 1
    WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ANY(${plan.removed.map(({ name }) => name)}::text[])`;
  // Who was said to decide about a partition alone decides about what is split from it.
  const split = plan.partitions.filter(({ isNew, inherits }) => isNew && inherits !== null);
  await tx.$executeRaw`
    INSERT INTO authorities (service_id, environment_id, partition, authority, actor_id, entry_seq, decided_at)
    SELECT au.service_id, au.environment_id, n.name, au.authority, au.actor_id, au.entry_seq, au.decided_at
    FROM unnest(${split.map(({ name }) => name)}::text[], ${split.map(({ inherits }) => inherits)}::text[]) n(name, source)
    JOIN authorities au ON au.service_id = ${service.id}::uuid AND au.environment_id = ${environment.id}::uuid AND au.partition = n.source
    ON CONFLICT (service_id, environment_id, partition) DO UPDATE SET authority = excluded.authority, actor_id = excluded.actor_id, entry_seq = excluded.entry_seq, decided_at = excluded.decided_at`;
  await followEntries(tx, moves, seqs);
}

/** The desired rows of moved targets name the entry of their new place; who holds such a document gets another. */
export async function followEntries(tx: Tx, moves: readonly Move[], seqs: ReadonlyMap<string, bigint>): Promise<void> {
  const following = moves.flatMap(({ id, to }) => {
    const seq = seqs.get(to);
    return seq === undefined ? [] : [{ id, seq }];
  });
  if (following.length === 0) return;
  const agents = await tx.$queryRaw<{ agent_id: string }[]>`
    WITH followed AS (
      UPDATE target_desired d SET entry_seq = m.seq
      FROM unnest(${following.map(({ id }) => id)}::bigint[], ${following.map(({ seq }) => seq)}::bigint[]) m(id, seq) JOIN targets t ON t.id = m.id
      JOIN assignments a ON a.service_id = t.service_id AND a.environment_id = t.environment_id AND a.partition = t.partition
      WHERE d.target_id = m.id AND d.release_id IS NOT DISTINCT FROM a.release_id RETURNING d.target_id)
    SELECT DISTINCT s.agent_id::text FROM followed f JOIN targets t ON t.id = f.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id`;
  await raiseDesired(tx, agents.map((row) => row.agent_id));
}

import { ASSIGNING_TYPES } from "@/lib/domain/ledger/entry";
import { createBatcher } from "@/server/batch";
import type { App } from "@/server/context";
import type { Db } from "@/server/db";
import { recalledSql } from "@/server/releases/approved-sql";
import { processWide } from "@/server/process-wide";

export type ProjectedTarget = {
  key: string;
  serviceId: string;
  service: string;
  /** What the service was called before, or is called beside: entries keep the name that they were made under. */
  otherNames: readonly string[];
  environmentId: string;
  environment: string;
  partition: string;
  releaseId: string | null;
  entry: number;
  generation: number;
  rolloutId: string | null;
};
/** What a target will be told to run when its wave of a rollout opens. */
export type ProjectedPrefetch = Omit<ProjectedTarget, "generation" | "releaseId" | "rolloutId" | "otherNames"> & { releaseId: string; rolloutId: string };
/** What the database's rows say about one agent; every target of it is held against its entry before it is sent. */
export type Projection = {
  version: number;
  /** The largest tree size that the agent was known to hold. */
  checkpointSize: number;
  targets: ProjectedTarget[];
  prefetch: ProjectedPrefetch[];
  /** Digests of recalled releases of the services that it runs. */
  recalled: string[];
};
type Question = { agentId: string; after: number };
type AgentRow = { agent_id: string; version: bigint; checkpoint_size: bigint };
type Row = AgentRow & { key: string | null; service_id: string; service: string; environment_id: string; environment: string; partition: string; release_id: string | null; entry_seq: bigint; generation: bigint; rollout_id: string | null };
type PrefetchRow = { agent_id: string; key: string; service_id: string; service: string; environment_id: string; environment: string; partition: string; release_id: string; entry_seq: bigint; rollout_id: string };

/** Few enough that the first of a fleet that wakes at once has its document while the last is still looked up. */
const TOGETHER = 100;

const batchers = processWide("desired.projections", () => new WeakMap<Db, (question: Question) => Promise<Projection | null>>());

/**
 * The desired rows of an agent that holds version `after`; null when it is retired or unknown. When there is no newer
 * version, nothing but the version and the checkpoint's size is read. Those who ask while others are answered share the
 * next query; a question is never answered by a query that began before it.
 */
export function readProjection(app: App, agentId: string, after: number): Promise<Projection | null> {
  let read = batchers.get(app.db);
  if (!read) {
    read = createBatcher((questions: readonly Question[]) => readMany(app, questions), { maxSize: TOGETHER, concurrency: 2 });
    batchers.set(app.db, read);
  }
  return read({ agentId, after });
}

async function readMany(app: App, questions: readonly Question[]): Promise<(Projection | null)[]> {
  const held = new Map<string, number>();
  for (const { agentId, after } of questions) held.set(agentId, Math.min(after, held.get(agentId) ?? after));
  const agents = await app.db.$queryRaw<AgentRow[]>`
    /* prepared: desired-versions */ SELECT id AS agent_id, desired_version AS version, checkpoint_size FROM agents WHERE id = ANY(${[...held.keys()]}::uuid[]) AND state <> 'retired' AND revoked_at IS NULL`;
  const projections = new Map(agents.map((row) => [row.agent_id, emptyProjection(row)]));
  const behind = agents.filter(({ agent_id, version }) => Number(version) > (held.get(agent_id) ?? 0)).map(({ agent_id }) => agent_id);
  if (behind.length > 0) for (const [agentId, projection] of await readTargets(app, behind)) projections.set(agentId, projection);
  return questions.map(({ agentId }) => projections.get(agentId) ?? null);
}

function emptyProjection({ version, checkpoint_size }: AgentRow): Projection {
  return { version: Number(version), checkpointSize: Number(checkpoint_size), targets: [], prefetch: [], recalled: [] };
}

/** Versions and targets of one moment, by agent. */
async function readTargets(app: App, agentIds: readonly string[]): Promise<Map<string, Projection>> {
  const rows = await app.db.$queryRaw<Row[]>`
    SELECT a.id AS agent_id, a.desired_version AS version, a.checkpoint_size,
      t.key, t.service_id, sv.name::text AS service, t.environment_id, e.name::text AS environment, t.partition::text, d.release_id, d.entry_seq, d.rollout_id,
      -- Where an executor carries it out the generation stays, and an agent that never began it would begin it now.
      CASE WHEN o.executor_id IS NULL THEN d.generation ELSE 0 END AS generation
    FROM agents a
    LEFT JOIN (agent_scopes s JOIN targets t ON t.agent_scope_id = s.id AND t.gone_at IS NULL JOIN target_desired d ON d.target_id = t.id
      -- What was adopted, or is brought by others, is expected, and nobody is told to run it: its entry orders nothing.
      AND EXISTS (SELECT FROM ledger_entries l WHERE l.seq = d.entry_seq AND l.type = ANY(${[...ASSIGNING_TYPES]}::text[]))
      JOIN services sv ON sv.id = t.service_id JOIN environments e ON e.id = t.environment_id LEFT JOIN rollouts o ON o.id = d.rollout_id) ON s.agent_id = a.id
    WHERE a.id = ANY(${agentIds}::uuid[]) AND a.state <> 'retired' AND a.revoked_at IS NULL
    ORDER BY a.id, t.key, t.id`;
  const projections = new Map<string, Projection>();
  for (const row of rows) {
    const projection = projections.get(row.agent_id) ?? emptyProjection(row);
    projections.set(row.agent_id, projection);
    // An agent names a target once; the same key in two scopes is told about the first.
    if (row.key === null || projection.targets.at(-1)?.key === row.key) continue;
    projection.targets.push({
      key: row.key,
      serviceId: row.service_id,
      service: row.service,
      otherNames: [],
      environmentId: row.environment_id,
      environment: row.environment,
      partition: row.partition,
      releaseId: row.release_id,
      entry: Number(row.entry_seq),
      generation: Number(row.generation),
      rolloutId: row.rollout_id,
    });
  }
  await addPrefetch(app, projections);
  const told = ({ targets, prefetch }: Projection): string[] => [...new Set([...targets, ...prefetch].map(({ serviceId }) => serviceId))];
  const services = [...new Set([...projections.values()].flatMap(told))];
  const otherNames = services.length > 0 ? await readOtherNames(app, services) : new Map<string, string[]>();
  const recalled = services.length > 0 ? await readRecalled(app, services) : new Map<string, string[]>();
  for (const projection of projections.values()) {
    projection.targets = projection.targets.map((target) => ({ ...target, otherNames: otherNames.get(target.serviceId) ?? [] }));
    projection.recalled = [...new Set(told(projection).flatMap((serviceId) => recalled.get(serviceId) ?? []))].sort();
  }
  return projections;
}

/** Adds the targets whose wave of an active rollout is still to open. A target that left the rollout's place is not its business any more. */
async function addPrefetch(app: App, projections: ReadonlyMap<string, Projection>): Promise<void> {
  if (projections.size === 0) return;
  const rows = await app.db.$queryRaw<PrefetchRow[]>`
    SELECT s.agent_id, t.key, t.service_id, sv.name::text AS service, t.environment_id, e.name::text AS environment, t.partition::text, r.to_release_id AS release_id, r.entry_seq, r.id AS rollout_id
    FROM rollouts r JOIN rollout_targets rt ON rt.rollout_id = r.id AND rt.status = 'pending'
    JOIN targets t ON t.id = rt.target_id AND t.gone_at IS NULL AND t.service_id = r.service_id AND t.environment_id = r.environment_id AND t.partition = r.partition
    JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN services sv ON sv.id = t.service_id JOIN environments e ON e.id = t.environment_id
    WHERE r.status IN ('running', 'paused') AND r.origin = 'plumbline' AND r.to_release_id IS NOT NULL AND r.executor_id IS NULL AND s.agent_id = ANY(${[...projections.keys()]}::uuid[])
    ORDER BY t.key, t.id`;
  for (const row of rows) {
    const prefetch = projections.get(row.agent_id)?.prefetch;
    if (!prefetch || prefetch.at(-1)?.key === row.key) continue;
    prefetch.push({ key: row.key, serviceId: row.service_id, service: row.service, environmentId: row.environment_id, environment: row.environment, partition: row.partition, releaseId: row.release_id, entry: Number(row.entry_seq), rolloutId: row.rollout_id });
  }
}

async function readOtherNames(app: App, serviceIds: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await app.db.$queryRaw<{ service_id: string; names: string[] }[]>`
    SELECT service_id::text, array_agg(name::text) AS names FROM service_aliases WHERE service_id = ANY(${serviceIds}::uuid[]) GROUP BY 1`;
  return new Map(rows.map((row) => [row.service_id, row.names]));
}

/**
 * Digests of recalled releases, by service. One that also leads to a release of the same service which is not recalled is
 * left out: a shared manifest must not keep the good release from running.
 */
async function readRecalled(app: App, serviceIds: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await app.db.$queryRaw<{ service_id: string; digests: string[] }[]>`
    WITH named AS (
      SELECT r.service_id, d.digest::text, ${recalledSql("r.id")} AS recalled FROM releases r
      JOIN release_components c ON c.release_id = r.id JOIN artifact_digests d ON d.artifact_id = c.artifact_id
      WHERE r.service_id = ANY(${serviceIds}::uuid[]) AND EXISTS (SELECT FROM recalls WHERE lifted_at IS NULL))
    SELECT service_id, array_agg(digest ORDER BY digest) AS digests
    FROM (SELECT service_id, digest FROM named GROUP BY service_id, digest HAVING bool_and(recalled)) g GROUP BY service_id`;
  return new Map(rows.map((row) => [row.service_id, row.digests]));
}

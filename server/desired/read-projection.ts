import { ASSIGNING_TYPES } from "@/lib/domain/ledger/entry";
import { createBatcher } from "@/server/batch";
import type { App } from "@/server/context";
import { sqlArray, type Db } from "@/server/db";
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
type Row = AgentRow & { key: string | null; service_id: string; service: string; environment_id: string; partition: string; release_id: string | null; entry_seq: bigint; generation: bigint; rollout_id: string | null };
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
    /* prepared: desired-versions */ SELECT id AS agent_id, desired_version AS version, checkpoint_size FROM agents WHERE id = ANY(${sqlArray([...held.keys()])}::uuid[]) AND state <> 'retired' AND revoked_at IS NULL`;
  const projections = new Map(agents.map((row) => [row.agent_id, emptyProjection(row)]));
  const behind = agents.filter(({ agent_id, version }) => Number(version) > (held.get(agent_id) ?? 0)).map(({ agent_id }) => agent_id);
  if (behind.length > 0) for (const [agentId, projection] of await readTargets(app, behind)) projections.set(agentId, projection);
  return questions.map(({ agentId }) => projections.get(agentId) ?? null);
}

function emptyProjection({ version, checkpoint_size }: AgentRow): Projection {
  return { version: Number(version), checkpointSize: Number(checkpoint_size), targets: [], prefetch: [], recalled: [] };
}

/**
 * Versions and targets of one moment, by agent. What many of them share is looked up once for all: joined, it would be
 * planned and read for each of them, and that is most of what telling a thousand agents costs.
 */
async function readTargets(app: App, agentIds: readonly string[]): Promise<Map<string, Projection>> {
  const rows = await app.db.$queryRaw<Row[]>`
    SELECT a.id AS agent_id, a.desired_version AS version, a.checkpoint_size, t.key, t.service_id, sv.name::text AS service, t.environment_id, t.partition::text, d.release_id, d.entry_seq, d.generation, d.rollout_id
    FROM agents a LEFT JOIN (agent_scopes s JOIN targets t ON t.agent_scope_id = s.id AND t.gone_at IS NULL AND t.environment_id IS NOT NULL JOIN target_desired d ON d.target_id = t.id JOIN services sv ON sv.id = t.service_id) ON s.agent_id = a.id
    WHERE a.id = ANY(${sqlArray(agentIds)}::uuid[]) AND a.state <> 'retired' AND a.revoked_at IS NULL
    ORDER BY a.id, t.key, t.id`;
  const shared = await readShared(app, rows);
  const projections = new Map<string, Projection>();
  for (const row of rows) {
    const projection = projections.get(row.agent_id) ?? emptyProjection(row);
    projections.set(row.agent_id, projection);
    // What was adopted, or is brought by others, is expected, and nobody is told to run it: its entry orders nothing.
    if (row.key === null || !shared.assigning.has(row.entry_seq)) continue;
    // An agent names a target once; the same key in two scopes is told about the first.
    if (projection.targets.at(-1)?.key === row.key) continue;
    projection.targets.push({
      key: row.key,
      serviceId: row.service_id,
      service: row.service,
      otherNames: [],
      environmentId: row.environment_id,
      environment: shared.environments.get(row.environment_id) ?? "",
      partition: row.partition,
      releaseId: row.release_id,
      entry: Number(row.entry_seq),
      // Where an executor carries it out the generation stays, and an agent that never began it would begin it now.
      generation: row.rollout_id !== null && shared.executed.has(row.rollout_id) ? 0 : Number(row.generation),
      rolloutId: row.rollout_id,
    });
  }
  if (shared.opening.length > 0) await addPrefetch(app, projections, shared.opening);
  const told = ({ targets, prefetch }: Projection): string[] => [...new Set([...targets, ...prefetch].map(({ serviceId }) => serviceId))];
  const services = [...new Set([...projections.values()].flatMap(told))];
  const recalled = services.length > 0 ? await readRecalled(app, services) : new Map<string, string[]>();
  for (const projection of projections.values()) {
    projection.targets = projection.targets.map((target) => ({ ...target, otherNames: shared.otherNames.get(target.serviceId) ?? [] }));
    projection.recalled = [...new Set(told(projection).flatMap((serviceId) => recalled.get(serviceId) ?? []))].sort();
  }
  return projections;
}

type Shared = {
  environments: Map<string, string>;
  otherNames: Map<string, string[]>;
  /** Entries that order what is to run. */
  assigning: Set<bigint>;
  /** Rollouts that an executor carries out. */
  executed: Set<string>;
  /** Active rollouts of which some targets were not told yet. */
  opening: string[];
};

/** Facts behind the ids in these rows. A service's own name is read with its row: what was called otherwise since is its other name. */
async function readShared(app: App, rows: readonly Row[]): Promise<Shared> {
  const ids = <K extends "service_id" | "environment_id" | "rollout_id" | "entry_seq">(name: K) => sqlArray([...new Set(rows.map((row) => row[name]))].filter((id) => id !== null));
  const found = await app.db.$queryRaw<{ kind: keyof Shared; id: string; name: string | null }[]>`
    SELECT 'environments' AS kind, id::text, name::text FROM environments WHERE id = ANY(${ids("environment_id")}::uuid[])
    UNION ALL SELECT 'otherNames', service_id::text, name::text FROM service_aliases WHERE service_id = ANY(${ids("service_id")}::uuid[])
    UNION ALL SELECT 'assigning', seq::text, NULL FROM ledger_entries WHERE seq = ANY(${ids("entry_seq")}::bigint[]) AND type = ANY(${[...ASSIGNING_TYPES]}::text[])
    UNION ALL SELECT 'executed', id::text, NULL FROM rollouts WHERE id = ANY(${ids("rollout_id")}::uuid[]) AND executor_id IS NOT NULL
    UNION ALL SELECT 'opening', r.id::text, NULL FROM rollouts r WHERE r.status IN ('running', 'paused') AND r.origin = 'plumbline' AND r.to_release_id IS NOT NULL AND r.executor_id IS NULL
      AND EXISTS (SELECT FROM waves w WHERE w.rollout_id = r.id AND EXISTS (SELECT FROM rollout_targets rt WHERE rt.rollout_id = w.rollout_id AND rt.wave = w.ordinal AND rt.status = 'pending'))`;
  const of = (kind: keyof Shared) => found.filter((row) => row.kind === kind);
  const otherNames = new Map<string, string[]>();
  for (const { id, name } of of("otherNames")) otherNames.set(id, [...(otherNames.get(id) ?? []), name ?? ""]);
  return {
    environments: new Map(of("environments").map(({ id, name }) => [id, name ?? ""])),
    otherNames,
    assigning: new Set(of("assigning").map(({ id }) => BigInt(id))),
    executed: new Set(of("executed").map(({ id }) => id)),
    opening: of("opening").map(({ id }) => id),
  };
}

/** Adds the targets that one of these rollouts will still tell. A target that left the rollout's place is not its business any more. */
async function addPrefetch(app: App, projections: ReadonlyMap<string, Projection>, rolloutIds: readonly string[]): Promise<void> {
  const rows = await app.db.$queryRaw<PrefetchRow[]>`
    SELECT s.agent_id, t.key, t.service_id, sv.name::text AS service, t.environment_id, e.name::text AS environment, t.partition::text, r.to_release_id AS release_id, r.entry_seq, r.id AS rollout_id
    FROM rollouts r JOIN rollout_targets rt ON rt.rollout_id = r.id AND rt.status = 'pending'
    JOIN targets t ON t.id = rt.target_id AND t.gone_at IS NULL AND t.service_id = r.service_id AND t.environment_id = r.environment_id AND t.partition = r.partition
    JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN services sv ON sv.id = t.service_id JOIN environments e ON e.id = t.environment_id
    WHERE r.id = ANY(${sqlArray(rolloutIds)}::uuid[]) AND s.agent_id = ANY(${sqlArray([...projections.keys()])}::uuid[])
    ORDER BY t.key, t.id`;
  for (const row of rows) {
    const prefetch = projections.get(row.agent_id)?.prefetch;
    if (!prefetch || prefetch.at(-1)?.key === row.key) continue;
    prefetch.push({ key: row.key, serviceId: row.service_id, service: row.service, environmentId: row.environment_id, environment: row.environment, partition: row.partition, releaseId: row.release_id, entry: Number(row.entry_seq), rolloutId: row.rollout_id });
  }
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
      WHERE r.service_id = ANY(${sqlArray(serviceIds)}::uuid[]) AND EXISTS (SELECT FROM recalls WHERE lifted_at IS NULL))
    SELECT service_id, array_agg(digest ORDER BY digest) AS digests
    FROM (SELECT service_id, digest FROM named GROUP BY service_id, digest HAVING bool_and(recalled)) g GROUP BY service_id`;
  return new Map(rows.map((row) => [row.service_id, row.digests]));
}

import type { InventoryReport } from "@/lib/contract/agent";
import type { Health, InstanceState } from "@/lib/domain/fleet/health";
import { ENVIRONMENT_LABEL } from "@/lib/domain/fleet/map-facts";
import { sanitizeName } from "@/lib/domain/fleet/names";
import { sqlArray, type Tx } from "@/server/db";
import type { ReportableEnvironment } from "./mapping-rules";
import { keyIn, type ScopedReport } from "./reporting-scope";

type ReportedInstance = InventoryReport["instances"][number];
type ReportedTarget = InventoryReport["targets"][number];

/** What is known of one running copy. */
export type InstanceFacts = {
  /** The container's or process's own name; its component follows from the mapping. */
  container: string;
  imageId: bigint;
  state: InstanceState;
  health: Health;
  startedAt: Date | null;
  restarts: number;
  lastExit: unknown;
  settingsDigest: string | null;
  mutated: { count: number; paths: string[] } | null;
  region: string | null;
};

/** An instance to write: new, or with facts that differ from the stored ones. */
export type TouchedInstance = {
  /** Null for a new one. */
  id: bigint | null;
  scopeId: bigint;
  key: string;
  targetKey: string;
  /** Its place in the report; null when the report does not list it. */
  at: number | null;
  facts: InstanceFacts;
};
export type KnownInstance = Omit<TouchedInstance, "id"> & { id: bigint };

export type KnownTarget = {
  /** Null for one that was never reported. */
  id: bigint | null;
  scope_id: bigint;
  key: string;
  gone: boolean;
  desired: number | null;
  under_since: Date | null;
  service_name: string | null;
  service_id: string | null;
  environment_id: string | null;
  partition: string | null;
  /** Whether what its instances are mapped by has changed: also when the environment that it names is there only now. */
  relabelled: boolean;
  /** Whether a decision says what it should run. */
  covered: boolean;
};

/**
 * Which reported targets are new or differ from what is stored, and which are gone: those that are named as removed, and
 * of a full report that saw everything those that it does not list. Compared in the database, so that an unchanged report
 * of thousands brings nothing back.
 * @param labelsDecide whether a label that names an environment decides where a target is: no rule does
 */
export async function diffTargets(tx: Tx, reports: readonly ScopedReport[], { labelsDecide }: { labelsDecide: boolean }): Promise<{ changed: KnownTarget[]; goneIds: bigint[] }> {
  const listed = reports.flatMap(({ scope, report }) => report.targets.map((target) => ({ scopeId: scope.id, target })));
  const environmentsOf = new Map(reports.map(({ scope }) => [scope.id, scope.environments]));
  const of = (pick: (target: ReportedTarget) => string | number | boolean | null): string => sqlArray(listed.map(({ target }) => pick(target)));
  const scopeIds = sqlArray(listed.map(({ scopeId }) => scopeId));
  const keys = of(({ key }) => key);
  const named = sqlArray(listed.map(({ scopeId, target }) => (labelsDecide ? environmentNamed(environmentsOf.get(scopeId) ?? [], target) : null)));
  const changed = listed.length === 0 ? [] : await tx.$queryRaw<KnownTarget[]>`
    /* prepared: report-diff-targets */ SELECT t.id, r.scope_id, r.key, t.gone_at IS NOT NULL AS gone, t.desired, t.under_since, t.service_name::text, t.service_id::text, t.environment_id::text, t.partition::text,
      coalesce(t.labels <> r.labels::jsonb OR t.components <> r.components::jsonb OR t.namespace IS DISTINCT FROM r.namespace OR coalesce(t.environment_id <> r.environment_id, false), true) AS relabelled, EXISTS (SELECT FROM target_desired d WHERE d.target_id = t.id) AS covered
    FROM unnest(${scopeIds}::bigint[], ${keys}::text[], ${of(({ kind }) => kind)}::text[], ${of(({ namespace }) => namespace ?? null)}::text[],
      ${of(({ labels }) => JSON.stringify(labels))}::text[], ${of(({ components }) => JSON.stringify(components))}::text[], ${of(({ desired }) => desired)}::int[],
      ${of(({ ready }) => ready ?? null)}::int[], ${of(({ managedBy }) => jsonOf(managedBy))}::text[], ${of(({ canAct }) => canAct)}::boolean[],
      ${of(({ cannotActReason }) => cannotActReason ?? null)}::text[], ${named}::uuid[])
      r(scope_id, key, kind, namespace, labels, components, desired, ready, managed_by, can_act, reason, environment_id)
    LEFT JOIN targets t ON t.agent_scope_id = r.scope_id AND t.key = r.key
    WHERE t.id IS NULL OR t.gone_at IS NOT NULL OR t.kind <> r.kind OR t.namespace IS DISTINCT FROM r.namespace OR t.labels <> r.labels::jsonb OR t.components <> r.components::jsonb
      OR t.desired IS DISTINCT FROM r.desired OR t.ready IS DISTINCT FROM r.ready OR t.managed_by IS DISTINCT FROM r.managed_by::jsonb
      OR t.can_act <> r.can_act OR t.cannot_act_reason IS DISTINCT FROM r.reason OR t.environment_id <> r.environment_id`;
  const removed = reports.flatMap(({ scope, report }) => report.removed.filter((key) => key.startsWith("target:")).map((key) => ({ scopeId: scope.id, key: key.slice("target:".length) })));
  const fresh = countByScope(changed.filter((row) => row.id === null || row.gone).map((row) => row.scope_id));
  // As many as there were, and none of them new: nothing can be absent.
  const swept = reports.filter(({ scope, report }) => report.kind === "full" && report.coverage.complete && report.targets.length - (fresh.get(scope.id) ?? 0) !== scope.live.targets).map(({ scope }) => scope.id);
  if (swept.length + removed.length === 0) return { changed, goneIds: [] };
  const gone = await tx.$queryRaw<{ id: bigint }[]>`
    WITH listed AS MATERIALIZED (SELECT * FROM unnest(${scopeIds}::bigint[], ${keys}::text[]) l(scope_id, key)),
    absent AS MATERIALIZED (
      SELECT t.id FROM unnest(${removed.map(({ scopeId }) => scopeId)}::bigint[], ${removed.map(({ key }) => key)}::text[]) r(scope_id, key) JOIN targets t ON t.agent_scope_id = r.scope_id AND t.key = r.key
      UNION
      SELECT id FROM targets WHERE agent_scope_id = ANY(${swept}::bigint[]) AND gone_at IS NULL AND (agent_scope_id, key) NOT IN (SELECT scope_id, key FROM listed)),
    gone AS MATERIALIZED (SELECT id FROM targets WHERE id IN (SELECT id FROM absent) AND gone_at IS NULL ORDER BY id FOR UPDATE)
    UPDATE targets t SET gone_at = clock_timestamp(), under_since = NULL FROM gone WHERE t.id = gone.id RETURNING t.id`;
  return { changed, goneIds: gone.map(({ id }) => id) };
}

/** The environment that a target's label names, where its pool may report it; null for none, which changes nothing. */
function environmentNamed(environments: readonly ReportableEnvironment[], { labels }: ReportedTarget): string | null {
  const name = sanitizeName(labels[ENVIRONMENT_LABEL]);
  return environments.find((environment) => environment.name === name)?.id ?? null;
}

function countByScope(scopeIds: readonly bigint[]): Map<bigint, number> {
  const counts = new Map<bigint, number>();
  for (const id of scopeIds) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** A reported copy that runs. */
export type RunningInstance = { scopeId: bigint; instance: ReportedInstance; at: number; imageId: bigint };
export type AbsentInstance = { id: bigint; scopeId: bigint; key: string; targetId: bigint };

/**
 * Which reported instances are new or differ, and which stored ones are absent: of a full report all that it does not
 * list, of a delta those that it names (`removed`), and all of targets that are gone.
 */
export async function diffInstances(
  tx: Tx,
  reports: readonly ScopedReport[],
  { running, removed, goneTargetIds }: { running: readonly RunningInstance[]; removed: readonly { scopeId: bigint; key: string }[]; goneTargetIds: readonly bigint[] },
): Promise<{ touched: TouchedInstance[]; absent: AbsentInstance[] }> {
  const of = (pick: (instance: ReportedInstance) => string | number | Date | null): string => sqlArray(running.map(({ instance }) => pick(instance)));
  const scopeIds = sqlArray(running.map(({ scopeId }) => scopeId));
  const keys = of(({ key }) => key);
  const differing = running.length === 0 ? [] : await tx.$queryRaw<{ id: bigint | null; ord: number }[]>`
    /* prepared: report-diff-instances */ SELECT i.id, r.ord::int
    FROM unnest(${scopeIds}::bigint[], ${keys}::text[], ${of(({ target }) => target)}::text[], ${of(({ component }) => component)}::text[], ${sqlArray(running.map(({ imageId }) => imageId))}::bigint[],
      ${of(({ state }) => state)}::text[], ${of(({ health }) => health)}::text[], ${of(({ startedAt }) => (startedAt ? new Date(startedAt) : null))}::timestamptz[], ${of(({ restarts }) => restarts)}::int[],
      ${of(({ lastExit }) => jsonOf(lastExit))}::text[], ${of(({ settingsDigest }) => settingsDigest ?? null)}::text[], ${of(({ mutated }) => jsonOf(mutated))}::text[], ${of(({ region }) => region ?? null)}::text[])
      WITH ORDINALITY r(scope_id, key, target, container, image_id, state, health, started_at, restarts, last_exit, settings, mutated, region, ord)
    LEFT JOIN instances i ON i.agent_scope_id = r.scope_id AND i.key = r.key
    LEFT JOIN targets t ON t.id = i.target_id
    WHERE i.id IS NULL OR t.key <> r.target OR i.component <> r.container OR i.image_id <> r.image_id OR i.state <> r.state OR i.health <> r.health
      OR i.started_at IS DISTINCT FROM date_trunc('milliseconds', r.started_at) OR i.restarts <> r.restarts OR i.last_exit IS DISTINCT FROM r.last_exit::jsonb OR i.settings_digest IS DISTINCT FROM r.settings
      OR i.mutated IS DISTINCT FROM r.mutated::jsonb OR i.region IS DISTINCT FROM r.region`;
  const touched = differing.flatMap((row): TouchedInstance[] => {
    const entry = running[row.ord - 1];
    return entry ? [{ id: row.id, scopeId: entry.scopeId, key: entry.instance.key, targetKey: entry.instance.target, at: entry.at, facts: factsOf(entry.instance, entry.imageId) }] : [];
  });
  const reported = countByScope(running.map(({ scopeId }) => scopeId));
  const fresh = countByScope(touched.filter(({ id }) => id === null).map(({ scopeId }) => scopeId));
  // As many as there were, and none of them new: nothing can be absent.
  const swept = reports.filter(({ scope, report }) => report.kind === "full" && (reported.get(scope.id) ?? 0) - (fresh.get(scope.id) ?? 0) !== scope.live.instances).map(({ scope }) => scope.id);
  if (swept.length + removed.length + goneTargetIds.length === 0) return { touched, absent: [] };
  const absent = await tx.$queryRaw<{ id: bigint; scope_id: bigint; key: string; target_id: bigint }[]>`
    WITH listed AS MATERIALIZED (SELECT * FROM unnest(${scopeIds}::bigint[], ${keys}::text[]) l(scope_id, key)),
    found AS (
      SELECT i.id, i.agent_scope_id AS scope_id, i.key, i.target_id FROM unnest(${sqlArray(removed.map(({ scopeId }) => scopeId))}::bigint[], ${sqlArray(removed.map(({ key }) => key))}::text[]) r(scope_id, key)
      JOIN instances i ON i.agent_scope_id = r.scope_id AND i.key = r.key
      UNION
      SELECT id, agent_scope_id, key, target_id FROM instances WHERE target_id = ANY(${sqlArray(goneTargetIds)}::bigint[])
      UNION
      SELECT id, agent_scope_id, key, target_id FROM instances WHERE agent_scope_id = ANY(${sqlArray(swept)}::bigint[]) AND (agent_scope_id, key) NOT IN (SELECT scope_id, key FROM listed))
    SELECT * FROM found
    -- Of a target that is gone, what is listed has only moved to another one.
    WHERE NOT (target_id = ANY(${sqlArray(goneTargetIds)}::bigint[]) AND (scope_id, key) IN (SELECT scope_id, key FROM listed))`;
  return { touched, absent: absent.map((row) => ({ id: row.id, scopeId: row.scope_id, key: row.key, targetId: row.target_id })) };
}

function jsonOf(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

function factsOf(instance: ReportedInstance, imageId: bigint): InstanceFacts {
  return {
    container: instance.component,
    imageId,
    state: instance.state,
    health: instance.health,
    startedAt: instance.startedAt ? new Date(instance.startedAt) : null,
    restarts: instance.restarts,
    lastExit: instance.lastExit ?? null,
    settingsDigest: instance.settingsDigest ?? null,
    mutated: instance.mutated ?? null,
    region: instance.region ?? null,
  };
}

type StoredTarget = { id: bigint; scope_id: bigint; key: string; namespace: string | null; labels: Record<string, string>; components: { name: string; declared?: string | null }[]; service_name: string | null; service_id: string | null; environment_id: string; partition: string; covered: boolean };

/** Stored targets by scope and key; those that are not there are left out, and so are targets that are gone. */
export async function readTargets(tx: Tx, wanted: readonly { scopeId: bigint; key: string }[]): Promise<StoredTarget[]> {
  const once = [...new Map(wanted.map((one) => [keyIn(one.scopeId, one.key), one])).values()];
  if (once.length === 0) return [];
  return tx.$queryRaw<StoredTarget[]>`
    /* prepared: report-read-targets */ SELECT t.id, t.agent_scope_id AS scope_id, t.key, t.namespace, t.labels, t.components, t.service_name::text, t.service_id::text, t.environment_id::text, t.partition::text,
      EXISTS (SELECT FROM target_desired d WHERE d.target_id = t.id) AS covered
    FROM unnest(${once.map(({ scopeId }) => scopeId)}::bigint[], ${once.map(({ key }) => key)}::text[]) n(scope_id, key)
    JOIN targets t ON t.agent_scope_id = n.scope_id AND t.key = n.key AND t.gone_at IS NULL`;
}

type StoredInstance = { id: bigint; scope_id: bigint; key: string; target_key: string; component: string; image_id: bigint; state: InstanceState; health: Health; started_at: Date | null; restarts: number; last_exit: unknown; settings_digest: string | null; mutated: InstanceFacts["mutated"]; region: string | null };

/** All stored instances of these targets. */
export async function readInstancesOf(tx: Tx, targetIds: readonly bigint[]): Promise<KnownInstance[]> {
  const rows = await tx.$queryRaw<StoredInstance[]>`
    SELECT i.id, i.agent_scope_id AS scope_id, i.key, t.key AS target_key, i.component, i.image_id, i.state, i.health, i.started_at, i.restarts, i.last_exit, i.settings_digest, i.mutated, i.region
    FROM instances i JOIN targets t ON t.id = i.target_id WHERE i.target_id = ANY(${targetIds}::bigint[])`;
  return rows.map((row) => ({
    id: row.id,
    scopeId: row.scope_id,
    key: row.key,
    targetKey: row.target_key,
    at: null,
    facts: { container: row.component, imageId: row.image_id, state: row.state, health: row.health, startedAt: row.started_at, restarts: row.restarts, lastExit: row.last_exit, settingsDigest: row.settings_digest, mutated: row.mutated, region: row.region },
  }));
}

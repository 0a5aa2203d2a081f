import type { InventoryReport } from "@/lib/contract/agent";
import type { Health, InstanceState } from "@/lib/domain/fleet/health";
import { sqlArray, type Tx } from "@/server/db";

type ReportedInstance = InventoryReport["instances"][number];

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
  key: string;
  gone: boolean;
  desired: number | null;
  under_since: Date | null;
  service_name: string | null;
  service_id: string | null;
  partition: string | null;
  /** Whether what its instances are mapped by has changed. */
  relabelled: boolean;
  /** Whether a decision says what it should run. */
  covered: boolean;
};

/**
 * Which reported targets are new or differ from what is stored, and which are gone. Compared in the database, so that an
 * unchanged report of thousands brings nothing back.
 */
export async function diffTargets(tx: Tx, scopeId: bigint, report: InventoryReport, { closeAbsent, live }: { closeAbsent: boolean; /** Targets that it had, where that was counted. */ live: number }): Promise<{ changed: KnownTarget[]; goneIds: bigint[] }> {
  const { targets } = report;
  const changed = targets.length === 0 ? [] : await tx.$queryRaw<KnownTarget[]>`
    /* prepared: report-diff-targets */ SELECT t.id, r.key, t.gone_at IS NOT NULL AS gone, t.desired, t.under_since, t.service_name::text, t.service_id::text, t.partition::text,
      coalesce(t.labels <> r.labels::jsonb OR t.components <> r.components::jsonb, true) AS relabelled, EXISTS (SELECT FROM target_desired d WHERE d.target_id = t.id) AS covered
    FROM unnest(${targets.map(({ key }) => key)}::text[], ${targets.map(({ kind }) => kind)}::text[], ${targets.map(({ namespace }) => namespace ?? null)}::text[],
      ${targets.map(({ labels }) => JSON.stringify(labels))}::text[], ${targets.map(({ components }) => JSON.stringify(components))}::text[], ${targets.map(({ desired }) => desired)}::int[],
      ${targets.map(({ ready }) => ready ?? null)}::int[], ${targets.map(({ managedBy }) => (managedBy ? JSON.stringify(managedBy) : null))}::text[], ${targets.map(({ canAct }) => canAct)}::boolean[],
      ${targets.map(({ cannotActReason }) => cannotActReason ?? null)}::text[])
      r(key, kind, namespace, labels, components, desired, ready, managed_by, can_act, reason)
    LEFT JOIN targets t ON t.agent_scope_id = ${scopeId} AND t.key = r.key
    WHERE t.id IS NULL OR t.gone_at IS NOT NULL OR t.kind <> r.kind OR t.namespace IS DISTINCT FROM r.namespace OR t.labels <> r.labels::jsonb OR t.components <> r.components::jsonb
      OR t.desired IS DISTINCT FROM r.desired OR t.ready IS DISTINCT FROM r.ready OR t.managed_by IS DISTINCT FROM r.managed_by::jsonb
      OR t.can_act <> r.can_act OR t.cannot_act_reason IS DISTINCT FROM r.reason`;
  const removed = report.removed.filter((key) => key.startsWith("target:")).map((key) => key.slice("target:".length));
  // As many as there were, and none of them new: nothing can be absent.
  const allThere = targets.length - changed.filter((row) => row.id === null || row.gone).length === live;
  const gone = (!closeAbsent || allThere) && removed.length === 0 ? [] : await tx.$queryRaw<{ id: bigint }[]>`
    WITH gone AS MATERIALIZED (
      SELECT id FROM targets WHERE agent_scope_id = ${scopeId} AND gone_at IS NULL
        AND (key = ANY(${removed}::text[]) OR (${closeAbsent} AND key NOT IN (SELECT unnest(${targets.map(({ key }) => key)}::text[]))))
      ORDER BY id FOR UPDATE)
    UPDATE targets t SET gone_at = clock_timestamp(), under_since = NULL FROM gone WHERE t.id = gone.id RETURNING t.id`;
  return { changed, goneIds: gone.map(({ id }) => id) };
}

type DiffRow = { id: bigint | null; key: string; ord: number | null; target_key: string };

/**
 * Which reported instances are new or differ, and which stored ones are absent: of a full report all that it does not
 * list, of a delta those that it names, and all of targets that are gone.
 */
export async function diffInstances(
  tx: Tx,
  scopeId: bigint,
  { reported, removedKeys, removedTargetIds, whole, live }: { reported: readonly { instance: ReportedInstance; at: number; imageId: bigint }[]; removedKeys: readonly string[]; removedTargetIds: readonly bigint[]; whole: boolean; live: number },
): Promise<{ touched: TouchedInstance[]; absent: { id: bigint; key: string; targetId: bigint }[] }> {
  const of = (pick: (instance: ReportedInstance) => string | number | Date | null): string => sqlArray(reported.map(({ instance }) => pick(instance)));
  const keys = of(({ key }) => key);
  const differing = reported.length === 0 ? [] : await tx.$queryRaw<DiffRow[]>`
    /* prepared: report-diff-instances */ SELECT i.id, r.key, r.ord::int, r.target AS target_key
    FROM unnest(${keys}::text[], ${of(({ target }) => target)}::text[], ${of(({ component }) => component)}::text[], ${sqlArray(reported.map(({ imageId }) => imageId))}::bigint[],
      ${of(({ state }) => state)}::text[], ${of(({ health }) => health)}::text[], ${of(({ startedAt }) => (startedAt ? new Date(startedAt) : null))}::timestamptz[], ${of(({ restarts }) => restarts)}::int[],
      ${of(({ lastExit }) => jsonOf(lastExit))}::text[], ${of(({ settingsDigest }) => settingsDigest ?? null)}::text[], ${of(({ mutated }) => jsonOf(mutated))}::text[], ${of(({ region }) => region ?? null)}::text[])
      WITH ORDINALITY r(key, target, container, image_id, state, health, started_at, restarts, last_exit, settings, mutated, region, ord)
    LEFT JOIN instances i ON i.agent_scope_id = ${scopeId} AND i.key = r.key
    LEFT JOIN targets t ON t.id = i.target_id
    WHERE i.id IS NULL OR t.key <> r.target OR i.component <> r.container OR i.image_id <> r.image_id OR i.state <> r.state OR i.health <> r.health
      OR i.started_at IS DISTINCT FROM date_trunc('milliseconds', r.started_at) OR i.restarts <> r.restarts OR i.last_exit IS DISTINCT FROM r.last_exit::jsonb OR i.settings_digest IS DISTINCT FROM r.settings
      OR i.mutated IS DISTINCT FROM r.mutated::jsonb OR i.region IS DISTINCT FROM r.region`;
  const touched = differing.flatMap((row): TouchedInstance[] => {
    const entry = reported[(row.ord ?? 0) - 1];
    return entry ? [{ id: row.id, key: row.key, targetKey: row.target_key, at: entry.at, facts: factsOf(entry.instance, entry.imageId) }] : [];
  });
  const allThere = reported.length - touched.filter(({ id }) => id === null).length === live;
  const nothing = (!whole || allThere) && removedKeys.length === 0 && removedTargetIds.length === 0;
  const absent = nothing ? [] : await tx.$queryRaw<{ id: bigint; key: string; target_id: bigint }[]>`
    WITH listed AS MATERIALIZED (SELECT unnest(${keys}::text[]) AS key)
    SELECT id, key, target_id FROM instances
    WHERE agent_scope_id = ${scopeId} AND (key = ANY(${sqlArray(removedKeys)}::text[]) OR target_id = ANY(${sqlArray(removedTargetIds)}::bigint[])
      OR (${whole} AND key NOT IN (SELECT key FROM listed)))
      AND NOT (target_id = ANY(${sqlArray(removedTargetIds)}::bigint[]) AND key IN (SELECT key FROM listed))`;
  return { touched, absent: absent.map((row) => ({ id: row.id, key: row.key, targetId: row.target_id })) };
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

type StoredTarget = { id: bigint; key: string; labels: Record<string, string>; components: { name: string; declared?: string | null }[]; service_name: string | null; service_id: string | null; environment_id: string; partition: string; covered: boolean };

/** Stored targets by key; keys that are not there are left out, and so are targets that are gone. */
export async function readTargets(tx: Tx, scopeId: bigint, keys: readonly string[]): Promise<StoredTarget[]> {
  if (keys.length === 0) return [];
  return tx.$queryRaw<StoredTarget[]>`
    /* prepared: report-read-targets */ SELECT id, key, labels, components, service_name::text, service_id::text, environment_id::text, partition::text,
      EXISTS (SELECT FROM target_desired d WHERE d.target_id = targets.id) AS covered
    FROM targets WHERE agent_scope_id = ${scopeId} AND key = ANY(${keys}::text[]) AND gone_at IS NULL`;
}

type StoredInstance = { id: bigint; key: string; target_key: string; component: string; image_id: bigint; state: InstanceState; health: Health; started_at: Date | null; restarts: number; last_exit: unknown; settings_digest: string | null; mutated: InstanceFacts["mutated"]; region: string | null };

/** All stored instances of these targets. */
export async function readInstancesOf(tx: Tx, targetIds: readonly bigint[]): Promise<KnownInstance[]> {
  const rows = await tx.$queryRaw<StoredInstance[]>`
    SELECT i.id, i.key, t.key AS target_key, i.component, i.image_id, i.state, i.health, i.started_at, i.restarts, i.last_exit, i.settings_digest, i.mutated, i.region
    FROM instances i JOIN targets t ON t.id = i.target_id WHERE i.target_id = ANY(${targetIds}::bigint[])`;
  return rows.map((row) => ({
    id: row.id,
    key: row.key,
    targetKey: row.target_key,
    at: null,
    facts: { container: row.component, imageId: row.image_id, state: row.state, health: row.health, startedAt: row.started_at, restarts: row.restarts, lastExit: row.last_exit, settingsDigest: row.settings_digest, mutated: row.mutated, region: row.region },
  }));
}

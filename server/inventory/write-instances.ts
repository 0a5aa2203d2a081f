import { sqlArray, type Tx } from "@/server/db";
import type { CountMove } from "@/server/drift/move-counts";
import type { TouchedInstance } from "./diff-facts";

export type PlacedInstance = TouchedInstance & { targetId: bigint; combinationId: bigint; unhealthyNow: boolean };
/** `at`: when it ended, where that is not when we learned it. */
export type EndedInstance = { id: bigint; reason: string; lastExit: unknown; at?: Date };

type Old = { id: bigint; scope_id: bigint; combination_id: bigint; health: string; written: boolean };

/**
 * Writes changed facts. Where a fact of history changed the old ones become a closed span; what is only more detail (a
 * region, the paths of a mutation) is updated in place. Returns how the counters move.
 */
export async function updateInstances(tx: Tx, rows: readonly PlacedInstance[], now: Date): Promise<CountMove[]> {
  if (rows.length === 0) return [];
  const sorted = rows.toSorted(byScopeAndKey);
  const old = await tx.$queryRaw<Old[]>`
    /* prepared: report-update */ WITH input AS MATERIALIZED (
      SELECT * FROM unnest(${sqlArray(sorted.map(({ id }) => id))}::bigint[], ${sqlArray(sorted.map(({ targetId }) => targetId))}::bigint[], ${sqlArray(sorted.map(({ combinationId }) => combinationId))}::bigint[],
        ${facts(sorted, ({ container }) => container)}::text[], ${facts(sorted, ({ imageId }) => imageId)}::bigint[], ${facts(sorted, ({ state }) => state)}::text[], ${facts(sorted, ({ health }) => health)}::text[],
        ${facts(sorted, ({ startedAt }) => startedAt)}::timestamptz[], ${facts(sorted, ({ restarts }) => restarts)}::int[], ${facts(sorted, ({ lastExit }) => jsonOf(lastExit))}::text[],
        ${facts(sorted, ({ settingsDigest }) => settingsDigest)}::text[], ${facts(sorted, ({ mutated }) => jsonOf(mutated))}::text[], ${facts(sorted, ({ region }) => region)}::text[])
        n(id, target_id, combination_id, container, image_id, state, health, started_at, restarts, last_exit, settings_digest, mutated, region)
    ), old AS MATERIALIZED (
      SELECT i.* FROM instances i WHERE i.id IN (SELECT id FROM input) ORDER BY i.id FOR UPDATE
    ), judged AS MATERIALIZED (
      SELECT n.*, CASE
        WHEN o.image_id <> n.image_id THEN 'image'
        WHEN p.service_name IS DISTINCT FROM c.service_name OR p.environment_id <> c.environment_id OR p.partition <> c.partition OR p.component <> c.component OR p.ignored_by IS DISTINCT FROM c.ignored_by THEN 'mapping'
        WHEN o.restarts <> n.restarts OR o.started_at IS DISTINCT FROM n.started_at THEN 'restart'
        WHEN o.state <> n.state THEN 'state'
        WHEN o.health <> n.health THEN 'health'
        WHEN c.mutated <> p.mutated THEN 'mutated'
        WHEN o.settings_digest IS DISTINCT FROM n.settings_digest THEN 'settings' END AS reason,
        o.combination_id <> n.combination_id OR o.target_id <> n.target_id OR o.component <> n.container OR o.last_exit IS DISTINCT FROM n.last_exit::jsonb
          OR o.mutated IS DISTINCT FROM n.mutated::jsonb OR o.region IS DISTINCT FROM n.region AS detail
      FROM input n JOIN old o ON o.id = n.id JOIN combinations p ON p.id = o.combination_id JOIN combinations c ON c.id = n.combination_id
    ), closed AS (
      INSERT INTO spans (service_name, environment_id, partition, component, agent_id, target_id, instance_key, instance_id, image_id, combination_id, state, health,
        restarts, mutated, settings_digest, region, started_at, ended_at, end_reason, last_exit)
      SELECT coalesce(c.service_name, ''), c.environment_id, c.partition, c.component, s.agent_id, o.target_id, o.key, o.public_id, o.image_id, o.combination_id, o.state, o.health,
        o.restarts, o.mutated, o.settings_digest, o.region, o.facts_since, greatest(${now}::timestamptz, o.facts_since), j.reason, o.last_exit
      FROM judged j JOIN old o ON o.id = j.id JOIN combinations c ON c.id = o.combination_id JOIN agent_scopes s ON s.id = o.agent_scope_id WHERE j.reason IS NOT NULL
    ), updated AS (
      UPDATE instances i SET target_id = j.target_id, combination_id = j.combination_id, component = j.container, image_id = j.image_id, state = j.state, health = j.health,
        started_at = j.started_at, restarts = j.restarts, last_exit = j.last_exit::jsonb, settings_digest = j.settings_digest, mutated = j.mutated::jsonb, region = j.region,
        facts_since = CASE WHEN j.reason IS NULL THEN i.facts_since ELSE greatest(${now}::timestamptz, i.facts_since) END
      FROM judged j WHERE i.id = j.id AND (j.reason IS NOT NULL OR j.detail)
    )
    SELECT o.id, o.agent_scope_id AS scope_id, o.combination_id, o.health, j.reason IS NOT NULL OR j.detail AS written FROM old o JOIN judged j ON j.id = o.id`;
  const byId = new Map(sorted.map((row) => [row.id, row]));
  return old.filter(({ written }) => written).flatMap((before): CountMove[] => {
    const after = byId.get(before.id);
    if (!after) return [];
    return [
      { scopeId: before.scope_id, combinationId: before.combination_id, instances: -1, unhealthy: before.health === "unhealthy" ? -1 : 0 },
      { scopeId: after.scopeId, combinationId: after.combinationId, instances: 1, unhealthy: after.unhealthyNow ? 1 : 0 },
    ];
  });
}

/**
 * Stores instances that were not there. One that started after its scope was last heard shows its facts since its start.
 * @param heardAt when a scope was last heard before this report; null for the first time
 */
export async function insertInstances(tx: Tx, rows: readonly PlacedInstance[], { heardAt, now }: { heardAt: (scopeId: bigint) => Date | null; now: Date }): Promise<CountMove[]> {
  if (rows.length === 0) return [];
  const sorted = rows.toSorted(byScopeAndKey);
  const since = sorted.map(({ scopeId, facts: { startedAt } }) => {
    const heard = heardAt(scopeId);
    return startedAt !== null && heard !== null && startedAt > heard && startedAt < now ? startedAt : now;
  });
  await tx.$executeRaw`
    /* prepared: report-insert */ INSERT INTO instances (agent_scope_id, target_id, key, component, combination_id, image_id, state, health, started_at, restarts, last_exit, settings_digest, mutated, region, first_seen_at, facts_since)
    SELECT n.scope_id, n.target_id, n.key, n.container, n.combination_id, n.image_id, n.state, n.health, n.started_at, n.restarts, n.last_exit::jsonb, n.settings_digest, n.mutated::jsonb, n.region, ${now}, n.since
    FROM unnest(${sqlArray(sorted.map(({ scopeId }) => scopeId))}::bigint[], ${sqlArray(sorted.map(({ key }) => key))}::text[], ${sqlArray(sorted.map(({ targetId }) => targetId))}::bigint[], ${sqlArray(sorted.map(({ combinationId }) => combinationId))}::bigint[],
      ${facts(sorted, ({ container }) => container)}::text[], ${facts(sorted, ({ imageId }) => imageId)}::bigint[], ${facts(sorted, ({ state }) => state)}::text[], ${facts(sorted, ({ health }) => health)}::text[],
      ${facts(sorted, ({ startedAt }) => startedAt)}::timestamptz[], ${facts(sorted, ({ restarts }) => restarts)}::int[], ${facts(sorted, ({ lastExit }) => jsonOf(lastExit))}::text[],
      ${facts(sorted, ({ settingsDigest }) => settingsDigest)}::text[], ${facts(sorted, ({ mutated }) => jsonOf(mutated))}::text[], ${facts(sorted, ({ region }) => region)}::text[], ${sqlArray(since)}::timestamptz[])
      n(scope_id, key, target_id, combination_id, container, image_id, state, health, started_at, restarts, last_exit, settings_digest, mutated, region, since)`;
  return sorted.map((row) => ({ scopeId: row.scopeId, combinationId: row.combinationId, instances: 1, unhealthy: row.unhealthyNow ? 1 : 0 }));
}

/** Takes instances off the present: their open facts become a span that ends with the reason. Returns how the counters move. */
export async function endInstances(tx: Tx, ended: readonly EndedInstance[], at: Date): Promise<CountMove[]> {
  if (ended.length === 0) return [];
  const old = await tx.$queryRaw<Omit<Old, "written">[]>`
    /* prepared: report-end */ WITH input AS MATERIALIZED (
      SELECT * FROM unnest(${ended.map(({ id }) => id)}::bigint[], ${ended.map(({ reason }) => reason)}::text[], ${ended.map(({ lastExit }) => jsonOf(lastExit))}::text[], ${ended.map((one) => one.at ?? at)}::timestamptz[]) n(id, reason, last_exit, at)
    ), old AS MATERIALIZED (
      SELECT i.* FROM instances i WHERE i.id IN (SELECT id FROM input) ORDER BY i.id FOR UPDATE
    ), closed AS (
      INSERT INTO spans (service_name, environment_id, partition, component, agent_id, target_id, instance_key, instance_id, image_id, combination_id, state, health,
        restarts, mutated, settings_digest, region, started_at, ended_at, end_reason, last_exit)
      SELECT coalesce(c.service_name, ''), c.environment_id, c.partition, c.component, s.agent_id, o.target_id, o.key, o.public_id, o.image_id, o.combination_id, o.state, o.health,
        o.restarts, o.mutated, o.settings_digest, o.region, o.facts_since, greatest(n.at, o.facts_since), n.reason, coalesce(n.last_exit::jsonb, o.last_exit)
      FROM input n JOIN old o ON o.id = n.id JOIN combinations c ON c.id = o.combination_id JOIN agent_scopes s ON s.id = o.agent_scope_id
    ), removed AS (
      DELETE FROM instances i USING old WHERE i.id = old.id
    )
    SELECT id, agent_scope_id AS scope_id, combination_id, health FROM old`;
  return old.map((row) => ({ scopeId: row.scope_id, combinationId: row.combination_id, instances: -1, unhealthy: row.health === "unhealthy" ? -1 : 0 }));
}

/** One order everywhere, so that writers wait for each other instead of deadlocking. */
function byScopeAndKey(a: PlacedInstance, b: PlacedInstance): number {
  if (a.scopeId !== b.scopeId) return a.scopeId < b.scopeId ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}

function facts(rows: readonly PlacedInstance[], pick: (facts: PlacedInstance["facts"]) => string | number | bigint | Date | null): string {
  return sqlArray(rows.map((row) => pick(row.facts)));
}

function jsonOf(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

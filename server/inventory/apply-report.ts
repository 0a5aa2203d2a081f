import type { InventoryReport } from "@/lib/contract/agent";
import { FINDING_CATEGORIES } from "@/lib/domain/drift/categories";
import { trackShortSince } from "@/lib/domain/drift/judge-target";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import type { Tx } from "@/server/db";
import { admitTargets } from "@/server/desired/admit-target";
import { desiredOf, type CombinationKey, type DesiredHere } from "@/server/drift/combination";
import { moveCounts, type CountMove } from "@/server/drift/move-counts";
import { placeCombinations } from "@/server/drift/place-combinations";
import { loadDeclared } from "@/server/drift/regroup-targets";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";
import { observeTargets } from "@/server/rollouts/observe-targets";
import { AppError } from "@/server/errors";
import { diffInstances, diffTargets, readInstancesOf, readTargets, type KnownInstance, type KnownTarget, type TouchedInstance } from "./diff-facts";
import { mapContainer, repositoriesOf, type Mapped } from "./mapping-rules";
import type { ReportingScope } from "./reporting-scope";
import { storeImages } from "./store-images";
import { endInstances, insertInstances, updateInstances, type EndedInstance, type PlacedInstance } from "./write-instances";

export type Applied = { changed: boolean; createdCombinations: bigint[] };

type ReportedTarget = InventoryReport["targets"][number];

/** A target as it is now, with where it belongs. */
type CurrentTarget = { id: bigint | null; key: string; labels: Record<string, string>; components: readonly { name: string; declared?: string | null }[]; covered: boolean; mapped: Mapped };

/**
 * Takes what a report says over what is stored, in the caller's transaction. The work after comparing is proportional to
 * what changed: instances whose facts differ close a span, their combinations' counters move, their targets' findings
 * are brought up to date.
 * @throws AppError invalid for an instance of a target that nobody has reported
 */
export async function applyReport(tx: Tx, scope: ReportingScope, report: InventoryReport, now: Date): Promise<Applied> {
  const full = report.kind === "full";
  const complete = report.coverage.complete;
  const imageIds = await storeImages(scope.db, tx, report.images);
  const targetDiff = await diffTargets(tx, scope.id, report, { closeAbsent: full && complete, live: scope.live.targets });
  const running = report.instances.map((instance, at) => ({ instance, at })).filter(({ instance }) => instance.state !== "exited");
  const exited = new Map(report.instances.filter(({ state }) => state === "exited").map((instance) => [instance.key, instance]));
  const diff = await diffInstances(tx, scope.id, {
    reported: running.map(({ instance, at }) => ({ instance, at, imageId: imageIds[instance.image] ?? 0n })),
    removedKeys: [...report.removed.filter((key) => !key.startsWith("target:")), ...exited.keys()],
    removedTargetIds: targetDiff.goneIds,
    whole: full,
    live: scope.live.instances,
  });
  // A full report that could not see everything closes nothing that it does not name.
  const ended = diff.absent.filter((known) => complete || exited.has(known.key) || report.removed.includes(known.key)).map((known): EndedInstance => {
    const last = exited.get(known.key);
    return { id: known.id, reason: last ? "exited" : "gone", lastExit: last?.lastExit ?? null };
  });
  const eventsAdded = await insertEvents(tx, scope.agentId, report);
  if (targetDiff.changed.length + targetDiff.goneIds.length + diff.touched.length + ended.length === 0) return { changed: eventsAdded, createdCombinations: [] };

  const endedIds = new Set(ended.map(({ id }) => id));
  const targets = await storeTargets(tx, { scope, report, now, diff, targetDiff });
  const touched = await gatherTouched(tx, diff.touched, { targets, endedIds, relabelled: targetDiff.changed.filter((row) => row.id !== null && row.relabelled).map((row) => row.key) });
  const targetIds = [...new Set([...[...targets.values()].flatMap(({ id }) => id ?? []), ...targetDiff.goneIds, ...diff.absent.filter(({ id }) => endedIds.has(id)).map(({ targetId }) => targetId)])];
  const desired = await lockDesired(tx, targetIds);

  const keys = await keysOf(tx, touched, { scope, targets, desired });
  const placed = await placeCombinations(tx, keys, scope.db);
  const rows = touched.map((one, at): PlacedInstance => {
    const key = keys[at];
    const target = targets.get(one.targetKey);
    if (!key || !target || target.id === null) throw new Error("an instance lost its target");
    return { ...one, targetId: target.id, combinationId: placed.idOf(key), unhealthyNow: one.facts.health === "unhealthy" };
  });
  const moves: CountMove[] = [
    ...(await updateInstances(tx, scope, rows.filter(({ id }) => id !== null), now)),
    ...(await insertInstances(tx, scope, rows.filter(({ id }) => id === null), now)),
    ...(await endInstances(tx, ended, now)),
  ];
  await moveCounts(tx, moves, now);
  await refreshDeviating(tx, { targetIds, combinationIds: [...new Set(moves.map(({ combinationId }) => combinationId))], presenceIds: [...targetDiff.changed.flatMap((row) => targets.get(row.key)?.id ?? []), ...targetDiff.goneIds], now });
  await recordFleetChanges(tx, [...moves.map(({ combinationId }) => combinationId), ...rows.map(({ combinationId }) => combinationId)], [...targets.values()]);
  await observeTargets(tx, targetIds, { now });
  return { changed: true, createdCombinations: placed.created };
}

/** Writes the targets that are new or differ, and returns every target that the changed instances belong to, by key. */
async function storeTargets(
  tx: Tx,
  { scope, report, now, diff, targetDiff }: { scope: ReportingScope; report: InventoryReport; now: Date; diff: Awaited<ReturnType<typeof diffInstances>>; targetDiff: Awaited<ReturnType<typeof diffTargets>> },
): Promise<Map<string, CurrentTarget>> {
  const reported = new Map(report.targets.map((target) => [target.key, target]));
  const known = new Map(targetDiff.changed.map((row) => [row.key, row]));
  const result = new Map<string, CurrentTarget>();

  const unlisted = [...new Set(diff.touched.map(({ targetKey }) => targetKey))].filter((key) => !known.has(key));
  for (const row of await readTargets(tx, scope.id, unlisted)) {
    result.set(row.key, { id: row.id, key: row.key, labels: row.labels, components: row.components, covered: row.covered, mapped: { serviceName: row.service_name, serviceId: row.service_id, environmentId: row.environment_id, partition: row.partition, component: "" } });
  }
  const orphan = diff.touched.find(({ targetKey }) => !known.has(targetKey) && !result.has(targetKey));
  if (orphan) {
    throw new AppError("invalid", "An instance belongs to a target that was not reported.", { fields: [{ path: orphan.at === null ? "instances" : `instances[${orphan.at}].target`, message: "is not a target of this report, nor of an earlier one" }] });
  }
  if (known.size === 0) return result;

  // A target without labels is called what its first container is.
  const firstOf = new Map<string, InventoryReport["instances"][number]>();
  for (const instance of report.instances) {
    const first = firstOf.get(instance.target);
    if (!first || instance.component < first.component) firstOf.set(instance.target, instance);
  }
  const changed = [...known.values()].flatMap((row) => {
    const target = reported.get(row.key);
    if (!target) return [];
    const first = firstOf.get(row.key);
    const image = first ? report.images[first.image] : undefined;
    const mapped = mapContainer(scope.names, scope.environments, {
      container: first?.component ?? target.components[0]?.name ?? "main",
      labels: target.labels,
      containersInTarget: 1,
      repositories: image ? repositoriesOf(image) : [],
      decided: row.covered ? { serviceName: row.service_name, serviceId: row.service_id, partition: row.partition ?? DEFAULT_PARTITION } : null,
    });
    // A delta shows some of the containers; what all of them said stays until the labels change.
    const keeps = row.id !== null && !row.relabelled && row.service_name !== null && (first === undefined || target.components.length > 1);
    const kept = keeps ? { ...mapped, serviceName: row.service_name, serviceId: row.service_id, partition: row.partition ?? mapped.partition } : mapped;
    return [{ row, target, mapped: kept }];
  });
  const ids = await upsertTargets(tx, scope, changed, report, now);
  for (const { row, target, mapped } of changed) {
    result.set(row.key, { id: ids.get(row.key) ?? null, key: row.key, labels: target.labels, components: target.components, covered: row.covered, mapped });
  }
  const fresh = changed.filter(({ row }) => row.id === null || row.gone).flatMap(({ row, mapped }) => (mapped.serviceId === null ? [] : (ids.get(row.key) ?? [])));
  if (fresh.length > 0) await admitTargets(tx, fresh, { now });
  return result;
}

async function upsertTargets(tx: Tx, scope: ReportingScope, changed: readonly { row: KnownTarget; target: ReportedTarget; mapped: Mapped }[], report: InventoryReport, now: Date): Promise<Map<string, bigint>> {
  const runningOf = new Map<string, number>();
  for (const instance of report.instances) if (instance.state === "running") runningOf.set(instance.target, (runningOf.get(instance.target) ?? 0) + 1);
  const sorted = changed.toSorted((a, b) => (a.row.key < b.row.key ? -1 : 1));
  const underSince = sorted.map(({ row, target }) => {
    const before = row.id === null ? null : { desiredCount: row.desired, shortSince: row.under_since?.getTime() ?? null };
    const since = trackShortSince(before, { desiredCount: target.desired, readyCount: target.ready ?? runningOf.get(target.key) ?? 0 }, now.getTime());
    return since === null ? null : new Date(since);
  });
  const rows = await tx.$queryRaw<{ id: bigint; key: string }[]>`
    INSERT INTO targets AS t (agent_scope_id, key, kind, namespace, labels, components, desired, ready, managed_by, can_act, cannot_act_reason,
      service_name, service_id, environment_id, partition, under_since, first_seen_at)
    SELECT ${scope.id}, n.key, n.kind, n.namespace, n.labels::jsonb, n.components::jsonb, n.desired, n.ready, n.managed_by::jsonb, n.can_act, n.reason,
      n.service_name, n.service_id, n.environment_id, n.partition, n.under_since, ${now}
    FROM unnest(${sorted.map(({ target }) => target.key)}::text[], ${sorted.map(({ target }) => target.kind)}::text[], ${sorted.map(({ target }) => target.namespace ?? null)}::text[],
      ${sorted.map(({ target }) => JSON.stringify(target.labels))}::text[], ${sorted.map(({ target }) => JSON.stringify(target.components))}::text[],
      ${sorted.map(({ target }) => target.desired)}::int[], ${sorted.map(({ target }) => target.ready ?? null)}::int[],
      ${sorted.map(({ target }) => (target.managedBy ? JSON.stringify(target.managedBy) : null))}::text[], ${sorted.map(({ target }) => target.canAct)}::boolean[],
      ${sorted.map(({ target }) => target.cannotActReason ?? null)}::text[], ${sorted.map(({ mapped }) => mapped.serviceName)}::text[], ${sorted.map(({ mapped }) => mapped.serviceId)}::uuid[],
      ${sorted.map(({ mapped }) => mapped.environmentId)}::uuid[], ${sorted.map(({ mapped }) => mapped.partition)}::text[], ${underSince}::timestamptz[])
      n(key, kind, namespace, labels, components, desired, ready, managed_by, can_act, reason, service_name, service_id, environment_id, partition, under_since)
    ON CONFLICT (agent_scope_id, key) DO UPDATE SET kind = excluded.kind, namespace = excluded.namespace, labels = excluded.labels, components = excluded.components,
      desired = excluded.desired, ready = excluded.ready, managed_by = excluded.managed_by, can_act = excluded.can_act, cannot_act_reason = excluded.cannot_act_reason,
      service_name = excluded.service_name, service_id = excluded.service_id, environment_id = excluded.environment_id, partition = excluded.partition,
      under_since = excluded.under_since, gone_at = NULL
    RETURNING t.id, t.key`;
  return new Map(rows.map((row) => [row.key, row.id]));
}

/** The instances to place: those that differ, and all others of a target whose labels or components changed. */
async function gatherTouched(
  tx: Tx,
  differing: readonly TouchedInstance[],
  { targets, endedIds, relabelled }: { targets: Map<string, CurrentTarget>; endedIds: ReadonlySet<bigint>; relabelled: readonly string[] },
): Promise<TouchedInstance[]> {
  const ids = relabelled.flatMap((key) => targets.get(key)?.id ?? []);
  if (ids.length === 0) return [...differing];
  const seen = new Set(differing.map(({ key }) => key));
  const others: KnownInstance[] = await readInstancesOf(tx, ids);
  return [...differing, ...others.filter((known) => !seen.has(known.key) && !endedIds.has(known.id)).map((known) => ({ ...known, at: null }))];
}

type DesiredRow = DesiredHere & { targetId: bigint };

/**
 * What these targets should run. The rows are locked against a decision at the same moment: either this report sees it,
 * or the decision sees this report's instances when it regroups.
 */
async function lockDesired(tx: Tx, targetIds: readonly bigint[]): Promise<Map<bigint, DesiredRow>> {
  await tx.$executeRaw`/* prepared: report-lock-targets */ SELECT 1 FROM targets WHERE id = ANY(${targetIds}::bigint[]) ORDER BY id FOR UPDATE`;
  const rows = await tx.$queryRaw<{ id: bigint; covered: boolean; release_id: string | null; assigned: boolean }[]>`
    /* prepared: report-desired */ WITH d AS MATERIALIZED (SELECT target_id, release_id FROM target_desired WHERE target_id = ANY(${targetIds}::bigint[]) ORDER BY target_id FOR SHARE)
    SELECT t.id, d.target_id IS NOT NULL AS covered, d.release_id::text,
      EXISTS (SELECT FROM assignments a WHERE a.service_id = t.service_id AND a.environment_id = t.environment_id AND a.partition = t.partition AND a.release_id IS NOT NULL) AS assigned
    FROM targets t LEFT JOIN d ON d.target_id = t.id WHERE t.id = ANY(${targetIds}::bigint[])`;
  return new Map(rows.map((row) => [row.id, { targetId: row.id, ...desiredOf(row.covered ? { releaseId: row.release_id } : null, row.assigned) }]));
}

/** The combination of each touched instance, in their order. */
async function keysOf(
  tx: Tx,
  touched: readonly TouchedInstance[],
  { scope, targets, desired }: { scope: ReportingScope; targets: Map<string, CurrentTarget>; desired: Map<bigint, DesiredRow> },
): Promise<CombinationKey[]> {
  const imageIds = [...new Set(touched.map(({ facts }) => facts.imageId))];
  const images = imageIds.length === 0 ? [] : await tx.$queryRaw<{ id: bigint; digests: { repository: string | null }[]; reference: string | null }[]>`
    SELECT id, digests, reference FROM images WHERE id = ANY(${imageIds}::bigint[])`;
  const repositories = new Map(images.map((image) => [image.id, repositoriesOf(image)]));
  const memo = new Map<string, Mapped>();
  const mapped = touched.map((one): Mapped => {
    const target = targets.get(one.targetKey);
    if (!target) throw new Error("an instance lost its target");
    const key = `${one.facts.imageId} ${one.facts.container} ${one.targetKey}`;
    const found = memo.get(key) ?? mapContainer(scope.names, scope.environments, {
      container: one.facts.container,
      labels: target.labels,
      containersInTarget: Math.max(1, target.components.length),
      repositories: repositories.get(one.facts.imageId) ?? [],
      decided: target.covered ? target.mapped : null,
    });
    memo.set(key, found);
    return found;
  });
  const foreign = mapped.flatMap((place, at) => (place.serviceId !== null && place.serviceId !== targets.get(touched[at]?.targetKey ?? "")?.mapped.serviceId ? [place] : []));
  const assignedTo = await readAssignments(tx, foreign);
  const wanted = touched.map((one, at): { desired: DesiredHere; declared: string | null; place: Mapped } => {
    const target = targets.get(one.targetKey);
    const place = mapped[at];
    if (!target || !place) throw new Error("an instance lost its target");
    const own = target.id === null ? undefined : desired.get(target.id);
    const declared = target.components.find(({ name }) => name === one.facts.container)?.declared ?? null;
    if (place.serviceId !== null && place.serviceId !== target.mapped.serviceId) return { desired: assignedTo(place), declared, place };
    return { desired: own ?? desiredOf(null, false), declared, place };
  });
  const matches = await loadDeclared(tx, wanted.map(({ declared, desired: here }) => ({ digest: declared, releaseId: here.desiredReleaseId })));
  return wanted.map(({ desired: here, declared, place }, at): CombinationKey => {
    const facts = touched[at]?.facts;
    if (!facts) throw new Error("an instance lost its facts");
    return {
      serviceName: place.serviceName,
      serviceId: place.serviceId,
      environmentId: place.environmentId,
      partition: place.partition,
      component: place.component,
      imageId: facts.imageId,
      desiredKind: here.desiredKind,
      desiredReleaseId: here.desiredReleaseId,
      unexpected: here.unexpected,
      mutated: (facts.mutated?.count ?? 0) > 0,
      settingsDigest: facts.settingsDigest,
      declaredMatches: matches(declared, here.desiredReleaseId, place.component),
    };
  });
}

/** What is assigned to services whose containers run in other services' targets: a mesh proxy, a log shipper. */
async function readAssignments(tx: Tx, places: readonly Mapped[]): Promise<(place: Mapped) => DesiredHere> {
  if (places.length === 0) return () => desiredOf(null, false);
  const rows = await tx.$queryRaw<{ service_id: string; environment_id: string; partition: string; release_id: string | null }[]>`
    SELECT service_id::text, environment_id::text, partition::text, release_id::text FROM assignments WHERE service_id = ANY(${[...new Set(places.flatMap(({ serviceId }) => serviceId ?? []))]}::uuid[])`;
  return (place) => {
    const row = rows.find((one) => one.service_id === place.serviceId && one.environment_id === place.environmentId && one.partition === place.partition);
    return desiredOf(row ? { releaseId: row.release_id } : null, false);
  };
}

/** Findings of the targets where something deviates, deviated, or may be missing; a fleet in sync costs one query. */
async function refreshDeviating(tx: Tx, { targetIds, combinationIds, presenceIds, now }: { targetIds: readonly bigint[]; combinationIds: readonly bigint[]; presenceIds: readonly bigint[]; now: Date }): Promise<void> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>`
    /* prepared: report-deviating */ SELECT t.id FROM targets t
    WHERE t.id = ANY(${targetIds}::bigint[]) AND (
      EXISTS (SELECT FROM findings f WHERE f.target_id = t.id AND f.resolved_at IS NULL)
      OR (t.id = ANY(${presenceIds}::bigint[]) AND t.under_since IS NOT NULL)
      OR EXISTS (SELECT FROM instances i WHERE i.target_id = t.id AND i.combination_id = ANY(
        ARRAY(SELECT c.id FROM combinations c WHERE c.id = ANY(${combinationIds}::bigint[]) AND c.categories && ${[...FINDING_CATEGORIES]}::text[]))))`;
  await refreshTargetFindings(tx, rows.map(({ id }) => id), { now });
}

/** One pointer per service and environment that something changed in. */
async function recordFleetChanges(tx: Tx, combinationIds: readonly bigint[], targets: readonly CurrentTarget[]): Promise<void> {
  await tx.$executeRaw`
    /* prepared: report-changes */ INSERT INTO changes (topic, service_id, service_name, environment_id)
    SELECT 'fleet', service_id, service_name, environment_id FROM combinations WHERE id = ANY(${[...new Set(combinationIds)]}::bigint[])
    UNION
    SELECT 'fleet', n.service_id, n.service_name, n.environment_id
    FROM unnest(${targets.map(({ mapped }) => mapped.serviceId)}::uuid[], ${targets.map(({ mapped }) => mapped.serviceName)}::text[], ${targets.map(({ mapped }) => mapped.environmentId)}::uuid[]) n(service_id, service_name, environment_id)`;
}

/** What an agent's journal tells of the time between reports enters history once; it never changes the present. */
async function insertEvents(tx: Tx, agentId: string, { events }: InventoryReport): Promise<boolean> {
  if (events.length === 0) return false;
  const added = await tx.$executeRaw`
    INSERT INTO events (agent_id, event_id, at, target_key, instance_key, kind, digest, by, detail)
    SELECT ${agentId}::uuid, e.id, e.at, e.target, e.instance, e.kind, e.digest, e.by, e.detail::jsonb
    FROM unnest(${events.map(({ id }) => id)}::text[], ${events.map(({ at }) => new Date(at))}::timestamptz[], ${events.map(({ target }) => target)}::text[], ${events.map(({ instance }) => instance ?? null)}::text[],
      ${events.map(({ kind }) => kind)}::text[], ${events.map(({ digest }) => digest ?? null)}::text[], ${events.map(({ by }) => by ?? null)}::text[], ${events.map(({ detail }) => JSON.stringify(detail))}::text[])
      e(id, at, target, instance, kind, digest, by, detail)
    ORDER BY e.id ON CONFLICT DO NOTHING`;
  return added > 0;
}

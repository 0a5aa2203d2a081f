import type { InventoryReport } from "@/lib/contract/agent";
import { FINDING_CATEGORIES } from "@/lib/domain/drift/categories";
import { trackShortSince } from "@/lib/domain/drift/judge-target";
import type { ContainerOrigin } from "@/lib/domain/fleet/map-facts";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { sqlArray, type Db, type Tx } from "@/server/db";
import { admitTargets } from "@/server/desired/admit-target";
import { raiseDesired } from "@/server/desired/raise-desired";
import { desiredOf, ignoredKey, type CombinationKey, type DesiredHere } from "@/server/drift/combination";
import { moveCounts, type CountMove } from "@/server/drift/move-counts";
import { placeCombinations } from "@/server/drift/place-combinations";
import { readAssignments } from "@/server/drift/read-assignments";
import { declaresSql, loadDeclared } from "@/server/drift/load-declared";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";
import { observeTargets } from "@/server/rollouts/observe-targets";
import { AppError } from "@/server/errors";
import { diffInstances, diffTargets, readInstancesOf, readTargets, type KnownTarget, type RunningInstance, type TouchedInstance } from "./diff-facts";
import { boundNames } from "./bound-names";
import { chooseOwn, isLookedInside, mapContainer, repositoriesOf, type ExplainedMapping, type LedgerNames, type Mapped } from "./mapping-rules";
import { keyIn, type ReportingScope, type ScopedReport } from "./reporting-scope";
import { rollUpRuns, type EndedRun } from "./roll-up-runs";
import { storeImages } from "./store-images";
import { endInstances, insertInstances, updateInstances, type EndedInstance, type PlacedInstance } from "./write-instances";

export type Applied = { createdCombinations: bigint[] };
/** What all reports that are taken together share: the names are of one state of the ledger. */
export type ApplyOptions = { db: Db; names: LedgerNames; now: Date };

type ReportedTarget = InventoryReport["targets"][number];
type ReportedImage = InventoryReport["images"][number];
type TargetDiff = Awaited<ReturnType<typeof diffTargets>>;

/** A target as it is now, with where it belongs. */
type CurrentTarget = { id: bigint | null; scope: ReportingScope; key: string; namespace: string | null; labels: Record<string, string>; components: readonly { name: string; declared?: string | null }[]; covered: boolean; mapped: Mapped };
/** By `keyIn`. */
type CurrentTargets = ReadonlyMap<string, CurrentTarget>;

/**
 * Takes what reports of different scopes say over what is stored, in the caller's transaction: as many statements for a
 * hundred as for one. The work after comparing is proportional to what changed: instances whose facts differ close a
 * span, their combinations' counters move, their targets' findings are brought up to date.
 * @throws AppError invalid for an instance of a target that nobody has reported
 */
export async function applyReports(tx: Tx, reports: readonly ScopedReport[], { db, names, now }: ApplyOptions): Promise<Applied> {
  const running = await placeImages(db, tx, reports);
  const targetDiff = await diffTargets(tx, reports, { labelsDecide: !names.decided.rules.some(({ sets }) => sets.has("environment")) });
  const exited = new Map(reports.flatMap(({ scope, report }) => report.instances.filter(({ state }) => state === "exited").map((instance) => [keyIn(scope.id, instance.key), { scopeId: scope.id, key: instance.key, lastExit: instance.lastExit ?? null }] as const)));
  const removed = reports.flatMap(({ scope, report }) => report.removed.filter((key) => !key.startsWith("target:")).map((key) => ({ scopeId: scope.id, key })));
  const diff = await diffInstances(tx, reports, { running, removed: [...removed, ...exited.values()], goneTargetIds: targetDiff.goneIds });
  // A full report that could not see everything closes nothing that it does not name.
  const complete = new Set(reports.filter(({ report }) => report.coverage.complete).map(({ scope }) => scope.id));
  const named = new Set(removed.map(({ scopeId, key }) => keyIn(scopeId, key)));
  const ended = diff.absent
    .filter(({ scopeId, key }) => complete.has(scopeId) || exited.has(keyIn(scopeId, key)) || named.has(keyIn(scopeId, key)))
    .map(({ id, scopeId, key }): EndedInstance => {
      const last = exited.get(keyIn(scopeId, key));
      return { id, reason: last ? "exited" : "gone", lastExit: last?.lastExit ?? null };
    });
  const runs = await insertEvents(tx, reports);
  if (targetDiff.changed.length + targetDiff.goneIds.length + diff.touched.length + ended.length === 0) {
    await rollUpRuns(tx, runs);
    return { createdCombinations: [] };
  }

  const endedIds = new Set(ended.map(({ id }) => id));
  const targets = await storeTargets(tx, reports, { names, now, touched: diff.touched, targetDiff });
  const relabelled = targetDiff.changed.filter((row) => row.id !== null && row.relabelled).flatMap((row) => row.id ?? []);
  const touched = await gatherTouched(tx, diff.touched, { endedIds, relabelled });
  const targetIds = [...new Set([...[...targets.values()].flatMap(({ id }) => id ?? []), ...targetDiff.goneIds, ...diff.absent.filter(({ id }) => endedIds.has(id)).map(({ targetId }) => targetId)])];
  const desired = await lockDesired(tx, targetIds);

  const keys = await keysOf(tx, touched, { names, targets, desired });
  const placed = await placeCombinations(tx, keys, db);
  const rows = touched.map((one, at): PlacedInstance => {
    const key = keys[at];
    const target = targets.get(keyIn(one.scopeId, one.targetKey));
    if (!key || !target || target.id === null) throw new Error("an instance lost its target");
    return { ...one, targetId: target.id, combinationId: placed.idOf(key), unhealthyNow: one.facts.health === "unhealthy" };
  });
  const heard = new Map(reports.map(({ scope }) => [scope.id, scope.heardAt]));
  const moves: CountMove[] = [
    ...(await updateInstances(tx, rows.filter(({ id }) => id !== null), now)),
    ...(await insertInstances(tx, rows.filter(({ id }) => id === null), { heardAt: (scopeId) => heard.get(scopeId) ?? null, now })),
    ...(await endInstances(tx, ended, now)),
  ];
  await moveCounts(tx, moves, now);
  const presenceIds = [...targetDiff.changed.flatMap((row) => targets.get(keyIn(row.scope_id, row.key))?.id ?? []), ...targetDiff.goneIds];
  await refreshDeviating(tx, { targetIds, combinationIds: [...new Set(moves.map(({ combinationId }) => combinationId))], presenceIds, now });
  await recordFleetChanges(tx, [...moves.map(({ combinationId }) => combinationId), ...rows.map(({ combinationId }) => combinationId)], [...targets.values()]);
  await rollUpRuns(tx, runs);
  await observeTargets(tx, targetIds, { now });
  return { createdCombinations: placed.created };
}

/** The copies that run, with the ids of their images: each report has its own dictionary of them. */
async function placeImages(db: Db, tx: Tx, reports: readonly ScopedReport[]): Promise<RunningInstance[]> {
  const imageIds = await storeImages(db, tx, reports.flatMap(({ report }) => report.images));
  let before = 0;
  return reports.flatMap(({ scope, report }) => {
    const first = before;
    before += report.images.length;
    return report.instances.flatMap((instance, at) => (instance.state === "exited" ? [] : [{ scopeId: scope.id, instance, at, imageId: imageIds[first + instance.image] ?? 0n }]));
  });
}

/** Writes the targets that are new or differ, and returns every target that the changed instances belong to. */
async function storeTargets(
  tx: Tx,
  reports: readonly ScopedReport[],
  { names, now, touched, targetDiff }: { names: LedgerNames; now: Date; touched: readonly TouchedInstance[]; targetDiff: TargetDiff },
): Promise<CurrentTargets> {
  const byScope = new Map(reports.map((one) => [one.scope.id, one]));
  const scopeOf = (id: bigint): ScopedReport => {
    const found = byScope.get(id);
    if (!found) throw new Error("a row of a scope that did not report");
    return found;
  };
  const known = new Map(targetDiff.changed.map((row) => [keyIn(row.scope_id, row.key), row]));
  const result = new Map<string, CurrentTarget>();

  for (const row of await readTargets(tx, touched.filter(({ scopeId, targetKey }) => !known.has(keyIn(scopeId, targetKey))).map(({ scopeId, targetKey }) => ({ scopeId, key: targetKey })))) {
    result.set(keyIn(row.scope_id, row.key), {
      id: row.id, scope: scopeOf(row.scope_id).scope, key: row.key, namespace: row.namespace, labels: row.labels, components: row.components, covered: row.covered,
      mapped: { serviceName: row.service_name, serviceId: row.service_id, environmentId: row.environment_id, partition: row.partition, component: "", ignoredBy: null },
    });
  }
  const orphan = touched.find(({ scopeId, targetKey }) => !known.has(keyIn(scopeId, targetKey)) && !result.has(keyIn(scopeId, targetKey)));
  if (orphan) {
    throw new AppError("invalid", "An instance belongs to a target that was not reported.", { fields: [{ path: orphan.at === null ? "instances" : `instances[${orphan.at}].target`, message: "is not a target of this report, nor of an earlier one" }] });
  }
  if (known.size === 0) return result;

  const reported = new Map(reports.flatMap(({ scope, report }) => report.targets.map((target) => [keyIn(scope.id, target.key), target] as const)));
  const containersOf = findContainers(reports, known);
  const changed = [...known].flatMap(([key, row]): ChangedTarget[] => {
    const target = reported.get(key);
    if (!target) return [];
    const { scope } = scopeOf(row.scope_id);
    const containers = containersOf.get(key) ?? [];
    const decided = row.covered ? { serviceName: row.service_name, serviceId: row.service_id, partition: row.partition ?? DEFAULT_PARTITION } : null;
    const map = (container: string, image: ReportedImage | undefined): ExplainedMapping =>
      mapContainer(names, scope.environments, {
        container,
        labels: target.labels,
        containersInTarget: 1,
        repositories: image ? repositoriesOf(image) : [],
        origin: originOf(scope, { key: row.key, namespace: target.namespace ?? null }, image?.reference ?? null),
        decided,
      });
    const own = containers.map(({ container, image }) => {
      const mapped = map(container, image);
      return { container, looksInside: isLookedInside(names, mapped), mapped };
    });
    const mapped = chooseOwn(own) ?? map(target.components[0]?.name ?? "main", undefined);
    // A delta shows some of the containers; what all of them said stays until the labels change.
    const keeps = row.id !== null && !row.relabelled && row.service_name !== null && (containers.length === 0 || target.components.length > 1);
    return [{ row, scope, target, mapped: keeps ? { ...mapped, serviceName: row.service_name, serviceId: row.service_id, partition: row.partition ?? mapped.partition } : mapped }];
  });
  const ids = await upsertTargets(tx, changed, reports, now);
  for (const { row, scope, target, mapped } of changed) {
    const key = keyIn(row.scope_id, row.key);
    result.set(key, { id: ids.get(key) ?? null, scope, key: row.key, namespace: target.namespace ?? null, labels: target.labels, components: target.components, covered: row.covered, mapped });
  }
  const moved = changed.filter(({ row, mapped }) => row.id !== null && row.environment_id !== mapped.environmentId);
  const leaving = moved.filter(({ row }) => row.covered).flatMap(({ row }) => row.id ?? []);
  await leaveDecided(tx, leaving);
  const fresh = changed.filter((one) => one.row.id === null || one.row.gone || moved.includes(one)).flatMap(({ row, mapped }) => (mapped.serviceId === null ? [] : (ids.get(keyIn(row.scope_id, row.key)) ?? [])));
  if (fresh.length > 0) await admitTargets(tx, fresh, { expected: leaving, now });
  return result;
}

/** What was decided for targets stays where they were; their agents are told nothing of it any more. */
async function leaveDecided(tx: Tx, targetIds: readonly bigint[]): Promise<void> {
  if (targetIds.length === 0) return;
  const agents = await tx.$queryRaw<{ id: string }[]>`
    SELECT DISTINCT s.agent_id::text AS id FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE t.id = ANY(${sqlArray(targetIds)}::bigint[])`;
  await raiseDesired(tx, agents.map(({ id }) => id));
  await tx.$executeRaw`DELETE FROM target_desired WHERE target_id = ANY(${sqlArray(targetIds)}::bigint[])`;
}

/** The containers of these targets, each with an image: whose a target is follows from them. */
function findContainers(reports: readonly ScopedReport[], wanted: ReadonlyMap<string, unknown>): Map<string, { container: string; image: ReportedImage | undefined }[]> {
  const found = new Map<string, Map<string, ReportedImage | undefined>>();
  for (const { scope, report } of reports) {
    for (const { target, component, image } of report.instances) {
      const key = keyIn(scope.id, target);
      if (!wanted.has(key)) continue;
      const own = found.get(key) ?? new Map<string, ReportedImage | undefined>();
      if (!own.has(component)) own.set(component, report.images[image]);
      found.set(key, own);
    }
  }
  return new Map([...found].map(([key, own]) => [key, [...own].map(([container, image]) => ({ container, image }))]));
}

/** Where a container was found, as rules see it. */
function originOf({ agent, pool }: ReportingScope, { key, namespace }: { key: string; namespace: string | null }, image: string | null): ContainerOrigin {
  return { image, target: key, namespace, agent, pool };
}

type ChangedTarget = { row: KnownTarget; scope: ReportingScope; target: ReportedTarget; mapped: Mapped };

/** The ids of the written targets, by `keyIn`. */
async function upsertTargets(tx: Tx, changed: readonly ChangedTarget[], reports: readonly ScopedReport[], now: Date): Promise<Map<string, bigint>> {
  const runningOf = new Map<string, number>();
  for (const { scope, report } of reports) {
    for (const { state, target } of report.instances) if (state === "running") runningOf.set(keyIn(scope.id, target), (runningOf.get(keyIn(scope.id, target)) ?? 0) + 1);
  }
  const sorted = changed.toSorted((a, b) => (a.scope.id === b.scope.id ? (a.row.key < b.row.key ? -1 : 1) : a.scope.id < b.scope.id ? -1 : 1));
  const underSince = sorted.map(({ row, scope, target }) => {
    const before = row.id === null ? null : { desiredCount: row.desired, shortSince: row.under_since?.getTime() ?? null };
    const since = trackShortSince(before, { desiredCount: target.desired, readyCount: target.ready ?? runningOf.get(keyIn(scope.id, target.key)) ?? 0 }, now.getTime());
    return since === null ? null : new Date(since);
  });
  const rows = await tx.$queryRaw<{ id: bigint; scope_id: bigint; key: string }[]>`
    INSERT INTO targets AS t (agent_scope_id, key, kind, namespace, labels, components, desired, ready, managed_by, can_act, cannot_act_reason,
      service_name, service_id, environment_id, partition, under_since, first_seen_at)
    SELECT n.scope_id, n.key, n.kind, n.namespace, n.labels::jsonb, n.components::jsonb, n.desired, n.ready, n.managed_by::jsonb, n.can_act, n.reason,
      n.service_name, n.service_id, n.environment_id, n.partition, n.under_since, ${now}
    FROM unnest(${sqlArray(sorted.map(({ scope }) => scope.id))}::bigint[], ${sqlArray(sorted.map(({ target }) => target.key))}::text[], ${sqlArray(sorted.map(({ target }) => target.kind))}::text[], ${sqlArray(sorted.map(({ target }) => target.namespace ?? null))}::text[],
      ${sqlArray(sorted.map(({ target }) => JSON.stringify(target.labels)))}::text[], ${sqlArray(sorted.map(({ target }) => JSON.stringify(target.components)))}::text[],
      ${sqlArray(sorted.map(({ target }) => target.desired))}::int[], ${sqlArray(sorted.map(({ target }) => target.ready ?? null))}::int[],
      ${sqlArray(sorted.map(({ target }) => (target.managedBy ? JSON.stringify(target.managedBy) : null)))}::text[], ${sqlArray(sorted.map(({ target }) => target.canAct))}::boolean[],
      ${sqlArray(sorted.map(({ target }) => target.cannotActReason ?? null))}::text[], ${sqlArray(sorted.map(({ mapped }) => mapped.serviceName))}::text[], ${sqlArray(sorted.map(({ mapped }) => mapped.serviceId))}::uuid[],
      ${sqlArray(sorted.map(({ mapped }) => mapped.environmentId))}::uuid[], ${sqlArray(sorted.map(({ mapped }) => mapped.partition))}::text[], ${sqlArray(underSince)}::timestamptz[])
      n(scope_id, key, kind, namespace, labels, components, desired, ready, managed_by, can_act, reason, service_name, service_id, environment_id, partition, under_since)
    ON CONFLICT (agent_scope_id, key) DO UPDATE SET kind = excluded.kind, namespace = excluded.namespace, labels = excluded.labels, components = excluded.components,
      desired = excluded.desired, ready = excluded.ready, managed_by = excluded.managed_by, can_act = excluded.can_act, cannot_act_reason = excluded.cannot_act_reason,
      service_name = excluded.service_name, service_id = excluded.service_id, environment_id = excluded.environment_id, partition = excluded.partition,
      under_since = excluded.under_since, gone_at = NULL
    RETURNING t.id, t.agent_scope_id AS scope_id, t.key`;
  return new Map(rows.map((row) => [keyIn(row.scope_id, row.key), row.id]));
}

/** The instances to place: those that differ, and all others of a target whose labels or components changed. */
async function gatherTouched(tx: Tx, differing: readonly TouchedInstance[], { endedIds, relabelled }: { endedIds: ReadonlySet<bigint>; relabelled: readonly bigint[] }): Promise<TouchedInstance[]> {
  if (relabelled.length === 0) return [...differing];
  const seen = new Set(differing.map(({ scopeId, key }) => keyIn(scopeId, key)));
  const others = await readInstancesOf(tx, relabelled);
  return [...differing, ...others.filter(({ id, scopeId, key }) => !seen.has(keyIn(scopeId, key)) && !endedIds.has(id))];
}

type DesiredRow = DesiredHere & { targetId: bigint };

/**
 * What these targets should run. The rows are locked against a decision at the same moment: either this report sees it,
 * or the decision sees this report's instances when it regroups.
 */
async function lockDesired(tx: Tx, targetIds: readonly bigint[]): Promise<Map<bigint, DesiredRow>> {
  await tx.$executeRaw`/* prepared: report-lock-targets */ SELECT 1 FROM targets WHERE id = ANY(${sqlArray(targetIds)}::bigint[]) ORDER BY id FOR UPDATE`;
  const rows = await tx.$queryRaw<{ id: bigint; covered: boolean; release_id: string | null; assigned: boolean }[]>`
    /* prepared: report-desired */ WITH d AS MATERIALIZED (SELECT target_id, release_id FROM target_desired WHERE target_id = ANY(${sqlArray(targetIds)}::bigint[]) ORDER BY target_id FOR SHARE)
    SELECT t.id, d.target_id IS NOT NULL AS covered, d.release_id::text,
      EXISTS (SELECT FROM assignments a WHERE a.service_id = t.service_id AND a.environment_id = t.environment_id AND a.partition = t.partition AND a.release_id IS NOT NULL) AS assigned
    FROM targets t LEFT JOIN d ON d.target_id = t.id WHERE t.id = ANY(${sqlArray(targetIds)}::bigint[])`;
  return new Map(rows.map((row) => [row.id, { targetId: row.id, ...desiredOf(row.covered ? { releaseId: row.release_id } : null, row.assigned) }]));
}

/** The combination of each touched instance, in their order. */
async function keysOf(
  tx: Tx,
  touched: readonly TouchedInstance[],
  { names, targets, desired }: { names: LedgerNames; targets: CurrentTargets; desired: ReadonlyMap<bigint, DesiredRow> },
): Promise<CombinationKey[]> {
  const targetOf = (one: TouchedInstance): CurrentTarget => {
    const target = targets.get(keyIn(one.scopeId, one.targetKey));
    if (!target) throw new Error("an instance lost its target");
    return target;
  };
  const imageIds = [...new Set(touched.map(({ facts }) => facts.imageId))];
  const images = imageIds.length === 0 ? [] : await tx.$queryRaw<{ id: bigint; digests: { repository: string | null }[]; reference: string | null }[]>`
    SELECT id, digests, reference FROM images WHERE id = ANY(${sqlArray(imageIds)}::bigint[])`;
  const imageOf = new Map(images.map((image) => [image.id, { repositories: repositoriesOf(image), reference: image.reference }]));
  const memo = new Map<string, Mapped>();
  const mapped = touched.map((one): Mapped => {
    const target = targetOf(one);
    const key = `${one.facts.imageId} ${one.facts.container} ${keyIn(one.scopeId, one.targetKey)}`;
    const found = memo.get(key) ?? mapContainer(names, target.scope.environments, {
      container: one.facts.container,
      labels: target.labels,
      containersInTarget: Math.max(1, target.components.length),
      repositories: imageOf.get(one.facts.imageId)?.repositories ?? [],
      origin: originOf(target.scope, target, imageOf.get(one.facts.imageId)?.reference ?? null),
      decided: target.covered ? target.mapped : null,
    });
    memo.set(key, found);
    return found;
  });
  await boundNames(tx, touched, mapped);
  const foreign = touched.flatMap((one, at) => {
    const place = mapped[at];
    return place && place.serviceId !== null && place.serviceId !== targetOf(one).mapped.serviceId ? [place] : [];
  });
  const assignedTo = await readAssignments(tx, foreign);
  const wanted = touched.map((one, at): { desired: DesiredHere; declared: string | null; place: Mapped } => {
    const target = targetOf(one);
    const place = mapped[at];
    if (!place) throw new Error("an instance lost its place");
    const own = target.id === null ? undefined : desired.get(target.id);
    const declared = target.components.find(({ name }) => name === one.facts.container)?.declared ?? null;
    if (place.serviceId !== null && place.serviceId !== target.mapped.serviceId) return { desired: assignedTo(place), declared, place };
    return { desired: own ?? desiredOf(null, false), declared, place };
  });
  const matches = await loadDeclared(tx, wanted.map(({ declared, desired: here }) => ({ digest: declared, releaseId: here.desiredReleaseId })));
  return wanted.map(({ desired: here, declared, place }, at): CombinationKey => {
    const facts = touched[at]?.facts;
    if (!facts) throw new Error("an instance lost its facts");
    const key: CombinationKey = {
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
      ignoredBy: place.ignoredBy,
    };
    return place.ignoredBy === null ? key : ignoredKey(key);
  });
}

/** Findings of the targets where something deviates, deviated, or may be missing; a fleet in sync costs one query. */
async function refreshDeviating(tx: Tx, { targetIds, combinationIds, presenceIds, now }: { targetIds: readonly bigint[]; combinationIds: readonly bigint[]; presenceIds: readonly bigint[]; now: Date }): Promise<void> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>`
    /* prepared: report-deviating */ SELECT t.id FROM targets t
    WHERE t.id = ANY(${sqlArray(targetIds)}::bigint[]) AND (
      EXISTS (SELECT FROM findings f WHERE f.target_id = t.id AND f.resolved_at IS NULL)
      OR (t.id = ANY(${sqlArray(presenceIds)}::bigint[]) AND t.under_since IS NOT NULL)
      OR ${declaresSql("t")}
      OR EXISTS (SELECT FROM instances i WHERE i.target_id = t.id AND i.combination_id = ANY(
        ARRAY(SELECT c.id FROM combinations c WHERE c.id = ANY(${sqlArray(combinationIds)}::bigint[]) AND c.categories && ${sqlArray([...FINDING_CATEGORIES])}::text[]))))`;
  await refreshTargetFindings(tx, rows.map(({ id }) => id), { now });
}

/** One pointer per service and environment that something changed in. */
async function recordFleetChanges(tx: Tx, combinationIds: readonly bigint[], targets: readonly CurrentTarget[]): Promise<void> {
  await tx.$executeRaw`
    /* prepared: report-changes */ INSERT INTO changes (topic, service_id, service_name, environment_id)
    SELECT 'fleet', service_id, service_name, environment_id FROM combinations WHERE id = ANY(${sqlArray([...new Set(combinationIds)])}::bigint[])
    UNION
    SELECT 'fleet', n.service_id, n.service_name, n.environment_id
    FROM unnest(${sqlArray(targets.map(({ mapped }) => mapped.serviceId))}::uuid[], ${sqlArray(targets.map(({ mapped }) => mapped.serviceName))}::text[], ${sqlArray(targets.map(({ mapped }) => mapped.environmentId))}::uuid[]) n(service_id, service_name, environment_id)`;
}

/** What agents' journals tell of the time between reports enters history once; it never changes the present. @returns the runs whose end is new */
async function insertEvents(tx: Tx, reports: readonly ScopedReport[]): Promise<EndedRun[]> {
  const events = reports.flatMap(({ scope, report }) => report.events.map((event) => ({ ...event, agentId: scope.agentId, scopeId: scope.id })));
  if (events.length === 0) return [];
  const added = await tx.$queryRaw<{ agent_id: string; event_id: string; stored: boolean }[]>`
    INSERT INTO events AS x (agent_id, event_id, at, target_key, instance_key, kind, digest, by, detail)
    SELECT e.agent_id, e.id, e.at, e.target, e.instance, e.kind, e.digest, e.by, e.detail::jsonb
    FROM unnest(${sqlArray(events.map(({ agentId }) => agentId))}::uuid[], ${sqlArray(events.map(({ id }) => id))}::text[], ${sqlArray(events.map(({ at }) => new Date(at)))}::timestamptz[], ${sqlArray(events.map(({ target }) => target))}::text[], ${sqlArray(events.map(({ instance }) => instance ?? null))}::text[],
      ${sqlArray(events.map(({ kind }) => kind))}::text[], ${sqlArray(events.map(({ digest }) => digest ?? null))}::text[], ${sqlArray(events.map(({ by }) => by ?? null))}::text[], ${sqlArray(events.map(({ detail }) => JSON.stringify(detail)))}::text[])
      e(agent_id, id, at, target, instance, kind, digest, by, detail)
    ORDER BY e.agent_id, e.id ON CONFLICT DO NOTHING
    RETURNING x.agent_id::text, x.event_id, EXISTS (SELECT FROM instances i JOIN agent_scopes s ON s.id = i.agent_scope_id WHERE s.agent_id = x.agent_id AND i.key = x.instance_key) AS stored`;
  const byId = new Map(events.map((event) => [`${event.agentId} ${event.id}`, event]));
  return added.flatMap(({ agent_id, event_id, stored }): EndedRun[] => {
    const event = byId.get(`${agent_id} ${event_id}`);
    if (event?.kind !== "stop") return [];
    const { exitCode } = event.detail;
    return [{ scopeId: event.scopeId, target: event.target, digest: event.digest ?? "", at: new Date(event.at), exitCode: typeof exitCode === "number" && Number.isInteger(exitCode) && Math.abs(exitCode) < 2 ** 31 ? exitCode : null, seen: stored }];
  });
}

import { recordChanges } from "@/server/changes/record-change";
import { Prisma, sqlArray, type Tx } from "@/server/db";
import { admitTargets } from "@/server/desired/admit-target";
import { raiseDesired } from "@/server/desired/raise-desired";
import { ignoredKey, keyOfRow, type CombinationKey, type DesiredHere } from "@/server/drift/combination";
import { placeCombinations } from "@/server/drift/place-combinations";
import { readAssignments } from "@/server/drift/read-assignments";
import { regroupTargets } from "@/server/drift/regroup-targets";
import { repointInstances } from "@/server/drift/repoint-instances";
import type { Mapped } from "@/server/inventory/mapping-rules";
import type { Piece, RemapPlan, TargetGroup } from "./plan-remap";

const NOTHING_WANTED: DesiredHere = { desiredKind: "none", desiredReleaseId: null, unexpected: false };

/** Whether instances belong somewhere else, or are ignored by another rule. */
export function isMoved({ from, to }: Pick<Piece, "from" | "to">): boolean {
  return from.service_name !== to.serviceName || from.service_id !== to.serviceId || from.environment_id !== to.environmentId || from.partition !== to.partition || from.component !== to.component || from.ignored_by !== to.ignoredBy;
}

/** Whether targets leave the place that they had. */
export function isTargetMoved({ group, to }: { group: TargetGroup; to: Mapped }): boolean {
  return group.service_name !== to.serviceName || group.service_id !== to.serviceId || group.environment_id !== to.environmentId || group.partition !== to.partition;
}

/**
 * Moves instances and targets to where a plan says they belong, with their counters and findings. A target that leaves what
 * was decided for it is expected to run what is assigned where it arrives, and nobody is told to do anything. Called under
 * the verdicts' lock.
 */
export async function applyRemap(tx: Tx, { pieces, targets }: RemapPlan, { now }: { now: Date }): Promise<void> {
  const moved = pieces.filter(isMoved);
  const movedTargets = targets.filter(isTargetMoved);
  if (moved.length + movedTargets.length === 0) return;
  await moveTargets(tx, movedTargets, now);
  const ownOf = new Map(targets.map(({ group, to }) => [group, to]));
  const assignedTo = await readAssignments(tx, moved.flatMap(({ group, to }) => (to.serviceId !== null && to.serviceId !== ownOf.get(group)?.serviceId ? [to] : [])));
  const keys = moved.map(({ group, from, to }): CombinationKey => {
    const before = keyOfRow(from);
    const place = { serviceName: to.serviceName, serviceId: to.serviceId, environmentId: to.environmentId, partition: to.partition, component: to.component, ignoredBy: to.ignoredBy };
    if (to.ignoredBy !== null) return ignoredKey({ ...before, ...place });
    // Only another component of the same: what is wanted stays. What a target's own rows say is set when it is grouped again.
    const stays = (from.service_id === null ? from.service_name === to.serviceName : from.service_id === to.serviceId) && from.environment_id === to.environmentId && from.partition === to.partition && from.ignored_by === null;
    if (stays) return { ...before, ...place };
    const foreign = to.serviceId !== null && to.serviceId !== ownOf.get(group)?.serviceId;
    const assigned = foreign ? assignedTo(to) : NOTHING_WANTED;
    // A partition that is being declared takes over what was wanted; its assignment follows in the same decision.
    const inherits = foreign && assigned.desiredKind === "none" && from.service_id === to.serviceId && from.environment_id === to.environmentId;
    return { ...before, ...place, ...(inherits ? {} : assigned), declaredMatches: null };
  });
  // A combination's service follows from its name: the row of a name that was only text is the same row, now adopted.
  await tx.$executeRaw`
    UPDATE combinations c SET service_id = s.id FROM services s
    WHERE c.service_name = s.name AND c.service_id IS NULL AND s.name = ANY(${[...new Set(keys.flatMap((key) => key.serviceName ?? []))]}::text[])`;
  const placed = await placeCombinations(tx, keys);
  const rows = moved.flatMap(({ group, container, from }, at) => {
    const key = keys[at];
    const to = key ? placed.idOf(key) : from.id;
    return to === from.id ? [] : group.ids.map((targetId) => ({ targetId, container, from: from.id, to }));
  });
  if (rows.length > 0) {
    await repointInstances(
      tx,
      Prisma.sql`
        unnest(${sqlArray(rows.map(({ targetId }) => targetId))}::bigint[], ${sqlArray(rows.map(({ container }) => container))}::text[], ${sqlArray(rows.map(({ from }) => from))}::bigint[], ${sqlArray(rows.map(({ to }) => to))}::bigint[])
          m(target_id, container, from_id, to_id)
        JOIN instances i ON i.target_id = m.target_id AND i.component = m.container AND i.combination_id = m.from_id`,
      { now },
    );
  }
  await regroupTargets(tx, [...new Set([...moved, ...movedTargets].flatMap(({ group }) => group.ids))], { now });
  const places = [...moved.map(({ from }) => ({ serviceId: from.service_id, serviceName: from.service_name, environmentId: from.environment_id })), ...keys];
  await recordChanges(tx, [...new Map(places.map((place) => [`${place.serviceName} ${place.environmentId}`, place])).values()].map(({ serviceId, serviceName, environmentId }) => ({ topic: "fleet", serviceId, serviceName, environmentId })));
}

async function moveTargets(tx: Tx, moved: RemapPlan["targets"], now: Date): Promise<void> {
  const rows = moved.flatMap(({ group, to }) => group.ids.map((id) => ({ id, to })));
  if (rows.length === 0) return;
  await tx.$executeRaw`
    UPDATE targets t SET service_name = m.name, service_id = m.service_id, environment_id = m.environment_id, partition = m.partition
    FROM unnest(${sqlArray(rows.map(({ id }) => id))}::bigint[], ${sqlArray(rows.map(({ to }) => to.serviceName))}::text[], ${sqlArray(rows.map(({ to }) => to.serviceId))}::uuid[], ${sqlArray(rows.map(({ to }) => to.environmentId))}::uuid[], ${sqlArray(rows.map(({ to }) => to.partition))}::text[])
      m(id, name, service_id, environment_id, partition) WHERE t.id = m.id`;
  // A service that only gets its id, or another name, keeps what was decided for it.
  const leaving = moved.filter(({ group, to }) => group.covered && ((group.service_id === null ? group.service_name !== to.serviceName : group.service_id !== to.serviceId) || group.environment_id !== to.environmentId || group.partition !== to.partition)).flatMap(({ group }) => group.ids);
  if (leaving.length > 0) {
    await tx.$executeRaw`DELETE FROM target_desired WHERE target_id = ANY(${sqlArray(leaving)}::bigint[])`;
    const agents = await tx.$queryRaw<{ id: string }[]>`
      SELECT DISTINCT s.agent_id::text AS id FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE t.id = ANY(${sqlArray(leaving)}::bigint[])`;
    await raiseDesired(tx, agents.map(({ id }) => id));
  }
  await admitTargets(tx, moved.filter(({ to }) => to.serviceId !== null).flatMap(({ group }) => group.ids), { expected: leaving, now });
}

import type { Db, Tx } from "@/server/db";
import { isTargetMoved } from "./apply-remap";
import type { RemapPlan, TargetGroup } from "./plan-remap";
import type { Mapped } from "@/server/inventory/mapping-rules";

/** How many services that nobody registered rules may bring up at once. */
const MOST_NEW_NAMES = 1_000;
const NAMED = 5;

type Place = { serviceId: string; environmentId: string; partition: string };

/** Why a plan is not carried out, in words: it takes targets from a rollout, gives it some, or makes up names without end. */
export async function listRefusals(db: Db | Tx, { pieces, targets }: RemapPlan): Promise<string[]> {
  const moved = targets.filter(isTargetMoved);
  const touched = new Map<string, { place: Place; loses: number; gains: number }>();
  const note = (place: Place, loses: number, gains: number): void => {
    const key = placeKey(place);
    const sum = touched.get(key) ?? { place, loses: 0, gains: 0 };
    touched.set(key, { place, loses: sum.loses + loses, gains: sum.gains + gains });
  };
  for (const { group, to } of moved) {
    const before = placeOf(group);
    if (before) note(before, group.ids.length, 0);
    if (to.serviceId !== null) note({ serviceId: to.serviceId, environmentId: to.environmentId, partition: to.partition }, 0, group.ids.length);
  }
  const rollouts = touched.size === 0 ? [] : await readRollouts(db, [...touched.values()].map(({ place }) => place.serviceId));
  const running = rollouts.flatMap((rollout) => {
    const change = touched.get(placeKey(rollout));
    return change ? [`Rollout ${rollout.number} of ${rollout.service} in ${rollout.environment} is under way and would ${describeChange(change)}. Let it end, or abort it.`] : [];
  });
  return [...cut(running), ...listNewNames(pieces)];
}

function listNewNames(pieces: RemapPlan["pieces"]): string[] {
  const known = new Set(pieces.flatMap(({ from }) => from.service_name ?? []));
  const fresh = new Set(pieces.flatMap(({ to }) => (to.source === "rule" && to.serviceId === null && to.serviceName !== null && !known.has(to.serviceName) ? [to.serviceName] : [])));
  const [sample] = fresh;
  return fresh.size > MOST_NEW_NAMES ? [`It would bring up ${fresh.size} services that nobody registered, such as ${sample}; at most ${MOST_NEW_NAMES} at once. What a rule repeats differs from copy to copy.`] : [];
}

function placeOf({ service_id, environment_id, partition }: TargetGroup): Place | null {
  return service_id === null ? null : { serviceId: service_id, environmentId: environment_id, partition };
}

function placeKey({ serviceId, environmentId, partition }: Pick<Mapped, "serviceId" | "environmentId" | "partition">): string {
  return `${serviceId} ${environmentId} ${partition}`;
}

function describeChange({ loses, gains }: { loses: number; gains: number }): string {
  const say = (verb: string, count: number): string[] => (count === 0 ? [] : [`${verb} ${count} ${count === 1 ? "target" : "targets"}`]);
  return [...say("lose", loses), ...say("get", gains)].join(" and ");
}

function cut(lines: readonly string[]): string[] {
  return lines.length > NAMED ? [...lines.slice(0, NAMED), `And ${lines.length - NAMED} more rollouts.`] : [...lines];
}

/** Rollouts of these services that are under way. */
export async function readRollouts(db: Db | Tx, serviceIds: readonly string[]): Promise<(Place & { number: bigint; service: string; environment: string })[]> {
  return db.$queryRaw`
    SELECT r.number, r.service_id::text AS "serviceId", r.environment_id::text AS "environmentId", r.partition::text, s.name::text AS service, e.name::text AS environment
    FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id
    WHERE r.service_id = ANY(${[...new Set(serviceIds)]}::uuid[]) AND r.status IN ('planned', 'running', 'paused') ORDER BY r.number`;
}

import { chooseLastKnownGood } from "@/lib/domain/rollout/last-known-good";
import { planPartition } from "@/lib/domain/rollout/plan-group";
import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { notFound } from "@/server/errors";
import { namedFirst, readDecision, readReleasesHere } from "../read-decision";
import { readHistory } from "../read-history";
import { isKnownPlace, readPlace, type KnownPlace, type PlaceNames } from "../read-place";
import { readKnown, sideOf, weighMember, type Member } from "./weigh-member";

export type OverPartitions = { kind: "rollback" | "promote"; service: string; environment: string; version?: string | undefined };

/** The places of a service in an environment, one per partition that is declared, `default` last. */
export async function readPartitionPlaces(db: Db | Tx, names: Omit<PlaceNames, "partition">): Promise<PlaceNames[]> {
  const rows = await db.$queryRaw<{ partition: string }[]>`
    SELECT p.name::text AS partition FROM partitions p JOIN environments e ON e.id = p.environment_id
    WHERE e.name = ${names.environment} AND p.removed_at IS NULL AND p.name <> 'default'
      AND p.service_id = (SELECT id FROM services WHERE name = ${names.service} UNION ALL SELECT service_id FROM service_aliases WHERE name = ${names.service} LIMIT 1)
    ORDER BY p.ordinal`;
  return [...rows.map(({ partition }) => ({ ...names, partition })), { ...names, partition: "default" }];
}

/**
 * What a service would do in each of its partitions: go to one version, or without one back to the last known good of each.
 * A partition that takes nothing and has nothing assigned is not there.
 * @param named whether whoever decides names the partitions: else the pinned ones are refused
 * @throws AppError not-found
 */
export async function readPartitionMembers(tx: Tx, ctx: Ctx, input: OverPartitions, { named }: { named: boolean }): Promise<{ place: KnownPlace; members: Member[] }> {
  const known = await readPlace(tx, { service: input.service, environment: input.environment, partition: "default" }, { ctx, verb: "rollouts.read" });
  if (!isKnownPlace(known)) throw notFound(known.service ? "environment" : "service");
  if (!visibleTo(ctx, "rollouts.read", { service: known.service.name, environment: known.environment.name })) throw notFound("service");
  const members: Member[] = [];
  for (const names of await readPartitionPlaces(tx, { service: known.service.name, environment: known.environment.name })) {
    const place = await readKnown(tx, names);
    const decision = await readDecision(tx, place);
    if (decision.targets.length === 0 && decision.assigned === null) continue;
    const records = await readHistory(tx, place);
    const good = chooseLastKnownGood({ records, current: decision.assigned, policy: decision.strategy.strategy.lastKnownGood });
    const releases = new Map((await readReleasesHere(tx, place, input.version === undefined ? { also: namedFirst(decision, good, records) } : { version: input.version })).map((release) => [release.id, release]));
    const release = input.version === undefined ? releases.get(good.release?.id ?? "") : [...releases.values()][0];
    const assigned = decision.assigned && { id: decision.assigned.releaseId, version: decision.assigned.version, registeredSeq: decision.assigned.registeredSeq };
    const aim = planPartition({ kind: input.kind, assigned, release: sideOf(release), pinned: decision.pin !== null });
    members.push(await weighMember(tx, ctx, { place, aim, releases, decision, records, named }));
  }
  return { place: known, members };
}

import type { z } from "zod";
import type { GroupMember, groupPreviewQuery, RolloutDto } from "@/lib/contract/rollouts";
import type { SeenMember } from "@/lib/domain/rollout/group-revision";
import { chooseLastKnownGood } from "@/lib/domain/rollout/last-known-good";
import { comparePlaces, explainNote, planAsOf, planRecall, type PlaceIds } from "@/lib/domain/rollout/plan-group";
import { explainReason, explainWarning } from "@/lib/domain/rollout/reasons";
import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { adoptedMark } from "@/server/drift/read-references";
import { AppError } from "@/server/errors";
import { findEnvironment, findRelease, readArtifactIds } from "@/server/releases/find-release";
import { namedFirst, readDecision, readReleasesHere } from "../read-decision";
import { readHistory } from "../read-history";
import { NO_CANDIDATE } from "../refuse-reasons";
import { readPartitionMembers } from "./read-partition-members";
import { readKnown, sideOf, weighMember, type Member } from "./weigh-member";

export type GroupInput = z.output<typeof groupPreviewQuery>;

export type Group = {
  /** The one service that it is about; null for several. */
  service: { id: string; name: string } | null;
  environment: { id: string; name: string } | null;
  at: Date | null;
  release: { id: string; service: string; version: string } | null;
  members: Member[];
  unchanged: number;
  /** How many places are left to the next decision. */
  left: number;
  /** What has to be typed. */
  typed: string;
};

type Candidate = PlaceIds & { service: string; environment: string };
const MOST_MEMBERS = 500;
/** So often may a partition have been split from another one that was. */
const MOST_SPLITS = 20;

/**
 * What a decision about several services would do in each place, by the same checks that the server takes on locked rows.
 * Places that the caller may not see are not there.
 * @param named whether whoever decides names the places: pinned partitions are refused to whoever does not
 * @throws AppError not-found; invalid for a moment to come; unprocessable for a release that is not recalled
 */
export async function readGroup(tx: Tx, ctx: Ctx, input: GroupInput, { named = true }: { named?: boolean } = {}): Promise<Group> {
  switch (input.kind) {
    case "as-of":
      return readAsOf(tx, ctx, input);
    case "recall":
      return readRecall(tx, ctx, input);
    case "rollback":
    case "promote": {
      const { place, members } = await readPartitionMembers(tx, ctx, input, { named });
      return { service: place.service, environment: place.environment, at: null, release: null, members, unchanged: 0, left: 0, typed: place.service.name };
    }
    default:
      return input satisfies never;
  }
}

async function readAsOf(tx: Tx, ctx: Ctx, input: Extract<GroupInput, { kind: "as-of" }>): Promise<Group> {
  const environment = await findEnvironment(tx, input.environment);
  const at = new Date(input.at);
  const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  if (clock && at > clock.now) throw new AppError("invalid", "That moment is still to come.", { fields: [{ path: "at", message: "must not be in the future" }] });
  // A partition that was not declared then had what the one had that its targets come from.
  const rows = await tx.$queryRaw<(Candidate & { was: string | null; now: string | null })[]>`
    WITH RECURSIVE known AS MATERIALIZED (
      SELECT DISTINCT ON (service_id, partition) service_id, partition::text AS partition, release_id, removed FROM assignment_history
      WHERE environment_id = ${environment.id}::uuid AND since <= ${at} ORDER BY service_id, partition, entry_seq DESC),
    declared AS MATERIALIZED (
      SELECT service_id, name::text AS name, CASE WHEN declared_at > ${at} THEN split_from::text END AS before FROM partitions WHERE environment_id = ${environment.id}::uuid),
    traced AS (
      SELECT a.service_id, a.partition::text AS partition, a.release_id AS now, a.partition::text AS place, 0 AS depth FROM assignments a
      JOIN partitions d ON d.service_id = a.service_id AND d.environment_id = a.environment_id AND d.name = a.partition AND d.removed_at IS NULL WHERE a.environment_id = ${environment.id}::uuid
      UNION ALL
      SELECT t.service_id, t.partition, t.now, d.before, t.depth + 1 FROM traced t JOIN declared d ON d.service_id = t.service_id AND d.name = t.place
      LEFT JOIN known k ON k.service_id = t.service_id AND k.partition = t.place AND NOT k.removed
      WHERE k.service_id IS NULL AND d.before IS NOT NULL AND t.depth < ${MOST_SPLITS}::int),
    ends AS (SELECT DISTINCT ON (service_id, partition) service_id, partition, now, place FROM traced ORDER BY service_id, partition, depth DESC)
    SELECT s.id::text AS "serviceId", s.name::text AS service, ${environment.id} AS "environmentId", ${environment.name} AS environment, e.partition, k.release_id::text AS was, e.now::text AS now
    FROM ends e LEFT JOIN known k ON k.service_id = e.service_id AND k.partition = e.place AND NOT k.removed JOIN services s ON s.id = e.service_id AND s.merged_into IS NULL`;
  const visible = rows.filter((row) => visibleTo(ctx, "rollouts.read", row)).toSorted(comparePlaces);
  const members: Member[] = [];
  const different = visible.filter(({ was, now }) => was !== now);
  const left = Math.max(0, different.length - MOST_MEMBERS);
  for (const row of different.slice(0, MOST_MEMBERS)) {
    const known = await readKnown(tx, row);
    const sides = new Map((await readReleasesHere(tx, known, { ids: [row.was, row.now].flatMap((id) => id ?? []) })).map((release) => [release.id, release]));
    const aim = planAsOf({ was: sideOf(sides.get(row.was ?? "")), now: sideOf(sides.get(row.now ?? "")) });
    if (aim) members.push(await weighMember(tx, ctx, { place: known, aim, releases: sides }));
  }
  return { service: null, environment, at, release: null, members: byReach(members), unchanged: visible.length - members.length - left, left, typed: environment.name };
}

async function readRecall(tx: Tx, ctx: Ctx, input: Extract<GroupInput, { kind: "recall" }>): Promise<Group> {
  const release = await findRelease(tx, { service: input.service, version: input.version }, { ctx, verb: "rollouts.read" });
  const [recalled] = await tx.$queryRaw<{ one: number }[]>`
    SELECT 1 AS one FROM recalls WHERE lifted_at IS NULL AND (release_id = ${release.id}::uuid OR artifact_id IN (SELECT artifact_id FROM release_components WHERE release_id = ${release.id}::uuid)) LIMIT 1`;
  if (!recalled) throw new AppError("unprocessable", `${release.version} of ${release.serviceName} is not recalled.`, { type: "not-recalled" });
  const artifactIds = await readArtifactIds(tx, release.id);
  // The same bytes may be a release of another service as well: what is recalled are bytes.
  const affected = new Set((await tx.$queryRaw<{ id: string }[]>`SELECT DISTINCT release_id::text AS id FROM release_components WHERE artifact_id = ANY(${artifactIds}::uuid[])`).map(({ id }) => id));
  const rows = await tx.$queryRaw<(Candidate & { runs: boolean })[]>`
    WITH running AS (
      SELECT DISTINCT c.service_id, c.environment_id, c.partition::text AS partition FROM combinations c
      WHERE c.service_id IS NOT NULL AND EXISTS (SELECT FROM combination_counts k WHERE k.combination_id = c.id AND k.instances > 0)
        AND EXISTS (SELECT FROM image_digests i JOIN artifact_digests d ON d.digest = i.digest WHERE i.image_id = c.image_id AND d.artifact_id = ANY(${artifactIds}::uuid[]))),
    present AS (SELECT service_id, environment_id, partition::text AS partition FROM assignments WHERE release_id = ANY(${[...affected]}::uuid[]))
    SELECT s.id::text AS "serviceId", s.name::text AS service, e.id::text AS "environmentId", e.name::text AS environment, partition, r.service_id IS NOT NULL AS runs
    FROM running r FULL JOIN present p USING (service_id, environment_id, partition)
    JOIN services s ON s.id = service_id JOIN environments e ON e.id = environment_id AND e.retired_at IS NULL`;
  const members: Member[] = [];
  const visible = rows.filter((each) => visibleTo(ctx, "rollouts.read", each)).toSorted(comparePlaces);
  for (const row of visible.slice(0, MOST_MEMBERS)) {
    const known = await readKnown(tx, row);
    const decision = await readDecision(tx, known);
    const records = (await readHistory(tx, known)).filter((record) => !affected.has(record.releaseId));
    const good = chooseLastKnownGood({ records, current: decision.assigned, policy: decision.strategy.strategy.lastKnownGood });
    const releases = new Map((await readReleasesHere(tx, known, { also: namedFirst(decision, good, records) })).map((each) => [each.id, each]));
    const aim = planRecall({
      assigned: decision.assigned && { id: decision.assigned.releaseId, version: decision.assigned.version, registeredSeq: decision.assigned.registeredSeq },
      assignedIsRecalled: decision.assigned !== null && affected.has(decision.assigned.releaseId),
      runsRecalled: row.runs,
      lastKnownGood: sideOf(releases.get(good.release?.id ?? "")),
      mayRun: [...releases.values()].filter((each) => each.approvedHere && !each.recalled && !affected.has(each.id)),
    });
    if (aim) members.push(await weighMember(tx, ctx, { place: known, aim, releases, decision, records }));
  }
  return { service: null, environment: null, at: null, release: { id: release.id, service: release.serviceName, version: release.version }, members: byReach(members), unchanged: 0, left: Math.max(0, visible.length - MOST_MEMBERS), typed: release.serviceName };
}

/** What reaches most stands first; by name among equals. */
function byReach(members: Member[]): Member[] {
  return members.toSorted((a, b) => countCopies(b) - countCopies(a) || (nameOf(a) < nameOf(b) ? -1 : 1));
}

function countCopies({ targets }: Member): number {
  return targets.reduce((sum, target) => sum + target.instances, 0);
}

/** `payments / production`, and the partition where it is not the default one. */
export function nameOf({ place: { service, environment, names } }: Pick<Member, "place">): string {
  return [service.name, environment.name, ...(names.partition === "default" ? [] : [names.partition])].join(" / ");
}

/** A member as it travels. `digest` of what is assigned comes with `from`. */
export function toMember(member: Member, from: RolloutDto["from"]): GroupMember {
  const { place, aim, check, decision, release, targets, weak } = member;
  const notes = aim.notes.map((note) => ({ reason: note.note, sentence: explainNote(note) }));
  return {
    service: place.service.name,
    environment: place.environment.name,
    partition: place.names.partition,
    kind: aim.kind,
    from,
    to: release && { id: release.id, version: release.version, digest: release.digest, ...adoptedMark(release.adopted) },
    instances: countCopies(member),
    targets: targets.length,
    allowed: check.ok,
    suggested: aim.suggested && check.ok && decision.pin === null,
    weakEvidence: weak,
    reasons: check.ok ? [] : explainRefusal(member),
    warnings: [...notes, ...(check.ok ? check.warnings.map((warning) => ({ reason: warning.warning, sentence: explainWarning(warning) })) : [])],
  };
}

/** Why a member may not start, in words; empty when it may. */
export function explainRefusal({ aim, check }: Member): { reason: string; sentence: string }[] {
  if (check.ok) return [];
  if (aim.kind === null) return [{ reason: "nothing-assigned", sentence: "It runs here without any decision. End it on its host, or promote a release here." }];
  return check.reasons.map((reason) => ({ reason: reason.reason, sentence: reason.reason === "release-unknown" && aim.kind === "rollback" ? NO_CANDIDATE : explainReason(reason) }));
}

/** The line of a member that a person decided on. */
export function toSeen(member: Member): SeenMember {
  return { place: nameOf(member), aim: member.aim.kind, from: member.decision.assigned?.version ?? null, to: member.release?.version ?? null, allowed: member.check.ok };
}

/** The digests of what is assigned in each place, by release. */
export async function readDigests(tx: Tx, members: readonly Member[]): Promise<Map<string, string | null>> {
  const ids = [...new Set(members.flatMap(({ decision }) => decision.assigned?.releaseId ?? []))];
  const rows = await tx.$queryRaw<{ id: string; digest: string | null }[]>`
    SELECT r.id::text, (SELECT ar.digest::text FROM release_components rc JOIN artifacts ar ON ar.id = rc.artifact_id WHERE rc.release_id = r.id ORDER BY rc.name = 'main' DESC, rc.name LIMIT 1) AS digest
    FROM releases r WHERE r.id = ANY(${ids}::uuid[])`;
  return new Map(rows.map(({ id, digest }) => [id, digest]));
}

import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { GroupDto, groupRequest, RolloutDto } from "@/lib/contract/rollouts";
import { rolesFor } from "@/lib/domain/access/permissions";
import { comparePlaces, type PlaceIds } from "@/lib/domain/rollout/plan-group";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import type { Strategy } from "@/lib/domain/rollout/strategy";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { oncePerPlace } from "../once-per-place";
import { openRollout } from "../open-rollout";
import { promotionStrategy } from "../promotion-strategy";
import type { Decision } from "../read-decision";
import { isKnownPlace, lockPlace, readPlace, type KnownPlace, type PlaceNames } from "../read-place";
import { loadGroup } from "./get-group";
import { refuseStaleGroup } from "./group-revision";
import { explainRefusal, nameOf, readGroup, toSeen, type Group, type GroupInput } from "./read-members";
import { readPartitionPlaces } from "./read-partition-members";
import type { Member } from "./weigh-member";

type Input = z.output<typeof groupRequest>;
type Skipped = GroupDto["skipped"][number];

/** Many places take their time: each is read, weighed and written. */
const TIMEOUT_MS = 120_000;

/**
 * Starts a rollout in each of the named places, all in one transaction: each is checked on locked rows as it would be by
 * itself. Those that are refused are skipped, and named with their reasons; when none can start, nothing is written.
 * @throws AppError invalid for a wrong confirmation, conflict with `changed` for a list that moved, forbidden, unprocessable
 */
export async function startGroup({ ctx, input }: { ctx: Ctx; input: Input }): Promise<GroupDto> {
  authoriseSomewhere(ctx, input.kind);
  return runGroup(ctx, { input, places: input.places, confirmed: input });
}

/** One service's rollback or promotion, without a list that anybody confirmed. */
type Everywhere = Extract<Order, { kind: "rollback" | "promote" }>;

/**
 * Starts a rollback, or a promotion, in every partition of a service that is not pinned, by one decision and one receipt.
 * @returns the first rollout, which names the group; null when there is but the default partition, which needs none
 * @throws AppError with every partition's reasons when none can start
 */
export async function startInPartitions(ctx: Ctx, input: Everywhere): Promise<RolloutDto | null> {
  const places = await readPartitionPlaces(ctx.db, { service: input.service, environment: input.environment });
  return places.length === 1 ? null : ((await runGroup(ctx, { input, places, confirmed: null })).rollouts[0] ?? null);
}

/** What is carried out, whoever confirmed what. */
type Order = GroupInput & { reason?: string | undefined; incident?: string | undefined; hold: boolean; strategy?: Extract<Input, { kind: "rollback" }>["strategy"] | Extract<Input, { kind: "promote" }>["strategy"] };

async function runGroup(ctx: Ctx, { input, places: named, confirmed }: { input: Order; places: readonly PlaceNames[]; confirmed: Pick<Input, "confirm" | "revision"> | null }): Promise<GroupDto> {
  refuseSecrets({ reason: input.reason, incident: input.incident });
  const id = randomUUID();
  const places = distinct(named);
  await oncePerPlaces(places, () =>
    transact(
      ctx.db,
      async (tx) => {
        await lockPlaces(tx, places);
        const group = await readGroup(tx, ctx, input, { named: confirmed !== null });
        // Without a list it is everything that is locked; the service may have been called by an alias.
        const meant = new Set(places.map(({ partition }) => partition));
        const chosen = new Set(confirmed ? places.map(keyOf) : group.members.map(namesOf).filter(({ partition }) => meant.has(partition)).map(keyOf));
        if (confirmed) refuseUnconfirmed(group, { ...confirmed, places: named });
        const wanted = group.members.filter((member) => chosen.has(keyOf(namesOf(member))));
        const starting = wanted.filter(({ check }) => check.ok).toSorted((a, b) => comparePlaces(idsOf(a.place), idsOf(b.place)));
        if (starting.length === 0) throw refuseAll(wanted);
        await writeGroup(tx, ctx, { id, group, input, skipped: describeSkipped(group.members, chosen) });
        for (const member of starting) await startMember(tx, ctx, member, { id, input });
      },
      { timeoutMs: TIMEOUT_MS },
    ),
  );
  return loadGroup(ctx, id);
}

function refuseUnconfirmed(group: Group, { confirm, revision, places }: { confirm: string; revision: string; places: readonly PlaceNames[] }): void {
  if (confirm.trim() !== group.typed) throw new AppError("invalid", "The typed name is another one.", { type: "not-confirmed", fields: [{ path: "confirm", message: `must be ${group.typed}` }] });
  refuseStaleGroup(revision, group.members.map(toSeen));
  const listed = new Set(group.members.map((member) => keyOf(namesOf(member))));
  const stray = places.findIndex((place) => !listed.has(keyOf(place)));
  if (stray >= 0) throw new AppError("unprocessable", "One of the places is not on the list: nothing is to be done there.", { fields: [{ path: `places[${stray}]`, message: "is not on the list" }] });
}

/** Each place once, by name. */
function distinct(places: readonly PlaceNames[]): PlaceNames[] {
  return [...new Map(places.map((place) => [keyOf(place), place])).entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place);
}

/** The queues of all places, one inside the other; in one order, so that two groups never wait for each other. */
function oncePerPlaces<T>([first, ...rest]: readonly PlaceNames[], work: () => Promise<T>): Promise<T> {
  return first === undefined ? work() : oncePerPlace(first, () => oncePerPlaces(rest, work));
}

/** A group has no scope of its own: who may act in no place at all is refused at once, the rest is asked of each place. */
function authoriseSomewhere(ctx: Ctx, kind: Input["kind"]): void {
  const verb = kind === "promote" ? "rollouts.promote" : "rollouts.rollback";
  const roles = rolesFor(verb);
  if (!ctx.actor.roles.some((held) => roles.includes(held.role))) authorise(ctx, verb);
}

/** Every place in the one order, so that two groups never wait for each other. What does not exist is not locked, and refused later. */
async function lockPlaces(tx: Tx, places: readonly PlaceNames[]): Promise<void> {
  const known: KnownPlace[] = [];
  for (const names of places) {
    const place = await readPlace(tx, names, null);
    if (isKnownPlace(place)) known.push(place);
  }
  for (const place of known.toSorted((a, b) => comparePlaces(idsOf(a), idsOf(b)))) await lockPlace(tx, place);
}

function idsOf(place: KnownPlace): PlaceIds {
  return { serviceId: place.service.id, environmentId: place.environment.id, partition: place.names.partition };
}

function namesOf({ place }: Member): PlaceNames {
  return { service: place.service.name, environment: place.environment.name, partition: place.names.partition };
}

function keyOf({ service, environment, partition }: PlaceNames): string {
  return `${service}/${environment}/${partition}`;
}

function refuseAll(wanted: readonly Member[]): AppError {
  const reasons = wanted.flatMap((member) => explainRefusal(member).map(({ reason, sentence }) => ({ reason, sentence: `${nameOf(member)}: ${sentence}` })));
  const forbidden = reasons.length > 0 && reasons.every(({ reason }) => reason === "not-permitted");
  return new AppError(forbidden ? "forbidden" : "unprocessable", "None of them can be started.", { type: "nothing-to-start", reasons });
}

/** Whoever is on the list and gets no rollout, with the reasons: refused, or left out. */
function describeSkipped(members: readonly Member[], chosen: ReadonlySet<string>): Skipped[] {
  return members.flatMap((member) => {
    const names = namesOf(member);
    const refused = explainRefusal(member).map(({ sentence }) => sentence);
    if (refused.length === 0 && chosen.has(keyOf(names))) return [];
    return [{ ...names, sentences: refused.length > 0 ? refused : ["Left out by whoever confirmed."] }];
  });
}

async function writeGroup(tx: Tx, ctx: Ctx, { id, group, input, skipped }: { id: string; group: Group; input: Order; skipped: Skipped[] }): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO rollout_groups (id, kind, service_id, environment_id, as_of, release_id, actor_id, incident, skipped)
    VALUES (${id}::uuid, ${input.kind}, ${group.service?.id ?? null}::uuid, ${group.environment?.id ?? null}::uuid, ${group.at}, ${group.release?.id ?? null}::uuid, ${ctx.actor.id}::uuid, ${input.incident ?? null}, ${JSON.stringify(skipped)}::jsonb)`;
}

async function startMember(tx: Tx, ctx: Ctx, { place, aim, decision, release, targets }: Member, { id, input }: { id: string; input: Order }): Promise<void> {
  if (aim.kind === null) return;
  await openRollout(tx, ctx, {
    kind: aim.kind,
    place,
    decision,
    release,
    members: targets,
    strategy: strategyFor(decision, aim.kind, input),
    reason: input.reason,
    incident: input.incident,
    hold: input.hold && aim.kind === "rollback",
    groupId: id,
  });
}

function strategyFor(decision: Decision, kind: RolloutKind, { kind: subject, strategy = "environment" }: Order): Strategy {
  const { promote, rollback } = decision.strategy.strategy;
  if (subject === "promote" && strategy !== "fast-track" && strategy !== "waves") return promotionStrategy(decision, strategy);
  return subject === "rollback" && kind === "rollback" && strategy === "waves" ? { ...promote, onFailure: "pause" } : rollback;
}

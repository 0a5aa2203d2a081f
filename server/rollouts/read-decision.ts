import { z } from "zod";
import { explainMissing, may, type Verb } from "@/lib/domain/access/permissions";
import type { Freshness } from "@/lib/domain/fleet/freshness";
import type { DecisionState, OfferedRelease, ReleaseHere, TargetHere } from "@/lib/domain/rollout/check-rollback";
import type { LastKnownGood, ReleaseRecord } from "@/lib/domain/rollout/last-known-good";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { DEFAULT_STRATEGY, type EnvironmentStrategy } from "@/lib/domain/rollout/strategy";
import type { Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import type { Db, Tx } from "@/server/db";
import { chooseExecutor } from "@/server/executors/choose-executor";
import { pinnedSql } from "@/server/policies/pin-sql";
import { readFreeze, type FreezeInForce } from "@/server/policies/read-freeze";
import { readStrategy } from "@/server/policies/read-strategy";
import { approvedSql, recalledSql } from "@/server/releases/approved-sql";
import { assignedHereSql, rolloutHereSql, targetsHereSql } from "./here-sql";
import { compareRevision, type Revision } from "./revision";
import { isKnownPlace, type KnownPlace, type Place } from "./read-place";

export type TargetRow = {
  id: bigint;
  key: string;
  agentId: string;
  agentName: string;
  region: string | null;
  labels: Readonly<Record<string, string>>;
  canAct: boolean;
  freshness: Freshness;
  desiredReleaseId: string | null;
  instances: number;
  /** The release of its desired row, when all that runs of it is right. */
  settledOn: string | null;
  verifiedOnAssigned: boolean;
  managedBy: { tool: string; name?: string | undefined; autoSync?: boolean | undefined; detail?: string | undefined } | null;
};
export type RunningRow = { releaseId: string | null; version: string | null; digest: string | null; instances: number; targets: number };
export type ReleaseRow = ReleaseHere & { digest: string | null; adopted: boolean };
export type ActiveRollout = { id: string; number: bigint; kind: RolloutKind; status: string; toReleaseId: string | null };

/** Everything that a decision about a place weighs, as it stands now; on locked rows when the caller has locked them. */
export type Decision = {
  place: Place;
  assigned: { releaseId: string; version: string; registeredSeq: number; entry: bigint } | null;
  targets: TargetRow[];
  running: RunningRow[];
  activeRollout: ActiveRollout | null;
  hold: { id: string; entry: bigint } | null;
  freeze: FreezeInForce | null;
  pin: { id: string; entry: bigint; reason: string | null; until: Date | null } | null;
  /** How the environment rolls out now. */
  strategy: { version: number; strategy: EnvironmentStrategy };
  /** Who carries it out instead of the agents. */
  executor: Awaited<ReturnType<typeof chooseExecutor>>;
  /** Entries about this service and environment. */
  decisions: number;
  lastRollouts: { id: string; status: string }[];
};

const managedBy = z.object({ tool: z.string(), name: z.string().optional(), autoSync: z.boolean().optional(), detail: z.string().optional() }).nullable();
const labels = z.record(z.string(), z.string()).catch({});

/**
 * Whom a rollout of this kind acts on: everyone who is not right already. New copies and an end are for all of them; a
 * way back after a canary is for those that the canary reached.
 */
export function membersOf(decision: Pick<Decision, "targets">, kind: RolloutKind, releaseId: string | null): TargetRow[] {
  switch (kind) {
    case "reconverge":
      return decision.targets.filter((target) => !target.verifiedOnAssigned);
    case "promote":
    case "rollback":
      return decision.targets.filter((target) => releaseId === null || target.settledOn !== releaseId);
    case "replace":
    case "stop":
      return [...decision.targets];
    default:
      return kind satisfies never;
  }
}

/** Those that were named, or whom a rollout of this kind acts on. @throws AppError unprocessable when one of them is not here */
export function chooseMembers(decision: Pick<Decision, "targets">, kind: RolloutKind, releaseId: string | null, named: readonly string[] | undefined): TargetRow[] {
  if (named === undefined) return membersOf(decision, kind, releaseId);
  const here = new Map(decision.targets.map((target) => [target.id.toString(), target]));
  const foreign = named.findIndex((id) => !here.has(id));
  if (foreign >= 0) throw new AppError("unprocessable", "One of the targets is not here.", { fields: [{ path: `targets[${foreign}]`, message: "is not a target of this service here" }] });
  return [...new Set(named)].flatMap((id) => here.get(id) ?? []);
}

/** Reads the state of a place; parts that do not exist leave everything else empty. */
export async function readDecision(db: Db | Tx, place: Place): Promise<Decision> {
  const nothing: Decision = { place, assigned: null, targets: [], running: [], activeRollout: null, hold: null, freeze: null, pin: null, strategy: { version: 0, strategy: DEFAULT_STRATEGY }, executor: null, decisions: 0, lastRollouts: [] };
  if (!isKnownPlace(place)) return nothing;
  const { service, environment, names } = place;
  const [assignment] = await db.$queryRaw<{ release_id: string | null; version: string | null; registered: bigint | null; entry_seq: bigint }[]>`
    SELECT a.release_id, r.version, r.registered_order AS registered, a.entry_seq FROM assignments a LEFT JOIN releases r ON r.id = a.release_id
    WHERE a.service_id = ${service.id}::uuid AND a.environment_id = ${environment.id}::uuid AND a.partition = ${names.partition}`;
  const assigned = assignment?.release_id ? { releaseId: assignment.release_id, version: assignment.version ?? "", registeredSeq: Number(assignment.registered ?? 0), entry: assignment.entry_seq } : null;
  const rollouts = await db.$queryRaw<{ id: string; number: bigint; kind: RolloutKind; status: string; to_release_id: string | null }[]>`
    SELECT id, number, kind, status, to_release_id FROM rollouts
    WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ${names.partition}
    ORDER BY (status IN ('planned', 'running', 'paused')) DESC, created_at DESC, number DESC LIMIT 1`;
  const [latest] = rollouts;
  const [rest] = await db.$queryRaw<{ hold_id: string | null; hold_entry: bigint | null; pin_id: string | null; pin_entry: bigint | null; pin_reason: string | null; pin_until: Date | null; now: Date; decisions: bigint }[]>`
    SELECT h.id AS hold_id, h.entry_seq AS hold_entry, n.id AS pin_id, n.entry_seq AS pin_entry, n.expires_at AS pin_until, (SELECT x.text FROM ledger_texts x WHERE x.entry_seq = n.entry_seq AND x.field = 'reason') AS pin_reason, clock_timestamp() AS now,
      (SELECT count(*) FROM ledger_entries WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid) AS decisions
    FROM (SELECT) one
    LEFT JOIN holds h ON h.service_id = ${service.id}::uuid AND h.environment_id = ${environment.id}::uuid AND h.partition = ${names.partition} AND h.lifted_at IS NULL
    LEFT JOIN pins n ON n.service_id = ${service.id}::uuid AND n.environment_id = ${environment.id}::uuid AND n.partition = ${names.partition} AND ${pinnedSql("n")}`;
  return {
    place,
    assigned,
    targets: await readTargets(db, place, assigned?.releaseId ?? null),
    running: await readRunning(db, place),
    activeRollout:
      latest && ["planned", "running", "paused"].includes(latest.status)
        ? { id: latest.id, number: latest.number, kind: latest.kind, status: latest.status, toReleaseId: latest.to_release_id }
        : null,
    hold: rest?.hold_id && rest.hold_entry !== null ? { id: rest.hold_id, entry: rest.hold_entry } : null,
    freeze: rest ? await readFreeze(db, { environmentId: environment.id, serviceId: service.id }, rest.now) : null,
    pin: rest?.pin_id && rest.pin_entry !== null ? { id: rest.pin_id, entry: rest.pin_entry, reason: rest.pin_reason, until: rest.pin_until } : null,
    strategy: await readStrategy(db, environment.id),
    executor: await chooseExecutor(db, { service: service.name, environment: environment.name }),
    decisions: Number(rest?.decisions ?? 0),
    lastRollouts: rollouts.map(({ id, status }) => ({ id, status })),
  };
}

async function readTargets(db: Db | Tx, place: KnownPlace, assignedId: string | null): Promise<TargetRow[]> {
  const { service, environment, names } = place;
  type Row = { id: bigint; key: string; agent_id: string; agent_name: string; region: string | null; can_act: boolean; freshness: Freshness; release_id: string | null; copies: number; wrong: number; desired: number | null; managed_by: unknown; labels: unknown };
  const rows = await db.$queryRaw<Row[]>`
    SELECT t.id, t.key, s.agent_id, a.name AS agent_name, a.region, t.can_act, s.freshness, d.release_id, k.copies, k.wrong, t.desired, t.managed_by, t.labels
    FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
    LEFT JOIN target_desired d ON d.target_id = t.id
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS copies,
        -- Whom a rollout has told is judged by what it had before until that is counted.
        (count(*) FILTER (WHERE NOT c.categories <@ ARRAY['in-sync', 'will-revert', 'tag-moved'] OR c.desired_release_id IS DISTINCT FROM d.release_id))::int AS wrong
      FROM instances i JOIN combinations c ON c.id = i.combination_id
      WHERE i.target_id = t.id AND i.state <> 'exited' AND c.service_id = ${service.id}::uuid) k
    WHERE t.service_id = ${service.id}::uuid AND t.environment_id = ${environment.id}::uuid AND t.partition = ${names.partition} AND t.gone_at IS NULL AND a.state <> 'retired'
    ORDER BY t.id`;
  return rows.map((row) => {
    const isRight = row.release_id !== null && row.wrong === 0 && row.freshness !== "silent" && (row.desired === 0 || row.copies >= Math.max(1, row.desired ?? 1));
    return {
      id: row.id,
      key: row.key,
      agentId: row.agent_id,
      agentName: row.agent_name,
      region: row.region,
      canAct: row.can_act,
      freshness: row.freshness,
      desiredReleaseId: row.release_id,
      instances: row.copies,
      labels: labels.parse(row.labels),
      settledOn: isRight ? row.release_id : null,
      verifiedOnAssigned: isRight && row.release_id === assignedId,
      managedBy: managedBy.catch(null).parse(row.managed_by),
    };
  });
}

async function readRunning(db: Db | Tx, place: KnownPlace): Promise<RunningRow[]> {
  const { service, environment, names } = place;
  const rows = await db.$queryRaw<{ release_id: string | null; version: string | null; digest: string | null; instances: bigint; scopes: bigint }[]>`
    SELECT r.id AS release_id, r.version, CASE WHEN r.id IS NULL THEN min(d.digest) END AS digest, sum(k.instances) AS instances, count(DISTINCT k.agent_scope_id) AS scopes
    FROM combinations c
    JOIN (SELECT combination_id, agent_scope_id, instances FROM combination_counts) k ON k.combination_id = c.id
    LEFT JOIN releases r ON r.id = c.running_release_id
    LEFT JOIN LATERAL (SELECT min(digest::text) AS digest FROM image_digests WHERE image_id = c.image_id) d ON true
    WHERE c.service_id = ${service.id}::uuid AND c.environment_id = ${environment.id}::uuid AND c.partition = ${names.partition}
    GROUP BY r.id, r.version, CASE WHEN r.id IS NULL THEN c.image_id END
    ORDER BY sum(k.instances) DESC`;
  return rows.map((row) => ({ releaseId: row.release_id, version: row.version, digest: row.digest, instances: Number(row.instances), targets: Number(row.scopes) }));
}

const NEWEST = 200;

/**
 * Releases of a service as they stand at a place, newest first: those that are named, or the newest 200 and with them, however
 * old, those of `also` (200 of them). A release that ran here for months has hundreds of builds after it.
 */
export async function readReleasesHere(db: Db | Tx, place: KnownPlace, filter: { ids?: readonly string[]; version?: string; also?: readonly string[] }): Promise<ReleaseRow[]> {
  const also = (filter.also ?? []).slice(0, NEWEST);
  const { service, environment, names } = place;
  type Row = { id: string; version: string; service_id: string; service_name: string; registered_order: bigint; approved: boolean; recalled: boolean; ran: boolean; assigned_here: boolean; digest: string | null; adopted: boolean };
  const rows = await db.$queryRaw<Row[]>`
    SELECT r.id, r.version, r.service_id, s.name::text AS service_name, r.registered_order, r.adopted, ${approvedSql("r.id", "e")} AS approved, ${recalledSql("r.id")} AS recalled, ${assignedHereSql("r.id", place)} AS assigned_here,
      EXISTS (SELECT FROM release_components rc JOIN artifact_digests a ON a.artifact_id = rc.artifact_id JOIN image_digests d ON d.digest = a.digest JOIN combinations c ON c.image_id = d.image_id
        WHERE rc.release_id = r.id AND c.service_id = r.service_id AND c.environment_id = e.id AND c.partition = ${names.partition})
        OR EXISTS (SELECT FROM release_components rc JOIN artifact_digests a ON a.artifact_id = rc.artifact_id JOIN image_digests d ON d.digest = a.digest
          WHERE rc.release_id = r.id AND d.image_id = ANY(ARRAY(SELECT DISTINCT sp.image_id FROM spans sp WHERE ${names.partition} <> 'default' AND sp.service_name = ${service.name} AND sp.environment_id = ${environment.id}::uuid AND sp.target_id IN (${targetsHereSql(place)})))) AS ran,
      (SELECT ar.digest::text FROM release_components rc JOIN artifacts ar ON ar.id = rc.artifact_id WHERE rc.release_id = r.id ORDER BY rc.name = 'main' DESC, rc.name LIMIT 1) AS digest
    FROM releases r JOIN services s ON s.id = r.service_id, environments e
    WHERE e.id = ${environment.id}::uuid AND r.service_id = ${service.id}::uuid
      AND (${filter.ids === undefined} OR r.id = ANY(${filter.ids ?? []}::uuid[])) AND (${filter.version ?? null}::text IS NULL OR r.version = ${filter.version ?? null})
    ORDER BY r.id = ANY(${also}::uuid[]) DESC, r.registered_order DESC LIMIT ${NEWEST + also.length}`;
  return rows.toSorted((a, b) => Number(b.registered_order - a.registered_order)).map((row) => ({
    id: row.id,
    version: row.version,
    serviceId: row.service_id,
    serviceName: row.service_name,
    registeredSeq: Number(row.registered_order),
    approvedHere: row.approved,
    recalled: row.recalled,
    ranHere: row.ran,
    assignedHere: row.assigned_here,
    digest: row.digest,
    adopted: row.adopted,
  }));
}

/** Releases that a decision may be about however many were registered since: what is assigned, what is known to be good, what ran most recently. */
export function namedFirst(decision: Decision, good: Pick<LastKnownGood, "release">, history: readonly ReleaseRecord[]): string[] {
  const ran = history.toSorted((a, b) => b.lastRanUntil - a.lastRanUntil).map(({ releaseId }) => releaseId);
  return [...new Set([decision.assigned?.releaseId, good.release?.id, ...ran].flatMap((id) => id ?? []))];
}

const migrations = z.array(z.object({ id: z.string(), kind: z.enum(["expand", "contract", "irreversible"]), compatibleBackTo: z.string().optional() })).nullable();

/** Every release that was offered here since `chosen` was last decided on, aborted ones included: the first copy runs the migration. */
export async function readOfferedSince(db: Db | Tx, place: KnownPlace, chosen: string): Promise<OfferedRelease[]> {
  const { service, environment, names } = place;
  const rows = await db.$queryRaw<{ version: string; registered_order: bigint; migrations: unknown }[]>`
    WITH here AS (SELECT o.to_release_id, o.created_at FROM rollouts o WHERE ${rolloutHereSql("o", place)}),
      since AS (SELECT max(created_at) AS at FROM here WHERE to_release_id = ${chosen}::uuid)
    SELECT r.version, r.registered_order, r.migrations FROM releases r
    WHERE r.id IN (SELECT to_release_id FROM here, since WHERE since.at IS NULL OR here.created_at >= since.at)
      OR r.id = (SELECT release_id FROM assignments WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ${names.partition})`;
  const versions = await db.$queryRaw<{ version: string; registered_order: bigint }[]>`SELECT version, registered_order FROM releases WHERE service_id = ${service.id}::uuid`;
  const order = new Map(versions.map((row) => [row.version, Number(row.registered_order)]));
  return rows.map((row) => ({
    version: row.version,
    registeredSeq: Number(row.registered_order),
    migrations:
      migrations.parse(row.migrations)?.map(({ id, kind, compatibleBackTo }) => {
        const registeredSeq = compatibleBackTo === undefined ? undefined : order.get(compatibleBackTo);
        return { id, kind, compatibleBackTo: compatibleBackTo !== undefined && registeredSeq !== undefined ? { version: compatibleBackTo, registeredSeq } : null };
      }) ?? null,
  }));
}

/** What a person decides on: the token's content. */
export function revisionOf(decision: Decision, chosen: ReleaseRow | null): Revision {
  const { assigned, hold, freeze, place } = decision;
  return {
    distribution: decision.running.map(({ releaseId, version, targets }) => ({ release: releaseId, version, targets })),
    assigned: assigned && { release: assigned.releaseId, version: assigned.version },
    target: chosen && { release: chosen.id, version: chosen.version },
    ledgerSize: decision.decisions,
    rollouts: decision.lastRollouts,
    policy: {
      approved: chosen?.approvedHere ?? null,
      recalled: chosen?.recalled ?? null,
      hold: hold?.id ?? null,
      pin: decision.pin?.id ?? null,
      freeze: freeze?.id ?? null,
      strategy: decision.strategy.version,
      "approvals needed": place.environment?.requiredApprovals ?? null,
    },
  };
}

/** The part that every check weighs, for a partition that was named. `expected` is the token that the caller decided on. */
export function decisionState(ctx: Ctx, verb: Verb, decision: Decision, chosen: ReleaseRow | null, expected: string | null): DecisionState {
  const { place, targets } = decision;
  const permission = ctx.actor.kind === "system" ? { ok: true as const } : may(ctx.actor, verb, place.names, Date.now());
  return {
    permission: permission.ok ? permission : { ok: false, detail: explainMissing(permission) },
    service: place.service,
    environment: place.environment,
    partition: { name: place.names.partition, known: place.partitionKnown },
    assigned: decision.assigned,
    targets: targets.map((target): TargetHere => ({
      key: target.key,
      canAct: target.canAct,
      freshness: target.freshness,
      verifiedOnAssigned: target.verifiedOnAssigned,
      revertedBy: target.managedBy && target.managedBy.autoSync !== false ? target.managedBy.tool : null,
    })),
    activeRollout: decision.activeRollout,
    pin: decision.pin && { detail: decision.pin.reason ?? `entry ${decision.pin.entry}`, until: decision.pin.until?.toISOString() ?? null, named: true },
    executor: decision.executor?.name ?? null,
    revision: compareRevision(expected, revisionOf(decision, chosen)),
  };
}

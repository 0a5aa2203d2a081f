import type { RolloutDto } from "@/lib/contract/rollouts";
import { describeStrategy } from "@/lib/domain/rollout/describe-strategy";
import { estimateRemaining } from "@/lib/domain/rollout/estimate";
import { isActiveRollout, type AnnouncedStatus, type Outcome, type RolloutKind, type RolloutOrigin, type RolloutStatus, type TargetStatus } from "@/lib/domain/rollout/statuses";
import { Prisma, type Db, type Tx } from "@/server/db";
import { notFound } from "@/server/errors";
import { adoptedMark } from "@/server/drift/read-references";
import { frozenStrategy } from "./read-rollout-state";

type Counts = RolloutDto["counts"];
type Row = {
  id: string;
  number: bigint;
  service: string;
  environment: string;
  partition: string;
  kind: RolloutKind;
  origin: RolloutOrigin;
  status: RolloutStatus;
  status_reason: string | null;
  outcome: Outcome | null;
  incident: string | null;
  from_id: string | null;
  from_version: string | null;
  from_digest: string | null;
  to_id: string | null;
  to_version: string | null;
  to_digest: string | null;
  from_adopted: boolean | null;
  to_adopted: boolean | null;
  entry_seq: bigint;
  hold_entry: bigint | null;
  reason: string | null;
  started_by: string;
  supersedes_id: string | null;
  supersedes_number: bigint | null;
  created_at: Date;
  acknowledged_at: Date | null;
  finished_at: Date | null;
  revision: bigint;
  statuses: Partial<Record<TargetStatus, number>> | null;
  fastest_ms: number | null;
  slowest_ms: number | null;
  strategy: unknown;
  strategy_version: number;
  waiting_for: string | null;
  executor_name: string | null;
  executor_kind: string | null;
  group_id: string | null;
  reverts_id: string | null;
  reverts_number: bigint | null;
  reverted_by_id: string | null;
  reverted_by_number: bigint | null;
  cleared: boolean;
  watched_until: Date | null;
  carried_out_by: string | null;
  stalled_since: Date | null;
  announced: { status: AnnouncedStatus; by: string | null; url: string | null; at: string } | null;
  now: Date;
  first_offered: Date | null;
  verified_ms: number[] | null;
  soak_left_ms: number;
  asks_person: boolean;
};

const DIGEST_OF = (release: string): Prisma.Sql =>
  Prisma.raw(`(SELECT ar.digest::text FROM release_components rc JOIN artifacts ar ON ar.id = rc.artifact_id WHERE rc.release_id = ${release} ORDER BY rc.name = 'main' DESC, rc.name LIMIT 1)`);

/** Rollouts as they travel, newest first; ids that do not exist are left out. */
export async function loadRollouts(db: Db | Tx, ids: readonly string[]): Promise<RolloutDto[]> {
  if (ids.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT r.id, r.number, s.name::text AS service, e.name::text AS environment, r.partition::text, r.kind, r.origin, r.status, r.status_reason, r.outcome, r.incident,
      rf.id AS from_id, rf.version AS from_version, rf.adopted AS from_adopted, ${DIGEST_OF("rf.id")} AS from_digest, rt.id AS to_id, rt.version AS to_version, rt.adopted AS to_adopted, ${DIGEST_OF("rt.id")} AS to_digest,
      r.entry_seq, h.entry_seq AS hold_entry, x.text AS reason, a.display_name AS started_by, r.supersedes_id, sup.number AS supersedes_number,
      r.created_at, r.finished_at, r.revision, t.acknowledged_at, t.statuses, past.fastest_ms, past.slowest_ms,
      r.strategy, r.strategy_version, w.waiting_for, ex.name::text AS executor_name, ex.kind AS executor_kind, r.group_id, r.reverts_id, rev.number AS reverts_number, back.id AS reverted_by_id, back.number AS reverted_by_number,
      r.cleared_seq IS NOT NULL AS cleared, CASE WHEN r.watched_until > clock_timestamp() THEN r.watched_until END AS watched_until, clock_timestamp() AS now,
      r.carried_out_by, r.stalled_since, said.announced,
      t.first_offered, pace.verified_ms, coalesce(w.soak_left_ms, 0)::float8 AS soak_left_ms, coalesce(w.asks_person, false) AS asks_person
    FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id JOIN actors a ON a.id = r.actor_id
    LEFT JOIN releases rf ON rf.id = r.from_release_id LEFT JOIN releases rt ON rt.id = r.to_release_id LEFT JOIN rollouts sup ON sup.id = r.supersedes_id
    LEFT JOIN rollouts rev ON rev.id = r.reverts_id LEFT JOIN rollouts back ON back.reverts_id = r.id LEFT JOIN executors ex ON ex.id = r.executor_id
    LEFT JOIN holds h ON h.entry_seq = r.entry_seq LEFT JOIN ledger_texts x ON x.entry_seq = r.entry_seq AND x.field = 'reason'
    LEFT JOIN LATERAL (
      SELECT min(first_acknowledged) AS acknowledged_at, min(first_offered) AS first_offered, jsonb_object_agg(status, n) AS statuses
      FROM (SELECT status, count(*)::int AS n, min(acknowledged_at) AS first_acknowledged, min(offered_at) AS first_offered FROM rollout_targets WHERE rollout_id = r.id GROUP BY status) g) t ON true
    LEFT JOIN LATERAL (
      SELECT jsonb_build_object('status', n.status, 'by', n.by, 'url', n.url, 'at', n.announced_at) AS announced FROM announcements n
      WHERE r.origin = 'external' AND n.rollout_id = r.id ORDER BY n.updated_at DESC, n.received_at DESC LIMIT 1) said ON true
    LEFT JOIN LATERAL (
      SELECT array_agg((extract(epoch FROM verified_at) * 1000)::float8) AS verified_ms FROM rollout_targets
      WHERE rollout_id = r.id AND r.finished_at IS NULL AND verified_at IS NOT NULL) pace ON true
    LEFT JOIN LATERAL (
      SELECT max(status_reason) FILTER (WHERE status = 'waiting') AS waiting_for, sum((gate->>'soakMs')::float8) AS soak_left_ms,
        bool_or(go_ahead_by IS NULL AND (gate->>'goAhead')::boolean) AS asks_person
      FROM waves WHERE rollout_id = r.id AND r.finished_at IS NULL AND status <> 'passed') w ON true
    LEFT JOIN LATERAL (
      SELECT min(ms)::float8 AS fastest_ms, max(ms)::float8 AS slowest_ms FROM (
        SELECT extract(epoch FROM p.finished_at - p.created_at) * 1000 AS ms FROM rollouts p
        WHERE p.service_id = r.service_id AND p.environment_id = r.environment_id AND p.partition = r.partition AND p.status = 'succeeded' AND p.finished_at > p.created_at
        ORDER BY p.created_at DESC LIMIT 5) last_ones) past ON true
    WHERE r.id = ANY(${ids}::uuid[]) ORDER BY r.number DESC`;
  return rows.map(toDto);
}

/** @throws AppError not-found */
export async function loadRollout(db: Db | Tx, id: string): Promise<RolloutDto> {
  const [rollout] = await loadRollouts(db, [id]);
  if (!rollout) throw notFound("rollout");
  return rollout;
}

/** Counts as the screen names them; who is gone or withdrawn is in neither numerator nor denominator. */
export function countStatuses(statuses: Partial<Record<TargetStatus, number>>): Counts {
  const of = (...names: TargetStatus[]): number => names.reduce((sum, name) => sum + (statuses[name] ?? 0), 0);
  const counts = {
    verified: of("verified"),
    inFlight: of("offered", "acknowledged", "replacing", "regressed"),
    stuck: of("stuck"),
    failed: of("failed", "contested"),
    waiting: of("pending"),
    gone: of("gone"),
    withdrawn: of("withdrawn"),
  };
  return { total: counts.verified + counts.inFlight + counts.stuck + counts.failed + counts.waiting, ...counts };
}

function toDto(row: Row): RolloutDto {
  return {
    id: row.id,
    number: Number(row.number),
    service: row.service,
    environment: row.environment,
    partition: row.partition,
    kind: row.kind,
    origin: row.origin,
    status: row.status,
    statusReason: row.status_reason,
    outcome: row.outcome,
    incident: row.incident,
    from: row.from_id && row.from_version !== null ? { id: row.from_id, version: row.from_version, digest: row.from_digest, ...adoptedMark(row.from_adopted) } : null,
    to: row.to_id && row.to_version !== null ? { id: row.to_id, version: row.to_version, digest: row.to_digest, ...adoptedMark(row.to_adopted) } : null,
    entry: Number(row.entry_seq),
    holdEntry: row.hold_entry === null ? null : Number(row.hold_entry),
    reason: row.reason,
    startedBy: row.started_by,
    supersedes: row.supersedes_id && row.supersedes_number !== null ? { id: row.supersedes_id, number: Number(row.supersedes_number) } : null,
    createdAt: row.created_at.toISOString(),
    acceptedAt: row.created_at.toISOString(),
    acknowledgedAt: row.acknowledged_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    revision: Number(row.revision),
    counts: countStatuses(row.statuses ?? {}),
    estimateMs: estimate(row),
    strategy: describeFrozen(row),
    waitingFor: row.waiting_for,
    executor: row.executor_name !== null && row.executor_kind !== null ? { name: row.executor_name, kind: row.executor_kind } : null,
    external:
      row.origin === "external"
        ? { by: row.carried_out_by, stalledSince: row.stalled_since?.toISOString() ?? null, announced: row.announced && { ...row.announced, at: new Date(row.announced.at).toISOString() } }
        : null,
    group: row.group_id,
    reverts: row.reverts_id && row.reverts_number !== null ? { id: row.reverts_id, number: Number(row.reverts_number) } : null,
    revertedBy: row.reverted_by_id && row.reverted_by_number !== null ? { id: row.reverted_by_id, number: Number(row.reverted_by_number) } : null,
    cleared: row.cleared,
    watchedUntil: row.watched_until?.toISOString() ?? null,
  };
}

function describeFrozen(row: Row): RolloutDto["strategy"] {
  const strategy = frozenStrategy.parse(row.strategy);
  return { version: row.strategy_version, sentence: describeStrategy(strategy), maxInFlight: strategy.maxInFlight };
}

/** While it runs: by its own rate, from its start. Before and after: as long as the last ones here took. */
function estimate(row: Row): RolloutDto["estimateMs"] {
  if (!isActiveRollout(row.status)) return row.fastest_ms === null || row.slowest_ms === null ? null : { from: Math.round(row.fastest_ms), to: Math.round(row.slowest_ms) };
  // Nobody can say when a person will.
  if (row.asks_person || row.status === "paused" || row.first_offered === null) return null;
  const counts = countStatuses(row.statuses ?? {});
  const left = estimateRemaining({ verifiedAt: row.verified_ms ?? [], startedAt: row.first_offered.getTime(), remaining: counts.total - counts.verified, now: row.now.getTime(), extraMs: row.soak_left_ms });
  const passed = row.now.getTime() - row.created_at.getTime();
  return left && { from: Math.round(passed + left.from), to: Math.round(passed + left.to) };
}

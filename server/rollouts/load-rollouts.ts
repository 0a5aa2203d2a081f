import type { RolloutDto } from "@/lib/contract/rollouts";
import type { Outcome, RolloutKind, RolloutOrigin, RolloutStatus, TargetStatus } from "@/lib/domain/rollout/statuses";
import { Prisma, type Db, type Tx } from "@/server/db";
import { notFound } from "@/server/errors";

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
};

const DIGEST_OF = (release: string): Prisma.Sql =>
  Prisma.raw(`(SELECT ar.digest::text FROM release_components rc JOIN artifacts ar ON ar.id = rc.artifact_id WHERE rc.release_id = ${release} ORDER BY rc.name = 'main' DESC, rc.name LIMIT 1)`);

/** Rollouts as they travel, newest first; ids that do not exist are left out. */
export async function loadRollouts(db: Db | Tx, ids: readonly string[]): Promise<RolloutDto[]> {
  if (ids.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT r.id, r.number, s.name::text AS service, e.name::text AS environment, r.partition::text, r.kind, r.origin, r.status, r.status_reason, r.outcome, r.incident,
      rf.id AS from_id, rf.version AS from_version, ${DIGEST_OF("rf.id")} AS from_digest, rt.id AS to_id, rt.version AS to_version, ${DIGEST_OF("rt.id")} AS to_digest,
      r.entry_seq, h.entry_seq AS hold_entry, x.text AS reason, a.display_name AS started_by, r.supersedes_id, sup.number AS supersedes_number,
      r.created_at, r.finished_at, r.revision, t.acknowledged_at, t.statuses, past.fastest_ms, past.slowest_ms
    FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id JOIN actors a ON a.id = r.actor_id
    LEFT JOIN releases rf ON rf.id = r.from_release_id LEFT JOIN releases rt ON rt.id = r.to_release_id LEFT JOIN rollouts sup ON sup.id = r.supersedes_id
    LEFT JOIN holds h ON h.entry_seq = r.entry_seq LEFT JOIN ledger_texts x ON x.entry_seq = r.entry_seq AND x.field = 'reason'
    LEFT JOIN LATERAL (
      SELECT min(first_acknowledged) AS acknowledged_at, jsonb_object_agg(status, n) AS statuses
      FROM (SELECT status, count(*)::int AS n, min(acknowledged_at) AS first_acknowledged FROM rollout_targets WHERE rollout_id = r.id GROUP BY status) g) t ON true
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
    gone: of("gone", "withdrawn"),
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
    from: row.from_id && row.from_version !== null ? { id: row.from_id, version: row.from_version, digest: row.from_digest } : null,
    to: row.to_id && row.to_version !== null ? { id: row.to_id, version: row.to_version, digest: row.to_digest } : null,
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
    estimateMs: row.fastest_ms === null || row.slowest_ms === null ? null : { from: Math.round(row.fastest_ms), to: Math.round(row.slowest_ms) },
  };
}

import { z } from "zod";
import { followPolicySchema, strategySchema, keptGateSchema } from "@/lib/contract/strategies";
import type { CheckState, RolloutState } from "@/lib/domain/rollout/advance-rollout";
import type { RolloutKind, RolloutStatus, WaveStatus } from "@/lib/domain/rollout/statuses";
import type { Db, Tx } from "@/server/db";
import { readFreeze } from "@/server/policies/read-freeze";
import { processWide } from "@/server/process-wide";
import { approvedSql, recalledSql } from "@/server/releases/approved-sql";

/** What is frozen with a rollout: its strategy, whether a freeze was overridden at its start, and how patiently it is followed where others carry it out. */
export const frozenStrategy = strategySchema.extend({ overrideFreeze: z.boolean().default(false), follow: followPolicySchema.nullable().default(null) });

export type RolloutRow = {
  id: string;
  number: bigint;
  kind: RolloutKind;
  status: RolloutStatus;
  serviceId: string;
  environmentId: string;
  partition: string;
  executorId: string | null;
  /** Since when nothing has moved, as it was last said. */
  stalledSince: Date | null;
  strategy: z.output<typeof frozenStrategy>;
};
type Row = { id: string; number: bigint; kind: RolloutKind; status: RolloutStatus; service_id: string; environment_id: string; partition: string; executor_id: string | null; stalled_since: Date | null; strategy: unknown };

/**
 * An active rollout, locked, but not against rows that only name it: what happens to its targets is written down meanwhile; null when it is not active any more, or when somebody else is at it (`wait`
 * waits instead).
 */
export async function lockRollout(tx: Tx, id: string, { wait }: { wait: boolean }): Promise<RolloutRow | null> {
  const rows = wait
    ? await tx.$queryRaw<Row[]>`
        SELECT id, number, kind, status, service_id, environment_id, partition::text, executor_id, stalled_since, strategy FROM rollouts
        WHERE id = ${id}::uuid AND status IN ('planned', 'running', 'paused') FOR NO KEY UPDATE`
    : await tx.$queryRaw<Row[]>`
        SELECT id, number, kind, status, service_id, environment_id, partition::text, executor_id, stalled_since, strategy FROM rollouts
        WHERE id = ${id}::uuid AND status IN ('planned', 'running', 'paused') FOR NO KEY UPDATE SKIP LOCKED`;
  const [row] = rows;
  if (!row) return null;
  return {
    id: row.id,
    number: row.number,
    kind: row.kind,
    status: row.status,
    serviceId: row.service_id,
    environmentId: row.environment_id,
    partition: row.partition,
    executorId: row.executor_id,
    stalledSince: row.stalled_since,
    strategy: frozenStrategy.parse(row.strategy),
  };
}

type WaveRow = {
  ordinal: number;
  name: string;
  status: WaveStatus;
  status_reason: string | null;
  status_since: Date;
  gate: unknown;
  go_ahead: boolean;
  check_status: Exclude<CheckState, "none"> | null;
  check_detail: string | null;
  pending: number;
  in_flight: number;
  regressed: number;
  verified: number;
  unhealthy: number;
  will_revert: number;
  stuck: number;
  failed: number;
  quiet_since: Date | null;
};

/** A rollout as the domain weighs it: how many of each wave's targets stand where, counted in the database. */
export async function readRolloutState(db: Db | Tx, rollout: RolloutRow, now: Date): Promise<RolloutState> {
  const waves = await db.$queryRaw<WaveRow[]>`
    SELECT w.ordinal, w.name, w.status, w.status_reason, w.status_since, w.gate, w.go_ahead_by IS NOT NULL AS go_ahead, c.status AS check_status, c.detail AS check_detail,
      coalesce(k.pending, 0) AS pending, coalesce(k.in_flight, 0) AS in_flight, coalesce(k.regressed, 0) AS regressed, coalesce(k.verified, 0) AS verified, coalesce(k.unhealthy, 0) AS unhealthy,
      coalesce(k.will_revert, 0) AS will_revert, coalesce(k.stuck, 0) AS stuck, coalesce(k.failed, 0) AS failed, k.quiet_since
    FROM waves w LEFT JOIN wave_checks c ON c.rollout_id = w.rollout_id AND c.ordinal = w.ordinal
    LEFT JOIN (
      SELECT wave, (count(*) FILTER (WHERE status = 'pending'))::int AS pending, (count(*) FILTER (WHERE status IN ('offered', 'acknowledged', 'replacing', 'regressed')))::int AS in_flight,
        (count(*) FILTER (WHERE status = 'regressed'))::int AS regressed, (count(*) FILTER (WHERE status = 'verified'))::int AS verified, (count(*) FILTER (WHERE status = 'stuck'))::int AS stuck,
        (count(*) FILTER (WHERE status IN ('failed', 'contested')))::int AS failed,
        (count(*) FILTER (WHERE status = 'verified' AND detail @> '{"unhealthy": true}'))::int AS unhealthy,
        (count(*) FILTER (WHERE status = 'verified' AND detail @> '{"willRevert": true}'))::int AS will_revert, max(updated_at) AS quiet_since
      FROM rollout_targets WHERE rollout_id = ${rollout.id}::uuid GROUP BY wave) k ON k.wave = w.ordinal
    WHERE w.rollout_id = ${rollout.id}::uuid ORDER BY w.ordinal`;
  const mayWait = rollout.kind === "promote" && !rollout.strategy.overrideFreeze && waves.some(({ status }) => status === "pending" || status === "waiting");
  const freeze = mayWait ? await readFreeze(db, { environmentId: rollout.environmentId, serviceId: rollout.serviceId }, now) : null;
  const { follow } = rollout.strategy;
  // Of a target with many copies each one is progress; looked for only when the targets themselves say nothing any more.
  const quiet = Math.max(...waves.map((wave) => (wave.quiet_since ?? wave.status_since).getTime()));
  const lastCopy = follow && waves.length > 0 && now.getTime() - quiet >= follow.stalledAfterMs ? await readLastCopy(db, rollout, { now, failsAt: (lastAt) => Math.max(quiet, lastAt) + follow.failedAfterMs }) : 0;
  return {
    kind: rollout.kind,
    status: rollout.status,
    onFailure: rollout.strategy.onFailure,
    maxInFlight: rollout.strategy.maxInFlight,
    // Whatever was decided since, others are at it: it is followed to its end.
    blocked: follow ? null : await readBlocked(db, rollout.id),
    follow,
    freeze: freeze && { name: freeze.name, until: freeze.until?.toISOString() ?? null },
    waves: waves.map((wave) => ({
      index: wave.ordinal - 1,
      name: wave.name,
      status: wave.status,
      statusReason: wave.status_reason,
      statusSince: wave.status_since.getTime(),
      gate: keptGateSchema.parse(wave.gate),
      goAheadGiven: wave.go_ahead,
      check: { state: wave.check_status ?? "none", detail: wave.check_detail },
      counts: { pending: wave.pending, inFlight: wave.in_flight, regressed: wave.regressed, verified: wave.verified, unhealthy: wave.unhealthy, willRevert: wave.will_revert, stuck: wave.stuck, failed: wave.failed },
      quietSince: Math.max(lastCopy, (wave.quiet_since ?? wave.status_since).getTime()),
    })),
  };
}

/** Every copy of a release is read for it: not in every turn of a rollout that may stand still for days. */
const LAST_COPY_KEPT_MS = 10_000;
const MOST_KEPT = 2_000;
const lastCopies = processWide("rollouts.last-copies", () => new Map<string, { readAt: number; lastAt: number }>());

/** When the last copy of a rollout's release was first seen at its place (epoch ms), as it was within the last ten seconds; as it is now where the rollout would fail by it. */
async function readLastCopy(db: Db | Tx, rollout: RolloutRow, { now, failsAt }: { now: Date; failsAt: (lastAt: number) => number }): Promise<number> {
  const kept = lastCopies.get(rollout.id);
  if (kept && Math.abs(now.getTime() - kept.readAt) < LAST_COPY_KEPT_MS && now.getTime() < failsAt(kept.lastAt)) return kept.lastAt;
  if (lastCopies.size >= MOST_KEPT) lastCopies.clear();
  const lastAt = await findLastCopy(db, rollout);
  lastCopies.set(rollout.id, { readAt: now.getTime(), lastAt });
  return lastAt;
}

async function findLastCopy(db: Db | Tx, rollout: RolloutRow): Promise<number> {
  const [row] = await db.$queryRaw<{ at: Date | null }[]>`
    SELECT max(i.first_seen_at) AS at FROM rollouts r JOIN combinations c ON c.service_id = r.service_id AND c.environment_id = r.environment_id AND c.partition = r.partition AND c.running_release_id = r.to_release_id
    JOIN instances i ON i.combination_id = c.id WHERE r.id = ${rollout.id}::uuid`;
  return row?.at?.getTime() ?? 0;
}

/** What forbids the release of a rollout since it was started, in words. */
export async function readBlocked(db: Db | Tx, rolloutId: string): Promise<string | null> {
  const [release] = await db.$queryRaw<{ version: string; environment: string; recalled: boolean; approved: boolean }[]>`
    SELECT r.version, e.name::text AS environment, ${recalledSql("r.id")} AS recalled, ${approvedSql("r.id", "e")} AS approved
    FROM rollouts ro JOIN releases r ON r.id = ro.to_release_id JOIN environments e ON e.id = ro.environment_id WHERE ro.id = ${rolloutId}::uuid`;
  if (release?.recalled) return `${release.version} was recalled: it is offered to nobody any more.`;
  if (release && !release.approved) return `${release.version} is no longer approved for ${release.environment}: it is offered to nobody any more.`;
  return null;
}

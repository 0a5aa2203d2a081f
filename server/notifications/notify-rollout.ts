import type { Notice } from "@/lib/domain/notifications/notice";
import type { RolloutNotice } from "@/lib/domain/rollout/notices";
import type { RolloutKind, TargetStatus } from "@/lib/domain/rollout/statuses";
import { recordChanges } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { countStatuses } from "@/server/rollouts/load-rollouts";

type Place = { service_id: string; service: string; environment_id: string; channels: string[] };
type Artifact = { repository: string | null; digest: string };
type Row = {
  number: bigint;
  kind: RolloutKind;
  service: string;
  environment: string;
  protected: boolean;
  partition: string;
  from_version: string | null;
  from_artifact: Artifact | null;
  to_version: string | null;
  to_artifact: Artifact | null;
  started_by: string;
  reason: string | null;
  incident: string | null;
  statuses: Partial<Record<TargetStatus, number>> | null;
  waves: number;
  wave_name: string | null;
  settles: string[];
};

/**
 * Tells every channel that wants to know: one row of the outbox each, in the caller's transaction, so that what was told
 * is what came true. Of a preview nobody is told. An environment that only observes is told about too: its mode is about findings, and a rollout is
 * somebody's decision. Locks nothing; without a matching channel it costs one question.
 * @param wave ordinal of the wave that it is about
 * @param reason why, in a sentence: a pause's, a failure's
 */
export async function notifyRollout(tx: Tx, { rolloutId, event, wave = null, reason = null, at }: { rolloutId: string; event: RolloutNotice; wave?: number | null; reason?: string | null; at: Date }): Promise<void> {
  // Patterns hold no character but * that LIKE would not take for itself, once _ is escaped.
  const [place] = await tx.$queryRaw<Place[]>`
    SELECT s.id::text AS service_id, s.name::text AS service, e.id::text AS environment_id,
      ARRAY(
        SELECT c.id::text FROM channels c
        WHERE c.enabled AND c.removed_at IS NULL AND ${event} = ANY(c.events)
          AND s.name LIKE replace(replace(c.service_pattern, '_', '\\_'), '*', '%')
          AND e.name LIKE replace(replace(c.environment_pattern, '_', '\\_'), '*', '%')
        ORDER BY c.created_at, c.id) AS channels
    FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id WHERE r.id = ${rolloutId}::uuid AND e.kind = 'permanent'`;
  if (!place || place.channels.length === 0) return;
  const body: Notice = { v: 1, event, at: at.toISOString(), ...(await readRollout(tx, rolloutId, { event, wave })), reason };
  await tx.$executeRaw`
    INSERT INTO deliveries (channel_id, rollout_id, order_key, wave, event, body, next_attempt_at, created_at)
    SELECT channel, ${rolloutId}::uuid, ${rolloutId}, ${wave}, ${event}, ${JSON.stringify(body)}::jsonb, ${at}, ${at} FROM unnest(${place.channels}::uuid[]) channel`;
  await recordChanges(tx, [{ topic: "delivery", serviceId: place.service_id, serviceName: place.service, environmentId: place.environment_id, key: rolloutId }]);
}

async function readRollout(tx: Tx, id: string, { event, wave }: { event: RolloutNotice; wave: number | null }): Promise<Pick<Notice, "rollout" | "wave" | "settles">> {
  const ends = event === "succeeded" || event === "rolled-back";
  const [row] = await tx.$queryRaw<Row[]>`
    SELECT r.number, r.kind, s.name::text AS service, e.name::text AS environment, e.protected, r.partition::text, a.display_name AS started_by, r.incident,
      x.text AS reason, f.version AS from_version, t.version AS to_version, fa.artifact AS from_artifact, ta.artifact AS to_artifact,
      (SELECT jsonb_object_agg(status, n) FROM (SELECT status, count(*)::int AS n FROM rollout_targets WHERE rollout_id = r.id GROUP BY status) g) AS statuses,
      (SELECT count(*)::int FROM waves w WHERE w.rollout_id = r.id) AS waves,
      (SELECT w.name FROM waves w WHERE w.rollout_id = r.id AND w.ordinal = ${wave}::int) AS wave_name,
      ARRAY(
        SELECT DISTINCT o.id::text FROM rollouts o JOIN deliveries d ON d.rollout_id = o.id AND d.event IN ('paused', 'failed') AND d.channel_id IS NOT NULL
        WHERE ${ends} AND o.service_id = r.service_id AND o.environment_id = r.environment_id AND o.partition = r.partition AND o.number < r.number
        ORDER BY 1 LIMIT 20) AS settles
    FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id JOIN actors a ON a.id = r.actor_id
    LEFT JOIN releases f ON f.id = r.from_release_id LEFT JOIN releases t ON t.id = r.to_release_id
    LEFT JOIN ledger_texts x ON x.entry_seq = r.entry_seq AND x.field = 'reason'
    LEFT JOIN LATERAL (
      SELECT jsonb_build_object('repository', c.repository, 'digest', ar.digest) AS artifact FROM release_components c JOIN artifacts ar ON ar.id = c.artifact_id
      WHERE c.release_id = f.id ORDER BY c.name = 'main' DESC, c.name LIMIT 1) fa ON true
    LEFT JOIN LATERAL (
      SELECT jsonb_build_object('repository', c.repository, 'digest', ar.digest) AS artifact FROM release_components c JOIN artifacts ar ON ar.id = c.artifact_id
      WHERE c.release_id = t.id ORDER BY c.name = 'main' DESC, c.name LIMIT 1) ta ON true
    WHERE r.id = ${id}::uuid`;
  if (!row) throw new Error(`the rollout ${id} is gone in its own transaction`);
  return {
    rollout: {
      id,
      number: Number(row.number),
      kind: row.kind,
      service: row.service,
      environment: row.environment,
      protected: row.protected,
      partition: row.partition,
      from: row.from_version === null ? null : { version: row.from_version, artifact: row.from_artifact },
      to: row.to_version === null ? null : { version: row.to_version, artifact: row.to_artifact },
      startedBy: row.started_by,
      reason: row.reason,
      incident: row.incident,
      counts: countStatuses(row.statuses ?? {}),
    },
    wave: wave === null || row.wave_name === null ? null : { number: wave, of: row.waves, name: row.wave_name },
    settles: row.settles,
  };
}

import type { ReleaseRecord } from "@/lib/domain/rollout/last-known-good";
import type { Db, Tx } from "@/server/db";
import { adoptedSql, approvedSql, recalledSql, standingSql } from "@/server/releases/approved-sql";
import { assignedHereSql, rolloutHereSql, targetsHereSql } from "./here-sql";
import type { PlaceIds } from "./read-place";

/** How far back a release can prove itself. */
const WINDOW_DAYS = 90;

type Segment = { release_id: string | null; target_id: bigint; started: Date; ended: Date; ran_ms: number; copy_ms: number; unhealthy_ms: number; growing: boolean };
type Facts = { id: string; version: string; registered_order: bigint; approved: boolean; adopted: boolean; recalled: boolean; assigned_here: boolean; rolled_back: boolean; cleared: boolean };

/** What was seen of one release at a place. */
export type Observed = Pick<ReleaseRecord, "releaseId" | "share" | "ranForMs" | "unhealthyShare" | "restartsGrowing" | "lastRanUntil">;

/** Each release that ever ran at a place: what was observed of it, and what was decided about it. */
export async function readHistory(db: Db | Tx, place: PlaceIds): Promise<ReleaseRecord[]> {
  return readDecided(db, place, await readObserved(db, place));
}

/**
 * What was observed of each release that ever ran at a place, whoever deployed it: from spans and open instances, by the
 * digests that ran, never from what a rollout said of itself. It reads all copies of 90 days.
 */
export async function readObserved(db: Db | Tx, place: PlaceIds): Promise<Observed[]> {
  const { service, environment, names } = place;
  // Time of one release on one target is the union of its copies' time, so that ten copies do not run ten times as long.
  const segments = await db.$queryRaw<Segment[]>`
    WITH window_start AS (SELECT clock_timestamp() - make_interval(days => ${WINDOW_DAYS}) AS at),
    copies AS (
      SELECT target_id, instance_key, image_id, started_at, ended_at, health, restarts FROM spans
      WHERE service_name = ${service.name} AND environment_id = ${environment.id}::uuid AND (partition = ${names.partition} OR target_id IN (${targetsHereSql(place)}))
        AND state = 'running' AND tstzrange(started_at, ended_at) && tstzrange((SELECT at FROM window_start), NULL)
      UNION ALL
      SELECT i.target_id, i.key, i.image_id, greatest(i.facts_since, w.at), greatest(s.last_report_at, i.facts_since), i.health, i.restarts
      FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN agent_scopes s ON s.id = i.agent_scope_id, window_start w
      WHERE c.service_id = ${service.id}::uuid AND c.environment_id = ${environment.id}::uuid AND c.partition = ${names.partition} AND i.state = 'running'),
    images_here AS (
      SELECT DISTINCT ON (im.image_id) im.image_id, r.id AS release_id
      FROM (SELECT DISTINCT image_id FROM copies) im
      JOIN image_digests d ON d.image_id = im.image_id JOIN artifact_digests a ON a.digest = d.digest
      JOIN release_components rc ON rc.artifact_id = a.artifact_id JOIN releases r ON r.id = rc.release_id AND r.service_id = ${service.id}::uuid
      ORDER BY im.image_id, r.registered_order DESC),
    joined AS (SELECT h.release_id, copies.* FROM copies LEFT JOIN images_here h USING (image_id)),
    united AS (
      SELECT release_id, target_id, range_agg(tstzrange(started_at, ended_at, '[]')) AS during, min(started_at) AS started, max(ended_at) AS ended,
        sum(extract(epoch FROM ended_at - started_at)) * 1000 AS copy_ms,
        coalesce(sum(extract(epoch FROM ended_at - started_at)) FILTER (WHERE health = 'unhealthy'), 0) * 1000 AS unhealthy_ms
      FROM joined GROUP BY release_id, target_id),
    restarts AS (
      SELECT release_id, target_id, bool_or(grew >= 2) AS growing
      FROM (SELECT release_id, target_id, instance_key, max(restarts) - min(restarts) AS grew FROM joined GROUP BY 1, 2, 3) per_copy GROUP BY 1, 2)
    SELECT u.release_id, u.target_id, u.started, u.ended, u.copy_ms::float8, u.unhealthy_ms::float8, r.growing,
      ((SELECT sum(extract(epoch FROM upper(part) - lower(part))) FROM unnest(u.during) part) * 1000)::float8 AS ran_ms
    FROM united u JOIN restarts r ON r.target_id = u.target_id AND r.release_id IS NOT DISTINCT FROM u.release_id`;

  const ids = [...new Set(segments.flatMap((segment) => segment.release_id ?? []))];
  return ids.map((id) => weighSegments(id, segments));
}

/** Adds to what was observed what is decided about these releases now. */
export async function readDecided(db: Db | Tx, place: PlaceIds, observed: readonly Observed[]): Promise<ReleaseRecord[]> {
  const facts = await db.$queryRaw<Facts[]>`
    SELECT r.id, r.version, r.registered_order, ${approvedSql("r.id", "e")} AS approved, (${adoptedSql("r.id", "e")} AND ${standingSql("r.id", "e")} < greatest(e.required_approvals, 1)) AS adopted,
      ${recalledSql("r.id")} AS recalled, ${assignedHereSql("r.id", place)} AS assigned_here,
      EXISTS (SELECT FROM rollouts ro WHERE ${rolloutHereSql("ro", place)}
        AND ro.kind = 'rollback' AND ro.from_release_id = r.id AND ro.to_release_id <> r.id) AS rolled_back,
      NOT EXISTS (SELECT FROM rollouts ro WHERE ${rolloutHereSql("ro", place)}
        AND ro.kind = 'rollback' AND ro.from_release_id = r.id AND ro.to_release_id <> r.id AND ro.cleared_seq IS NULL) AS cleared
    FROM releases r, environments e WHERE r.id = ANY(${observed.map(({ releaseId }) => releaseId)}::uuid[]) AND e.id = ${place.environment.id}::uuid`;
  const seen = new Map(observed.map((one) => [one.releaseId, one]));
  return facts.flatMap((release) => {
    const own = seen.get(release.id);
    return own
      ? {
          ...own,
          version: release.version,
          registeredSeq: Number(release.registered_order),
          approved: release.approved,
          adopted: release.adopted,
          recalled: release.recalled,
          assignedHere: release.assigned_here,
          rolledBackFrom: release.rolled_back,
          clearedByMistake: release.cleared,
        }
      : [];
  });
}

function weighSegments(releaseId: string, segments: readonly Segment[]): Observed {
  const own = segments.filter((segment) => segment.release_id === releaseId);
  const started = Math.min(...own.map((segment) => segment.started.getTime()));
  const ended = Math.max(...own.map((segment) => segment.ended.getTime()));
  const present = segments.filter((segment) => segment.started.getTime() <= ended && segment.ended.getTime() >= started);
  const total = new Set(present.map((segment) => segment.target_id)).size;
  const longestFirst = own.map((segment) => segment.ran_ms).sort((a, b) => b - a);
  // The time that nine of ten of its targets ran it at least.
  const ranForMs = longestFirst[Math.max(0, Math.ceil(longestFirst.length * 0.9) - 1)] ?? 0;
  const copyMs = own.reduce((sum, segment) => sum + segment.copy_ms, 0);
  const unhealthyMs = own.reduce((sum, segment) => sum + segment.unhealthy_ms, 0);
  const growing = own.filter((segment) => segment.growing).length;
  return {
    releaseId,
    share: total === 0 ? 0 : own.length / total,
    ranForMs,
    unhealthyShare: copyMs === 0 ? 0 : unhealthyMs / copyMs,
    restartsGrowing: growing > own.length * 0.1,
    lastRanUntil: ended,
  };
}

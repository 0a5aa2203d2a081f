import { APPEARED_FOR_MS, APPEARANCE_GRACE_MS, BROUGHT_CATEGORIES, REFUSED_CATEGORIES, type SeenRelease } from "@/lib/domain/rollout/follow-external";
import { Prisma, type Db, type Tx } from "@/server/db";
import { externalSql } from "@/server/authority/authority-sql";

/** A place where others decide, as it stands. */
export type WatchedPlace = {
  service_id: string;
  service: string;
  environment_id: string;
  environment: string;
  partition: string;
  assigned_id: string | null;
  registered: bigint | null;
  /** The last rollout here. */
  rollout_id: string | null;
  origin: "plumbline" | "external" | null;
  status: string | null;
  rollout_at: Date | null;
  /** What was there before this does not count as brought; null: whoever decides was decided last, and everything counts. */
  since: Date | null;
};
export type Appearance = SeenRelease & {
  /** Targets whose deviation is older than a deployer needs to be noticed, and of which nobody knows yet. */
  unexplained: bigint[];
};

/** How far back a copy that was replaced is looked for. */
const REPLACED_WITHIN = "1 hour";

/**
 * The places where others decide. With `changedSince` only those about which something was written down since: what runs, or
 * what was decided.
 */
export function readWatched(db: Db | Tx, { changedSince = null, place = null }: { changedSince?: Date | null; place?: { serviceId: string; environmentId: string; partition: string } | null }): Promise<WatchedPlace[]> {
  const changed = changedSince === null ? Prisma.empty : Prisma.sql`
      AND EXISTS (SELECT FROM moved m WHERE coalesce(m.service_id, p.service_id) = p.service_id AND coalesce(m.environment_id, p.environment_id) = p.environment_id)`;
  return db.$queryRaw<WatchedPlace[]>`
    WITH moved AS MATERIALIZED (
      SELECT DISTINCT service_id, environment_id FROM changes
      WHERE at >= ${changedSince ?? new Date(8.64e15)}::timestamptz AND topic IN ('fleet', 'assignment', 'release', 'settings', 'rollout')),
    places AS MATERIALIZED (SELECT DISTINCT service_id, environment_id FROM authorities WHERE authority = 'external')
    SELECT p.service_id::text, s.name::text AS service, p.environment_id::text, e.name::text AS environment, p.name::text AS partition, a.release_id::text AS assigned_id, ar.registered_order AS registered,
      r.id::text AS rollout_id, r.origin, r.status, r.created_at AS rollout_at,
      CASE WHEN greatest(a.updated_at, r.created_at) > au.decided_at THEN greatest(a.updated_at, r.created_at) END AS since
    FROM places x JOIN partitions p ON p.service_id = x.service_id AND p.environment_id = x.environment_id
    JOIN services s ON s.id = p.service_id JOIN environments e ON e.id = p.environment_id AND e.retired_at IS NULL
    JOIN LATERAL (SELECT decided_at FROM authorities w WHERE w.service_id = p.service_id AND w.environment_id = p.environment_id AND w.partition IN (p.name, '*') ORDER BY w.partition = '*' LIMIT 1) au ON true
    LEFT JOIN assignments a ON a.service_id = p.service_id AND a.environment_id = p.environment_id AND a.partition = p.name LEFT JOIN releases ar ON ar.id = a.release_id
    LEFT JOIN LATERAL (
      SELECT o.id, o.origin, o.status, o.created_at FROM rollouts o
      WHERE o.service_id = p.service_id AND o.environment_id = p.environment_id AND o.partition = p.name ORDER BY o.created_at DESC, o.number DESC LIMIT 1) r ON true
    WHERE p.removed_at IS NULL AND ${externalSql("p.service_id", "p.environment_id", "p.name")} ${changed}
      AND (${place?.serviceId ?? null}::uuid IS NULL OR (p.service_id = ${place?.serviceId ?? null}::uuid AND p.environment_id = ${place?.environmentId ?? null}::uuid AND p.name = ${place?.partition ?? null}))
    ORDER BY p.service_id, p.environment_id, p.ordinal, p.name`;
}

type Deviating = { place: number; combination_id: bigint; release_id: string };
type Row = { place: number; release_id: string; registered: bigint; assigned_before: boolean; moved: number; fresh: number; unexplained: bigint[] };

/**
 * What runs at these places that is approved there and not assigned, by place (its position) and release. Where all is as
 * assigned this costs one look at the combinations; copies are read only of those that deviate.
 */
export async function readAppearances(db: Db | Tx, places: readonly WatchedPlace[], now: Date): Promise<Map<number, Appearance[]>> {
  if (places.length === 0) return new Map();
  const deviating = await db.$queryRaw<Deviating[]>`
    SELECT p.place::int, c.id AS combination_id, c.running_release_id::text AS release_id
    FROM unnest(${places.map((place) => place.service_id)}::uuid[], ${places.map((place) => place.environment_id)}::uuid[], ${places.map(({ partition }) => partition)}::text[], ${places.map((place) => place.assigned_id)}::uuid[])
      WITH ORDINALITY p(service_id, environment_id, partition, assigned_id, place)
    JOIN combinations c ON c.service_id = p.service_id AND c.environment_id = p.environment_id AND c.partition = p.partition
    WHERE c.running_release_id IS DISTINCT FROM p.assigned_id AND c.running_release_id IS NOT NULL AND c.categories && ${[...BROUGHT_CATEGORIES]}::text[] AND NOT c.categories && ${[...REFUSED_CATEGORIES]}::text[]
      AND EXISTS (SELECT FROM combination_counts k WHERE k.combination_id = c.id AND k.instances > 0)`;
  if (deviating.length === 0) return new Map();
  const sinceOf = (row: Deviating): Date | null => places[row.place - 1]?.since ?? null;
  const rows = await db.$queryRaw<Row[]>`
    WITH copies AS MATERIALIZED (
      SELECT d.place, d.release_id, d.since, d.assigned_id, d.service, c.service_id, c.environment_id, c.partition, i.target_id, min(i.first_seen_at) AS at
      FROM unnest(${deviating.map(({ place }) => place)}::int[], ${deviating.map((row) => row.combination_id)}::bigint[], ${deviating.map((row) => row.release_id)}::uuid[], ${deviating.map(sinceOf)}::timestamptz[],
        ${deviating.map((row) => places[row.place - 1]?.assigned_id ?? null)}::uuid[], ${deviating.map((row) => places[row.place - 1]?.service ?? null)}::text[]) d(place, combination_id, release_id, since, assigned_id, service)
      JOIN combinations c ON c.id = d.combination_id JOIN instances i ON i.combination_id = d.combination_id
      WHERE i.state <> 'exited' AND (i.first_seen_at > d.since OR d.since IS NULL OR NOT 'in-transition' = ANY(c.categories))
      GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9),
    judged AS (
      SELECT y.*, t.id, y.since IS NULL OR y.at > y.since AS is_new,
        -- It counts where it stayed, and where an older one left no copy of the assigned one beside it.
        y.at <= ${new Date(now.getTime() - APPEARED_FOR_MS)}::timestamptz AND (rel.registered_order > ass.registered_order OR ass.id IS NULL
          OR NOT EXISTS (SELECT FROM instances o JOIN combinations oc ON oc.id = o.combination_id WHERE o.target_id = t.id AND o.state <> 'exited' AND oc.running_release_id = y.assigned_id)) AS counts,
        EXISTS (SELECT FROM spans b JOIN combinations bc ON bc.id = b.combination_id
          WHERE b.service_name = y.service AND b.environment_id = y.environment_id AND tstzrange(b.started_at, b.ended_at) && tstzrange(y.at - ${REPLACED_WITHIN}::interval, y.at, '[]') AND b.ended_at >= y.at - ${REPLACED_WITHIN}::interval
            AND b.target_id = t.id AND bc.running_release_id IS DISTINCT FROM y.release_id) AS replaced,
        EXISTS (SELECT FROM spans b JOIN combinations bc ON bc.id = b.combination_id
          WHERE b.service_name = y.service AND b.environment_id = y.environment_id AND tstzrange(b.started_at, b.ended_at) && tstzrange(y.at - ${REPLACED_WITHIN}::interval, y.at, '[]') AND b.ended_at >= y.at - ${REPLACED_WITHIN}::interval
            AND b.target_id = t.id AND bc.running_release_id = y.release_id) AS restarted,
        y.at <= ${new Date(now.getTime() - APPEARANCE_GRACE_MS)}::timestamptz AND NOT EXISTS (SELECT FROM findings f WHERE f.target_id = t.id AND f.resolved_at IS NULL) AS unexplained
      FROM copies y JOIN targets t ON t.id = y.target_id JOIN releases rel ON rel.id = y.release_id LEFT JOIN releases ass ON ass.id = y.assigned_id)
    SELECT j.place, j.release_id::text, rel.registered_order AS registered,
      EXISTS (SELECT FROM rollouts o WHERE o.service_id = j.service_id AND o.environment_id = j.environment_id AND o.partition = j.partition AND (o.to_release_id = j.release_id OR o.from_release_id = j.release_id)) AS assigned_before,
      (count(*) FILTER (WHERE is_new AND counts AND (replaced OR j.since IS NULL)))::int AS moved, (count(*) FILTER (WHERE is_new AND counts AND NOT replaced AND NOT restarted AND j.since IS NOT NULL))::int AS fresh,
      coalesce((array_agg(j.id) FILTER (WHERE unexplained))[1:500], '{}') AS unexplained
    FROM judged j JOIN releases rel ON rel.id = j.release_id
    GROUP BY j.place, j.release_id, rel.registered_order, j.service_id, j.environment_id, j.partition`;
  const found = new Map<number, Appearance[]>();
  for (const row of rows) {
    const appearance = { releaseId: row.release_id, registeredSeq: Number(row.registered), moved: row.moved, fresh: row.fresh, assignedBefore: row.assigned_before, unexplained: row.unexplained };
    found.set(row.place - 1, [...(found.get(row.place - 1) ?? []), appearance]);
  }
  return found;
}

/** How many targets of a place run a release now. */
export async function countOn(db: Db | Tx, place: Pick<WatchedPlace, "service_id" | "environment_id" | "partition">, releaseId: string): Promise<number> {
  const [row] = await db.$queryRaw<{ targets: number }[]>`
    SELECT count(DISTINCT i.target_id)::int AS targets FROM combinations c JOIN instances i ON i.combination_id = c.id
    WHERE c.service_id = ${place.service_id}::uuid AND c.environment_id = ${place.environment_id}::uuid AND c.partition = ${place.partition} AND c.running_release_id = ${releaseId}::uuid AND i.state <> 'exited'`;
  return row?.targets ?? 0;
}

/** How many rollouts back is looked for what was there before. */
const MOST_BACK = 50;

/**
 * What was assigned before and still runs at a place: the latest from which a rollout went away that was not carried to its
 * end. Null when none of it runs, or when what ran before has succeeded since.
 */
export async function readRunningBefore(db: Db | Tx, place: Pick<WatchedPlace, "service_id" | "environment_id" | "partition" | "assigned_id">): Promise<string | null> {
  const [row] = await db.$queryRaw<{ release_id: string }[]>`
    WITH last AS (
      SELECT from_release_id, status, row_number() OVER (ORDER BY created_at DESC, number DESC) AS back FROM rollouts
      WHERE service_id = ${place.service_id}::uuid AND environment_id = ${place.environment_id}::uuid AND partition = ${place.partition} ORDER BY created_at DESC, number DESC LIMIT ${MOST_BACK})
    SELECT l.from_release_id::text AS release_id FROM last l
    WHERE l.from_release_id <> ${place.assigned_id}::uuid AND NOT EXISTS (SELECT FROM last n WHERE n.back <= l.back AND n.status IN ('succeeded', 'succeeded-will-revert'))
      AND EXISTS (SELECT FROM combinations c JOIN instances i ON i.combination_id = c.id
        WHERE c.service_id = ${place.service_id}::uuid AND c.environment_id = ${place.environment_id}::uuid AND c.partition = ${place.partition} AND c.running_release_id = l.from_release_id AND i.state <> 'exited')
    ORDER BY l.back LIMIT 1`;
  return row?.release_id ?? null;
}

/** When the last copy of a release ended at a place that ran at or after a moment; null when none was there since. */
export async function readLastEnd(db: Db | Tx, place: Pick<WatchedPlace, "service" | "environment_id" | "partition">, releaseId: string, since: Date): Promise<Date | null> {
  const [row] = await db.$queryRaw<{ at: Date | null }[]>`
    SELECT max(b.ended_at) AS at FROM spans b JOIN combinations c ON c.id = b.combination_id
    WHERE b.service_name = ${place.service} AND b.environment_id = ${place.environment_id}::uuid AND b.partition = ${place.partition}
      AND tstzrange(b.started_at, b.ended_at) && tstzrange(${since}::timestamptz, NULL) AND b.ended_at >= ${since}::timestamptz AND c.running_release_id = ${releaseId}::uuid`;
  return row?.at ?? null;
}

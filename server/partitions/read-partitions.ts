import type { StandingPartition, TargetGroup } from "@/lib/domain/fleet/partitions";
import { sqlArray, type Db, type Tx } from "@/server/db";
import { readRuledPartitions } from "@/server/mapping/read-ruled-partitions";
import { pinnedSql } from "@/server/policies/pin-sql";
import type { KnownPlace } from "@/server/rollouts/read-place";

/** A service in an environment, whatever the partition. */
export type Site = Pick<KnownPlace, "service" | "environment">;

export type PartitionRow = {
  name: string; selector: Record<string, string>; entry_seq: bigint | null; release_id: string | null; version: string | null; updated_at: Date | null;
  rollout_id: string | null; rollout: bigint | null; hold_id: string | null; pin_id: string | null;
};
/** Targets, by id, that no selector and no rule can tell apart and that are in the same partition. */
export type TargetGroupRow = TargetGroup & { ids: bigint[] };

/** The partitions that are declared, in order, `default` last and there even before anything was decided. */
export async function readPartitionRows(db: Db | Tx, { service, environment }: Site): Promise<PartitionRow[]> {
  const rows = await db.$queryRaw<PartitionRow[]>`
    SELECT p.name::text, p.selector, a.entry_seq, a.release_id::text, r.version, a.updated_at, o.id::text AS rollout_id, o.number AS rollout, h.id::text AS hold_id, n.id::text AS pin_id
    FROM partitions p
    LEFT JOIN assignments a ON a.service_id = p.service_id AND a.environment_id = p.environment_id AND a.partition = p.name LEFT JOIN releases r ON r.id = a.release_id
    LEFT JOIN rollouts o ON o.service_id = p.service_id AND o.environment_id = p.environment_id AND o.partition = p.name AND o.status IN ('planned', 'running', 'paused')
    LEFT JOIN holds h ON h.service_id = p.service_id AND h.environment_id = p.environment_id AND h.partition = p.name AND h.lifted_at IS NULL
    LEFT JOIN pins n ON n.service_id = p.service_id AND n.environment_id = p.environment_id AND n.partition = p.name AND ${pinnedSql("n")}
    WHERE p.service_id = ${service.id}::uuid AND p.environment_id = ${environment.id}::uuid AND p.removed_at IS NULL
    ORDER BY p.name = 'default', p.ordinal, p.name`;
  if (rows.at(-1)?.name === "default") return rows;
  return [...rows, { name: "default", selector: {}, entry_seq: null, release_id: null, version: null, updated_at: null, rollout_id: null, rollout: null, hold_id: null, pin_id: null }];
}

export function toStanding(row: PartitionRow): StandingPartition {
  return {
    name: row.name,
    selector: row.selector,
    assignment: row.entry_seq === null ? null : { releaseId: row.release_id, version: row.version },
    rollout: row.rollout === null ? null : Number(row.rollout),
    held: row.hold_id !== null,
    pinned: row.pin_id !== null,
  };
}

/** The targets of a service in an environment, grouped by the labels that selectors ask for and where rules put them. */
export async function readTargetGroups(db: Db | Tx, { service, environment }: Site, labels: readonly string[]): Promise<TargetGroupRow[]> {
  const ruled = [...(await readRuledPartitions(db, { serviceId: service.id, environmentId: environment.id }))];
  const rows = await db.$queryRaw<TargetGroupRow[]>`
    WITH facts AS MATERIALIZED (
      SELECT t.id, t.partition::text AS partition, r.name AS ruled, t.gone_at IS NULL AS here, (SELECT coalesce(jsonb_object_agg(l.key, l.value), '{}') FROM jsonb_each(t.labels) l WHERE l.key = ANY(${labels}::text[])) AS labels
      FROM targets t LEFT JOIN unnest(${sqlArray(ruled.map(([id]) => id))}::bigint[], ${sqlArray(ruled.map(([, name]) => name))}::text[]) r(id, name) ON r.id = t.id WHERE t.service_id = ${service.id}::uuid AND t.environment_id = ${environment.id}::uuid),
    assigned AS MATERIALIZED (SELECT partition::text AS partition, release_id FROM assignments WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid)
    SELECT f.partition, f.labels, f.ruled, (count(*) FILTER (WHERE f.here))::int AS targets,
      (count(*) FILTER (WHERE f.here AND d.target_id IS NOT NULL AND d.release_id IS DISTINCT FROM a.release_id))::int AS apart, array_agg(f.id) AS ids
    FROM facts f LEFT JOIN assigned a ON a.partition = f.partition LEFT JOIN target_desired d ON d.target_id = f.id
    GROUP BY f.partition, f.labels, f.ruled ORDER BY f.partition, f.labels, f.ruled`;
  return rows;
}

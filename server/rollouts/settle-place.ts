import { Prisma, type Tx } from "@/server/db";

/** Has it, or is told to by Plumbline: what was offered is not taken back. `rt` and `r` are its row and the rollout's. */
const reachedSql = Prisma.sql`(rt.status = 'verified' OR (r.origin = 'plumbline' AND rt.status IN ('offered', 'acknowledged', 'replacing', 'regressed')))`;

/** A rollout that completes ends the split that an earlier one left behind: its finding is resolved. */
export async function settlePlace(tx: Tx, place: { serviceId: string; environmentId: string; partition: string; now: Date }): Promise<void> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    UPDATE findings f SET resolved_at = ${place.now}, resolved_reason = 'a later rollout completed'
    FROM rollouts r WHERE f.rollout_id = r.id AND f.kind = 'partial-rollout' AND f.resolved_at IS NULL
      AND r.service_id = ${place.serviceId}::uuid AND r.environment_id = ${place.environmentId}::uuid AND r.partition = ${place.partition} RETURNING f.id`;
  if (rows.length > 0) await tx.$executeRaw`INSERT INTO changes (topic, service_id, environment_id, key) VALUES ('findings', ${place.serviceId}::uuid, ${place.environmentId}::uuid, ${rows[0]?.id ?? null})`;
}

/**
 * A rollout that ended with some targets there, or told to go there, and some not leaves one finding, until a later one
 * completes.
 */
export async function openSplitFinding(tx: Tx, rolloutId: string, now: Date): Promise<void> {
  await tx.$executeRaw`
    WITH counts AS (
      SELECT count(*) FILTER (WHERE ${reachedSql}) AS verified, count(*) FILTER (WHERE rt.status <> 'gone' AND NOT ${reachedSql}) AS others
      FROM rollout_targets rt JOIN rollouts r ON r.id = rt.rollout_id WHERE rt.rollout_id = ${rolloutId}::uuid),
    opened AS (
      INSERT INTO findings (kind, service_name, service_id, environment_id, partition, rollout_id, cause, count, sample_keys, since, opened_at)
      SELECT 'partial-rollout', s.name, r.service_id, r.environment_id, r.partition, r.id, jsonb_build_object('rollout', r.number, 'verified', c.verified, 'others', c.others), c.others,
        ARRAY(SELECT t.key FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id WHERE rt.rollout_id = r.id AND rt.status <> 'gone' AND NOT ${reachedSql} ORDER BY t.id LIMIT 5), ${now}, ${now}
      FROM rollouts r JOIN services s ON s.id = r.service_id, counts c WHERE r.id = ${rolloutId}::uuid AND c.verified > 0 AND c.others > 0
      ON CONFLICT DO NOTHING RETURNING id, service_id, environment_id)
    INSERT INTO changes (topic, service_id, environment_id, key) SELECT 'findings', service_id, environment_id, id::text FROM opened`;
}

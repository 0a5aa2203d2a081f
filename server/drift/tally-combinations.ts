import { DRIFT_CATEGORIES } from "@/lib/domain/drift/categories";
import { isAmiss } from "@/lib/domain/drift/explain-combination";
import type { DoctorTally } from "@/lib/domain/drift/summarise-doctor";
import type { Db } from "@/server/db";
import { waiverSql } from "@/server/policies/waiver-sql";

/** Counts all sets of facts that are seen of a service in these environments, however many there are. */
export async function tallyCombinations(db: Db, { service, environmentIds }: { service: string; environmentIds: readonly string[] }): Promise<DoctorTally> {
  const [tally] = await db.$queryRaw<DoctorTally[]>`
    WITH seen AS (
      SELECT c.categories, n.instances, n.silent, EXISTS (SELECT FROM unnest(c.categories) k WHERE k = ANY(${DRIFT_CATEGORIES.filter(isAmiss)}::text[])) AS deviates,
        EXISTS (SELECT FROM unnest(c.categories) k WHERE k = ANY(${DRIFT_CATEGORIES.filter(isAmiss)}::text[]) AND ${waiverSql("c", "k")} IS NULL) AS amiss
      FROM combinations c JOIN LATERAL (
        SELECT sum(k.instances) AS instances, coalesce(sum(k.instances) FILTER (WHERE s.freshness = 'silent'), 0) AS silent
        FROM combination_counts k JOIN agent_scopes s ON s.id = k.agent_scope_id WHERE k.combination_id = c.id) n ON n.instances > 0
      WHERE c.service_name = ${service} AND c.environment_id = ANY(${environmentIds}::uuid[]))
    SELECT count(*)::int AS sets, coalesce(sum(instances), 0)::int AS instances, coalesce(sum(silent), 0)::int AS silent, coalesce(sum(instances) FILTER (WHERE amiss), 0)::int AS amiss,
      coalesce(sum(instances) FILTER (WHERE deviates AND NOT amiss), 0)::int AS waived, coalesce(sum(instances) FILTER (WHERE NOT deviates AND 'in-transition' = ANY(categories)), 0)::int AS moving
    FROM seen`;
  return tally ?? { sets: 0, instances: 0, silent: 0, amiss: 0, waived: 0, moving: 0 };
}

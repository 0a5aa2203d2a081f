import { Prisma } from "@/server/db";

/**
 * SQL expression: the environments that a pool's agents may report, as a JSON list of `{id, name}`. Previews first: what names
 * no environment counts for the last one, which stays. Whoever maps facts reads them here, so that what is mapped anew lands
 * where a report put it.
 * @param pool the column that holds the pool's id, for example `p.id`
 */
export function poolEnvironmentsSql(pool: string): Prisma.Sql {
  return Prisma.raw(`(SELECT coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'name', x.name) ORDER BY x.kind = 'preview' DESC, x.ordinal), '[]') FROM (
    SELECT e.id, e.name, e.kind, e.ordinal FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = ${pool}
    UNION
    SELECT e.id, e.name, e.kind, e.ordinal FROM pool_preview_rules pr JOIN environments e ON e.preview_rule_id = pr.rule_id AND e.kind = 'preview' AND e.retired_at IS NULL WHERE pr.pool_id = ${pool}) x)`);
}

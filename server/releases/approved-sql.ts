import { Prisma } from "@/server/db";

/**
 * SQL: how many people's approvals of a release stand in an environment and count there; in a preview also those for its
 * template. Where it is protected, those of its own
 * people do not, also when they were given before it was protected. Arguments as for `approvedSql`.
 */
export function standingSql(release: string, environment: string): Prisma.Sql {
  return Prisma.raw(`(SELECT count(DISTINCT ap.person_id) FROM approvals ap WHERE ap.release_id = ${release} AND ap.environment_id IN (${environment}.id, (SELECT pv.template_id FROM environments pv WHERE pv.id = ${environment}.id)) AND ap.withdrawn_at IS NULL AND NOT ap.adopted
    AND NOT (${environment}.protected AND EXISTS (SELECT FROM release_people rp WHERE rp.release_id = ap.release_id AND rp.person_id = ap.person_id)))`);
}

/** SQL condition: an adoption lets the release run in the environment; nobody looked at it. Arguments as for `approvedSql`. */
export function adoptedSql(release: string, environment: string): Prisma.Sql {
  return Prisma.raw(`EXISTS (SELECT FROM approvals ad WHERE ad.release_id = ${release} AND ad.environment_id = ${environment}.id AND ad.withdrawn_at IS NULL AND ad.adopted)`);
}

/**
 * SQL condition: the release may run in the environment, because as many distinct people approve it as the environment
 * asks for (none: every registered release may), or because it ran there and was adopted. Both arguments are column expressions of the query around it.
 * @param release for example `r.id`
 * @param environment the alias of an `environments` row, for example `e`
 */
export function approvedSql(release: string, environment: string): Prisma.Sql {
  return Prisma.sql`(${standingSql(release, environment)} >= ${Prisma.raw(environment)}.required_approvals OR ${adoptedSql(release, environment)})`;
}

/** SQL condition: the release, or an artifact that it names, is recalled. */
export function recalledSql(release: string): Prisma.Sql {
  return Prisma.raw(`(EXISTS (SELECT FROM recalls rc WHERE rc.release_id = ${release} AND rc.lifted_at IS NULL)
    OR EXISTS (SELECT FROM recalls rc JOIN release_components rcc ON rcc.artifact_id = rc.artifact_id WHERE rcc.release_id = ${release} AND rc.lifted_at IS NULL))`);
}

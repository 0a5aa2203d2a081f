import { Prisma } from "@/server/db";
import type { PlaceIds } from "./read-place";

/**
 * SQL: the targets of a place that is not the default partition. What they went through before the partition was declared
 * counts for it too, under whatever name. Nothing for `default`, which most places are and which needs no such look.
 */
export function targetsHereSql({ service, environment, names }: PlaceIds): Prisma.Sql {
  return Prisma.sql`SELECT t.id FROM targets t WHERE ${names.partition} <> 'default' AND t.service_id = ${service.id}::uuid AND t.environment_id = ${environment.id}::uuid AND t.partition = ${names.partition} AND t.gone_at IS NULL`;
}

/** SQL: whether a row of `rollouts` was about a place, or reached a target that is there now. @param row its alias */
export function rolloutHereSql(row: string, place: PlaceIds): Prisma.Sql {
  const { service, environment, names } = place;
  const alias = Prisma.raw(row);
  return Prisma.sql`(${alias}.service_id = ${service.id}::uuid AND ${alias}.environment_id = ${environment.id}::uuid AND (${alias}.partition = ${names.partition}
    OR (${names.partition} <> 'default' AND EXISTS (SELECT FROM rollout_targets reached WHERE reached.rollout_id = ${alias}.id AND reached.target_id IN (${targetsHereSql(place)})))))`;
}

/** SQL: whether somebody ever decided that a release should run at a place. @param release an expression for its id */
export function assignedHereSql(release: string, place: PlaceIds): Prisma.Sql {
  const { service, environment, names } = place;
  const id = Prisma.raw(release);
  return Prisma.sql`(EXISTS (SELECT FROM rollouts brought WHERE brought.to_release_id = ${id} AND ${rolloutHereSql("brought", place)})
    OR EXISTS (SELECT FROM assignment_history was WHERE was.environment_id = ${environment.id}::uuid AND was.service_id = ${service.id}::uuid AND was.partition = ${names.partition} AND was.release_id = ${id}))`;
}

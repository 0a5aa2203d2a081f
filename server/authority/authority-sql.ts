import { Prisma } from "@/server/db";

/**
 * SQL condition: others decide what runs at a place, as its partition says, or else as was said for all partitions. Without a
 * word Plumbline decides. Arguments are column expressions of the query around it, for example `t.service_id`.
 */
export function externalSql(service: string, environment: string, partition: string): Prisma.Sql {
  return Prisma.raw(`coalesce((SELECT au.authority = 'external' FROM authorities au
    WHERE au.service_id = ${service} AND au.environment_id = ${environment} AND au.partition IN (${partition}, '*') ORDER BY au.partition = '*' LIMIT 1), false)`);
}

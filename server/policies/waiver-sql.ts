import { Prisma } from "@/server/db";

/**
 * SQL: the id of the waiver in force that covers a kind at a place, by the database's clock at this moment; NULL for none.
 * One that has expired covers nothing from then on, whether or not anybody has noted its end.
 * @param row the alias of a row with service_id, environment_id and partition, for example `f`
 * @param kind an expression of the category, for example `f.kind`
 */
export function waiverSql(row: string, kind: string): Prisma.Sql {
  return Prisma.raw(`(SELECT wv.id FROM waivers wv WHERE wv.service_id = ${row}.service_id AND wv.environment_id = ${row}.environment_id AND wv.partition = coalesce(${row}.partition, 'default')
    AND wv.category = ${kind} AND wv.ended_seq IS NULL AND wv.expires_at > clock_timestamp())`);
}

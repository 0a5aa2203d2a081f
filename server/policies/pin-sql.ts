import { Prisma } from "@/server/db";

/**
 * SQL: whether a row of `pins` is in force, by the database's clock at this moment. One that has expired keeps nobody
 * away from then on, whether or not anybody has noted its end.
 * @param pin the alias of the row
 */
export function pinnedSql(pin: string): Prisma.Sql {
  return Prisma.raw(`(${pin}.ended_seq IS NULL AND (${pin}.expires_at IS NULL OR ${pin}.expires_at > clock_timestamp()))`);
}

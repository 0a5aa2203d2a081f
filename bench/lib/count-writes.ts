import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";

/** An idle backend tells what it counted after ten seconds at the latest (PGSTAT_IDLE_INTERVAL). */
const TOLD_MS = 11_000;

/** Rows ever inserted, updated or deleted, by table. */
export async function countWrites(database: Client): Promise<Map<string, number>> {
  await sleep(TOLD_MS);
  const { rows } = await database.query<{ table: string; written: string }>('SELECT relname AS "table", n_tup_ins + n_tup_upd + n_tup_del AS written FROM pg_stat_user_tables');
  return new Map(rows.map(({ table, written }) => [table, Number(written)]));
}

/** What was written between two counts, by table; tables that were not are left out. */
export function writesBetween(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...after].map(([table, rows]) => [table, rows - (before.get(table) ?? 0)] as const).filter(([, rows]) => rows > 0));
}

import { Client } from "pg";

/** What the embedded PostgreSQL is started with so that it counts its statements. */
export const COUNTING = { shared_preload_libraries: "pg_stat_statements", "pg_stat_statements.track_planning": "on" };
const SHOWN = 30;

/** Writes the statements that took longest, all calls together (locks that were waited for included), to standard error. */
export async function showStatements(ownerUrl: string): Promise<void> {
  const database = new Client({ connectionString: ownerUrl });
  await database.connect();
  try {
    const { rows } = await database.query<{ ms: number; calls: number; mean: number; query: string }>(
      `SELECT round(total_exec_time)::int AS ms, calls::int, mean_exec_time AS mean, left(regexp_replace(query, '\\s+', ' ', 'g'), 150) AS query FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT ${SHOWN}`,
    );
    for (const { ms, calls, mean, query } of rows) console.error(`${String(ms).padStart(8)} ms ${String(calls).padStart(7)} × ${mean.toFixed(2)} ms  ${query}`);
    const { rows: all } = await database.query<{ calls: string }>("SELECT sum(calls) AS calls FROM pg_stat_statements");
    console.error(`${all[0]?.calls ?? "0"} statements in all`);
  } finally {
    await database.end();
  }
}

/** Begins to count; what was before does not matter. */
export async function countStatements(ownerUrl: string): Promise<void> {
  const database = new Client({ connectionString: ownerUrl });
  await database.connect();
  try {
    await database.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    await database.query("SELECT pg_stat_statements_reset()");
  } finally {
    await database.end();
  }
}

import type { App } from "@/server/context";

/** A process that has not been seen for longer was not there: time in which Plumbline did not listen. */
export const GAP_SECONDS = 10;

/**
 * Says that a process of this role lives. When the web's last sign of life is old, nobody listened meanwhile: that time
 * is recorded, so that silence is not blamed on agents. One row per role: with several replicas one is enough.
 */
export async function beat(app: Pick<App, "db">, role: "web" | "worker"): Promise<void> {
  await app.db.$executeRaw`
    WITH before AS MATERIALIZED (SELECT at FROM heartbeats WHERE role = ${role} FOR UPDATE),
      gap AS (
        INSERT INTO gaps (started_at, ended_at, reason)
        SELECT at, clock_timestamp(), 'not-listening' FROM before
        WHERE ${role} = 'web' AND at < clock_timestamp() - make_interval(secs => ${GAP_SECONDS}::float8))
    INSERT INTO heartbeats AS h (role, at) SELECT ${role}, clock_timestamp() FROM (SELECT count(*) FROM before) AS locked
    ON CONFLICT (role) DO UPDATE SET at = greatest(h.at, EXCLUDED.at)`;
}

const BEAT_MS = 2_000;

/** Beats until stopped. A database that is away is no reason to stop trying. */
export function startHeartbeat(app: App, role: "web" | "worker"): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const turn = async (): Promise<void> => {
    try {
      await beat(app, role);
    } catch (error) {
      app.log.warn({ err: error, role }, "no heartbeat: the database did not answer");
    }
    if (!stopped) timer = setTimeout(() => void turn(), BEAT_MS);
  };
  void turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

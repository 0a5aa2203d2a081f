import type { App } from "@/server/context";

export type Job = {
  name: string;
  everyMs: number;
  /**
   * True: at most one run per interval among all workers, by a lease in the database. False: each worker runs it; the
   * job itself locks the rows that it works on, so that two never do the same.
   */
  leased: boolean;
  run: (app: App) => Promise<unknown>;
};

const SLOWEST_RETRY_MS = 30_000;

/**
 * Runs every job at its pace until stopped; the promise of `stop` resolves when the last run has ended. A job that fails
 * is logged and tried again, later each time; it never ends the worker.
 */
export function runJobs(app: App, jobs: readonly Job[]): { stop: () => Promise<void> } {
  let stopped = false;
  const wakes = new Set<() => void>();
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      wakes.add(wake);
    });
  const loop = async (job: Job): Promise<void> => {
    let failures = 0;
    for (;;) {
      try {
        if (!job.leased || (await takeLease(app, job))) await job.run(app);
        failures = 0;
      } catch (error) {
        failures += 1;
        app.log.error({ err: error, job: job.name, failures }, "a job failed");
      }
      if (stopped) return;
      await pause(failures === 0 ? job.everyMs : Math.min(SLOWEST_RETRY_MS, Math.max(job.everyMs, 250 * 2 ** failures)));
    }
  };
  const loops = jobs.map(loop);
  return {
    stop: async () => {
      stopped = true;
      for (const wake of wakes) wake();
      await Promise.all(loops);
    },
  };
}

/** True for one worker per interval. The lease is a time, so a dead worker holds nothing. */
export async function takeLease(app: Pick<App, "db">, { name, everyMs }: Pick<Job, "name" | "everyMs">): Promise<boolean> {
  const taken = await app.db.$executeRaw`
    INSERT INTO heartbeats AS h (role, at) VALUES (${`job:${name}`}, clock_timestamp())
    ON CONFLICT (role) DO UPDATE SET at = clock_timestamp()
    WHERE h.at <= clock_timestamp() - make_interval(secs => ${(everyMs * 0.9) / 1_000}::float8)`;
  return taken > 0;
}

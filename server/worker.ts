import { startApp } from "./app";
import { startHeartbeat } from "./jobs/heartbeat";
import { jobs } from "./jobs/jobs";
import { runJobs } from "./jobs/run-jobs";
import { ensureGenesis } from "./ledger/genesis";
import { endInOrder } from "./process-end";
import { beginShutdown } from "./shutdown";

async function start(): Promise<void> {
  const app = startApp("worker");
  await ensureGenesis(app);
  const stopHeartbeat = startHeartbeat(app, "worker");
  const running = runJobs(app, jobs);
  endInOrder(app.log, async () => {
    beginShutdown();
    stopHeartbeat();
    await running.stop();
    await app.db.$disconnect();
  });
  app.log.info({ jobs: jobs.map(({ name }) => name) }, "working");
}

start().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});

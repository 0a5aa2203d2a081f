import { fileURLToPath } from "node:url";
import createNext from "next";
import { ensureDemoPerson, ensureSetupLink } from "./access/ensure-setup-link";
import { startApp } from "./app";
import { changeWatcher } from "./changes/watch-changes";
import { agentRoutes } from "./http/agent-routes";
import { startListener } from "./http/listen";
import { startHeartbeat } from "./jobs/heartbeat";
import { runJobs } from "./jobs/run-jobs";
import { ensureGenesis } from "./ledger/genesis";
import { signCheckpoint } from "./ledger/sign-checkpoint";
import { endInOrder } from "./process-end";
import { beginShutdown } from "./shutdown";

const root = fileURLToPath(new URL("..", import.meta.url));

async function start(): Promise<void> {
  const app = startApp("web");
  const { config, log } = app;
  await ensureGenesis(app);
  if (config.demo) await ensureDemoPerson(app);
  await ensureSetupLink(app);
  const next = createNext({ dev: false, dir: root, hostname: config.host, port: config.port });
  await next.prepare();
  const listener = await startListener(app, { agentRoutes, next: next.getRequestHandler() });
  const stopHeartbeat = startHeartbeat(app, "web");
  // The worker signs sooner. This process tries as well, so that it knows why nothing is signed and can say so.
  const signing = runJobs(app, [{ name: "sign-checkpoint", everyMs: 2_000, leased: false, run: signCheckpoint }]);
  endInOrder(log, async () => {
    beginShutdown();
    stopHeartbeat();
    await listener.close();
    await signing.stop();
    changeWatcher().stop();
    await app.db.$disconnect();
  });
  log.info({ url: config.url, port: listener.port }, "listening");
}

start().catch((error: unknown) => {
  const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  process.stderr.write(`${taken ? `The address is taken by another program: ${error.message}. Set PLUMBLINE_PORT to another port.` : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});

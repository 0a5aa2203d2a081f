/** `npm run demo`: the same with a simulated fleet, on a data folder and a ledger of its own, for this machine only. */
import path from "node:path";
import { Failure } from "./lib/failure.mjs";
import { runForeground } from "./lib/foreground.mjs";
import { inRoot } from "./lib/paths.mjs";

await runForeground(
  () => {
    for (const name of ["DATABASE_URL", "PLUMBLINE_MIGRATE_DATABASE_URL"]) {
      if (process.env[name]) console.log(`The demo does not use ${name}: it has an embedded database of its own.`);
      delete process.env[name];
    }
    const port = Number(process.env.PLUMBLINE_DEMO_PORT || 4610);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Failure(`PLUMBLINE_DEMO_PORT must be a number from 1 to 65535, not "${process.env.PLUMBLINE_DEMO_PORT}".`);
    return { dataDir: path.resolve(process.env.PLUMBLINE_DEMO_DATA || inRoot(".plumbline-demo")), port, demo: true };
  },
  { afterReady: (stack) => void stack.supervise("simulate", [inRoot("dist", "plumbline.mjs"), "simulate", "--demo"]) },
);

/** `npm run plumbline -- …`: the agent and the commands from a checkout, built first if they are not. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { ensureBuilt } from "./lib/build.mjs";
import { printError, requireNode } from "./lib/failure.mjs";
import { ensureInstalled } from "./lib/install.mjs";
import { inRoot } from "./lib/paths.mjs";

const file = inRoot("dist", "plumbline.mjs");
try {
  requireNode();
  // Standard output belongs to the command.
  const log = (line) => console.error(line);
  if (!existsSync(file)) {
    await ensureInstalled({ log });
    await ensureBuilt({ log, only: ["cli"] });
  }
  const child = spawn(process.execPath, [file, ...process.argv.slice(2)], { stdio: "inherit", cwd: process.env.INIT_CWD ?? process.cwd() });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.once("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
} catch (error) {
  printError(error);
  process.exitCode = 1;
}

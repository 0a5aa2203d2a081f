/** `npm run build`: makes everything that `npm start` runs. Arguments name single targets: client processes cli pages. */
import { printError, requireNode } from "./lib/failure.mjs";
import { ensureBuilt } from "./lib/build.mjs";
import { ensureInstalled } from "./lib/install.mjs";

const only = process.argv.slice(2);
try {
  requireNode();
  await ensureInstalled();
  await ensureBuilt({ only: only.length > 0 ? only : undefined });
} catch (error) {
  printError(error);
  process.exitCode = 1;
}

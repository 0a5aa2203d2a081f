/**
 * `npm run bench -- <name> [arguments]`: runs bench/<name>.ts and prints its JSON lines, nothing else, on standard output.
 * A bench exports `async function run({ args })`. It is given a stack by `startStack` (scripts/lib/stack.mjs), and prints
 * one JSON line per figure.
 */
import { existsSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { ensureBuilt } from "./lib/build.mjs";
import { Failure, printError, requireNode } from "./lib/failure.mjs";
import { ensureInstalled } from "./lib/install.mjs";
import { inRoot, root } from "./lib/paths.mjs";

const [name, ...args] = process.argv.slice(2);
const log = (line) => console.error(line);

function knownBenches() {
  if (!existsSync(inRoot("bench"))) return [];
  return readdirSync(inRoot("bench")).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "report.ts").map((file) => file.slice(0, -3));
}

/** Bundled without the scripts, which have to know where they lie, and without packages. */
async function loadBench() {
  const { build } = await import("esbuild");
  const outfile = inRoot("dist", "bench", `${name}.mjs`);
  const keepScripts = {
    name: "keep-scripts",
    setup(bundle) {
      bundle.onResolve({ filter: /\/scripts\/.*\.mjs$/ }, ({ path: asked }) => ({ path: pathToFileURL(inRoot(asked.slice(asked.indexOf("scripts/")))).href, external: true }));
    },
  };
  await build({
    absWorkingDir: root,
    entryPoints: [`bench/${name}.ts`],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    packages: "external",
    alias: { "@": root },
    plugins: [keepScripts],
    sourcemap: "inline",
    logLevel: "error",
  });
  return import(pathToFileURL(outfile).href);
}

try {
  requireNode();
  const known = knownBenches();
  if (!name || !known.includes(name)) throw new Failure(`Usage: npm run bench -- <name>\nNames: ${known.join(" ")}`);
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  const { run } = await loadBench();
  if (typeof run !== "function") throw new Failure(`bench/${name}.ts runs by itself or exports no function \`run\`.`);
  await run({ args });
  process.exit();
} catch (error) {
  printError(error);
  process.exit(1);
}

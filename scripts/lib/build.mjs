import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Failure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { inRoot, root } from "./paths.mjs";
import { run } from "./processes.mjs";

const settings = ["package-lock.json", "scripts/lib/build.mjs"];
const schema = ["prisma/schema.prisma", "prisma.config.ts"];
const webSources = ["app", "components", "lib", "server", "public", "next.config.ts", "postcss.config.mjs", "proxy.ts", "instrumentation.ts"];

/** What is built, in order: from which sources, how one sees that it is there, and how it is made. */
const targets = [
  { name: "client", title: "database client", sources: [...settings, ...schema], output: "generated/prisma", build: generateClient },
  { name: "processes", title: "web and worker", sources: [...settings, ...schema, "app", "lib", "server"], output: "dist/web.mjs", build: bundleProcesses },
  { name: "cli", title: "agent and commands", sources: [...settings, "cli", "lib"], output: "dist/plumbline.mjs", build: bundleCli },
  { name: "pages", title: "pages", sources: [...settings, ...schema, ...webSources], output: ".next/BUILD_ID", build: buildPages },
];

/**
 * Builds whatever is missing or whose sources changed since it was last built. Only one process builds at a time.
 * @param {{ log?: (line: string) => void, signal?: AbortSignal, only?: string[] }} options `only` names targets
 */
export async function ensureBuilt({ log = console.log, signal, only } = {}) {
  const wanted = targets.filter((target) => !only || only.includes(target.name));
  if (wanted.every(isCurrent)) return;
  await withLock(
    inRoot(".plumbline-locks", "build"),
    async () => {
      for (const target of wanted) {
        signal?.throwIfAborted();
        // Hashed before building: a source that is edited meanwhile makes the next start build again.
        const hash = hashSources(root, target.sources);
        if (isCurrent(target, hash)) continue;
        const started = Date.now();
        rmSync(stampOf(target), { force: true });
        await target.build({ signal });
        mkdirSync(inRoot("dist"), { recursive: true });
        writeFileSync(stampOf(target), hash);
        log(`Built ${target.title} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
      }
    },
    { signal, onWait: (holder) => log(`Waiting for the build that process ${holder.pid} is doing …`) },
  );
}

const stampOf = (target) => inRoot("dist", `.${target.name}.stamp`);

function isCurrent(target, hash = hashSources(root, target.sources)) {
  return existsSync(inRoot(target.output)) && existsSync(stampOf(target)) && readFileSync(stampOf(target), "utf8") === hash;
}

/**
 * One SHA-256 over the names and bytes of all files under the given paths. Tests do not count: they reach no bundle.
 * @param {string} base
 * @param {string[]} sources files or directories relative to base; missing ones are skipped
 */
export function hashSources(base, sources) {
  const hash = createHash("sha256");
  const visit = (relative) => {
    const absolute = path.join(base, relative);
    let entries;
    try {
      entries = readdirSync(absolute, { withFileTypes: true });
    } catch (error) {
      if (error.code === "ENOENT") return;
      if (error.code !== "ENOTDIR") throw error;
      const bytes = readFileSync(absolute);
      hash.update(`${relative}\0${bytes.length}\0`).update(bytes);
      return;
    }
    for (const name of entries.map((entry) => entry.name).sort()) {
      const child = path.posix.join(relative, name);
      if (!/\.test\.tsx?$/.test(name) && child !== "server/testing") visit(child);
    }
  };
  for (const source of sources) visit(source);
  return hash.digest("hex");
}

/** Prisma would download a native engine that generating does not use; any executable in its place stops that. */
async function generateClient({ signal }) {
  rmSync(inRoot("generated", "prisma"), { recursive: true, force: true });
  await run(process.execPath, [inRoot("node_modules/prisma/build/index.js"), "generate"], {
    cwd: root,
    signal,
    what: "Generating the database client",
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: "1", CHECKPOINT_DISABLE: "1" },
  });
}

const forNode = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.19",
  logLevel: "silent",
};

async function bundle(options) {
  const { build, formatMessages, stop } = await import("esbuild");
  try {
    const result = await build({ ...forNode, ...options }).catch((error) => error);
    const errors = result.errors ?? [];
    if (errors.length > 0) throw new Failure((await formatMessages(errors, { kind: "error", color: false })).join("\n"));
    if (result instanceof Error) throw result;
  } finally {
    // Its helper process would otherwise stay for as long as ours.
    await stop();
  }
}

async function bundleProcesses() {
  await bundle({
    entryPoints: { web: "server/web.ts", worker: "server/worker.ts" },
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
    packages: "external",
    alias: { "@": root },
    sourcemap: true,
  });
}

/**
 * What the agent's container library loads but the agent never uses: Docker over SSH, BuildKit sessions, native
 * add-ons. Left out, the file is half as large and the agent starts lighter.
 */
const leftOut = {
  name: "left-out",
  setup(build) {
    build.onResolve({ filter: /\.node$|^(cpu-features|ssh2|protobufjs|@grpc\/grpc-js|@grpc\/proto-loader)$/ }, ({ path: asked }) => ({ path: asked, namespace: "left-out" }));
    build.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "module.exports = {};", loader: "js" }));
  },
};

async function bundleCli() {
  const output = "dist/plumbline.mjs";
  await bundle({
    entryPoints: ["cli/main.ts"],
    outfile: output,
    alias: { "@": root },
    plugins: [leftOut],
    minifySyntax: true,
    legalComments: "none",
    banner: {
      js: [
        "#!/usr/bin/env node",
        'import { createRequire as __createRequire } from "node:module";',
        "const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;",
      ].join("\n"),
    },
  });
  chmodSync(inRoot(output), 0o755);
}

async function buildPages({ signal }) {
  await run(process.execPath, [inRoot("node_modules/next/dist/bin/next"), "build"], {
    cwd: root,
    signal,
    what: "Building the pages",
    env: { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
  });
}

/**
 * `npm test`: everything there is to check, in one run. Names of stages as arguments run only those.
 * One line per stage; the whole output of a stage only if it fails, with a short list of what failed below. Ends with "N passed, N failed".
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { ensureBuilt } from "./lib/build.mjs";
import { add, countPlaywright, countVitest, describeFailures, failuresOfPlaywright, failuresOfVitest, one, summarise } from "./lib/counts.mjs";
import { Failure, printError, requireNode } from "./lib/failure.mjs";
import { readJson } from "./lib/files.mjs";
import { ensureInstalled } from "./lib/install.mjs";
import { inRoot, root } from "./lib/paths.mjs";

const ci = /^(1|true|yes)$/i.test(process.env.CI ?? "");
const stageTimeoutMs = 30 * 60_000;
const graceMs = 20_000;
const reports = inRoot("dist", "test");
const stopping = new AbortController();
const { signal } = stopping;

/** The same everywhere, and nothing of the person's own Plumbline: no test may touch that. */
function testEnvironment() {
  const own = /^(PLUMBLINE_|DATABASE_URL$|NODE_ENV$|npm_)/;
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  const searchPath = `${inRoot("node_modules", ".bin")}${path.delimiter}${process.env.PATH}`;
  return { ...Object.fromEntries(kept), PATH: searchPath, LANG: "C.UTF-8", LC_ALL: "C.UTF-8", TZ: "UTC", NO_COLOR: "1", FORCE_COLOR: "0", NEXT_TELEMETRY_DISABLED: "1" };
}

const environment = testEnvironment();

/** Runs a shell command in its own process group, so that a hung one goes with all it started. */
function shell(command, env = {}) {
  return new Promise((resolve) => {
    const child = spawn("/bin/sh", ["-c", command], { cwd: root, env: { ...environment, ...env }, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    let last;
    const end = (why) => {
      chunks.push(Buffer.from(`\n${why}\n`));
      // First a chance to stop the servers that it started, each of which has a process group of its own.
      endGroup(child, "SIGINT");
      last = setTimeout(endGroup, graceMs, child, "SIGKILL");
    };
    const stop = () => end("Stopped.");
    const timer = setTimeout(end, stageTimeoutMs, `Ended after ${stageTimeoutMs / 60_000} minutes.`);
    signal.addEventListener("abort", stop, { once: true });
    child.once("close", (code) => {
      clearTimeout(timer);
      clearTimeout(last);
      signal.removeEventListener("abort", stop);
      resolve({ ok: code === 0, output: Buffer.concat(chunks).toString("utf8") });
    });
  });
}

function endGroup(child, name) {
  if (child.pid && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, name);
}

async function check(command) {
  const { ok, output } = await shell(command);
  return { counts: one(ok), output };
}

const script = (name) => readJson(inRoot("package.json")).scripts[name];

async function vitest(project, env) {
  const report = path.join(reports, `${project}.json`);
  const { ok, output } = await shell(`vitest run --project ${project} --reporter=default --reporter=json --outputFile.json="${report}"`, env);
  const read = readJson(report);
  return { counts: countVitest(read, ok), output, failures: failuresOfVitest(read) };
}

const say = (line) => console.log(`  ${line}`);

function once(make) {
  let made;
  return () => (made ??= make());
}

/** Of the unit and the browser tests: some of either are against a real container engine. */
const engine = once(async () => {
  const { provideEngine } = await import("./lib/browser.mjs");
  await provideEngine({ ci, log: say, signal });
});

/** After the engine: only one apt-get runs at a time. */
const browser = once(async () => {
  await engine();
  const { findBrowser } = await import("./lib/browser.mjs");
  return findBrowser({ ci, log: say, signal });
});

async function testUnits() {
  await engine();
  return vitest("unit");
}

async function checkTypes() {
  await ensureBuilt({ log: () => {}, signal, only: ["client"] });
  const routes = await shell("next typegen");
  return routes.ok ? check(script("types")) : { counts: one(false), output: routes.output };
}

async function testDatabase() {
  const { startThrowawayDatabase } = await import("./lib/embedded-postgres.mjs");
  const database = await startThrowawayDatabase();
  try {
    return await vitest("db", { PLUMBLINE_TEST_DATABASE_URL: database.url("owner") });
  } finally {
    await database.stop();
    database.removeFiles();
  }
}

async function build() {
  await ensureBuilt({ log: () => {}, signal });
  return { counts: one(true), output: "" };
}

async function testBrowser() {
  const executable = await browser();
  const report = path.join(reports, "browser.json");
  const { ok, output } = await shell("playwright test --reporter=list,json", {
    PLAYWRIGHT_JSON_OUTPUT_NAME: report,
    ...(executable && { PLAYWRIGHT_CHROMIUM: executable }),
  });
  const read = readJson(report);
  return { counts: countPlaywright(read, ok), output, failures: failuresOfPlaywright(read) };
}

const stages = [
  ["lint", () => check(script("lint"))],
  ["types", checkTypes],
  ["structure", () => check(script("structure"))],
  ["unused", () => check("knip --no-progress")],
  ["unit", testUnits],
  ["database", testDatabase],
  ["build", build],
  ["browser", testBrowser],
];

async function runStage([name, stage]) {
  const started = Date.now();
  const { counts, output, failures = [] } = await stage().catch((error) => ({ counts: one(false), output: error instanceof Failure ? error.message : error.stack }));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const failed = counts.failed > 0;
  if (failed) console.log(`\n${output.trim()}\n\n${describeFailures(failures)}\n`);
  console.log(`${failed ? "FAIL" : "ok  "} ${name.padEnd(10)} ${summarise(counts).padEnd(32)} ${seconds} s`);
  return counts;
}

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => stopping.abort(new Failure("Stopped.")));

try {
  requireNode();
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !stages.some(([known]) => known === name));
  if (unknown.length > 0) throw new Failure(`There is no stage "${unknown[0]}". Stages: ${stages.map(([name]) => name).join(" ")}`);
  await ensureInstalled({ signal });
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  let total = { passed: 0, failed: 0, skipped: 0 };
  const wanted = stages.filter(([name]) => asked.length === 0 || asked.includes(name));
  // Fetched while the first stages run; whoever needs it waits for it, and says why it failed.
  const provide = wanted.some(([name]) => name === "browser") ? browser : wanted.some(([name]) => name === "unit") ? engine : null;
  provide?.().catch(() => undefined);
  for (const stage of wanted) {
    total = add(total, await runStage(stage));
    signal.throwIfAborted();
  }
  console.log(`\n${summarise(total)}`);
  process.exitCode = total.failed > 0 ? 1 : 0;
} catch (error) {
  printError(error);
  process.exitCode = 1;
}

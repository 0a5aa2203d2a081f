import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { holdTarget } from "./hold-target";
import { hashFile, isAlive, readStarted, readTarget, releasePath, removeStarted, startTimeOf, writeStarted } from "./process-store";
import type { StartedProcess } from "./process-store";

const LOOK_MS = 50;
const LOG_TAIL_BYTES = 4_096;

/**
 * Starts a target's process from a release, detached, and waits until it stayed up. Throws with the exit code and the
 * end of its output when it does not.
 */
export async function startProcess(root: string, name: string, digest: string): Promise<StartedProcess> {
  const target = readTarget(root, name);
  const run = releasePath(root, digest);
  statSync(run);
  mkdirSync(join(root, "logs"), { recursive: true });
  const logPath = join(root, "logs", `${name}.log`);
  const log = openSync(logPath, "a", 0o600);
  const from = statSync(logPath).size;
  const ended: { how: string | null } = { how: null };
  try {
    const child = spawn(run, target.args, { cwd: target.cwd ?? root, env: { ...process.env, ...target.env }, stdio: ["ignore", log, log], detached: true });
    child.on("exit", (code, signal) => {
      ended.how = code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
    });
    child.on("error", (error) => {
      ended.how = `cannot be started: ${error.message}`;
    });
    child.unref();
    const startTime = child.pid === undefined ? null : startTimeOf(child.pid);
    const before = readStarted(root, name);
    if (child.pid !== undefined && startTime !== null) writeStarted(root, name, { pid: child.pid, startTime, digest, startedAt: new Date().toISOString(), starts: (before?.starts ?? 0) + 1 });
    const until = performance.now() + target.minUpSeconds * 1_000;
    while (performance.now() < until && ended.how === null) await sleep(LOOK_MS);
  } finally {
    closeSync(log);
  }
  const started = readStarted(root, name);
  if (ended.how !== null || !started || !isAlive(started)) throw new Error(`${name} ${ended.how ?? "did not stay up"}${tailOf(logPath, from)}`);
  return started;
}

/** Ends a target's process: SIGTERM to its group, SIGKILL after its patience. Nothing running is fine. */
export async function stopProcess(root: string, name: string): Promise<void> {
  const started = readStarted(root, name);
  if (!started || !isAlive(started)) return;
  signalGroup(started.pid, "SIGTERM");
  const until = performance.now() + readTarget(root, name).stopSeconds * 1_000;
  while (isAlive(started)) {
    if (performance.now() >= until) signalGroup(started.pid, "SIGKILL");
    await sleep(LOOK_MS);
  }
}

/**
 * Stops what runs, starts the release with `digest`, and puts the old one back when the new one ends at once; one at a time
 * for a target. An empty digest stops and leaves it so. Throws saying what happened, and whether the old one runs again.
 */
export function replaceProcess(root: string, name: string, digest: string): Promise<void> {
  return holdTarget(root, name, () => replace(root, name, digest));
}

async function replace(root: string, name: string, digest: string): Promise<void> {
  if (digest === "") {
    await stopProcess(root, name);
    removeStarted(root, name);
    return;
  }
  const path = releasePath(root, digest);
  if (!existsSync(path)) throw new Error(`no release ${digest} in ${join(root, "releases")}`);
  const actual = hashFile(path);
  if (actual !== digest) throw new Error(`the bytes of release ${digest} were changed: they are ${actual} now`);
  const old = readStarted(root, name);
  const wasRunning = old !== null && isAlive(old);
  await stopProcess(root, name);
  try {
    await startProcess(root, name, digest);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!old || !wasRunning) throw error;
    await stopProcess(root, name);
    try {
      await startProcess(root, name, old.digest);
    } catch (again) {
      throw new Error(`${why}; the old one could not be put back: ${again instanceof Error ? again.message : String(again)}`, { cause: again });
    }
    throw new Error(`${why}; the old one was put back`, { cause: error });
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function tailOf(path: string, from: number): string {
  const said = readFileSync(path).subarray(from).subarray(-LOG_TAIL_BYTES).toString("utf8").trim();
  return said === "" ? "" : `: ${said}`;
}

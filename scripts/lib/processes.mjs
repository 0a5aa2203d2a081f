import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "./failure.mjs";

/**
 * What tells one process from a later one with the same number: its start time. Undefined when no such process
 * runs (a zombie counts as gone). Linux reads /proc, others ask `ps`.
 * @param {number} pid
 * @returns {string | undefined}
 */
export function processStartId(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (process.platform !== "linux") return startIdFromPs(pid);
  try {
    return startIdFromStat(readFileSync(`/proc/${pid}/stat`, "utf8"), bootId());
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return undefined;
    throw error;
  }
}

/**
 * @param {string} stat contents of /proc/<pid>/stat; the command in parentheses may itself hold spaces and parentheses
 * @param {string} boot id of the machine's current boot, since the start time counts from there
 */
export function startIdFromStat(stat, boot) {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  if (state === "Z" || state === "X") return undefined;
  return `${boot}:${fields[19]}`;
}

function bootId() {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function startIdFromPs(pid) {
  const ps = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8", env: { ...process.env, LC_ALL: "C", TZ: "UTC" } });
  const line = ps.stdout?.trim() ?? "";
  return line === "" || line.startsWith("Z") ? undefined : line.split(/\s+/).slice(1).join(" ");
}

/** This process as others can recognise it. */
export const self = () => ({ pid: process.pid, startId: processStartId(process.pid) });

/** @param {{ pid: number, startId?: string } | undefined} known a process written down earlier */
export function isRunning(known) {
  return known?.startId !== undefined && processStartId(known.pid) === known.startId;
}

/** The command line of a process, "" when unknown. */
export function commandLine(pid) {
  if (process.platform !== "linux") return spawnSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" }).stdout?.trim() ?? "";
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return "";
    throw error;
  }
}

/** Sends a signal; a process that is gone already is fine. Returns whether it was there. */
function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error.code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Ends a process that is not our child, with harder signals each time it does not go.
 * @param {{ pid: number, startId: string }} known
 * @param {[NodeJS.Signals, number][]} steps signal and how long to wait after it, in milliseconds
 */
export async function endProcess(known, steps) {
  for (const [signal, waitMs] of steps) {
    if (!isRunning(known)) return;
    sendSignal(known.pid, signal);
    const until = Date.now() + waitMs;
    while (Date.now() < until && isRunning(known)) await sleep(25);
  }
  if (isRunning(known)) throw new Failure(`Process ${known.pid} does not end. End it yourself, then start again.`);
}

/**
 * Runs a command to its end and returns what it wrote. Its output shows only if it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal, what?: string, uid?: number, gid?: number }} options
 *   `what` names the step in the message of the Failure thrown on a non-zero exit
 */
export function run(command, args, { what = command, signal, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const chunks = [];
    const collect = (chunk) => chunks.push(chunk);
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const abort = () => child.kill("SIGTERM");
    signal?.addEventListener("abort", abort, { once: true });
    child.once("error", (error) => reject(new Failure(`${what} could not run ${command}: ${error.message}`)));
    child.once("close", (code, killedBy) => {
      signal?.removeEventListener("abort", abort);
      const output = Buffer.concat(chunks).toString("utf8");
      if (signal?.aborted) reject(signal.reason);
      else if (code === 0) resolve(output);
      else reject(new Failure(`${output.trim()}\n\n${what} failed (${killedBy ?? `exit code ${code}`}).`));
    });
  });
}

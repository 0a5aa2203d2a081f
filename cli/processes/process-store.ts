import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, constants, copyFileSync, chmodSync, existsSync, mkdirSync, openSync, readFileSync, readSync, readdirSync, readlinkSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The folder that `plumbline processes` keeps:
 *
 * ```
 * releases/sha256-<hex>/run     an executable; the hex is its own SHA-256
 * targets/<name>.json           what may run here (see `TargetDefinition`)
 * state/<name>.json             what was started last (see `StartedProcess`)
 * logs/<name>.log               its standard output and error
 * ```
 */
export interface TargetDefinition {
  service: string;
  component: string;
  args: string[];
  env: Record<string, string>;
  cwd?: string;
  labels: Record<string, string>;
  /** How long the process may take to end before it is killed. */
  stopSeconds: number;
  /** How long a new process must stay up to count as started. */
  minUpSeconds: number;
}

export interface StartedProcess {
  pid: number;
  /** The kernel's start time of that pid: a pid alone is used again. */
  startTime: string;
  digest: string;
  startedAt: string;
  starts: number;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The names of the defined targets, sorted. */
export function listTargets(root: string): string[] {
  const folder = join(root, "targets");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

/** Reads a target's definition. Throws with the file's name when it is missing or wrong. */
export function readTarget(root: string, name: string): TargetDefinition {
  if (!NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no target name`);
  const path = join(root, "targets", `${name}.json`);
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof value !== "object" || value === null) throw new Error(`${path} is no JSON object`);
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = (field: string, fallback: string): string => {
    const given = fields.get(field) ?? fallback;
    if (typeof given !== "string") throw new Error(`${path}: ${field} must be text`);
    return given;
  };
  const seconds = (field: string, fallback: number): number => {
    const given = fields.get(field) ?? fallback;
    if (typeof given !== "number" || given < 0 || given > 3_600) throw new Error(`${path}: ${field} must be seconds`);
    return given;
  };
  const texts = (field: string): Record<string, string> => {
    const given = fields.get(field) ?? {};
    if (typeof given !== "object" || given === null || Object.values(given).some((one) => typeof one !== "string")) throw new Error(`${path}: ${field} must map names to text`);
    return Object.fromEntries(Object.entries(given).map(([key, one]) => [key, String(one)]));
  };
  const args = fields.get("args") ?? [];
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== "string")) throw new Error(`${path}: args must be a list of texts`);
  const cwd = fields.has("cwd") ? text("cwd", "") : undefined;
  return { service: text("service", name), component: text("component", "main"), args: args.map(String), env: texts("env"), ...(cwd === undefined ? {} : { cwd }), labels: texts("labels"), stopSeconds: seconds("stopSeconds", 10), minUpSeconds: seconds("minUpSeconds", 1) };
}

/** Where the executable of a digest is. Throws when the text is no SHA-256 digest. */
export function releasePath(root: string, digest: string): string {
  if (!DIGEST.test(digest)) throw new Error(`${JSON.stringify(digest)} is not sha256:<64 hex digits>`);
  return join(root, "releases", digest.replace(":", "-"), "run");
}

/** Copies a file into `releases/` under its own SHA-256 and returns that digest. */
export function addRelease(root: string, file: string): string {
  const digest = hashFile(file);
  const path = releasePath(root, digest);
  mkdirSync(join(path, ".."), { recursive: true });
  copyFileSync(file, `${path}.new`, constants.COPYFILE_FICLONE);
  chmodSync(`${path}.new`, 0o755);
  renameSync(`${path}.new`, path);
  return digest;
}

/** What was started last for a target, or null. */
export function readStarted(root: string, name: string): StartedProcess | null {
  const path = join(root, "state", `${name}.json`);
  if (!existsSync(path)) return null;
  const value: StartedProcess = JSON.parse(readFileSync(path, "utf8"));
  return typeof value?.pid === "number" && typeof value.startTime === "string" && typeof value.digest === "string" ? value : null;
}

export function writeStarted(root: string, name: string, started: StartedProcess): void {
  mkdirSync(join(root, "state"), { recursive: true });
  const path = join(root, "state", `${name}.json`);
  writeFileSync(`${path}.new`, JSON.stringify(started));
  renameSync(`${path}.new`, path);
}

export function removeStarted(root: string, name: string): void {
  rmSync(join(root, "state", `${name}.json`), { force: true });
}

/** Whether exactly this process still runs: the same pid with the same start time, and no zombie. */
export function isAlive(started: Pick<StartedProcess, "pid" | "startTime">): boolean {
  return startTimeOf(started.pid) === started.startTime;
}

/** A process's start time as the kernel tells it (`/proc/<pid>/stat`, else `ps`); null when it does not run. */
export function startTimeOf(pid: number): string | null {
  if (existsSync("/proc/self/stat")) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    } catch {
      return null;
    }
    // The command name may hold spaces and brackets; the fields begin after its last bracket (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  }
  const told = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" });
  const line = told.stdout?.trim() ?? "";
  return told.status !== 0 || line === "" || line.startsWith("Z") ? null : line.replace(/^\S+\s+/, "");
}

/**
 * The SHA-256 of what a process really executes: the mapped executable on Linux (also when its file was removed or
 * exchanged), the script's file when an interpreter runs it, the release's file where there is no /proc.
 */
export function runningDigest(root: string, started: StartedProcess): { digest: string | null; path: string } {
  const path = releasePath(root, started.digest);
  const link = `/proc/${started.pid}/exe`;
  let source = path;
  try {
    const executable = readlinkSync(link);
    const release = existsSync(path) ? realpathSync(path) : path;
    if (executable === release || executable === `${release} (deleted)` || executable.startsWith(`${release}.`)) source = link;
  } catch {
    // Not on Linux, or not ours to look at: the file on disk is what can be known.
    source = path;
  }
  try {
    return { digest: hashCached(root, source, link === source ? `${started.pid}-${started.startTime}` : null), path: path };
  } catch {
    return { digest: null, path };
  }
}

/** The SHA-256 of a file as `sha256:<hex>`, read in pieces. */
export function hashFile(path: string): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(1 << 20);
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return `sha256:${hash.digest("hex")}`;
}

/** A large executable is not read again while its inode, size and change time stay. */
function hashCached(root: string, path: string, process: string | null): string {
  const stat = statSync(path, { bigint: true });
  const key = `${process ?? ""}${stat.dev}-${stat.ino}`;
  const mark = `${stat.size}-${stat.mtimeNs}-${stat.ctimeNs}`;
  const cachePath = join(root, "state", ".hashes");
  const cache = readCache(cachePath);
  const hit = cache.get(key);
  if (hit?.startsWith(`${mark} `)) return hit.slice(mark.length + 1);
  const digest = hashFile(path);
  cache.set(key, `${mark} ${digest}`);
  mkdirSync(join(root, "state"), { recursive: true });
  const fresh = `${cachePath}.${globalThis.process.pid}`;
  writeFileSync(fresh, JSON.stringify([...cache].slice(-1_000)));
  renameSync(fresh, cachePath);
  return digest;
}

function readCache(path: string): Map<string, string> {
  try {
    const pairs: [string, string][] = JSON.parse(readFileSync(path, "utf8"));
    return new Map(pairs);
  } catch {
    // Without a cache everything is read once more.
    return new Map();
  }
}

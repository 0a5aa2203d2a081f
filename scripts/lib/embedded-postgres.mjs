import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { giveTo, isRoot, placeDatabase } from "./database-user.mjs";
import { Failure } from "./failure.mjs";
import { readJson, writeJson } from "./files.mjs";
import { databasePackage, linkDatabaseLibraries } from "./install.mjs";
import { findFreePort, isPortFree } from "./ports.mjs";
import { commandLine, endProcess, processStartId, run } from "./processes.mjs";

/** The embedded database's roles with a login. The first is its superuser: it owns the schema and migrates. */
const roles = ["plumbline_owner", "plumbline_app", "plumbline_verifier"];
const databaseName = "plumbline";

/** Chosen for a small machine with an SSD; durability (fsync, synchronous_commit) stays on. */
const serverSettings = {
  listen_addresses: "127.0.0.1",
  max_connections: "200",
  shared_buffers: "256MB",
  effective_cache_size: "1GB",
  work_mem: "16MB",
  maintenance_work_mem: "256MB",
  max_wal_size: "2GB",
  random_page_cost: "1.1",
  // A fleet arrives within minutes: what the planner knows of empty tables must not last for one.
  autovacuum_naptime: "10s",
  timezone: "UTC",
  log_timezone: "UTC",
  lc_messages: "C",
  log_line_prefix: "%m [%p] ",
};

/** Of the path of a socket, in bytes, on the strictest system (macOS). */
const longestSocketPath = 103;

const fastThenHard = [
  ["SIGINT", 20_000],
  ["SIGQUIT", 5_000],
  ["SIGKILL", 5_000],
];

/**
 * Prepares the embedded PostgreSQL in a data folder (creating it the first time) without starting it.
 * The caller holds the data folder's lock.
 * @param {{ dataDir: string, log?: (line: string) => void, settings?: Record<string, string> }} options
 */
export async function prepareDatabase({ dataDir, log = console.log, settings = {} }) {
  const packageRoot = databasePackage();
  if (!packageRoot) {
    throw new Failure(`There is no embedded PostgreSQL for ${process.platform} on ${process.arch}. Set DATABASE_URL to a PostgreSQL 15 or newer.`);
  }
  linkDatabaseLibraries(packageRoot);
  // Root's database user has to pass through; every secret inside has a mode of its own.
  mkdirSync(dataDir, { recursive: true, mode: isRoot() ? 0o711 : 0o700 });
  mkdirSync(path.join(dataDir, "keys"), { recursive: true, mode: 0o700 });
  mkdirSync(path.join(dataDir, "logs"), { recursive: true, mode: 0o700 });

  const notesPath = path.join(dataDir, "keys", "database.json");
  if (!existsSync(notesPath) && existsSync(path.join(dataDir, "pg"))) {
    throw new Failure(`${notesPath} with the database's passwords is gone. Put it back from a copy of ${dataDir}, or, to begin with an empty database, remove that folder.`);
  }
  const notes = readJson(notesPath) ?? { passwords: Object.fromEntries(roles.map((role) => [role, randomBytes(24).toString("base64url")])) };
  if (notes.pgData && notes.dataDir !== realpathSync(dataDir)) {
    throw new Failure(`${dataDir} was copied or moved from ${notes.dataDir}, while its database is still in ${notes.pgData}. Move the folder back.`);
  }
  const place = placeDatabase({ dataDir, native: path.join(packageRoot, "native"), recorded: notes.pgData, log });
  if (place.pgData !== path.join(dataDir, "pg")) Object.assign(notes, { pgData: place.pgData, dataDir: realpathSync(dataDir) });
  writeJson(notesPath, notes);

  await endOrphan(place.pgData, log);
  if (!existsSync(place.pgData)) await initialise(place, notes.passwords.plumbline_owner, log);
  return new EmbeddedDatabase({ dataDir, notes, notesPath, place, settings: { ...serverSettings, ...settings }, log });
}

/** As the database's user when we are root; always in a folder that this user can be in. */
const asOwner = ({ owner }, pgData = "/") => ({ ...(owner && { uid: owner.uid, gid: owner.gid }), cwd: path.dirname(pgData), env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" } });

/** Made beside its final name and renamed when complete, so that a start cut short leaves no half database. */
async function initialise(place, password, log) {
  const draft = `${place.pgData}.new`;
  const passwordFile = `${place.pgData}.password`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  giveTo(place.owner, draft);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  giveTo(place.owner, passwordFile);
  try {
    await run(
      path.join(place.native, "bin", "initdb"),
      [
        `--pgdata=${draft}`,
        `--username=${roles[0]}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
      ],
      { ...asOwner(place, place.pgData), what: "Creating the embedded database" },
    );
  } finally {
    unlinkSync(passwordFile);
  }
  renameSync(draft, place.pgData);
  log("Created the embedded PostgreSQL");
}

/**
 * @param {string} text contents of postmaster.pid: pid, data folder, start time in seconds, port, …
 * @returns {{ pid: number, pgData: string } | undefined}
 */
export function parsePostmasterPid(text) {
  const [pid, pgData] = text.split("\n");
  return pid && pgData && /^\d+$/.test(pid.trim()) ? { pid: Number(pid), pgData: pgData.trim() } : undefined;
}

/** Whether a command line is the PostgreSQL server that serves this folder. */
export function servesFolder(command, pgData) {
  return /(^|\/)postgres\b/.test(command) && (command.endsWith(` -D ${pgData}`) || command.includes(` -D ${pgData} `));
}

/** Ends a server that outlived a supervisor killed with -9: only one that serves exactly these files. */
async function endOrphan(pgData, log) {
  const pidFile = path.join(pgData, "postmaster.pid");
  const noted = existsSync(pidFile) ? parsePostmasterPid(readFileSync(pidFile, "utf8")) : undefined;
  const startId = noted && processStartId(noted.pid);
  if (!startId || !servesFolder(commandLine(noted.pid), pgData)) return;
  log(`Ending the database that an interrupted start left running (process ${noted.pid})`);
  await endProcess({ pid: noted.pid, startId }, fastThenHard);
}

class EmbeddedDatabase {
  #child;
  #options;

  constructor(options) {
    this.#options = options;
    this.port = options.notes.port;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** Connection URL of a role: owner, app or verifier. */
  url(role = "owner", database = databaseName) {
    const name = `plumbline_${role}`;
    const through = this.#socketFolder ? `?host=${encodeURIComponent(this.#socketFolder)}` : "";
    return `postgresql://${name}:${this.#options.notes.passwords[name]}@127.0.0.1:${this.port}/${database}${through}`;
  }

  /** A question and its answer cost a third less through a socket file. Its path may be no longer than the system's limit. */
  get #socketFolder() {
    const { place } = this.#options;
    const folder = path.join(path.dirname(place.pgData), "socket");
    return this.#socketWorks && process.platform !== "win32" && Buffer.byteLength(`${folder}/.s.PGSQL.65535.lock`) <= longestSocketPath ? folder : undefined;
  }

  /**
   * Starts the server and returns once it answers. The port stays the same from start to start unless another took it.
   * @param {{ onExit?: (code: number | null, signal: string | null) => void }} options called when it ends by itself later
   */
  async start({ onExit } = {}) {
    const { notes, notesPath } = this.#options;
    this.#stopping = false;
    for (let attempt = 1; ; attempt++) {
      if (!this.port || !(await isPortFree(this.port))) this.port = await findFreePort();
      if (notes.port !== this.port) writeJson(notesPath, Object.assign(notes, { port: this.port }));
      if (this.#stopping) throw new Failure("The database was stopped before it started.");
      const exited = this.#spawn();
      const failure = await Promise.race([this.#untilReady(exited), exited.then((how) => how)]);
      if (failure === undefined) {
        void exited.then((how) => this.#stopping || onExit?.(how.code, how.signal));
        return;
      }
      if (this.#stopping) throw new Failure("The database was stopped while it started.");
      // Some shared and network folders hold no sockets.
      if (this.#logTail().includes("could not create any Unix-domain sockets")) this.#socketWorks = false;
      // The port went to someone else between our look and the server's own bind, or a killed server's
      // processes still hold its shared memory for a moment.
      if (attempt === 5) throw new Failure(`The embedded PostgreSQL does not start. The end of ${this.logFile}:\n${this.#logTail()}`);
      await sleep(200 * attempt);
    }
  }

  #stopping = false;
  #socketWorks = true;

  get logFile() {
    return path.join(this.#options.dataDir, "logs", "postgres.log");
  }

  #logTail() {
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-12).join("\n");
  }

  /** Its own process group: a Ctrl-C in the terminal reaches the supervisor alone, which stops things in order. */
  #spawn() {
    const { place, settings } = this.#options;
    if (existsSync(this.logFile) && statSync(this.logFile).size > 16 * 1024 * 1024) renameSync(this.logFile, `${this.logFile}.1`);
    const log = openSync(this.logFile, "a", 0o600);
    const folder = this.#socketFolder;
    if (folder) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      giveTo(place.owner, folder);
    }
    const args = ["-D", place.pgData, "-p", String(this.port), ...Object.entries({ ...settings, unix_socket_directories: folder ?? "" }).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
    const child = spawn(path.join(place.native, "bin", "postgres"), args, { ...asOwner(place, place.pgData), detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    return new Promise((resolve) => {
      child.once("error", (error) => {
        this.#child = undefined;
        resolve({ code: null, signal: null, error });
      });
      child.once("exit", (code, signal) => {
        if (this.#child === child) this.#child = undefined;
        resolve({ code, signal });
      });
    });
  }

  async #untilReady(exited) {
    const { default: pg } = await import("pg");
    while (this.#child) {
      const client = new pg.Client({ connectionString: this.url("owner", "postgres"), connectionTimeoutMillis: 5_000 });
      // A session cut by a crash: the loop sees that the server is gone.
      client.on("error", () => undefined);
      try {
        await client.connect();
        const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [databaseName]);
        if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName}`);
        return undefined;
      } catch (error) {
        // Refused or "the database system is starting up": not yet. Anything else will not get better.
        if (error.code !== "ECONNREFUSED" && error.code !== "ENOENT" && error.code !== "57P03" && error.code !== "ECONNRESET" && !/terminated|timeout/i.test(error.message)) throw error;
        await sleep(30);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
    return exited;
  }

  /** Gives the roles that the migrations created their logins. Call it after migrating. */
  async openRoles() {
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: this.url("owner") });
    await client.connect();
    try {
      for (const role of roles.slice(1)) {
        const { rows } = await client.query("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", [role]);
        // Checked first: a password set anew at every start would be a new WAL record and a slower start for nothing.
        if (rows[0] && !rows[0].rolcanlogin) {
          await client.query(`ALTER ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(this.#options.notes.passwords[role])}`);
        }
      }
    } finally {
      await client.end();
    }
  }

  /** Removes the data folder and all database files. Only after `stop`, only for throw-away ones. */
  removeFiles() {
    const { dataDir, place } = this.#options;
    rmSync(place.pgData, { recursive: true, force: true });
    if (place.pgData !== path.join(dataDir, "pg")) rmSync(path.dirname(place.pgData), { recursive: true, force: true });
    rmSync(dataDir, { recursive: true, force: true });
  }

  /** Fast shutdown: sessions are cut, everything committed is on disk. SIGQUIT is quicker and recovers at the next start. */
  async stop(first = "SIGINT") {
    const child = this.#child;
    this.#stopping = true;
    if (!child?.pid) return;
    const startId = processStartId(child.pid);
    if (startId) await endProcess({ pid: child.pid, startId }, first === "SIGINT" ? fastThenHard : fastThenHard.slice(1));
  }
}

/** For databases that need not survive a crash of the machine: tests and benchmarks that do not measure writing. */
export const unsafeButFast = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/** A new temporary data folder that the database's user can get into. */
export function makeThrowawayFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), "plumbline-"));
  if (isRoot()) chmodSync(folder, 0o711);
  return folder;
}

/**
 * A database alone that lasts as long as a test run. `stop` it, then `removeFiles`.
 * @param {{ settings?: Record<string, string>, log?: (line: string) => void }} options
 */
export async function startThrowawayDatabase({ settings = unsafeButFast, log = () => {} } = {}) {
  const dataDir = makeThrowawayFolder();
  const database = await prepareDatabase({ dataDir, log, settings });
  await database.start();
  return database;
}

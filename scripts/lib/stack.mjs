import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { migrate } from "../migrate.mjs";
import { ensureBuilt } from "./build.mjs";
import { Restarts, SupervisedChild } from "./children.mjs";
import { isRoot } from "./database-user.mjs";
import { makeThrowawayFolder, prepareDatabase, unsafeButFast } from "./embedded-postgres.mjs";
import { Failure } from "./failure.mjs";
import { readJson, writeJson } from "./files.mjs";
import { tryLock } from "./lock.mjs";
import { inRoot } from "./paths.mjs";
import { findFreePort, isPortFree } from "./ports.mjs";
import { endProcess, processStartId, self } from "./processes.mjs";

/** A young generation that holds what a crowd of agents asks at once: else most of it is copied, again and again, though it soon ends. */
const NODE_FLAGS = ["--enable-source-maps", "--max-semi-space-size=64"];

const readyTimeoutMs = 120_000;
const crashesBeforeGivingUp = 4;

/**
 * Starts a whole Plumbline: database, web and worker, each supervised; returns when it is ready to serve.
 * Types and options: stack.d.mts.
 */
export async function startStack(options = {}) {
  const { host = "127.0.0.1", log = () => {}, signal, prepare = () => ensureBuilt({ log, signal }) } = options;
  const throwaway = !options.dataDir;
  const asked = options.dataDir ?? makeThrowawayFolder();
  mkdirSync(asked, { recursive: true, mode: isRoot() ? 0o711 : 0o700 });
  // One spelling, so that whatever an earlier start left behind is recognised.
  const dataDir = realpathSync(asked);
  const statePath = path.join(dataDir, "state.json");
  const lock = tryLock(path.join(dataDir, "lock"));
  if (lock.holder) throw new Failure(describeHolder(dataDir, lock.holder, readJson(statePath)));

  const stack = new Stack({ ...options, dataDir, throwaway, host, log, statePath, lock });
  options.onCreate?.(stack);
  const abort = () => void stack.stop();
  signal?.addEventListener("abort", abort, { once: true });
  const started = (async () => {
    await endOrphans(readJson(statePath), log);
    await stack.choosePort();
    await prepare();
    signal?.throwIfAborted();
    await stack.start();
  })();
  stack.settled = started.catch(() => undefined);
  try {
    await started;
    return stack;
  } catch (error) {
    await stack.stop();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function describeHolder(dataDir, holder, state) {
  const url = state?.pid === holder.pid && state.url ? ` It serves ${state.url}.` : "";
  return `Plumbline already runs on ${dataDir}: process ${holder.pid}, since ${holder.since}.${url}\nStop it first (Ctrl-C in its terminal, or kill ${holder.pid}), or name another folder with PLUMBLINE_DATA and another port with PLUMBLINE_PORT.`;
}

/** Processes of a supervisor that was killed with -9. They end by themselves; those that do not yet are ended here. */
async function endOrphans(state, log) {
  for (const [name, known] of Object.entries(state?.children ?? {})) {
    if (processStartId(known.pid) !== known.startId) continue;
    log(`Ending ${name} that an interrupted start left running (process ${known.pid})`);
    await endProcess(known, [
      ["SIGTERM", 5_000],
      ["SIGKILL", 5_000],
    ]);
  }
}

class Stack {
  #options;
  #children = new Map();
  #database;
  #databaseEnv = {};
  #databaseRestarts = new Restarts();
  #stopped;
  #since = new Date().toISOString();

  constructor(options) {
    this.#options = options;
    this.dataDir = options.dataDir;
  }

  /** Says so before anything else happens when the port is not ours to take. */
  async choosePort() {
    const { host, port = 0, url } = this.#options;
    if (port !== 0 && !(await isPortFree(port, host))) {
      throw new Failure(`Port ${port} on ${host} is taken by another program. Stop it, or choose another port: PLUMBLINE_PORT=${port + 1} npm start`);
    }
    this.port = port === 0 ? await findFreePort(host) : port;
    const { PLUMBLINE_TLS_CERT, PLUMBLINE_TLS_KEY } = { ...process.env, ...this.#options.env };
    this.url = url ?? `${PLUMBLINE_TLS_CERT && PLUMBLINE_TLS_KEY ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${this.port}`;
  }

  async start() {
    const { env = {}, demo = false } = this.#options;
    const database = await this.#startDatabase();
    this.databaseUrl = database.app;
    this.ownerUrl = database.owner;
    this.#databaseEnv = { DATABASE_URL: database.app, PLUMBLINE_VERIFIER_DATABASE_URL: database.verifier };
    const { PLUMBLINE_MIGRATE_DATABASE_URL: _migrate, DATABASE_URL: _database, PLUMBLINE_DEMO: _demo, ...inherited } = process.env;
    this.env = {
      ...inherited,
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      ...env,
      PLUMBLINE_DATA: this.dataDir,
      PLUMBLINE_HOST: this.#options.host,
      PLUMBLINE_PORT: String(this.port),
      PLUMBLINE_URL: this.url,
      ...(demo && { PLUMBLINE_DEMO: "1" }),
    };
    this.supervise("web", [...NODE_FLAGS, inRoot("dist", "web.mjs")], { database: true });
    this.supervise("worker", [...NODE_FLAGS, inRoot("dist", "worker.mjs")], { database: true });
    await this.#untilReady();
    this.setup = readJson(path.join(this.dataDir, "setup.json"));
  }

  async #startDatabase() {
    const { databaseUrl, migrateUrl, log, databaseSettings } = this.#options;
    if (databaseUrl) {
      await migrate({ url: migrateUrl ?? databaseUrl, log });
      const app = await asRole(databaseUrl, "plumbline_app", migrateUrl ?? databaseUrl);
      const verifier = await asRole(databaseUrl, "plumbline_verifier", migrateUrl ?? databaseUrl);
      if (app === databaseUrl) log("The user of DATABASE_URL works with its own rights: it may not become plumbline_app.");
      return { owner: migrateUrl ?? databaseUrl, app, verifier };
    }
    this.#database = await prepareDatabase({ dataDir: this.dataDir, log, settings: databaseSettings ?? (this.#options.throwaway ? unsafeButFast : {}) });
    this.#throwIfStopped();
    await this.#database.start({ onExit: (code, killedBy) => this.#databaseEnded(code, killedBy) });
    this.#throwIfStopped();
    await migrate({ url: this.#database.url("owner"), log });
    await this.#database.openRoles();
    return { owner: this.#database.url("owner"), app: this.#database.url("app"), verifier: this.#database.url("verifier") };
  }

  #databaseEnded(code, killedBy) {
    this.#writeState();
    if (this.#stopped) return;
    const again = async () => {
      try {
        await this.#database.start({ onExit: (...how) => this.#databaseEnded(...how) });
        this.#options.log("The database is up again");
        this.#writeState();
      } catch (error) {
        if (!this.#stopped) this.#options.log(`${error.message}\nTrying again in ${(this.#databaseRestarts.schedule(again) / 1000).toFixed(1)} s`);
      }
    };
    const delayMs = this.#databaseRestarts.schedule(again);
    this.#options.log(`The database ended unexpectedly (${killedBy ?? `exit code ${code}`}); starting it again in ${(delayMs / 1000).toFixed(1)} s`);
  }

  /** One more web process on the same database and data folder, as behind a balancer; ready when this returns. */
  async addWeb(name = "web-2") {
    const { host } = this.#options;
    const port = await findFreePort(host);
    const child = this.supervise(name, [...NODE_FLAGS, inRoot("dist", "web.mjs")], { database: true, env: { PLUMBLINE_PORT: String(port) } });
    await this.#untilReady(port);
    const { protocol } = new URL(this.url);
    return { url: `${protocol}//${host.includes(":") ? `[${host}]` : host}:${port}`, port, stop: () => child.stop() };
  }

  /** Runs one more Node.js process for as long as the stack lasts; only web and worker reach the database. */
  supervise(name, args, { database = false, env = {} } = {}) {
    this.#throwIfStopped();
    const { output = "files", log } = this.#options;
    const child = new SupervisedChild({
      name,
      args,
      env: { ...this.env, ...(database && this.#databaseEnv), ...env },
      logFile: output === "files" ? path.join(this.dataDir, "logs", `${name}.log`) : undefined,
      log,
      onChange: () => this.#writeState(),
    });
    mkdirSync(path.join(this.dataDir, "logs"), { recursive: true, mode: 0o700 });
    this.#children.set(name, child);
    child.start();
    return child;
  }

  async #untilReady(port = this.port) {
    const until = Date.now() + readyTimeoutMs;
    let last = "no answer yet";
    while (Date.now() < until) {
      this.#throwIfStopped();
      last = await probe(this.#options.host, port);
      if (last === "ready") return;
      for (const [name, child] of this.#children) {
        if (child.crashes >= crashesBeforeGivingUp) throw new Failure(`${name} ends each time it is started.${this.#logTail(name)}`);
      }
      await sleep(50);
    }
    throw new Failure(`Plumbline is not ready after ${readyTimeoutMs / 1000} s (${last}).${this.#logTail("web")}`);
  }

  #logTail(name) {
    const file = path.join(this.dataDir, "logs", `${name}.log`);
    if (this.#options.output === "inherit" || !existsSync(file)) return " Its own message is above.";
    return `\n${readFileSync(file, "utf8").trimEnd().split("\n").slice(-25).join("\n")}`;
  }

  /** Process numbers by name; undefined for one that is between two lives. */
  get pids() {
    const pids = Object.fromEntries([...this.#children].map(([name, child]) => [name, child.pid]));
    return { ...pids, postgres: this.#database?.pid };
  }

  /** What the next start, and whoever asks who runs here, needs to know. */
  #writeState() {
    // A child that ends after its folder was released has nothing left to be noted in.
    if (!existsSync(path.dirname(this.#options.statePath))) return;
    const children = {};
    for (const [name, child] of this.#children) {
      const startId = child.pid && processStartId(child.pid);
      if (startId) children[name] = { pid: child.pid, startId };
    }
    writeJson(this.#options.statePath, { ...self(), since: this.#since, url: this.url, port: this.port, databasePort: this.#database?.port, children });
  }

  #throwIfStopped() {
    if (this.#stopped) throw new Failure("Stopped while starting.");
  }

  /** Stops everything in order and lets go of the data folder. Safe to call twice. */
  stop() {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll() {
    this.#databaseRestarts.end();
    try {
      const named = (name) => this.#children.get(name)?.stop();
      for (const name of this.#children.keys()) if (name !== "web" && name !== "worker") await named(name);
      await named("web");
      await named("worker");
      await this.#database?.stop();
      // A start that was still under way notices by now, and may have a database to end.
      await this.settled;
      await this.#database?.stop();
      rmSync(this.#options.statePath, { force: true });
    } finally {
      this.#options.lock.release();
    }
    if (!this.#options.throwaway) return;
    this.#database?.removeFiles();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** For the impatient: kills web and worker at once and cuts the database short; it recovers from its log next time. */
  async kill() {
    for (const child of this.#children.values()) child.kill();
    await this.#database?.stop("SIGQUIT");
  }
}

/**
 * The same connection, working as a role with fewer rights when its user may: tried, not guessed, since poolers and
 * servers differ in what they allow. The one that migrates made the roles and so may grant them.
 * @returns {Promise<string>} the URL to use
 */
async function asRole(databaseUrl, role, migrateUrl) {
  const url = new URL(databaseUrl);
  if (url.searchParams.has("options") || url.username === role) return databaseUrl;
  url.searchParams.set("options", `-c role=${role}`);
  const wanted = url.toString();
  if (await worksAs(wanted, role)) return wanted;
  await grant(role, decodeURIComponent(url.username), migrateUrl);
  return (await worksAs(wanted, role)) ? wanted : databaseUrl;
}

async function worksAs(connectionString, role) {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const { rows } = await client.query("SELECT current_user AS role");
    return rows[0]?.role === role;
  } catch {
    // Whatever keeps it from working as that role (no right, a pooler that knows no options), the answer is no.
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function grant(role, user, connectionString) {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(`GRANT ${role} TO ${client.escapeIdentifier(user)}`);
  } catch (error) {
    if (!["42501", "0LP01", "42704"].includes(error.code)) throw error;
  } finally {
    await client.end();
  }
}

/** Asks the listener whether it is ready; with TLS if it does not speak plain HTTP. */
async function probe(host, port) {
  const to = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const ask = (client) =>
    new Promise((resolve) => {
      const request = client.get({ host: to, port, path: "/api/health/ready", timeout: 5_000, rejectUnauthorized: false, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode === 200 ? "ready" : `answered ${response.statusCode}`);
      });
      request.once("timeout", () => request.destroy(new Error("no answer in 5 s")));
      request.once("error", (error) => resolve(error.message));
    });
  const plain = await ask(http);
  return /ECONNRESET|socket hang up|Parse Error/i.test(plain) ? ask(https) : plain;
}

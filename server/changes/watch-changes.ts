import type { App } from "@/server/context";
import { getApp } from "@/server/app";
import { processWide } from "@/server/process-wide";

/** One row of `changes`, with the names that its ids stand for. */
export type ChangeRow = { topic: string; service: string | null; environment: string | null; key: string | null };
/** Where a reader stands: everything up to here is seen. Both are decimal texts of 64-bit numbers. */
export type Position = { xid: string; seq: string };
export type Batch = { changes: ChangeRow[]; position: Position };
type Listener = (batch: Batch) => void;

const POLL_MS = 200;
const AFTER_POKE_MS = 1;
const AFTER_ERROR_MS = 1_000;
const BATCH = 5_000;

/**
 * Reads what has been committed after `after`, in an order that never skips: rows of transactions below the oldest one
 * still running, by (transaction, number). A row's number alone is no order, since numbers are given before commit.
 */
export async function readChanges(app: Pick<App, "db">, after: Position, limit = BATCH): Promise<Batch> {
  const rows = await app.db.$queryRaw<(ChangeRow & Position)[]>`
    SELECT c.xid::text, c.seq::text, c.topic, coalesce(s.name, c.service_name) AS service, e.name AS environment, c.key
    FROM changes c LEFT JOIN services s ON s.id = c.service_id LEFT JOIN environments e ON e.id = c.environment_id
    WHERE (c.xid, c.seq) > (${after.xid}::text::xid8, ${after.seq}::text::bigint) AND c.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY c.xid, c.seq LIMIT ${limit}`;
  const last = rows.at(-1);
  return { changes: rows.map(({ topic, service, environment, key }) => ({ topic, service, environment, key })), position: last ? { xid: last.xid, seq: last.seq } : after };
}

/** The position of now: whatever commits from here on is after it. */
export async function currentPosition(app: Pick<App, "db">): Promise<Position> {
  const [row] = await app.db.$queryRaw<{ xid: string }[]>`SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid`;
  return { xid: row?.xid ?? "0", seq: "0" };
}

/** Reads `changes` for everyone in this process who listens, and not at all when nobody does. */
export class ChangeWatcher {
  readonly #app: Pick<App, "db" | "log">;
  readonly #listeners = new Set<Listener>();
  readonly #desired = new Map<string, Set<() => void>>();
  #position: Promise<Position> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading = false;
  #poked = false;

  constructor(app: Pick<App, "db" | "log">) {
    this.#app = app;
  }

  /** Calls `listener` with every change that commits after the returned promise resolves. Call the result to stop. */
  async subscribe(listener: Listener): Promise<() => void> {
    this.#listeners.add(listener);
    return this.#started(() => void this.#listeners.delete(listener));
  }

  /** The same for the desired state of one agent: calls `wake` when it may have changed. */
  async subscribeDesired(agentId: string, wake: () => void): Promise<() => void> {
    const wakes = this.#desired.get(agentId) ?? new Set();
    this.#desired.set(agentId, wakes.add(wake));
    return this.#started(() => {
      wakes.delete(wake);
      if (wakes.size === 0 && this.#desired.get(agentId) === wakes) this.#desired.delete(agentId);
    });
  }

  /** Looks at once instead of at the next turn: something has just been committed here. */
  poke(): void {
    if (!this.#isHeard() || this.#poked) return;
    this.#poked = true;
    this.#schedule(AFTER_POKE_MS);
  }

  stop(): void {
    this.#listeners.clear();
    this.#desired.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#position = null;
  }

  #isHeard(): boolean {
    return this.#listeners.size > 0 || this.#desired.size > 0;
  }

  async #started(end: () => void): Promise<() => void> {
    try {
      if (!this.#position) {
        const position = currentPosition(this.#app);
        this.#position = position;
        position.then(() => this.#schedule(POLL_MS)).catch(() => (this.#position === position ? (this.#position = null) : undefined));
      }
      await this.#position;
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  #schedule(delayMs: number): void {
    if (this.#reading || !this.#position) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#turn(), delayMs);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    const position = this.#position;
    if (!position) return;
    if (!this.#isHeard()) {
      this.#position = null;
      return;
    }
    this.#reading = true;
    this.#poked = false;
    let next = POLL_MS;
    try {
      const batch = await readChanges(this.#app, await position);
      if (this.#position === position) this.#position = Promise.resolve(batch.position);
      this.#deliver(batch);
      if (batch.changes.length === BATCH) next = 0;
    } catch (error) {
      this.#app.log.warn({ err: error }, "changes could not be read; trying again");
      next = AFTER_ERROR_MS;
    }
    this.#reading = false;
    this.#schedule(this.#poked ? Math.min(next, AFTER_POKE_MS) : next);
  }

  #deliver(batch: Batch): void {
    if (batch.changes.length === 0) return;
    for (const listener of this.#listeners) this.#call(() => listener(batch));
    for (const change of batch.changes) {
      if (change.topic !== "desired" || change.key === null) continue;
      for (const wake of this.#desired.get(change.key) ?? []) this.#call(wake);
    }
  }

  /** One listener's fault is not the others'. */
  #call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#app.log.error({ err: error }, "a listener for changes failed");
    }
  }
}

/** The watcher of this process. */
export function changeWatcher(): ChangeWatcher {
  return processWide("changes", () => new ChangeWatcher(getApp()));
}

/** Calls `wake` when the desired state of an agent may have changed, from when the promise resolves. Call the result to stop. */
export function subscribeDesired(agentId: string, wake: () => void): Promise<() => void> {
  return changeWatcher().subscribeDesired(agentId, wake);
}

/** A hint that something has just been committed by this process. */
export function pokeChanges(): void {
  changeWatcher().poke();
}

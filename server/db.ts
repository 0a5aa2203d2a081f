import { AsyncLocalStorage } from "node:async_hooks";
import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient, Prisma } from "@/generated/prisma/client";

export { Prisma };
export type Db = PrismaClient;
/** What a verb gets inside `transact`. */
export type Tx = Prisma.TransactionClient;

/**
 * A statement that begins with `/* prepared: name *\/` is planned once per connection. For the few hot ones whose plan does
 * not depend on their values; all others are planned with the values at hand.
 */
function nameStatement({ sql }: { sql: string }): string {
  return /^\s*\/\* prepared: ([a-z-]+) \*\//.exec(sql)?.[1] ?? "";
}

/**
 * Opens the pool. Statement and idle-in-transaction time-outs are set on every connection, so that no request
 * can hold a lock for ever; the pool re-opens connections after the database restarts.
 * @param url PostgreSQL ≥ 15; `options=-c role=plumbline_app` may stand in it.
 */
export function openDatabase(url: string, { poolSize = 16, name = "plumbline" }: { poolSize?: number; name?: string } = {}): Db {
  const adapter = new PrismaPg({
    connectionString: url,
    max: poolSize,
    application_name: name,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
  }, { statementNameGenerator: nameStatement });
  return new PrismaClient({ adapter });
}

/**
 * An array as PostgreSQL reads it in text, for the long ones of hot statements: written in one go, where the driver would
 * visit every element several times. Stands where an array would: `${sqlArray(keys)}::text[]`.
 */
export function sqlArray(values: readonly (string | number | bigint | boolean | Date | null)[]): string {
  return `{${values.map(sqlElement).join()}}`;
}

function sqlElement(value: string | number | bigint | boolean | Date | null): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return `"${value.replace(/[\\"]/g, "\\$&")}"`;
  return value instanceof Date ? `"${value.toISOString()}"` : String(value);
}

const guards = new AsyncLocalStorage<(tx: Tx) => Promise<void>>();

/** Runs `work` so that each of its `transact` calls begins with `guard`, which may refuse by throwing. */
export function withTransactionGuard<T>(guard: (tx: Tx) => Promise<void>, work: () => Promise<T>): Promise<T> {
  return guards.run(guard, work);
}

const RETRIES = 5;

/**
 * Runs `work` in one READ COMMITTED transaction. Serialization failures and deadlocks are retried a few times;
 * everything else is thrown as it is. `work` must not have effects outside the transaction.
 */
export async function transact<T>(db: Db, work: (tx: Tx) => Promise<T>, { timeoutMs = 30_000 }: { timeoutMs?: number } = {}): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.$transaction((tx) => runGuarded(tx, work), { timeout: timeoutMs, maxWait: 10_000 });
    } catch (error) {
      if (attempt >= RETRIES || !isTransient(error)) throw error;
    }
  }
}

async function runGuarded<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  await guards.getStore()?.(tx);
  return work(tx);
}

/** SQLSTATE of a database error, however the driver adapter wrapped it; null for anything else. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const meta = "meta" in error && typeof error.meta === "object" && error.meta !== null ? error.meta : {};
  const adapterError = "driverAdapterError" in meta ? meta.driverAdapterError : "cause" in error ? error : null;
  const cause = adapterError && typeof adapterError === "object" && "cause" in adapterError ? adapterError.cause : null;
  if (cause && typeof cause === "object") {
    if ("originalCode" in cause && typeof cause.originalCode === "string") return cause.originalCode;
    if ("code" in cause && typeof cause.code === "string") return cause.code;
  }
  if ("code" in error && error.code === "P2034") return "40001";
  if ("code" in error && error.code === "P2002") return "23505";
  return null;
}

function isTransient(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === "40001" || state === "40P01";
}

/** Not the caller's fault and likely to pass: the database is down, full, starting, or has no connection left. */
const PASSING_STATES = /^(08|53|57P0|57014|55P03|25P03|25006|40001|40P01|58030)/;
const PASSING_CODES = new Set(["P1001", "P1002", "P1008", "P1017", "P2024", "P2028", "P2034", "P2037", "ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EPIPE", "ETIMEDOUT"]);
// A socket file that is not there is one way of not being up.
const PASSING_MESSAGES = /connect ENOENT|timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Unable to start a transaction in the given time|terminating connection|Can't reach database server|the database system is|not currently accepting connections|server closed the connection/i;

/** Whether an error means that the database cannot answer now. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state !== null && PASSING_STATES.test(state)) return true;
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ("code" in at && typeof at.code === "string" && (PASSING_CODES.has(at.code) || PASSING_STATES.test(at.code))) return true;
    if (PASSING_MESSAGES.test(at.message)) return true;
  }
  return false;
}

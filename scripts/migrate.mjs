/**
 * Applies the migrations that a database lacks.
 * `node scripts/migrate.mjs [url]`; without an argument PLUMBLINE_MIGRATE_DATABASE_URL or DATABASE_URL.
 */
import { createHash, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, printError } from "./lib/failure.mjs";
import { inRoot } from "./lib/paths.mjs";

/** Any number of starts may migrate one database at once; this lock lets them in one by one. (the bytes "plumblin" as a number) */
const lockKey = "8100978942395836782";

const oldestServer = 15;
const insufficientPrivilege = "42501";

/** The table as Prisma makes it, so that `prisma migrate deploy` and `status` keep working on the same database. */
const bookkeeping = `CREATE TABLE _prisma_migrations (
  id varchar(36) PRIMARY KEY NOT NULL,
  checksum varchar(64) NOT NULL,
  finished_at timestamptz,
  migration_name varchar(255) NOT NULL,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

/**
 * The migrations in the order in which they apply.
 * @param {string} directory
 * @returns {{ name: string, sql: string, checksum: string }[]} checksum: SHA-256 of the file's bytes, hex
 */
export function readMigrations(directory = inRoot("prisma", "migrations")) {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(directory, entry.name, "migration.sql")))
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const bytes = readFileSync(path.join(directory, name, "migration.sql"));
      return { name, sql: bytes.toString("utf8"), checksum: createHash("sha256").update(bytes).digest("hex") };
    });
}

/**
 * Decides what is still to apply. Throws a Failure that says what to do when the two histories do not fit.
 * @param {{ name: string, sql: string, checksum: string }[]} files
 * @param {{ migration_name: string, checksum: string, finished_at: Date | null, rolled_back_at: Date | null, logs: string | null }[]} rows
 */
export function planMigrations(files, rows) {
  const live = rows.filter((row) => row.rolled_back_at === null);
  const known = new Map(files.map((file) => [file.name, file]));
  for (const row of live) {
    const name = row.migration_name;
    const file = known.get(name);
    if (!file) {
      throw new Failure(`The database has the migration "${name}", which this version of Plumbline does not know: a newer version has used it. Start that version, or restore a backup made before the upgrade.`);
    }
    if (row.finished_at === null) {
      throw new Failure(
        `The migration "${name}" was started on this database and did not finish${row.logs ? `:\n${row.logs}\n` : ". "}` +
          `Look at what it left behind (prisma/migrations/${name}/migration.sql) and undo it, then: DELETE FROM _prisma_migrations WHERE migration_name = '${name}' AND finished_at IS NULL; and start again. Restoring a backup does the same.`,
      );
    }
    if (row.checksum !== file.checksum) {
      throw new Failure(
        `prisma/migrations/${name}/migration.sql was changed after it had been applied to this database. Bring the file back as it was (git checkout -- prisma/migrations/${name}) and put the change into a new migration.`,
      );
    }
  }
  const applied = new Set(live.map((row) => row.migration_name));
  return files.filter((file) => !applied.has(file.name));
}

/** CREATE INDEX CONCURRENTLY and its like refuse to run inside a transaction. */
export function needsOwnTransaction(sql) {
  return /\bconcurrently\b/i.test(sql.replace(/--.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, ""));
}

/**
 * Brings a database up to date, or throws a Failure with the fix in words.
 * @param {{ url: string, directory?: string, log?: (line: string) => void }} options
 * @returns {Promise<string[]>} names of the migrations applied now
 */
export async function migrate({ url, directory, log = () => {} }) {
  const client = await connect(url);
  try {
    const { rows: versions } = await client.query("SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS shown");
    if (versions[0].number < oldestServer * 10_000) throw new Failure(`The database is PostgreSQL ${versions[0].shown}; Plumbline needs ${oldestServer} or newer.`);
    await client.query(`SELECT pg_advisory_lock(${lockKey})`);
    await client.query("SET client_min_messages = warning");
    const missing = planMigrations(readMigrations(directory), await readHistory(client));
    for (const migration of missing) {
      await apply(client, migration);
      log(`Applied migration ${migration.name}`);
    }
    return missing.map((migration) => migration.name);
  } catch (error) {
    if (error.code !== insufficientPrivilege) throw error;
    throw new Failure(`The database's user "${client.user}" may not migrate it: ${error.message}. Name one that may in PLUMBLINE_MIGRATE_DATABASE_URL (the owner of the database, with CREATEROLE).`, { cause: error });
  } finally {
    await client.end();
  }
}

async function connect(url) {
  const { default: pg } = await import("pg");
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) throw new Failure("The address of a database looks like postgresql://user:password@host:5432/name.");
  const client = new pg.Client({ connectionString: url, application_name: "plumbline migrate", connectionTimeoutMillis: 15_000 });
  // A connection lost later shows in the query that waits on it.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw new Failure(`Cannot connect to the database at ${client.host}:${client.port} as "${client.user}": ${error.message || error.code}`, { cause: error });
  }
}

/** What has been applied. The table is only made when it is absent, so that a database that is up to date asks for no rights. */
async function readHistory(client) {
  const { rows } = await client.query("SELECT to_regclass('_prisma_migrations') IS NULL AS absent");
  if (rows[0].absent) await client.query(bookkeeping);
  return (await client.query("SELECT migration_name, checksum, finished_at, rolled_back_at, logs FROM _prisma_migrations ORDER BY started_at")).rows;
}

async function apply(client, migration) {
  const started = "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ($1, $2, $3, clock_timestamp())";
  const finished = "UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1";
  const id = randomUUID();
  // Usually all or nothing, so that a crash or an error leaves no half-applied migration and the next start just tries again.
  const together = !needsOwnTransaction(migration.sql);
  try {
    if (together) await client.query("BEGIN");
    await client.query(started, [id, migration.checksum, migration.name]);
    await client.query(migration.sql);
    await client.query(finished, [id]);
    if (together) await client.query("COMMIT");
  } catch (error) {
    if (together) await client.query("ROLLBACK");
    else await client.query("UPDATE _prisma_migrations SET logs = $2 WHERE id = $1", [id, error.message]);
    throw new Failure(`The migration "${migration.name}" could not be applied${placeOf(error, migration.sql)}: ${error.message}${error.hint ? `\n${error.hint}` : ""}`, { cause: error });
  }
}

function placeOf(error, sql) {
  const position = Number(error.position);
  return Number.isInteger(position) ? ` (line ${sql.slice(0, position).split("\n").length})` : "";
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const url = process.argv[2] ?? process.env.PLUMBLINE_MIGRATE_DATABASE_URL ?? process.env.DATABASE_URL;
    if (!url) throw new Failure("Name the database: node scripts/migrate.mjs postgresql://… (or set DATABASE_URL).");
    const applied = await migrate({ url, log: console.log });
    if (applied.length === 0) console.log("The database is up to date.");
  } catch (error) {
    printError(error);
    process.exitCode = 1;
  }
}

import { createHash, randomBytes } from "node:crypto";
import { Client } from "pg";
import { migrate, readMigrations } from "@/scripts/migrate.mjs";

declare module "vitest" {
  export interface ProvidedContext {
    /** A server on which databases may be made; the template is migrated and never written to. */
    testDatabase: { url: string; template: string };
  }
}

/**
 * Migrates one template database that the tests clone, named by the migrations' own bytes so that it is made again when
 * they change. Needs PLUMBLINE_TEST_DATABASE_URL: a superuser of a PostgreSQL server for tests.
 */
export default async function setup(project: { provide: (key: "testDatabase", value: { url: string; template: string }) => void }): Promise<void> {
  const url = process.env.PLUMBLINE_TEST_DATABASE_URL;
  if (!url) throw new Error("Database tests need a PostgreSQL server: run them with `npm test`, or set PLUMBLINE_TEST_DATABASE_URL to a superuser's URL.");
  const version = createHash("sha256").update(readMigrations().map(({ checksum }) => checksum).join()).digest("hex").slice(0, 12);
  const template = `plumbline_template_${version}`;
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock(hashtextextended('plumbline.test-template', 0))");
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [template]);
    if (rowCount === 0) {
      // Made under another name first: a template is either whole or not there.
      const draft = `plumbline_draft_${randomBytes(6).toString("hex")}`;
      await client.query(`CREATE DATABASE ${draft}`);
      await migrate({ url: inDatabase(url, draft) });
      await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
    }
  } finally {
    await client.end();
  }
  project.provide("testDatabase", { url, template });
}

/** The same server, another database. */
export function inDatabase(url: string, database: string): string {
  const next = new URL(url);
  next.pathname = `/${database}`;
  return next.toString();
}

/** `npm start`: installs and builds what is missing, starts the database, web and worker, and keeps them running. */
import path from "node:path";
import { Failure } from "./lib/failure.mjs";
import { inRoot } from "./lib/paths.mjs";
import { runForeground } from "./lib/foreground.mjs";

await runForeground(() => ({
  dataDir: path.resolve(process.env.PLUMBLINE_DATA || inRoot(".plumbline")),
  host: process.env.PLUMBLINE_HOST || "127.0.0.1",
  port: readPort(process.env.PLUMBLINE_PORT, 4600),
  url: process.env.PLUMBLINE_URL || undefined,
  databaseUrl: process.env.DATABASE_URL || undefined,
  migrateUrl: process.env.PLUMBLINE_MIGRATE_DATABASE_URL || undefined,
}));

function readPort(text, otherwise) {
  if (!text) return otherwise;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Failure(`PLUMBLINE_PORT must be a number from 1 to 65535, not "${text}".`);
  return port;
}

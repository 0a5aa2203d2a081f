import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ed25519 } from "@noble/curves/ed25519.js";
import { Client } from "pg";
import { inject } from "vitest";
import { ROLES, type Role } from "@/lib/domain/access/roles";
import type { RoleInScope } from "@/lib/domain/access/permissions";
import { ChangeWatcher } from "@/server/changes/watch-changes";
import { readConfig } from "@/server/config";
import type { Actor, App, Ctx } from "@/server/context";
import { openDatabase } from "@/server/db";
import { ensureGenesis } from "@/server/ledger/genesis";
import { loadKeys } from "@/server/ledger/keys";
import { createLog } from "@/server/log";
import { replaceProcessWide } from "@/server/process-wide";
import { makeSecret, hashSecret } from "@/server/access/secret-token";
import { inDatabase } from "./global-setup";

export type TestApp = {
  app: App;
  db: App["db"];
  /** The database's URL for the application's role and for its owner. */
  url: string;
  ownerUrl: string;
  /** A context of a new person with these roles everywhere; all of them when none is named. */
  ctx: (...roles: Role[]) => Promise<Ctx>;
  /** The same with roles in scopes. */
  ctxWith: (roles: RoleInScope[]) => Promise<Ctx>;
  /** A new API token with these roles, of a new person without any, as an Authorization header. */
  bearer: (...roles: Role[]) => Promise<{ authorization: string }>;
  /** A superuser's connection beside the app's own. */
  asOwner: () => Promise<Client>;
  drop: () => Promise<void>;
};

/**
 * An app on a database of its own, cloned from the migrated template, with a ledger that has been opened. Route handlers
 * in this test process use it too. Call `drop` in `afterAll`.
 */
export async function createTestApp({ demo = false, genesis = true, outboundAllow = "" }: { demo?: boolean; genesis?: boolean; outboundAllow?: string } = {}): Promise<TestApp> {
  const server = inject("testDatabase");
  const name = `plumbline_test_${randomBytes(8).toString("hex")}`;
  await asSuperuser(server.url, `CREATE DATABASE ${name} TEMPLATE ${server.template}`);
  const ownerUrl = inDatabase(server.url, name);
  const appUrl = new URL(ownerUrl);
  appUrl.searchParams.set("options", "-c role=plumbline_app");
  const url = appUrl.toString();
  const dataDir = mkdtempSync(join(tmpdir(), "plumbline-test-"));
  const config = readConfig({ DATABASE_URL: url, PLUMBLINE_DATA: dataDir, PLUMBLINE_LOG_LEVEL: process.env.PLUMBLINE_LOG_LEVEL ?? "silent", PLUMBLINE_DATABASE_POOL: "8", PLUMBLINE_DEMO: demo ? "1" : "0", PLUMBLINE_OUTBOUND_ALLOW: outboundAllow });
  const app: App = {
    config,
    db: openDatabase(url, { poolSize: config.poolSize, name: "plumbline test" }),
    keys: loadKeys(config.keysDir, (seed) => ed25519.getPublicKey(seed), demo),
    log: createLog("test", config.logLevel),
  };
  const watcher = new ChangeWatcher(app);
  replaceProcessWide("app", app);
  replaceProcessWide("changes", watcher);
  if (genesis) await ensureGenesis(app);

  const everywhere = (role: Role): RoleInScope => ({ role, service: "*", environment: "*", expiresAt: null });
  const ctxWith = async (roles: RoleInScope[]): Promise<Ctx> => ({ ...app, actor: await makeActor(app, "person", roles), requestId: `test-${randomUUID()}` });
  return {
    app,
    db: app.db,
    url,
    ownerUrl,
    ctx: (...roles) => ctxWith((roles.length === 0 ? ROLES : roles).map(everywhere)),
    ctxWith,
    bearer: async (...roles) => {
      const actor = await makeActor(app, "token", (roles.length === 0 ? ROLES : roles).map(everywhere));
      const person = await makeActor(app, "person", []);
      await app.db.$executeRaw`UPDATE actors SET person_id = ${person.id}::uuid WHERE id = ${actor.id}::uuid`;
      const token = makeSecret("api");
      await app.db.$executeRaw`
        INSERT INTO api_tokens (name, actor_id, token_hash, expires_at) VALUES ('test', ${actor.id}::uuid, ${hashSecret(token)}, now() + interval '1 hour')`;
      return { authorization: `Bearer ${token}` };
    },
    asOwner: async () => {
      const client = new Client({ connectionString: ownerUrl });
      await client.connect();
      return client;
    },
    drop: async () => {
      watcher.stop();
      replaceProcessWide("app", undefined);
      replaceProcessWide("changes", undefined);
      await app.db.$disconnect();
      await asSuperuser(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Rows only, no ledger entry but the first one: what a test arranges is not what it tests. */
async function makeActor(app: App, kind: "person" | "token", roles: RoleInScope[]): Promise<Actor> {
  const id = randomUUID();
  await app.db.$executeRaw`INSERT INTO actors (id, kind, display_name) VALUES (${id}::uuid, ${kind}, ${`test ${kind}`})`;
  for (const { role, service, environment } of roles) {
    await app.db.$executeRaw`
      INSERT INTO role_bindings (actor_id, role, service_pattern, environment_pattern, entry_seq) VALUES (${id}::uuid, ${role}, ${service}, ${environment}, 0)`;
  }
  return { id, kind, name: `test ${kind}`, personId: id, roles };
}

async function asSuperuser(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

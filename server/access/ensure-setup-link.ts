import { ROLES } from "@/lib/domain/access/roles";
import type { SetupLinkDto } from "@/lib/contract/access";
import { DEMO_PERSON_ID } from "@/server/auth/demo-person";
import { systemContext, type App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { appendEntry } from "@/server/ledger/append-entry";
import { insertToken } from "./create-token";
import { grantRoles } from "./grant-roles";
import { hashSecret, makeSecret } from "./secret-token";
import { readSetupFile, writeSetupFile } from "./setup-file";

const VALID_MS = 24 * 3_600_000;
const EVERYTHING = ROLES.map((role) => ({ role, service: "*", environment: "*" }));

/**
 * The first start: as long as nobody has an account there is a valid single-use set-up link, and a first token, in
 * `<data>/setup.json`. Does nothing when the file's link still works. Safe when several processes start at once.
 */
export async function ensureSetupLink(app: App): Promise<void> {
  await transact(app.db, async (tx) => {
    await lockSetup(tx);
    const [people] = await tx.$queryRaw<{ known: boolean }[]>`SELECT EXISTS (SELECT FROM "user") AS known`;
    if (people?.known) return;
    const link = readSetupFile(app)?.link ?? null;
    const token = link ? new URL(link).searchParams.get("token") : null;
    if (token !== null) {
      const [valid] = await tx.$queryRaw<{ id: string }[]>`
        SELECT id::text FROM setup_links WHERE token_hash = ${hashSecret(token)} AND used_at IS NULL AND expires_at > clock_timestamp() + interval '10 minutes'`;
      // A link of another address (the port has changed) would lead nowhere.
      if (valid && link?.startsWith(`${app.config.url}/`)) return;
    }
    await makeLink(tx, app);
  });
}

/** A new single-use link and token, also written to setup.json; older unused set-up links end. */
export async function createSetupLink({ ctx: app }: { ctx: App }): Promise<SetupLinkDto> {
  return transact(app.db, async (tx) => {
    await lockSetup(tx);
    return makeLink(tx, app);
  });
}

async function lockSetup(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.setup', 0))`;
}

async function makeLink(tx: Tx, app: App): Promise<SetupLinkDto> {
  await tx.$executeRaw`UPDATE setup_links SET used_at = clock_timestamp() WHERE purpose = 'setup' AND used_at IS NULL`;
  const secret = makeSecret("setup");
  await tx.$executeRaw`
    INSERT INTO setup_links (purpose, token_hash, expires_at) VALUES ('setup', ${hashSecret(secret)}, clock_timestamp() + make_interval(secs => ${VALID_MS / 1_000}::float8))`;
  const { token, expiresAt } = await insertToken(tx, systemContext(app, "set-up"), { name: "set-up", team: null, roles: EVERYTHING, lifetimeMs: VALID_MS, personId: null });
  const content = { link: `${app.config.url}/setup?token=${secret}`, token, expiresAt: expiresAt.toISOString() };
  // Before the commit: a file without a row is replaced by the next start, a row without a file would lock everyone out.
  writeSetupFile(app, content);
  return content;
}

/** The demo's one person, who needs no password because the demo is for this machine alone. Idempotent. */
export async function ensureDemoPerson(app: App): Promise<void> {
  await transact(app.db, async (tx) => {
    await lockSetup(tx);
    const [known] = await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM actors WHERE id = ${DEMO_PERSON_ID}::uuid`;
    if (known) return;
    await tx.$executeRaw`INSERT INTO actors (id, kind, display_name) VALUES (${DEMO_PERSON_ID}::uuid, 'person', 'Demo')`;
    const { seq } = await appendEntry(tx, systemContext(app, "demo"), { type: "user-created", scope: { service: null, environment: null }, payload: { actor: DEMO_PERSON_ID, purpose: "demo", roles: EVERYTHING } });
    await grantRoles(tx, { actorId: DEMO_PERSON_ID, roles: EVERYTHING, seq, expiresAt: null });
  });
}

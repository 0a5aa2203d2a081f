import { transact, type Tx } from "@/server/db";
import { SYSTEM_ACTOR, systemContext, type App, type Ctx } from "@/server/context";
import { recordChanges } from "@/server/changes/record-change";
import { appendEntry } from "./append-entry";
import { recoveryVkey, serverVkey } from "./signing-key";

const DEFAULT_ENVIRONMENTS = [
  { name: "dev", ordinal: 0, protected: false, requiredApprovals: 0 },
  { name: "staging", ordinal: 1, protected: false, requiredApprovals: 0 },
  { name: "production", ordinal: 2, protected: true, requiredApprovals: 1 },
] as const;

/**
 * The first start: system actor, ledger head, the entry that opens the ledger, its epoch and the default environments.
 * Idempotent and safe when several processes start at once.
 * @throws Error when the database's ledger is another one than the key files'
 */
export async function ensureGenesis(app: App): Promise<void> {
  const { keys } = app;
  const ctx = systemContext(app, "first-start");
  await transact(app.db, async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.genesis', 0))`;
    const [head] = await tx.$queryRaw<{ origin: string; size: bigint }[]>`SELECT origin, size FROM ledger_head`;
    if (head) {
      if (head.origin !== keys.origin) {
        throw new Error(`The database holds the ledger ${head.origin}, but the key files in ${app.config.keysDir} belong to ${keys.origin}. Start with the data folder that belongs to this database.`);
      }
      return;
    }
    await tx.$executeRaw`
      INSERT INTO actors (id, kind, display_name) VALUES (${SYSTEM_ACTOR.id}::uuid, 'system', ${SYSTEM_ACTOR.name}) ON CONFLICT DO NOTHING`;
    await tx.$executeRaw`INSERT INTO ledger_head (origin, epoch) VALUES (${keys.origin}, ${keys.epoch})`;
    const vkey = serverVkey(keys);
    const recovery = recoveryVkey(keys);
    const { seq } = await appendEntry(tx, ctx, {
      type: "ledger-opened",
      scope: { service: null, environment: null },
      payload: { epoch: keys.epoch, vkey, recoveryKey: recovery },
    });
    await tx.$executeRaw`
      INSERT INTO ledger_epochs (epoch, vkey, recovery_key, opened_seq) VALUES (${keys.epoch}, ${vkey}, ${recovery}, ${seq})`;
    for (const environment of DEFAULT_ENVIRONMENTS) await createEnvironment(tx, ctx, environment);
  });
}

type NewEnvironment = { name: string; ordinal: number; protected: boolean; requiredApprovals: number };

async function createEnvironment(tx: Tx, ctx: Ctx, environment: NewEnvironment): Promise<void> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`SELECT gen_random_uuid()::text AS id`;
  const id = row?.id ?? null;
  const { seq } = await appendEntry(tx, ctx, {
    type: "environment-created",
    environmentId: id,
    scope: { service: null, environment: environment.name },
    payload: { ordinal: environment.ordinal, protected: environment.protected, mode: "observe", kind: "permanent", requiredApprovals: environment.requiredApprovals },
  });
  await tx.$executeRaw`
    INSERT INTO environments (id, name, ordinal, protected, required_approvals, entry_seq)
    VALUES (${id}::uuid, ${environment.name}, ${environment.ordinal}, ${environment.protected}, ${environment.requiredApprovals}, ${seq})`;
  await recordChanges(tx, [{ topic: "settings", environmentId: id }]);
}

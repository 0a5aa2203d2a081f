import type { App } from "@/server/context";
import { ledgerFault } from "@/server/ledger/sign-checkpoint";

export type Readiness = {
  ready: boolean;
  database: "ok" | "unavailable";
  migrations: "ok" | "missing" | "unknown";
  ledger: "open" | "not-open" | "fault" | "unknown";
  /** Why nothing is signed now, in words; reads are served all the same. */
  ledgerFault: string | null;
  /** When a worker last showed life; jobs wait while none does, requests do not. */
  worker: { lastSeenAt: string | null; alive: boolean };
};

const WORKER_ALIVE_SECONDS = 15;

/** What a request needs: the database, migrated, with an open ledger. The worker is told beside it. */
export async function checkReadiness(app: App): Promise<Readiness> {
  try {
    const [row] = await app.db.$queryRaw<{ migrated: boolean; opened: boolean; worker: Date | null; alive: boolean }[]>`
      SELECT NOT EXISTS (SELECT FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL) AS migrated,
        EXISTS (SELECT FROM ledger_head WHERE size > 0) AS opened,
        (SELECT at FROM heartbeats WHERE role = 'worker') AS worker,
        coalesce((SELECT at > clock_timestamp() - make_interval(secs => ${WORKER_ALIVE_SECONDS}::float8) FROM heartbeats WHERE role = 'worker'), false) AS alive`;
    const migrated = row?.migrated ?? false;
    const opened = row?.opened ?? false;
    const fault = ledgerFault(app);
    return {
      ready: migrated && opened,
      database: "ok",
      migrations: migrated ? "ok" : "missing",
      ledger: !opened ? "not-open" : fault ? "fault" : "open",
      ledgerFault: fault?.message ?? null,
      worker: { lastSeenAt: row?.worker?.toISOString() ?? null, alive: row?.alive ?? false },
    };
  } catch (error) {
    app.log.warn({ err: error }, "not ready");
    return { ready: false, database: "unavailable", migrations: "unknown", ledger: "unknown", ledgerFault: null, worker: { lastSeenAt: null, alive: false } };
  }
}

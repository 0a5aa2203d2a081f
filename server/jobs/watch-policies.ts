import { isFrozen } from "@/lib/domain/rollout/freeze-window";
import { recordChanges } from "@/server/changes/record-change";
import { systemContext, type App } from "@/server/context";
import { transact } from "@/server/db";
import { noteEnd, type WaiverRow } from "@/server/policies/end-waiver";
import { toFreezeWindow } from "@/server/policies/read-freeze";
import { noteUnpinned, type PinRow } from "@/server/policies/unpin-partition";

const BATCH = 50;

/** Notes the end of waivers whose time is over. What they covered counts since that time; this is the record, and wakes the pages. */
export async function endExpiredWaivers(app: App, now = new Date()): Promise<number> {
  return transact(app.db, async (tx) => {
    const due = await tx.$queryRaw<WaiverRow[]>`
      SELECT w.id::text, w.category, w.partition::text, w.entry_seq, false AS ended, true AS expired, w.service_id::text, s.name::text AS service, w.environment_id::text, e.name::text AS environment
      FROM waivers w JOIN services s ON s.id = w.service_id JOIN environments e ON e.id = w.environment_id
      WHERE w.ended_seq IS NULL AND w.expires_at <= ${now} ORDER BY w.expires_at, w.id LIMIT ${BATCH} FOR UPDATE OF w SKIP LOCKED`;
    for (const waiver of due) await noteEnd(tx, systemContext(app), waiver, null);
    return due.length;
  });
}

/** Notes the end of pins whose time is over. Rollouts may touch those partitions since that time. */
export async function endExpiredPins(app: App, now = new Date()): Promise<number> {
  return transact(app.db, async (tx) => {
    const due = await tx.$queryRaw<PinRow[]>`
      SELECT n.id::text, n.partition::text, n.entry_seq, n.service_id::text, s.name::text AS service, n.environment_id::text, e.name::text AS environment
      FROM pins n JOIN services s ON s.id = n.service_id JOIN environments e ON e.id = n.environment_id
      WHERE n.ended_seq IS NULL AND n.expires_at <= ${now} ORDER BY n.expires_at, n.id LIMIT ${BATCH} FOR UPDATE OF n SKIP LOCKED`;
    for (const pin of due) await noteUnpinned(tx, systemContext(app), pin, null);
    return due.length;
  });
}

/** Wakes the pages that show a freeze which began or ended by itself between two moments. */
export async function announceFreezes(app: App, from: Date, to: Date): Promise<number> {
  return transact(app.db, async (tx) => {
    const rows = await tx.$queryRaw<{ id: string; environment_id: string; service_id: string | null; service: string | null; starts_at: Date; ends_at: Date | null; schedule: unknown }[]>`
      SELECT f.id::text, f.environment_id::text, f.service_id::text, s.name::text AS service, f.starts_at, f.ends_at, f.schedule FROM freezes f LEFT JOIN services s ON s.id = f.service_id
      WHERE f.lifted_seq IS NULL AND f.starts_at <= ${to} AND (f.ends_at IS NULL OR f.ends_at > ${from})`;
    const turned = rows.filter((row) => {
      const window = toFreezeWindow(row);
      return isFrozen(window, from.getTime()).frozen !== isFrozen(window, to.getTime()).frozen;
    });
    await recordChanges(tx, turned.flatMap((row) => {
      const scope = { environmentId: row.environment_id, serviceId: row.service_id, serviceName: row.service };
      return [{ topic: "settings" as const, ...scope, key: row.id }, { topic: "assignment" as const, ...scope }];
    }));
    return turned.length;
  });
}

/** One job of all. It remembers when it looked last: what turned while no worker ran is seen by whoever looks. */
export function watchPolicies(): (app: App) => Promise<void> {
  let last: Date | null = null;
  return async (app) => {
    const [clock] = await app.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const now = clock?.now ?? new Date(0);
    await endExpiredWaivers(app, now);
    await endExpiredPins(app, now);
    if (last) await announceFreezes(app, last, now);
    last = now;
  };
}

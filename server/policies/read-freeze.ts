import { freezeSchedule } from "@/lib/contract/freezes";
import { isFrozen, type FreezeWindow } from "@/lib/domain/rollout/freeze-window";
import type { Db, Tx } from "@/server/db";

export type FreezeInForce = { id: string; name: string; until: Date | null };

/** The freeze in force at a place that ends last; `until` is null for one that never ends by itself. null: promotions are free. */
export async function readFreeze(db: Db | Tx, place: { environmentId: string; serviceId: string }, now: Date): Promise<FreezeInForce | null> {
  const rows = await db.$queryRaw<{ id: string; name: string; starts_at: Date; ends_at: Date | null; schedule: unknown }[]>`
    SELECT id::text, name, starts_at, ends_at, schedule FROM freezes
    WHERE environment_id = ${place.environmentId}::uuid AND (service_id IS NULL OR service_id = ${place.serviceId}::uuid)
      AND lifted_seq IS NULL AND starts_at <= ${now} AND (ends_at IS NULL OR ends_at > ${now})
    ORDER BY created_at, id`;
  let last: FreezeInForce | null = null;
  for (const row of rows) {
    const state = isFrozen(toFreezeWindow(row), now.getTime());
    if (!state.frozen) continue;
    const until = state.untilMs === null ? null : new Date(state.untilMs);
    if (last === null || until === null || (last.until !== null && until > last.until)) last = { id: row.id, name: row.name, until };
  }
  return last;
}

/** A row as the domain decides on it. */
export function toFreezeWindow(row: { starts_at: Date; ends_at: Date | null; schedule: unknown }): FreezeWindow {
  return { startsAtMs: row.starts_at.getTime(), endsAtMs: row.ends_at?.getTime() ?? null, schedule: freezeSchedule.nullable().parse(row.schedule) };
}

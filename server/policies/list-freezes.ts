import type { z } from "zod";
import { freezeSchedule, type FreezeDto, type freezesQuery } from "@/lib/contract/freezes";
import type { Page } from "@/lib/contract/primitives";
import { isFrozen } from "@/lib/domain/rollout/freeze-window";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { toFreezeWindow } from "./read-freeze";

type Row = { id: string; name: string; environment: string; service: string | null; starts_at: Date; ends_at: Date | null; schedule: unknown; lifted: boolean; reason: string | null; by: string; created_at: Date; entry_seq: bigint; now: Date };

const MOST = 500;

/** Freezes with where they stand now: in force first, then by what comes next, then what is over. */
export async function listFreezes({ ctx, input }: { ctx: Ctx; input: z.output<typeof freezesQuery> }): Promise<Page<FreezeDto>> {
  authorise(ctx, "freezes.read", { ...(input.environment !== undefined && { environment: input.environment }), ...(input.service !== undefined && { service: input.service }) });
  const freezes = await loadFreezes(ctx.db, { environment: input.environment, service: input.service });
  const items = freezes
    .filter((freeze) => visibleTo(ctx, "freezes.read", { environment: freeze.environment, ...(freeze.service !== null && { service: freeze.service }) }))
    .filter(({ state }) => input.state === "all" || state === "frozen" || state === "coming");
  return { items, nextCursor: null };
}

/** Freezes as they stand by the database's clock; those of a service are listed with those of all services. */
export async function loadFreezes(db: Db | Tx, filter: { id?: string | undefined; environment?: string | undefined; service?: string | undefined }): Promise<FreezeDto[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT f.id::text, f.name, e.name::text AS environment, s.name::text AS service, f.starts_at, f.ends_at, f.schedule, f.lifted_seq IS NOT NULL AS lifted, t.text AS reason,
      coalesce(a.display_name, 'Plumbline') AS by, f.created_at, f.entry_seq, statement_timestamp() AS now
    FROM freezes f JOIN environments e ON e.id = f.environment_id LEFT JOIN services s ON s.id = f.service_id LEFT JOIN actors a ON a.id = f.actor_id
    LEFT JOIN ledger_texts t ON t.entry_seq = f.entry_seq AND t.field = 'reason'
    WHERE (${filter.id ?? null}::uuid IS NULL OR f.id = ${filter.id ?? null}::uuid) AND (${filter.environment ?? null}::text IS NULL OR e.name = ${filter.environment ?? null})
      AND (${filter.service ?? null}::text IS NULL OR s.name = ${filter.service ?? null} OR s.id IS NULL)
    ORDER BY (f.lifted_seq IS NULL AND (f.ends_at IS NULL OR f.ends_at > statement_timestamp())) DESC, f.created_at DESC LIMIT ${MOST}`;
  return rows.map(toDto).sort((a, b) => rank(a) - rank(b) || (orderOf(a) < orderOf(b) ? -1 : 1));
}

function rank({ state }: FreezeDto): number {
  return ["frozen", "coming", "over", "lifted"].indexOf(state);
}

/** What is in force by its end, what comes by its beginning, what is over the latest first. */
function orderOf({ state, until, next, placedAt }: FreezeDto): string {
  if (state === "frozen") return until ?? "9999";
  return state === "coming" ? (next ?? "9999") : String(Number.MAX_SAFE_INTEGER - Date.parse(placedAt));
}

function toDto(row: Row): FreezeDto {
  const state = isFrozen(toFreezeWindow(row), row.now.getTime());
  const text = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    id: row.id,
    name: row.name,
    environment: row.environment,
    service: row.service,
    startsAt: row.starts_at.toISOString(),
    endsAt: row.ends_at?.toISOString() ?? null,
    schedule: freezeSchedule.nullable().parse(row.schedule),
    state: row.lifted ? "lifted" : state.frozen ? "frozen" : state.nextMs === null ? "over" : "coming",
    until: state.frozen && !row.lifted ? text(state.untilMs) : null,
    next: state.frozen || row.lifted ? null : text(state.nextMs),
    reason: row.reason,
    by: row.by,
    placedAt: row.created_at.toISOString(),
    entry: Number(row.entry_seq),
  };
}

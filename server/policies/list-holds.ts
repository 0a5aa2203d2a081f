import type { z } from "zod";
import type { HoldDto, holdsQuery } from "@/lib/contract/policies";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";

type Row = { id: string; service: string; environment: string; partition: string; version: string | null; reason: string | null; by: string; created_at: Date; entry_seq: bigint };

const MOST = 500;

/** The holds that stand, the newest first, with who placed each and why. */
export async function listHolds({ ctx, input }: { ctx: Ctx; input: z.output<typeof holdsQuery> }): Promise<Page<HoldDto>> {
  authorise(ctx, "rollouts.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const holds = await loadHolds(ctx.db, { service: input.service, environment: input.environment });
  return { items: holds.filter(({ service, environment }) => visibleTo(ctx, "rollouts.read", { service, environment })), nextCursor: null };
}

/** One that a rollback or a stop placed has their reason: it stands beside the same entry. */
export async function loadHolds(db: Db | Tx, filter: { id?: string | undefined; service?: string | undefined; environment?: string | undefined }): Promise<HoldDto[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT h.id::text, s.name::text AS service, e.name::text AS environment, h.partition::text, r.version, t.text AS reason, a.display_name AS by, h.created_at, h.entry_seq
    FROM holds h JOIN services s ON s.id = h.service_id JOIN environments e ON e.id = h.environment_id JOIN actors a ON a.id = h.actor_id
    LEFT JOIN releases r ON r.id = h.release_id LEFT JOIN ledger_texts t ON t.entry_seq = h.entry_seq AND t.field = 'reason'
    WHERE h.lifted_at IS NULL AND (${filter.id ?? null}::uuid IS NULL OR h.id = ${filter.id ?? null}::uuid)
      AND (${filter.service ?? null}::text IS NULL OR s.name = ${filter.service ?? null}) AND (${filter.environment ?? null}::text IS NULL OR e.name = ${filter.environment ?? null})
    ORDER BY h.created_at DESC, h.id LIMIT ${MOST}`;
  return rows.map((row) => ({ id: row.id, service: row.service, environment: row.environment, partition: row.partition, version: row.version, reason: row.reason, by: row.by, since: row.created_at.toISOString(), entry: Number(row.entry_seq) }));
}

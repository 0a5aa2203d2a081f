import type { z } from "zod";
import type { WaiverDto, waiversQuery } from "@/lib/contract/policies";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";

type Row = { id: string; service: string; environment: string; partition: string; category: WaiverDto["category"]; state: WaiverDto["state"]; expires_at: Date; reason: string | null; by: string; created_at: Date; entry_seq: bigint; findings: number };

const MOST = 500;

/** Waivers, those in force first and the soonest to expire before the others. */
export async function listWaivers({ ctx, input }: { ctx: Ctx; input: z.output<typeof waiversQuery> }): Promise<Page<WaiverDto>> {
  authorise(ctx, "waivers.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const waivers = await loadWaivers(ctx.db, { service: input.service, environment: input.environment });
  return { items: waivers.filter(({ service, environment, state }) => (input.state === "all" || state === "in-force") && visibleTo(ctx, "waivers.read", { service, environment })), nextCursor: null };
}

/** Waivers as they stand by the database's clock. */
export async function loadWaivers(db: Db | Tx, filter: { ids?: readonly string[]; service?: string | undefined; environment?: string | undefined }): Promise<WaiverDto[]> {
  if (filter.ids?.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT w.id::text, s.name::text AS service, e.name::text AS environment, w.partition::text, w.category,
      CASE WHEN w.expires_at <= statement_timestamp() AND (w.ended_at IS NULL OR w.ended_at >= w.expires_at) THEN 'expired' WHEN w.ended_seq IS NOT NULL THEN 'ended' ELSE 'in-force' END AS state,
      w.expires_at, t.text AS reason, coalesce(a.display_name, 'Plumbline') AS by, w.created_at, w.entry_seq,
      (SELECT count(*)::int FROM findings f WHERE f.service_id = w.service_id AND f.environment_id = w.environment_id AND coalesce(f.partition, 'default') = w.partition AND f.kind = w.category AND f.resolved_at IS NULL) AS findings
    FROM waivers w JOIN services s ON s.id = w.service_id JOIN environments e ON e.id = w.environment_id LEFT JOIN actors a ON a.id = w.actor_id
    LEFT JOIN ledger_texts t ON t.entry_seq = w.entry_seq AND t.field = 'reason'
    WHERE (${filter.ids === undefined} OR w.id = ANY(${filter.ids ?? []}::uuid[]))
      AND (${filter.service ?? null}::text IS NULL OR s.name = ${filter.service ?? null}) AND (${filter.environment ?? null}::text IS NULL OR e.name = ${filter.environment ?? null})
    ORDER BY (w.ended_seq IS NULL AND w.expires_at > statement_timestamp()) DESC, CASE WHEN w.ended_seq IS NULL AND w.expires_at > statement_timestamp() THEN w.expires_at END, w.created_at DESC, w.id LIMIT ${MOST}`;
  return rows.map((row) => ({
    id: row.id, service: row.service, environment: row.environment, partition: row.partition, category: row.category, state: row.state, expiresAt: row.expires_at.toISOString(),
    reason: row.reason, by: row.by, grantedAt: row.created_at.toISOString(), entry: Number(row.entry_seq), findings: row.findings,
  }));
}

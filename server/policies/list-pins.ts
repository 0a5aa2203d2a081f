import type { z } from "zod";
import type { PinDto, pinsQuery } from "@/lib/contract/partitions";
import type { Page } from "@/lib/contract/primitives";
import type { PinRef } from "@/lib/contract/rollouts";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { readReleases, refOf } from "@/server/drift/read-references";
import { pinnedSql } from "./pin-sql";

type Row = { id: string; service: string; environment: string; partition: string; state: PinDto["state"]; expires_at: Date | null; reason: string | null; by: string; created_at: Date; entry_seq: bigint; release_id: string | null };

const MOST = 500;

/** Pins, those in force first and the soonest to expire before the others. */
export async function listPins({ ctx, input }: { ctx: Ctx; input: z.output<typeof pinsQuery> }): Promise<Page<PinDto>> {
  authorise(ctx, "pins.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const pins = await loadPins(ctx.db, { service: input.service, environment: input.environment });
  return { items: pins.filter(({ service, environment, state }) => (input.state === "all" || state === "in-force") && visibleTo(ctx, "pins.read", { service, environment })), nextCursor: null };
}

/** Pins as they stand by the database's clock. */
export async function loadPins(db: Db | Tx, filter: { ids?: readonly string[]; service?: string | undefined; environment?: string | undefined }): Promise<PinDto[]> {
  if (filter.ids?.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT n.id::text, s.name::text AS service, e.name::text AS environment, n.partition::text, n.expires_at, t.text AS reason, a.display_name AS by, n.created_at, n.entry_seq, g.release_id::text,
      CASE WHEN ${pinnedSql("n")} THEN 'in-force' WHEN n.expires_at <= clock_timestamp() AND (n.ended_at IS NULL OR n.ended_at >= n.expires_at) THEN 'expired' ELSE 'ended' END AS state
    FROM pins n JOIN services s ON s.id = n.service_id JOIN environments e ON e.id = n.environment_id JOIN actors a ON a.id = n.actor_id
    LEFT JOIN ledger_texts t ON t.entry_seq = n.entry_seq AND t.field = 'reason'
    LEFT JOIN assignments g ON g.service_id = n.service_id AND g.environment_id = n.environment_id AND g.partition = n.partition
    WHERE (${filter.ids === undefined} OR n.id = ANY(${filter.ids ?? []}::uuid[]))
      AND (${filter.service ?? null}::text IS NULL OR s.name = ${filter.service ?? null}) AND (${filter.environment ?? null}::text IS NULL OR e.name = ${filter.environment ?? null})
    ORDER BY (n.ended_seq IS NULL) DESC, n.expires_at NULLS LAST, n.created_at DESC, n.id LIMIT ${MOST}`;
  const releases = await readReleases(db, rows.map((row) => row.release_id));
  return rows.map((row) => ({
    id: row.id, service: row.service, environment: row.environment, partition: row.partition, state: row.state, expiresAt: row.expires_at?.toISOString() ?? null,
    reason: row.reason, by: row.by, since: row.created_at.toISOString(), entry: Number(row.entry_seq), assigned: refOf(releases.get(row.release_id ?? "")),
  }));
}

/** A pin as the place that it is on shows it. */
export function refOfPin({ id, reason, by, since, expiresAt, entry }: PinDto): PinRef {
  return { id, reason, by, since, expiresAt, entry };
}

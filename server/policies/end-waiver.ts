import type { z } from "zod";
import type { endWaiverRequest } from "@/lib/contract/policies";
import { authorise, visibleTo } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";

export type WaiverRow = { id: string; category: string; partition: string; entry_seq: bigint; ended: boolean; expired: boolean; service_id: string; service: string; environment_id: string; environment: string };

/** Ends a waiver before its time: what it covered counts again. @throws AppError not-found; conflict when it is over */
export async function endWaiver({ ctx, input }: { ctx: Ctx; input: z.output<typeof endWaiverRequest> }): Promise<{ entry: number }> {
  return transact(ctx.db, async (tx) => {
    const [waiver] = await tx.$queryRaw<WaiverRow[]>`
      SELECT w.id::text, w.category, w.partition::text, w.entry_seq, w.ended_seq IS NOT NULL AS ended, w.expires_at <= clock_timestamp() AS expired,
        w.service_id::text, s.name::text AS service, w.environment_id::text, e.name::text AS environment
      FROM waivers w JOIN services s ON s.id = w.service_id JOIN environments e ON e.id = w.environment_id WHERE w.id = ${input.waiver}::uuid FOR UPDATE OF w`;
    if (!waiver || !visibleTo(ctx, "waivers.read", waiver)) throw notFound("waiver");
    authorise(ctx, "waivers.end", waiver);
    if (waiver.ended || waiver.expired) throw new AppError("conflict", waiver.ended ? "This waiver has ended already." : "This waiver has expired already.", { type: "not-waived" });
    return { entry: Number(await noteEnd(tx, ctx, waiver, input.reason)) };
  });
}

/** Writes the end of a waiver whose row is locked; without a reason its time was over. */
export async function noteEnd(tx: Tx, ctx: Ctx, waiver: Omit<WaiverRow, "ended" | "expired">, reason: string | null): Promise<bigint> {
  const scope = { serviceId: waiver.service_id, serviceName: waiver.service, environmentId: waiver.environment_id };
  await recordChanges(tx, [{ topic: "findings", ...scope }, { topic: "settings", ...scope, key: waiver.id }]);
  const { seq, at } = await appendEntry(tx, ctx, {
    type: "waiver-ended",
    serviceId: waiver.service_id,
    environmentId: waiver.environment_id,
    scope: { service: waiver.service, environment: waiver.environment },
    payload: { waiver: waiver.id, granted: Number(waiver.entry_seq), partition: waiver.partition, category: waiver.category, expired: reason === null },
    ...(reason !== null && { texts: { reason } }),
  });
  await tx.$executeRaw`UPDATE waivers SET ended_at = ${at}, ended_seq = ${seq} WHERE id = ${waiver.id}::uuid`;
  return seq;
}

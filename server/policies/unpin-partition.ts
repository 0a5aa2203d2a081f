import type { z } from "zod";
import type { unpinRequest } from "@/lib/contract/partitions";
import { authorise, visibleTo } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";

export type PinRow = { id: string; partition: string; entry_seq: bigint; service_id: string; service: string; environment_id: string; environment: string };

/** Ends a pin: rollouts may touch the partition again. Nothing that runs changes by it. @throws AppError not-found; conflict when it is over */
export async function unpinPartition({ ctx, input }: { ctx: Ctx; input: z.output<typeof unpinRequest> }): Promise<{ entry: number }> {
  return transact(ctx.db, async (tx) => {
    const [pin] = await tx.$queryRaw<(PinRow & { ended: boolean; expired: boolean })[]>`
      SELECT n.id::text, n.partition::text, n.entry_seq, n.ended_seq IS NOT NULL AS ended, coalesce(n.expires_at <= clock_timestamp(), false) AS expired,
        n.service_id::text, s.name::text AS service, n.environment_id::text, e.name::text AS environment
      FROM pins n JOIN services s ON s.id = n.service_id JOIN environments e ON e.id = n.environment_id WHERE n.id = ${input.pin}::uuid FOR UPDATE OF n`;
    if (!pin || !visibleTo(ctx, "pins.read", pin)) throw notFound("pin");
    authorise(ctx, "pins.end", pin);
    if (pin.ended || pin.expired) throw new AppError("conflict", pin.ended ? "This pin has ended already." : "This pin has expired already.", { type: "not-pinned" });
    return { entry: Number(await noteUnpinned(tx, ctx, pin, input.reason)) };
  });
}

/** Writes the end of a pin whose row is locked; without a reason its time was over. */
export async function noteUnpinned(tx: Tx, ctx: Ctx, pin: PinRow, reason: string | null): Promise<bigint> {
  const scope = { serviceId: pin.service_id, serviceName: pin.service, environmentId: pin.environment_id };
  await recordChanges(tx, [{ topic: "assignment", ...scope, key: pin.partition }, { topic: "settings", ...scope, key: pin.id }, { topic: "fleet", ...scope }]);
  const { seq, at } = await appendEntry(tx, ctx, {
    type: "unpinned",
    serviceId: pin.service_id,
    environmentId: pin.environment_id,
    scope: { service: pin.service, environment: pin.environment },
    payload: { pin: pin.id, placed: Number(pin.entry_seq), partition: pin.partition, expired: reason === null },
    ...(reason !== null && { texts: { reason } }),
  });
  await tx.$executeRaw`UPDATE pins SET ended_at = ${at}, ended_seq = ${seq} WHERE id = ${pin.id}::uuid`;
  return seq;
}

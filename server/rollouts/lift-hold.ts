import type { z } from "zod";
import type { liftHoldRequest } from "@/lib/contract/access";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { isKnownPlace, lockPlace, readPlace } from "./read-place";

/** Allows promotions at a place again. @throws AppError not-found; conflict when nothing is held */
export async function liftHold({ ctx, input }: { ctx: Ctx; input: z.output<typeof liftHoldRequest> }): Promise<{ entry: number }> {
  authorise(ctx, "holds.lift", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    const place = await readPlace(tx, input, { ctx, verb: "holds.lift" });
    if (!isKnownPlace(place)) throw notFound("service or environment");
    await lockPlace(tx, place);
    const [hold] = await tx.$queryRaw<{ id: string; entry_seq: bigint }[]>`
      SELECT id, entry_seq FROM holds WHERE service_id = ${place.service.id}::uuid AND environment_id = ${place.environment.id}::uuid AND partition = ${input.partition} AND lifted_at IS NULL FOR UPDATE`;
    if (!hold) throw new AppError("conflict", "Promotions are not held here.", { type: "not-held" });
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "hold-lifted",
      serviceId: place.service.id,
      environmentId: place.environment.id,
      scope: { service: place.service.name, environment: place.environment.name },
      payload: { hold: hold.id, placed: Number(hold.entry_seq), partition: input.partition },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`UPDATE holds SET lifted_at = ${at}, lifted_seq = ${seq} WHERE id = ${hold.id}::uuid`;
    await recordChanges(tx, [{ topic: "assignment", serviceId: place.service.id, serviceName: place.service.name, environmentId: place.environment.id, key: input.partition }]);
    return { entry: Number(seq) };
  });
}

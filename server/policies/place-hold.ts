import type { z } from "zod";
import type { HoldDto, placeHoldRequest } from "@/lib/contract/policies";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { isKnownPlace, lockPlace, readPlace } from "@/server/rollouts/read-place";
import { loadHolds } from "./list-holds";

/**
 * Holds promotions at a place until somebody lifts it. What is under way goes on; a rollback is never held.
 * @throws AppError not-found; conflict when the place is held already
 */
export async function placeHold({ ctx, input }: { ctx: Ctx; input: z.output<typeof placeHoldRequest> }): Promise<HoldDto> {
  authorise(ctx, "holds.place", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    const place = await readPlace(tx, input, { ctx, verb: "holds.place" });
    if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
    if (!place.partitionKnown) throw notFound("partition");
    await lockPlace(tx, place);
    const { service, environment, names } = place;
    const [standing] = await tx.$queryRaw<{ entry_seq: bigint }[]>`
      SELECT entry_seq FROM holds WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ${names.partition} AND lifted_at IS NULL`;
    if (standing) throw new AppError("conflict", `Promotions are held here already, by entry ${standing.entry_seq}.`, { type: "held" });
    await recordChanges(tx, [
      { topic: "assignment", serviceId: service.id, serviceName: service.name, environmentId: environment.id, key: names.partition },
      { topic: "settings", serviceId: service.id, serviceName: service.name, environmentId: environment.id },
    ]);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "hold-placed",
      serviceId: service.id,
      environmentId: environment.id,
      scope: { service: service.name, environment: environment.name },
      payload: { partition: names.partition },
      texts: { reason: input.reason },
    });
    const [held] = await tx.$queryRaw<{ id: string }[]>`
      INSERT INTO holds (service_id, environment_id, partition, actor_id, entry_seq, created_at)
      VALUES (${service.id}::uuid, ${environment.id}::uuid, ${names.partition}, ${ctx.actor.id}::uuid, ${seq}, ${at}) RETURNING id::text`;
    const [hold] = held ? await loadHolds(tx, { id: held.id }) : [];
    if (!hold) throw notFound("hold");
    return hold;
  });
}

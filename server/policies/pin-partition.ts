import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { PinDto, pinRequest } from "@/lib/contract/partitions";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import { systemContext, type Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { isKnownPlace, lockPlace, readPlace } from "@/server/rollouts/read-place";
import { loadPins } from "./list-pins";
import { noteUnpinned, type PinRow } from "./unpin-partition";

/**
 * Pins a partition to what is assigned there: no promotion may touch it, and a rollback only when somebody names it. What
 * is under way there goes on.
 * @throws AppError not-found; invalid for a time that is over; conflict when it is pinned already
 */
export async function pinPartition({ ctx, input }: { ctx: Ctx; input: z.output<typeof pinRequest> }): Promise<PinDto> {
  authorise(ctx, "pins.place", { service: input.service, environment: input.environment });
  refuseSecrets({ reason: input.reason });
  return transact(ctx.db, async (tx) => {
    const place = await readPlace(tx, input, { ctx, verb: "pins.place" });
    if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
    if (!place.partitionKnown) throw notFound("partition");
    await lockPlace(tx, place);
    const { service, environment, names } = place;
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const expiresAt = input.expiresAt === undefined ? null : new Date(input.expiresAt);
    if (expiresAt && clock && expiresAt <= clock.now) throw new AppError("invalid", "The pin would have expired already. Name a time to come, or none.", { fields: [{ path: "expiresAt", message: "must be in the future" }] });
    const [before] = await tx.$queryRaw<(PinRow & { expired: boolean })[]>`
      SELECT n.id::text, n.partition::text, n.entry_seq, coalesce(n.expires_at <= clock_timestamp(), false) AS expired, n.service_id::text, ${service.name} AS service, n.environment_id::text, ${environment.name} AS environment
      FROM pins n WHERE n.service_id = ${service.id}::uuid AND n.environment_id = ${environment.id}::uuid AND n.partition = ${names.partition} AND n.ended_seq IS NULL FOR UPDATE`;
    if (before && !before.expired) throw new AppError("conflict", `${names.partition} is pinned already, by entry ${before.entry_seq}. Unpin it first to change the reason or the time.`, { type: "pinned" });

    const id = randomUUID();
    const scope = { serviceId: service.id, serviceName: service.name, environmentId: environment.id };
    await recordChanges(tx, [{ topic: "assignment", ...scope, key: names.partition }, { topic: "settings", ...scope, key: id }, { topic: "fleet", ...scope }]);
    // Its time was over before the job came by: nobody's decision.
    if (before) await noteUnpinned(tx, systemContext(ctx, ctx.requestId), before, null);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "pinned",
      serviceId: service.id,
      environmentId: environment.id,
      scope: { service: service.name, environment: environment.name },
      payload: { pin: id, partition: names.partition, expiresAt: expiresAt?.toISOString() ?? null },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`
      INSERT INTO pins (id, service_id, environment_id, partition, expires_at, actor_id, entry_seq, created_at)
      VALUES (${id}::uuid, ${service.id}::uuid, ${environment.id}::uuid, ${names.partition}, ${expiresAt}, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    const [pin] = await loadPins(tx, { ids: [id] });
    if (!pin) throw notFound("pin");
    return pin;
  });
}

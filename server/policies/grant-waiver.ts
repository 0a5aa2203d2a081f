import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { grantWaiverRequest, WaiverDto } from "@/lib/contract/policies";
import { LONGEST_WAIVER_MS } from "@/lib/domain/drift/waivable";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import { systemContext, type Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { isKnownPlace, lockPlace, readPlace } from "@/server/rollouts/read-place";
import { noteEnd, type WaiverRow } from "./end-waiver";
import { loadWaivers } from "./list-waivers";

/**
 * Excuses one category of drift at a place until a time: its findings stay recorded, and count again by themselves when
 * the time is over.
 * @throws AppError not-found; invalid for a time that is over or more than 90 days away; conflict when it is waived already
 */
export async function grantWaiver({ ctx, input }: { ctx: Ctx; input: z.output<typeof grantWaiverRequest> }): Promise<WaiverDto> {
  authorise(ctx, "waivers.grant", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    const place = await readPlace(tx, input, { ctx, verb: "waivers.grant" });
    if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
    if (!place.partitionKnown) throw notFound("partition");
    await lockPlace(tx, place);
    const { service, environment, names } = place;
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const expiresAt = new Date(input.expiresAt);
    refuseTime(expiresAt.getTime() - (clock?.now.getTime() ?? 0));
    const [before] = await tx.$queryRaw<WaiverRow[]>`
      SELECT w.id::text, w.category, w.partition::text, w.entry_seq, false AS ended, w.expires_at <= clock_timestamp() AS expired,
        w.service_id::text, ${service.name} AS service, w.environment_id::text, ${environment.name} AS environment
      FROM waivers w WHERE w.service_id = ${service.id}::uuid AND w.environment_id = ${environment.id}::uuid AND w.partition = ${names.partition} AND w.category = ${input.category} AND w.ended_seq IS NULL FOR UPDATE`;
    if (before && !before.expired) throw new AppError("conflict", `This is waived already, by entry ${before.entry_seq}. End that waiver first.`, { type: "waived" });

    const id = randomUUID();
    const scope = { serviceId: service.id, serviceName: service.name, environmentId: environment.id };
    await recordChanges(tx, [{ topic: "findings", ...scope }, { topic: "settings", ...scope, key: id }]);
    // Its time was over before the job came by: nobody's decision.
    if (before) await noteEnd(tx, systemContext(ctx, ctx.requestId), before, null);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "waiver-granted",
      serviceId: service.id,
      environmentId: environment.id,
      scope: { service: service.name, environment: environment.name },
      payload: { waiver: id, partition: names.partition, category: input.category, expiresAt: expiresAt.toISOString() },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`
      INSERT INTO waivers (id, service_id, environment_id, partition, category, expires_at, actor_id, entry_seq, created_at)
      VALUES (${id}::uuid, ${service.id}::uuid, ${environment.id}::uuid, ${names.partition}, ${input.category}, ${expiresAt}, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    const [waiver] = await loadWaivers(tx, { ids: [id] });
    if (!waiver) throw notFound("waiver");
    return waiver;
  });
}

function refuseTime(lastsMs: number): void {
  const message = lastsMs <= 0 ? "must be in the future" : lastsMs > LONGEST_WAIVER_MS ? `must be at most ${LONGEST_WAIVER_MS / 86_400_000} days away` : null;
  if (message !== null) throw new AppError("invalid", `The end ${message}.`, { fields: [{ path: "expiresAt", message }] });
}

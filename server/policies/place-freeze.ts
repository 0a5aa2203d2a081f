import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { FreezeDto, placeFreezeRequest } from "@/lib/contract/freezes";
import { isFrozen } from "@/lib/domain/rollout/freeze-window";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { findScope } from "./find-scope";
import { loadFreezes } from "./list-freezes";

/** Every decision to promote reads all that stand at its place. */
const MOST_STANDING = 200;

/**
 * Freezes promotions in an environment, or of one service there: once, or by a window that comes back. A rollback is
 * never frozen.
 * @throws AppError not-found; invalid for a window that is over or never comes; conflict when too many stand
 */
export async function placeFreeze({ ctx, input }: { ctx: Ctx; input: z.output<typeof placeFreezeRequest> }): Promise<FreezeDto> {
  authorise(ctx, "freezes.place", { environment: input.environment, ...(input.service !== undefined && { service: input.service }) });
  return transact(ctx.db, async (tx) => {
    const { environment, service } = await findScope(tx, input, { ctx, verb: "freezes.place" });
    // One at a time: they are counted.
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.freezes', 0))`;
    const [standing] = await tx.$queryRaw<{ now: Date; freezes: number }[]>`
      SELECT clock_timestamp() AS now, (SELECT count(*)::int FROM freezes WHERE lifted_seq IS NULL AND (ends_at IS NULL OR ends_at > clock_timestamp())) AS freezes`;
    const now = standing?.now ?? new Date(0);
    const startsAt = input.startsAt === undefined ? now : new Date(input.startsAt);
    const endsAt = input.endsAt === undefined ? null : new Date(input.endsAt);
    refuseEmpty({ startsAt, endsAt, schedule: input.schedule ?? null, now });
    if ((standing?.freezes ?? 0) >= MOST_STANDING) throw new AppError("conflict", `${MOST_STANDING} freezes stand already. Lift one that is not needed any more.`, { type: "too-many-freezes" });

    const id = randomUUID();
    const schedule = input.schedule ?? null;
    await recordChanges(tx, [
      { topic: "settings", serviceId: service?.id, serviceName: service?.name, environmentId: environment.id, key: id },
      { topic: "assignment", serviceId: service?.id, serviceName: service?.name, environmentId: environment.id },
    ]);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "freeze-placed",
      serviceId: service?.id ?? null,
      environmentId: environment.id,
      scope: { service: service?.name ?? null, environment: environment.name },
      payload: { freeze: id, name: input.name, startsAt: startsAt.toISOString(), endsAt: endsAt?.toISOString() ?? null, schedule: schedule && { ...schedule, days: [...schedule.days] } },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`
      INSERT INTO freezes (id, name, environment_id, service_id, starts_at, ends_at, schedule, actor_id, entry_seq, created_at)
      VALUES (${id}::uuid, ${input.name}, ${environment.id}::uuid, ${service?.id ?? null}::uuid, ${startsAt}, ${endsAt}, ${schedule === null ? null : JSON.stringify(schedule)}::jsonb, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    const [freeze] = await loadFreezes(tx, { id });
    if (!freeze) throw notFound("freeze");
    return freeze;
  });
}

function refuseEmpty({ startsAt, endsAt, schedule, now }: { startsAt: Date; endsAt: Date | null; schedule: z.output<typeof placeFreezeRequest>["schedule"] | null; now: Date }): void {
  const refuse = (message: string): never => {
    throw new AppError("invalid", `The end ${message}.`, { fields: [{ path: "endsAt", message }] });
  };
  if (endsAt !== null && endsAt <= now) refuse("must not be in the past");
  if (endsAt !== null && endsAt <= startsAt) refuse("must be after the start");
  const state = isFrozen({ startsAtMs: startsAt.getTime(), endsAtMs: endsAt?.getTime() ?? null, schedule: schedule ?? null }, now.getTime());
  if (!state.frozen && state.nextMs === null) refuse("must leave room for one window of the schedule");
}

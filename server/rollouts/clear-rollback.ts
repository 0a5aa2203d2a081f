import type { RolloutDto } from "@/lib/contract/rollouts";
import { authorise, visibleTo } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { loadRollout } from "./load-rollouts";
import { isKnownPlace, lockPlace, readPlace } from "./read-place";

type Row = { service: string; environment: string; partition: string; kind: string; cleared: boolean; revision: number; status: string; left: string | null };

/**
 * Says that a rollback was a mistake: what it left may be a last known good here again, if it proved itself otherwise.
 * @throws AppError not-found, forbidden; conflict where it was no rollback or is cleared already
 */
export async function clearRollback({ ctx, input }: { ctx: Ctx; input: { id: string; reason: string; revision?: number | undefined } }): Promise<RolloutDto> {
  return transact(ctx.db, async (tx) => {
    const read = () => tx.$queryRaw<Row[]>`
      SELECT s.name::text AS service, e.name::text AS environment, r.partition::text, r.kind, r.cleared_seq IS NOT NULL AS cleared, r.revision::int AS revision, r.status, f.version AS left FROM rollouts r
      JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id LEFT JOIN releases f ON f.id = r.from_release_id WHERE r.id = ${input.id}::uuid`;
    const [at] = await read();
    if (!at || !visibleTo(ctx, "rollouts.read", { service: at.service, environment: at.environment })) throw notFound("rollout");
    authorise(ctx, "rollouts.clear", { service: at.service, environment: at.environment });
    const place = await readPlace(tx, at, null);
    if (!isKnownPlace(place)) throw notFound("rollout");
    await lockPlace(tx, place);
    const [row] = await read();
    if (row?.kind !== "rollback") throw new AppError("conflict", "Only a rollback can have been a mistake.", { type: "no-rollback" });
    if (row.cleared) throw new AppError("conflict", "Somebody said so already.", { type: "cleared" });
    if (input.revision !== undefined && input.revision !== row.revision) {
      throw new AppError("conflict", `The rollout has moved since you looked. The rollout is ${row.status}.`, { type: "stale-view", changed: [`The rollout is ${row.status}.`] });
    }
    const { seq, at: now } = await appendEntry(tx, ctx, {
      type: "rollback-cleared",
      serviceId: place.service.id,
      environmentId: place.environment.id,
      scope: { service: place.service.name, environment: place.environment.name },
      payload: { rollout: input.id, partition: place.names.partition, left: row.left },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`UPDATE rollouts SET cleared_seq = ${seq}, revision = revision + 1 WHERE id = ${input.id}::uuid`;
    await tx.$executeRaw`INSERT INTO rollout_events (rollout_id, at, kind, detail) VALUES (${input.id}::uuid, ${now}, 'cleared', ${JSON.stringify({ by: ctx.actor.name })}::jsonb)`;
    const scope = { serviceId: place.service.id, serviceName: place.service.name, environmentId: place.environment.id };
    await recordChanges(tx, [{ topic: "rollout", ...scope, key: input.id }, { topic: "assignment", ...scope, key: place.names.partition }]);
    return loadRollout(tx, input.id);
  });
}

import { randomUUID } from "node:crypto";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { canRolloutMove, type RolloutStatus } from "@/lib/domain/rollout/statuses";
import { authorise, visibleTo } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { loadRollout } from "./load-rollouts";
import { lockPlace, readPlace, isKnownPlace, type KnownPlace } from "./read-place";
import { openSplitFinding } from "./settle-place";

type Steered = { tx: Tx; place: KnownPlace; status: RolloutStatus };

/** Makes no new offers; replacements that run finish. @throws AppError not-found, conflict */
export function pauseRollout({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<RolloutDto> {
  return steer(ctx, input.id, "rollouts.pause", "paused", ({ tx }) => note(tx, input.id, "paused", ctx));
}

/** Goes on with a paused rollout. @throws AppError not-found, conflict */
export function resumeRollout({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<RolloutDto> {
  return steer(ctx, input.id, "rollouts.pause", "running", ({ tx }) => note(tx, input.id, "resumed", ctx));
}

/**
 * Stops here: what was offered stays as it is, what was not stays with what it had. Promotions are held, and one finding
 * names the split until a later rollout completes. @throws AppError not-found, conflict
 */
export function abortRollout({ ctx, input }: { ctx: Ctx; input: { id: string; reason?: string | undefined } }): Promise<RolloutDto> {
  return steer(ctx, input.id, "rollouts.abort", "aborted", async ({ tx, place }) => {
    const holdId = randomUUID();
    const [held] = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM holds WHERE service_id = ${place.service.id}::uuid AND environment_id = ${place.environment.id}::uuid AND partition = ${place.names.partition} AND lifted_at IS NULL`;
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "rollout-stopped",
      serviceId: place.service.id,
      environmentId: place.environment.id,
      scope: { service: place.service.name, environment: place.environment.name },
      payload: { rollout: input.id, partition: place.names.partition, hold: held ? null : holdId },
      texts: { reason: input.reason },
    });
    if (!held) {
      await tx.$executeRaw`
        INSERT INTO holds (id, service_id, environment_id, partition, actor_id, entry_seq)
        VALUES (${holdId}::uuid, ${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${ctx.actor.id}::uuid, ${seq})`;
    }
    await tx.$executeRaw`UPDATE rollout_targets SET status = 'withdrawn', updated_at = ${at} WHERE rollout_id = ${input.id}::uuid AND status = 'pending'`;
    await tx.$executeRaw`UPDATE rollouts SET finished_at = ${at}, status_reason = 'Stopped by a person.', status = 'aborted' WHERE id = ${input.id}::uuid`;
    await note(tx, input.id, "aborted", ctx);
    await openSplitFinding(tx, input.id, at);
    await rejudgeCombinations(tx, { serviceId: place.service.id, environmentId: place.environment.id, partition: place.names.partition }, { now: at });
  });
}

async function steer(ctx: Ctx, id: string, verb: "rollouts.pause" | "rollouts.abort", to: RolloutStatus, act: (steered: Steered) => Promise<void>): Promise<RolloutDto> {
  return transact(ctx.db, async (tx) => {
    const [at] = await tx.$queryRaw<{ service: string; environment: string; partition: string }[]>`
      SELECT s.name::text AS service, e.name::text AS environment, r.partition::text FROM rollouts r
      JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id WHERE r.id = ${id}::uuid`;
    if (!at || !visibleTo(ctx, "rollouts.read", { service: at.service, environment: at.environment })) throw notFound("rollout");
    authorise(ctx, verb, { service: at.service, environment: at.environment });
    const place = await readPlace(tx, at);
    if (!isKnownPlace(place)) throw notFound("rollout");
    await lockPlace(tx, place);
    const [row] = await tx.$queryRaw<{ status: RolloutStatus }[]>`SELECT status FROM rollouts WHERE id = ${id}::uuid FOR UPDATE`;
    const status = row?.status ?? "failed";
    if (!canRolloutMove(status, to)) throw new AppError("conflict", `This rollout is ${status}; it cannot become ${to}.`, { type: "rollout-not-there", changed: [`The rollout is ${status}.`] });
    await act({ tx, place, status });
    await tx.$executeRaw`UPDATE rollouts SET status = ${to}, revision = revision + 1 WHERE id = ${id}::uuid`;
    await recordChanges(tx, [{ topic: "rollout", serviceId: place.service.id, serviceName: place.service.name, environmentId: place.environment.id, key: id }]);
    return loadRollout(tx, id);
  });
}

async function note(tx: Tx, id: string, kind: string, ctx: Ctx): Promise<void> {
  await tx.$executeRaw`INSERT INTO rollout_events (rollout_id, kind, detail) VALUES (${id}::uuid, ${kind}, ${JSON.stringify({ by: ctx.actor.name })}::jsonb)`;
}

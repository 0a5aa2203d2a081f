import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { readExecutor } from "./executor-row";

/**
 * Takes an executor out of use, at once: its secret is erased, and what was not sent yet is given up. A rollout that it was
 * carrying out goes on being judged by what runs. Removing it twice is removing it.
 * @throws AppError forbidden, not-found
 */
export async function removeExecutor({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<{ id: string; removedAt: string }> {
  return transact(ctx.db, async (tx) => {
    await tx.$executeRaw`SELECT FROM executors WHERE id = ${input.id}::uuid FOR UPDATE`;
    const executor = await readExecutor(tx, input.id);
    authorise(ctx, "executors.write", executor ? { service: executor.service_pattern, environment: executor.environment_pattern } : {});
    if (!executor) throw notFound("executor");
    if (executor.removed_at) return { id: executor.id, removedAt: executor.removed_at.toISOString() };
    await tx.$executeRaw`
      UPDATE deliveries SET status = 'failed', last_error = 'The executor was removed before it was told.' WHERE executor_id = ${executor.id}::uuid AND status = 'pending'`;
    await recordChanges(tx, [{ topic: "settings", key: executor.id }]);
    const { at } = await appendEntry(tx, ctx, {
      type: "executor-changed",
      scope: { service: null, environment: null },
      payload: { executor: executor.id, change: "removed", name: executor.name, kind: executor.config.kind, service: executor.service_pattern, environment: executor.environment_pattern },
    });
    await tx.$executeRaw`UPDATE executors SET removed_at = ${at}, secret = NULL WHERE id = ${executor.id}::uuid`;
    return { id: executor.id, removedAt: at.toISOString() };
  });
}

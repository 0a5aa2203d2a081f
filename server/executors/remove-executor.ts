import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { lockExecutor, recordExecutor } from "./write-executor";

/**
 * Takes an executor out of use, at once: its secret is erased, and what was not sent yet is given up. A rollout that it was
 * carrying out goes on being judged by what runs. Removing it twice is removing it.
 * @throws AppError forbidden, not-found
 */
export async function removeExecutor({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<{ id: string; removedAt: string }> {
  return transact(ctx.db, async (tx) => {
    const executor = await lockExecutor(tx, ctx, input.id, { removed: true });
    if (executor.removed_at) return { id: executor.id, removedAt: executor.removed_at.toISOString() };
    await tx.$executeRaw`
      UPDATE deliveries SET status = 'failed', last_error = 'The executor was removed before it was told.' WHERE executor_id = ${executor.id}::uuid AND status = 'pending'`;
    const { at } = await recordExecutor(tx, ctx, "removed", executor);
    await tx.$executeRaw`UPDATE executors SET removed_at = ${at}, secret = NULL WHERE id = ${executor.id}::uuid`;
    return { id: executor.id, removedAt: at.toISOString() };
  });
}

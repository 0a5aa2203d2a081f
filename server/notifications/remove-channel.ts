import { shownDestination, type RemovedDto } from "@/lib/contract/notifications";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { hostOf, lockChannel, recordChannel } from "./write-channel";

/** Removes a channel and its secret; what was not sent yet fails by itself. @throws AppError forbidden, not-found */
export async function removeChannel({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<RemovedDto> {
  return transact(ctx.db, async (tx) => {
    const channel = await lockChannel(tx, ctx, input.id);
    const { at } = await recordChannel(tx, ctx, "removed", { ...channel, host: hostOf(shownDestination.parse(channel.config)) });
    await tx.$executeRaw`UPDATE channels SET removed_at = ${at}, secret = NULL WHERE id = ${channel.id}::uuid`;
    return { id: channel.id, removedAt: at.toISOString() };
  });
}

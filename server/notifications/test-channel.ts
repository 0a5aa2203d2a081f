import { randomUUID } from "node:crypto";
import type { DeliveryDto } from "@/lib/contract/notifications";
import type { Notice } from "@/lib/domain/notifications/notice";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { loadDelivery } from "./load-deliveries";
import { lockChannel } from "./write-channel";

/** Puts a test for a channel into the outbox, also for one that is switched off; its row says what came of it. @throws AppError forbidden, not-found */
export async function testChannel({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<DeliveryDto> {
  return transact(ctx.db, async (tx) => {
    const channel = await lockChannel(tx, ctx, input.id);
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp()::timestamptz(3) AS now`;
    const body: Notice = { v: 1, event: "test", at: (clock?.now ?? new Date(0)).toISOString(), rollout: null, wave: null, reason: null, settles: [] };
    const id = randomUUID();
    await tx.$executeRaw`INSERT INTO deliveries (id, channel_id, event, body) VALUES (${id}::uuid, ${channel.id}::uuid, 'test', ${JSON.stringify(body)}::jsonb)`;
    await recordChanges(tx, [{ topic: "delivery", key: id }]);
    return loadDelivery(tx, id);
  });
}

import { randomUUID } from "node:crypto";
import type { DeliveryDto } from "@/lib/contract/notifications";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { loadDelivery } from "./load-deliveries";

type Row = { status: string; service_id: string | null; service: string; environment_id: string | null; environment: string; party: string; removed: boolean; enabled: boolean; event: string };

/**
 * Sends a delivery once more: a new row with the same body under the same message id, so that a receiver that has had it
 * can tell. One that is on its way is not doubled.
 * @throws AppError forbidden, not-found, conflict (on its way, or its channel is removed or switched off)
 */
export async function resendDelivery({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<DeliveryDto> {
  return transact(ctx.db, async (tx) => {
    const row = await lockDelivery(tx, ctx, input.id);
    if (row.status === "pending") throw new AppError("conflict", "This delivery is still on its way.", { type: "still-pending" });
    if (row.removed) throw new AppError("conflict", `${row.party} was removed.`, { type: "removed" });
    if (!row.enabled && row.event !== "test") throw new AppError("conflict", `${row.party} is switched off.`, { type: "switched-off" });
    const id = randomUUID();
    await tx.$executeRaw`
      INSERT INTO deliveries (id, channel_id, executor_id, rollout_id, order_key, wave, event, body, resend_of)
      SELECT ${id}::uuid, channel_id, executor_id, rollout_id, order_key, wave, event, body, coalesce(resend_of, id) FROM deliveries WHERE id = ${input.id}::uuid`;
    await recordChanges(tx, [{ topic: "delivery", serviceId: row.service_id, serviceName: row.service_id === null ? null : row.service, environmentId: row.environment_id, key: id }]);
    return loadDelivery(tx, id);
  });
}

/** Who may not is refused alike whether it is there or not. */
async function lockDelivery(tx: Tx, ctx: Ctx, id: string): Promise<Row> {
  const [row] = await tx.$queryRaw<Row[]>`
    SELECT d.status, d.event, r.service_id::text, coalesce(s.name::text, c.service_pattern, x.service_pattern) AS service, r.environment_id::text, coalesce(e.name::text, c.environment_pattern, x.environment_pattern) AS environment,
      CASE WHEN c.id IS NULL THEN 'The executor ' || x.name ELSE 'The channel ' || c.name END AS party, coalesce(c.removed_at, x.removed_at) IS NOT NULL AS removed, coalesce(c.enabled, true) AS enabled
    FROM deliveries d LEFT JOIN channels c ON c.id = d.channel_id LEFT JOIN executors x ON x.id = d.executor_id
    LEFT JOIN rollouts r ON r.id = d.rollout_id LEFT JOIN services s ON s.id = r.service_id LEFT JOIN environments e ON e.id = r.environment_id
    WHERE d.id = ${id}::uuid FOR UPDATE OF d`;
  authorise(ctx, "deliveries.resend", row ? { service: row.service, environment: row.environment } : {});
  if (!row) throw notFound("delivery");
  return row;
}

import type { z } from "zod";
import type { PoolDto, closePoolRequest } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { appendEntry } from "@/server/ledger/append-entry";
import { lockPool } from "./write-pool";

/**
 * Closes a pool for good: its enrolment tokens admit nobody any more. The hosts that are in go on reporting until they
 * leave or are revoked.
 * @throws AppError forbidden, not-found, conflict when it is closed already
 */
export async function closePool({ ctx, input }: { ctx: Ctx; input: z.output<typeof closePoolRequest> & { pool: string } }): Promise<PoolDto> {
  return transact(ctx.db, async (tx) => {
    const pool = await lockPool(tx, ctx, input.pool, "pools.close");
    await tx.$executeRaw`
      UPDATE findings SET resolved_at = clock_timestamp(), resolved_reason = 'the pool was closed' WHERE pool_id = ${pool.id}::uuid AND resolved_at IS NULL`;
    await recordChanges(tx, [{ topic: "settings", key: pool.id }, { topic: "findings" }]);
    const { seq, at } = await appendEntry(tx, ctx, { type: "pool-closed", scope: { service: null, environment: null }, payload: { pool: pool.id, name: pool.name }, texts: { reason: input.reason } });
    await tx.$executeRaw`UPDATE enrolment_tokens SET revoked_at = ${at} WHERE pool_id = ${pool.id}::uuid AND revoked_at IS NULL`;
    await tx.$executeRaw`UPDATE pools SET closed_at = ${at}, short_since = NULL, entry_seq = ${seq} WHERE id = ${pool.id}::uuid`;
    return { ...pool, closed: true };
  });
}

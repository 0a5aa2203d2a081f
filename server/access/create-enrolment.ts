import { createHash } from "node:crypto";
import type { z } from "zod";
import type { EnrolmentDto, createEnrolmentRequest } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { serverVkey } from "@/server/ledger/signing-key";
import { authorise } from "./authorise";
import { hashSecret, makeSecret } from "./secret-token";

const FINGERPRINT_HEX = 16;

/**
 * Makes an enrolment token for a pool and the line to run on the host. The token ends in the fingerprint of the ledger's
 * key, so that the host notices a server that is not this one. What is kept is the SHA-256 of the whole token.
 * @throws AppError forbidden, not-found, conflict when the pool is closed
 */
export async function createEnrolment({ ctx, input }: { ctx: Ctx; input: z.output<typeof createEnrolmentRequest> }): Promise<EnrolmentDto> {
  return transact(ctx.db, async (tx) => {
    const [pool] = await tx.$queryRaw<{ id: string; closed: boolean; environments: string[] }[]>`
      SELECT p.id::text, p.closed_at IS NOT NULL AS closed,
        ARRAY(SELECT e.name::text FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = p.id) AS environments
      FROM pools p WHERE p.name = ${input.pool}`;
    if (!pool) {
      authorise(ctx, "agents.enrol");
      throw notFound("pool");
    }
    for (const environment of pool.environments) authorise(ctx, "agents.enrol", { environment });
    if (pool.closed) throw new AppError("conflict", `The pool ${input.pool} is closed.`, { type: "pool-closed" });
    const fingerprint = createHash("sha256").update(serverVkey(ctx.keys)).digest("hex").slice(0, FINGERPRINT_HEX);
    const token = `${makeSecret("enrolment")}.${fingerprint}`;
    const [row] = await tx.$queryRaw<{ id: string; expires_at: Date }[]>`
      INSERT INTO enrolment_tokens (pool_id, token_hash, created_by, expires_at, max_uses)
      VALUES (${pool.id}::uuid, ${hashSecret(token)}, ${ctx.actor.id}::uuid, clock_timestamp() + make_interval(hours => ${input.expiresInHours}::int), ${input.maxUses}::int)
      RETURNING id::text, expires_at`;
    const expiresAt = (row?.expires_at ?? new Date(0)).toISOString();
    await recordChanges(tx, [{ topic: "settings", key: pool.id }]);
    await appendEntry(tx, ctx, {
      type: "token-created",
      scope: { service: null, environment: null },
      payload: { enrolment: row?.id ?? null, pool: pool.id, maxUses: input.maxUses, expiresAt },
    });
    return { pool: input.pool, token, expiresAt, maxUses: input.maxUses, command: `node plumbline.mjs agent enroll --url ${ctx.config.url} --token ${token}` };
  });
}

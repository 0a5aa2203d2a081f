import type { RevokedDto } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { authorise } from "./authorise";

/** Ends an API token at once; ending it twice is ending it. @throws AppError forbidden, not-found */
export async function revokeToken({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<RevokedDto> {
  authorise(ctx, "tokens.revoke");
  return transact(ctx.db, async (tx) => {
    const [token] = await tx.$queryRaw<{ actor_id: string; revoked_at: Date | null }[]>`
      SELECT actor_id::text, revoked_at FROM api_tokens WHERE id = ${input.id}::uuid FOR UPDATE`;
    if (!token) throw notFound("token");
    if (token.revoked_at) return { id: input.id, revokedAt: token.revoked_at.toISOString() };
    await recordChanges(tx, [{ topic: "settings", key: input.id }, { topic: "access", key: token.actor_id }]);
    const { at } = await appendEntry(tx, ctx, { type: "token-revoked", scope: { service: null, environment: null }, payload: { token: input.id, actor: token.actor_id } });
    await tx.$executeRaw`UPDATE api_tokens SET revoked_at = ${at} WHERE id = ${input.id}::uuid`;
    return { id: input.id, revokedAt: at.toISOString() };
  });
}

import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";

type Row = { id: string; name: string; kind: string; service_pattern: string; environment_pattern: string; caller_id: string; removed_at: Date | null };

/** Closes a hook at once: its secret is erased, and who called by it may nothing any more. Twice is once. @throws AppError forbidden, not-found */
export async function removeHook({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<{ id: string; removedAt: string }> {
  return transact(ctx.db, async (tx) => {
    const [hook] = await tx.$queryRaw<Row[]>`
      SELECT id::text, name::text, kind, service_pattern, environment_pattern, caller_id::text, removed_at FROM hooks WHERE id = ${input.id}::uuid FOR UPDATE`;
    authorise(ctx, "hooks.write", hook ? { service: hook.service_pattern, environment: hook.environment_pattern } : {});
    if (!hook) throw notFound("hook");
    if (hook.removed_at) return { id: hook.id, removedAt: hook.removed_at.toISOString() };
    await tx.$executeRaw`UPDATE role_bindings SET revoked_at = clock_timestamp() WHERE actor_id = ${hook.caller_id}::uuid AND revoked_at IS NULL`;
    await recordChanges(tx, [{ topic: "settings", key: hook.id }]);
    const { at } = await appendEntry(tx, ctx, {
      type: "hook-changed",
      scope: { service: null, environment: null },
      payload: { hook: hook.id, change: "removed", name: hook.name, kind: hook.kind, service: hook.service_pattern, environment: hook.environment_pattern },
    });
    await tx.$executeRaw`UPDATE hooks SET removed_at = ${at}, secret = '' WHERE id = ${hook.id}::uuid`;
    return { id: hook.id, removedAt: at.toISOString() };
  });
}

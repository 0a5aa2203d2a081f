import { randomBytes, randomUUID } from "node:crypto";
import type { z } from "zod";
import type { CreatedHook, createHookRequest } from "@/lib/contract/hooks";
import { authorise } from "@/server/access/authorise";
import { grantRoles } from "@/server/access/grant-roles";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { sealSecret } from "@/server/outbound/seal-secret";
import { describeHook, sealedFor } from "./hook-row";

/**
 * Makes a door for a sender that signs its messages. Its secret is in the answer and nowhere else; whoever calls with it may
 * announce deployments where its patterns say, and nothing more. @throws AppError forbidden, conflict (the name is taken)
 */
export async function createHook({ ctx, input }: { ctx: Ctx; input: z.output<typeof createHookRequest> }): Promise<CreatedHook> {
  const { name, kind, service, environment } = input;
  authorise(ctx, "hooks.write", { service, environment });
  const secret = randomBytes(32).toString("base64url");
  const [id, callerId] = [randomUUID(), randomUUID()];
  return transact(ctx.db, async (tx) => {
    const [taken] = await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM hooks WHERE name = ${name} AND removed_at IS NULL`;
    if (taken) throw new AppError("conflict", `There is a hook ${name} already.`, { type: "already-exists", fields: [{ path: "name", message: "is taken" }] });
    await tx.$executeRaw`INSERT INTO actors (id, kind, display_name, person_id) VALUES (${callerId}::uuid, 'token', ${`hook ${name}`}, ${ctx.actor.personId}::uuid)`;
    await recordChanges(tx, [{ topic: "settings", key: id }]);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "hook-changed",
      scope: { service: null, environment: null },
      payload: { hook: id, change: "created", name, kind, service, environment, caller: callerId, roles: [{ role: "promoter", service, environment }] },
    });
    await tx.$executeRaw`
      INSERT INTO hooks (id, name, kind, service_pattern, environment_pattern, secret, caller_id, actor_id, entry_seq, created_at)
      VALUES (${id}::uuid, ${name}, ${kind}, ${service}, ${environment}, ${sealSecret(ctx, secret, sealedFor(id))}, ${callerId}::uuid, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    await grantRoles(tx, { actorId: callerId, roles: [{ role: "promoter", service, environment }], seq, expiresAt: null });
    return { ...describeHook(ctx, { id, name, kind, service_pattern: service, environment_pattern: environment, created_by: ctx.actor.name, created_at: at, last_called_at: null, removed_at: null }), secret };
  });
}

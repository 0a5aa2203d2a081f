import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { inviteRequest, invitedDto } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { authorise } from "./authorise";
import { hashSecret, makeSecret } from "./secret-token";

const VALID_HOURS = 72;

/**
 * Makes a single-use link by which one person, known by e-mail address, gets an account with a role in a scope.
 * @throws AppError forbidden, conflict when that address has an account
 */
export async function invitePerson({ ctx, input }: { ctx: Ctx; input: z.output<typeof inviteRequest> }): Promise<z.infer<typeof invitedDto>> {
  const scope = { service: input.service, environment: input.environment };
  authorise(ctx, "users.invite", scope);
  authorise(ctx, "roles.grant", scope);
  const token = makeSecret("setup");
  return transact(ctx.db, async (tx) => {
    const email = input.email.toLowerCase();
    const [known] = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM "user" WHERE email = ${email}`;
    if (known) throw new AppError("conflict", "That address has an account already.", { type: "already-exists", fields: [{ path: "email", message: "has an account already" }] });
    const id = randomUUID();
    const [row] = await tx.$queryRaw<{ expires_at: Date }[]>`
      INSERT INTO setup_links (id, purpose, name, email, role, service_pattern, environment_pattern, created_by, token_hash, expires_at)
      VALUES (${id}::uuid, 'invitation', ${input.name}, ${email}, ${input.role}, ${input.service}, ${input.environment}, ${ctx.actor.id}::uuid, ${hashSecret(token)},
        clock_timestamp() + make_interval(hours => ${VALID_HOURS}::int))
      RETURNING expires_at`;
    const expiresAt = (row?.expires_at ?? new Date(0)).toISOString();
    await recordChanges(tx, [{ topic: "settings", key: id }]);
    await appendEntry(tx, ctx, {
      type: "token-created",
      scope: { service: null, environment: null },
      payload: { invitation: id, roles: [{ role: input.role, service: input.service, environment: input.environment }], expiresAt },
    });
    return { link: `${ctx.config.url}/setup?token=${token}`, expiresAt };
  });
}

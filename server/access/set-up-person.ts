import { randomUUID } from "node:crypto";
import { hashPassword } from "better-auth/crypto";
import type { z } from "zod";
import type { setupDto, setupRequest } from "@/lib/contract/access";
import { ROLES, type Role } from "@/lib/domain/access/roles";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { grantRoles } from "./grant-roles";
import { hashSecret } from "./secret-token";
import { forgetSetupLink } from "./setup-file";

type Link = { id: string; purpose: "setup" | "invitation"; email: string | null; role: Role; service: string; environment: string; created_by: string | null };

/**
 * Turns a set-up link or an invitation into an account, once. The set-up link brings all seven roles, an invitation its
 * own. The password is at least 12 characters (the contract says so) and is kept as a scrypt hash.
 * @throws AppError not-found (unknown, used, expired: one answer for all), conflict (the address has an account),
 * forbidden (an invitation for another address)
 */
export async function setUpPerson({ ctx, input }: { ctx: Ctx; input: z.output<typeof setupRequest> }): Promise<z.infer<typeof setupDto>> {
  const email = input.email.toLowerCase();
  const actorId = randomUUID();
  // Slow on purpose, so before the lock; and for a wrong link too, so that time tells nothing.
  const password = await hashPassword(input.password);
  const purpose = await transact(ctx.db, async (tx) => {
    const [link] = await tx.$queryRaw<Link[]>`
      UPDATE setup_links SET used_at = clock_timestamp()
      WHERE token_hash = ${hashSecret(input.token)} AND used_at IS NULL AND expires_at > clock_timestamp()
      RETURNING id::text, purpose, email, role, service_pattern AS service, environment_pattern AS environment, created_by::text`;
    if (!link) throw notFound("set-up link; it may have been used or have expired");
    if (link.email !== null && link.email.toLowerCase() !== email) {
      throw new AppError("invalid", "This invitation is for another e-mail address.", { type: "other-address", fields: [{ path: "email", message: "is not the address that was invited" }] });
    }
    const [known] = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM "user" WHERE email = ${email}`;
    if (known) throw new AppError("unprocessable", "That address has an account already: sign in.", { type: "already-exists", fields: [{ path: "email", message: "has an account already" }] });
    const userId = randomUUID();
    await tx.$executeRaw`INSERT INTO actors (id, kind, display_name, email) VALUES (${actorId}::uuid, 'person', ${input.name}, ${email})`;
    await tx.$executeRaw`INSERT INTO "user" (id, name, email, "emailVerified", "actorId") VALUES (${userId}, ${input.name}, ${email}, true, ${actorId}::uuid)`;
    await tx.$executeRaw`INSERT INTO account (id, "accountId", "providerId", "userId", password) VALUES (${randomUUID()}, ${userId}, 'credential', ${userId}, ${password})`;
    const roles = link.purpose === "setup" ? ROLES.map((role) => ({ role, service: "*", environment: "*" })) : [{ role: link.role, service: link.service, environment: link.environment }];
    await recordChanges(tx, [{ topic: "access", key: actorId }]);
    const { seq } = await appendEntry(
      tx,
      { ...ctx, actor: { id: actorId, kind: "person", name: input.name, personId: actorId, roles: [] } },
      { type: "user-created", scope: { service: null, environment: null }, payload: { actor: actorId, link: link.id, purpose: link.purpose, invitedBy: link.created_by, roles } },
    );
    await grantRoles(tx, { actorId, roles, seq, expiresAt: null });
    return link.purpose;
  });
  if (purpose === "setup") forgetSetupLink(ctx);
  return { actor: actorId, email };
}

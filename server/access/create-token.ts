import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { CreatedToken, createTokenRequest } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { appendEntry } from "@/server/ledger/append-entry";
import { authorise } from "./authorise";
import { grantRoles, type GrantedRole } from "./grant-roles";
import { hashSecret, makeSecret } from "./secret-token";

const HOUR_MS = 3_600_000;

/**
 * Makes an API token with one role in a scope; the secret is in the answer and nowhere else. It counts as the person
 * who made it, so that nobody approves his own work with a second token.
 * @throws AppError forbidden
 */
export async function createToken({ ctx, input }: { ctx: Ctx; input: z.output<typeof createTokenRequest> }): Promise<CreatedToken> {
  authorise(ctx, "tokens.create", { service: input.service, environment: input.environment });
  const { name, role, service, environment } = input;
  const made = await transact(ctx.db, (tx) =>
    insertToken(tx, ctx, { name, team: input.team ?? null, roles: [{ role, service, environment }], lifetimeMs: input.expiresInHours * HOUR_MS, personId: ctx.actor.personId }),
  );
  return { id: made.id, name, token: made.token, role, expiresAt: made.expiresAt.toISOString() };
}

type NewToken = { name: string; team: string | null; roles: readonly GrantedRole[]; lifetimeMs: number; personId: string | null };

/** Actor, token, ledger entry and roles of a token. `personId` null: it stands for itself. */
export async function insertToken(tx: Tx, ctx: Ctx, { name, team, roles, lifetimeMs, personId }: NewToken): Promise<{ id: string; token: string; expiresAt: Date }> {
  const token = makeSecret("api");
  const id = randomUUID();
  const actorId = randomUUID();
  await tx.$executeRaw`INSERT INTO actors (id, kind, display_name, person_id) VALUES (${actorId}::uuid, 'token', ${name}, ${personId}::uuid)`;
  const [row] = await tx.$queryRaw<{ expires_at: Date }[]>`
    INSERT INTO api_tokens (id, name, team, actor_id, token_hash, created_by, expires_at)
    VALUES (${id}::uuid, ${name}, ${team}, ${actorId}::uuid, ${hashSecret(token)}, ${ctx.actor.id}::uuid, clock_timestamp() + make_interval(secs => ${lifetimeMs / 1_000}::float8))
    RETURNING expires_at`;
  const expiresAt = row?.expires_at ?? new Date(0);
  await recordChanges(tx, [{ topic: "settings", key: id }]);
  const { seq } = await appendEntry(tx, ctx, {
    type: "token-created",
    scope: { service: null, environment: null },
    payload: { token: id, actor: actorId, person: personId, roles: roles.map(({ role, service, environment }) => ({ role, service, environment })), expiresAt: expiresAt.toISOString() },
  });
  await grantRoles(tx, { actorId, roles, seq, expiresAt });
  return { id, token, expiresAt };
}

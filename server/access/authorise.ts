import { explainMissing, may, type AccessScope, type Verb } from "@/lib/domain/access/permissions";
import type { Ctx } from "@/server/context";
import { AppError } from "@/server/errors";

/**
 * The first line of every verb: refuses unless one of the actor's roles allows `verb` in `scope`. Read verbs without
 * a scope pass with any role; their rows are filtered with `visibleTo`.
 * @throws AppError forbidden, with the missing role in words
 */
export function authorise(ctx: Ctx, verb: Verb, scope: AccessScope = {}, now = Date.now()): void {
  const { actor } = ctx;
  if (actor.kind === "system") return;
  const permission = may({ kind: actor.kind, roles: actor.roles }, verb, scope, now);
  if (!permission.ok) throw new AppError("forbidden", explainMissing(permission), { type: "not-permitted", reasons: [{ reason: "not-permitted", sentence: explainMissing(permission) }] });
}

/** Who asks, and for which right. */
export type Asked = { ctx: Ctx; verb: Verb };

/**
 * Asks again under a service's own name when it was named by another one: an alias may lead to where the actor may not.
 * Null for `asked` where nobody asks, or was asked already. @throws AppError forbidden
 */
export function authoriseOwnName(asked: Asked | null, named: AccessScope, ownName: string | null | undefined): void {
  if (asked && ownName && ownName !== named.service) authorise(asked.ctx, asked.verb, { ...named, service: ownName });
}

/** Whether the actor may see rows of this scope: for filtering lists and streams. */
export function visibleTo(ctx: Ctx, verb: Verb, scope: AccessScope, now = Date.now()): boolean {
  if (ctx.actor.kind === "system") return true;
  return may({ kind: ctx.actor.kind, roles: ctx.actor.roles }, verb, scope, now).ok;
}

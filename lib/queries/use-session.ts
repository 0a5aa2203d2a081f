"use client";

import { useQuery } from "@tanstack/react-query";
import type { SessionDto } from "@/lib/contract/access";
import { explainMissing, may } from "@/lib/domain/access/permissions";
import type { AccessScope, Verb } from "@/lib/domain/access/permissions";
import { sessionQuery } from "./queries";

/**
 * Why this person may not do something here, naming the missing role; null when they may. The same table as the
 * server's, so that a button and its verb agree. Roles that ended are left out of the session already.
 */
export function explainRefusal(session: SessionDto | undefined, verb: Verb, scope: AccessScope): string | null {
  if (!session) return "Who you are is still loading.";
  const roles = session.roles.map((role) => ({ ...role, expiresAt: null }));
  const permission = may({ kind: session.kind, roles }, verb, scope, 0);
  return permission.ok ? null : explainMissing(permission);
}

/** Asks `explainRefusal` for whoever is signed in. */
export function useRefusal(): (verb: Verb, scope?: AccessScope) => string | null {
  const { data } = useQuery(sessionQuery());
  return (verb, scope = {}) => explainRefusal(data, verb, scope);
}

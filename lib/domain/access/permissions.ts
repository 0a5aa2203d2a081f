import { matchesGlob } from "@/lib/domain/access/glob";
import type { Role } from "@/lib/domain/access/roles";
import { ROLES } from "@/lib/domain/access/roles";

/**
 * Who may do what. The only table: every route, every button and the documentation read it.
 * A role not listed may not; `admin` is no superset, so that whoever runs Plumbline does not also decide what runs.
 */
const TABLE = {
  "fleet.read": ROLES,
  "fleet.adopt": ["approver"],
  "findings.read": ROLES,
  "instances.read": ROLES,
  "rollouts.read": ROLES,
  "releases.read": ROLES,
  "releases.register": ["publisher"],
  "releases.approve": ["approver"],
  "releases.withdraw": ["approver"],
  "releases.recall": ["approver"],
  "rollouts.promote": ["promoter"],
  "rollouts.rollback": ["operator"],
  "rollouts.reconverge": ["operator"],
  "rollouts.pause": ["operator"],
  "rollouts.abort": ["operator"],
  "rollouts.replace": ["operator"],
  "rollouts.stop": ["operator"],
  "rollouts.go-ahead": ["operator", "promoter", "approver"],
  "rollouts.clear": ["approver"],
  "deployments.read": ROLES,
  "deployments.announce": ["promoter"],
  "authority.write": ["approver"],
  "holds.place": ["operator"],
  "holds.lift": ["operator"],
  "pins.read": ROLES,
  "pins.place": ["operator"],
  "pins.end": ["operator"],
  "partitions.write": ["admin"],
  "freezes.read": ROLES,
  "freezes.place": ["approver", "admin"],
  "freezes.lift": ["approver", "admin"],
  "freezes.override": ["approver"],
  "recalls.lift": ["approver"],
  "waivers.read": ROLES,
  "waivers.grant": ["approver"],
  "waivers.end": ["approver"],
  "strategies.read": ROLES,
  "strategies.write": ["admin"],
  "mapping.read": ROLES,
  "mapping.write": ["admin"],
  "services.rename": ["admin"],
  "channels.read": ["operator", "auditor", "admin"],
  "channels.write": ["admin"],
  "deliveries.read": ["operator", "auditor", "admin"],
  "deliveries.resend": ["operator", "admin"],
  "executors.read": ["operator", "auditor", "admin"],
  "executors.write": ["admin"],
  "hooks.read": ["operator", "auditor", "admin"],
  "hooks.write": ["admin"],
  "agents.enrol": ["admin"],
  "agents.revoke": ["admin"],
  "pools.create": ["admin"],
  "pools.change": ["admin"],
  "pools.close": ["admin"],
  "environments.write": ["admin"],
  "tokens.create": ["admin"],
  "tokens.revoke": ["admin"],
  "roles.grant": ["admin"],
  "users.invite": ["admin"],
  "ledger.read": ["viewer", "promoter", "operator", "approver", "auditor", "admin"],
  "ledger.export": ["auditor", "admin"],
  "agent.report": [],
  "agent.desired": [],
  "agent.progress": [],
} as const satisfies Record<string, readonly Role[]>;

export type Verb = keyof typeof TABLE;
export const VERBS = Object.keys(TABLE) as Verb[];

/** What people and their tokens never may: these belong to an agent that speaks for itself. */
export const AGENT_VERBS = ["agent.report", "agent.desired", "agent.progress"] as const satisfies readonly Verb[];

/** A role in a scope. `*` is the only wildcard; `expiresAt` is epoch ms, null for ever. */
export interface RoleInScope {
  role: Role;
  service: string;
  environment: string;
  expiresAt: number | null;
}

/** Whoever asks; the server's actor is one. */
export interface RoleHolder {
  kind: "person" | "token" | "agent" | "system";
  roles: readonly RoleInScope[];
}

/** What is acted on, by name. Leave out what the act is not bound to. */
export interface AccessScope {
  service?: string;
  environment?: string;
}

export type Permission =
  | { ok: true }
  | { ok: false; missing: { verb: Verb; roles: readonly Role[]; service: string; environment: string } };

/** The roles that allow a verb, anywhere. */
export function rolesFor(verb: Verb): readonly Role[] {
  return TABLE[verb];
}

function isAgentVerb(verb: Verb): boolean {
  return AGENT_VERBS.some((agentVerb) => agentVerb === verb);
}

/** Whether a pattern covers a value. What is not bound to a value is read under any pattern, written only under `*`. */
function covers(pattern: string, value: string | undefined, reading: boolean): boolean {
  if (value === undefined) return reading || pattern === "*";
  return matchesGlob(pattern, value);
}

/**
 * Whether an actor may do something in a scope at a moment (epoch ms). One role must cover service and environment
 * together. A read verb without a scope is allowed with any role; the rows are then filtered by asking again for each.
 * A write verb without a service (or environment) needs a role whose pattern is `*` there, so that an admin of staging
 * cannot grant himself production.
 */
export function may(actor: RoleHolder, verb: Verb, scope: AccessScope, now: number): Permission {
  const allowed: readonly Role[] = TABLE[verb];
  const missing = {
    verb,
    roles: allowed,
    service: scope.service ?? "*",
    environment: scope.environment ?? "*",
  };
  if (actor.kind === "agent" || isAgentVerb(verb)) {
    return actor.kind === "agent" && isAgentVerb(verb) ? { ok: true } : { ok: false, missing };
  }
  const reading = verb.endsWith(".read");
  const granted = actor.roles.some(
    (held) =>
      allowed.includes(held.role) &&
      (held.expiresAt === null || now < held.expiresAt) &&
      covers(held.service, scope.service, reading) &&
      covers(held.environment, scope.environment, reading),
  );
  return granted ? { ok: true } : { ok: false, missing };
}

/** Says in one sentence what an actor lacks. */
export function explainMissing(permission: Extract<Permission, { ok: false }>): string {
  const { roles, service, environment, verb } = permission.missing;
  if (roles.length === 0) return `Only an agent may do this (${verb}).`;
  const where = [
    service === "*" ? "all services" : `service ${service}`,
    environment === "*" ? "all environments" : `environment ${environment}`,
  ].join(", ");
  return `This needs the role ${roles.join(" or ")} for ${where}.`;
}

/** Why somebody may not approve. */
export const APPROVAL_REFUSALS = ["no-person", "registrant", "author", "trigger"] as const;
export type ApprovalRefusal = (typeof APPROVAL_REFUSALS)[number];

export interface ApprovalQuestion {
  /** The person behind the session or token; null for a team's token, behind which nobody stands. */
  approverPerson: string | null;
  /** Other names of that person: addresses, logins. Authors and triggers are known by these. */
  approverNames?: readonly string[];
  registrantPerson: string | null;
  authors: readonly string[];
  triggeredBy: string | null;
  environment: { protected: boolean };
}

/**
 * Four eyes count people: on a protected environment neither who registered a release, nor one of its authors, nor who
 * triggered it may approve it, with whatever session or token. An unprotected environment needs no second person.
 */
export function mayApprove(question: ApprovalQuestion): { ok: true } | { ok: false; reason: ApprovalRefusal } {
  if (!question.environment.protected) return { ok: true };
  if (question.approverPerson === null) return { ok: false, reason: "no-person" };
  const fold = (name: string): string => name.trim().toLowerCase();
  const names = new Set([question.approverPerson, ...(question.approverNames ?? [])].map(fold));
  const isApprover = (name: string | null): boolean => name !== null && names.has(fold(name));
  if (isApprover(question.registrantPerson)) return { ok: false, reason: "registrant" };
  if (question.authors.some(isApprover)) return { ok: false, reason: "author" };
  if (isApprover(question.triggeredBy)) return { ok: false, reason: "trigger" };
  return { ok: true };
}

/** Says why in one sentence. */
export function explainApprovalRefusal(reason: ApprovalRefusal): string {
  switch (reason) {
    case "no-person":
      return "An approval needs a person; this token belongs to a team.";
    case "registrant":
      return "You registered this release, so somebody else has to approve it here.";
    case "author":
      return "You are an author of this release, so somebody else has to approve it here.";
    case "trigger":
      return "You triggered this release, so somebody else has to approve it here.";
    default:
      return reason satisfies never;
  }
}

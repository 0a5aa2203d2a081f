import { describe, expect, it } from "vitest";
import { matchesGlob } from "@/lib/domain/access/glob";
import type { ApprovalQuestion, RoleInScope } from "@/lib/domain/access/permissions";
import {
  AGENT_VERBS,
  explainApprovalRefusal,
  explainMissing,
  may,
  mayApprove,
  rolesFor,
  VERBS,
} from "@/lib/domain/access/permissions";
import type { Role } from "@/lib/domain/access/roles";
import { ROLES } from "@/lib/domain/access/roles";

const NOW = 1000;
const role = (name: Role, changes: Partial<RoleInScope> = {}): RoleInScope => ({
  role: name,
  service: "*",
  environment: "*",
  expiresAt: null,
  ...changes,
});
const person = (...roles: RoleInScope[]): { kind: "person"; roles: RoleInScope[] } => ({ kind: "person", roles });
const HERE = { service: "payments", environment: "production" };

describe("the table", () => {
  it("allows each verb to exactly the roles it names, each role alone", () => {
    for (const verb of VERBS) {
      for (const name of ROLES) {
        const allowed: boolean = may(person(role(name)), verb, HERE, NOW).ok;
        expect([verb, name, allowed]).toEqual([verb, name, rolesFor(verb).includes(name)]);
      }
    }
  });

  it("lets viewers and auditors write nothing, and admins decide nothing that runs", () => {
    const writes = VERBS.filter((verb) => !verb.endsWith(".read") && verb !== "ledger.export");
    for (const verb of writes) expect(rolesFor(verb)).not.toEqual(expect.arrayContaining(["viewer"]));
    for (const verb of writes) expect(rolesFor(verb)).not.toEqual(expect.arrayContaining(["auditor"]));
    const decisions = VERBS.filter((verb) => /^(releases|rollouts|holds)\./.test(verb) && !verb.endsWith(".read"));
    for (const verb of decisions) expect(rolesFor(verb)).not.toEqual(expect.arrayContaining(["admin"]));
  });

  it("gives agents their three verbs and nobody else any of them", () => {
    const agent = { kind: "agent" as const, roles: ROLES.map((name) => role(name)) };
    for (const verb of VERBS) {
      const own = AGENT_VERBS.some((agentVerb) => agentVerb === verb);
      expect([verb, may(agent, verb, HERE, NOW).ok]).toEqual([verb, own]);
      if (own) expect(may(person(...agent.roles), verb, HERE, NOW).ok).toBe(false);
    }
  });
});

describe("may", () => {
  it.each<[string, RoleInScope[], { service?: string; environment?: string }, boolean]>([
    ["no role", [], HERE, false],
    ["everywhere", [role("operator")], HERE, true],
    ["this service", [role("operator", { service: "payments" })], HERE, true],
    ["a pattern", [role("operator", { service: "pay*" })], HERE, true],
    ["another service", [role("operator", { service: "checkout" })], HERE, false],
    ["another environment", [role("operator", { environment: "staging" })], HERE, false],
    [
      "two roles that together would cover it, but neither alone",
      [
        role("operator", { service: "payments", environment: "staging" }),
        role("operator", { service: "checkout", environment: "production" }),
      ],
      HERE,
      false,
    ],
    ["another role", [role("promoter")], HERE, false],
    ["expires later", [role("operator", { expiresAt: NOW + 1 })], HERE, true],
    ["expires now", [role("operator", { expiresAt: NOW })], HERE, false],
    ["a write without a service needs the whole", [role("operator", { service: "pay*" })], { environment: "production" }, false],
    ["a write without a service, under *", [role("operator")], { environment: "production" }, true],
  ])("%s", (_, roles, scope, expected) => {
    expect(may(person(...roles), "rollouts.rollback", scope, NOW).ok).toBe(expected);
  });

  it("reads without a scope with any role, and filters with one", () => {
    const viewer = person(role("viewer", { service: "payments" }));
    expect(may(viewer, "findings.read", {}, NOW).ok).toBe(true);
    expect(may(viewer, "findings.read", { service: "checkout" }, NOW).ok).toBe(false);
    expect(may(person(), "findings.read", {}, NOW).ok).toBe(false);
  });

  it("lets an admin of one environment grant no role beyond it", () => {
    expect(may(person(role("admin", { environment: "staging" })), "roles.grant", {}, NOW).ok).toBe(false);
    expect(may(person(role("admin")), "roles.grant", {}, NOW).ok).toBe(true);
  });

  it("says what is missing", () => {
    const refused = may(person(), "rollouts.rollback", HERE, NOW);
    expect(refused.ok || explainMissing(refused)).toBe(
      "This needs the role operator for service payments, environment production.",
    );
    const agentOnly = may(person(role("admin")), "agent.report", {}, NOW);
    expect(agentOnly.ok || explainMissing(agentOnly)).toBe("Only an agent may do this (agent.report).");
  });
});

describe("matchesGlob", () => {
  it.each([
    ["*", "", true],
    ["*", "anything", true],
    ["pay*", "payments", true],
    ["pay*", "pa", false],
    ["*-api", "payments-api", true],
    ["a*b*c", "a1b2c", true],
    ["a*b*c", "acb", false],
    ["a*a", "a", false],
    ["*aa*a", "aa", false],
    ["**", "x", true],
    ["pay.ents", "payments", false],
    ["payments", "payments2", false],
    ["", "", true],
    ["", "x", false],
  ])("%j on %j: %s", (pattern, value, expected) => {
    expect(matchesGlob(pattern, value)).toBe(expected);
  });
});

describe("mayApprove", () => {
  const question = (changes: Partial<ApprovalQuestion> = {}): ApprovalQuestion => ({
    approverPerson: "ada",
    approverNames: ["ada@example.com"],
    registrantPerson: "bob",
    authors: ["bob@example.com"],
    triggeredBy: "bob",
    environment: { protected: true },
    ...changes,
  });
  it.each<[string, Partial<ApprovalQuestion>, true | string]>([
    ["another person", {}, true],
    ["who registered it", { registrantPerson: "ada" }, "registrant"],
    ["an author, known by the address, in other letters", { authors: ["eve@example.com", "Ada@Example.com "] }, "author"],
    ["who triggered it", { triggeredBy: "ada@example.com" }, "trigger"],
    ["a team's token", { approverPerson: null }, "no-person"],
    ["a registrant that nobody stands behind", { registrantPerson: null, authors: [], triggeredBy: null }, true],
    ["unprotected, own release", { registrantPerson: "ada", environment: { protected: false } }, true],
  ])("%s", (_, changes, expected) => {
    const answer = mayApprove(question(changes));
    expect(answer.ok ? true : answer.reason).toBe(expected);
    if (!answer.ok) expect(explainApprovalRefusal(answer.reason)).toMatch(/\.$/);
  });
});

/** The seven roles that a person or a team's token can hold, each in a scope of service and environment patterns. */
export const ROLES = ["viewer", "publisher", "promoter", "operator", "approver", "auditor", "admin"] as const;
export type Role = (typeof ROLES)[number];

const DESCRIPTIONS: Record<Role, string> = {
  viewer: "Sees the fleet, its findings, releases and rollouts.",
  publisher: "Registers releases and attaches evidence to them.",
  promoter: "Promotes approved releases.",
  operator: "Rolls back, pauses, aborts, holds, reconverges and replaces.",
  approver: "Approves, withdraws, recalls and adopts.",
  auditor: "Reads everything, writes nothing.",
  admin: "Connects hosts, makes environments and tokens, grants roles.",
};

/** One sentence for people. */
export function describeRole(role: Role): string {
  return DESCRIPTIONS[role];
}

import { z } from "zod";
import { ROLES } from "@/lib/domain/access/roles";
import { scopeName } from "./agent";
import { count, freeText, instant, name, shortText, uuid } from "./primitives";

const pattern = z.string().regex(/^[a-z0-9._*-]{1,64}$/, "a name, in which * stands for any characters").default("*");

export const createTokenRequest = z.strictObject({
  name: shortText.max(100),
  role: z.enum(ROLES),
  service: pattern,
  environment: pattern,
  team: shortText.optional(),
  expiresInHours: z.int().min(1).max(24 * 366).default(24 * 90),
});
export const createdToken = z.strictObject({ id: uuid, name: z.string(), token: z.string(), role: z.enum(ROLES), expiresAt: instant });
export type CreatedToken = z.infer<typeof createdToken>;
export const tokenDto = z.strictObject({ id: uuid, name: z.string(), team: z.string().nullable(), roles: z.array(z.string()), expiresAt: instant, lastUsedAt: instant.nullable(), revokedAt: instant.nullable(), createdBy: z.string().nullable() });
export type TokenDto = z.infer<typeof tokenDto>;

const network = z.union([z.cidrv4(), z.cidrv6()], "must be a network such as 10.0.0.0/8 or fd00::/8");
const ttlMinutes = z.int().min(1).max(60 * 24 * 365);
export const createPoolRequest = z.strictObject({
  name,
  environments: z.array(name).min(1).max(20),
  scopes: z.array(scopeName).min(1).max(64).default(["engine"]),
  /** Its hosts come and go: one that leaves, or is silent for its time to live, is gone and no finding. */
  ephemeral: z.boolean().default(false),
  /** How long an ephemeral host may be silent before it counts as gone; 10 when left out. */
  ttlMinutes: ttlMinutes.optional(),
  /** No more than so many at the same time; fewer than so many is a finding. */
  maxAgents: count.min(1).optional(),
  minAgents: count.min(1).optional(),
  /** Where a host must connect from to be admitted; none: from anywhere. */
  networks: z.array(network).max(50).default([]),
});
/** What is left out stays; null takes a limit away. */
export const changePoolRequest = z.strictObject({
  ephemeral: z.boolean().optional(),
  ttlMinutes: ttlMinutes.nullable().optional(),
  maxAgents: count.min(1).nullable().optional(),
  minAgents: count.min(1).nullable().optional(),
  networks: z.array(network).max(50).optional(),
});
export const closePoolRequest = z.strictObject({ reason: freeText });
export const poolDto = z.strictObject({
  id: uuid,
  name: z.string(),
  environments: z.array(z.string()),
  scopes: z.array(z.string()),
  ephemeral: z.boolean(),
  ttlMinutes: z.number().nullable(),
  maxAgents: z.int().nullable(),
  minAgents: z.int().nullable(),
  networks: z.array(z.string()),
  /** Those that have not retired, and how many of them are silent. */
  agents: z.int(),
  silentAgents: z.int(),
  closed: z.boolean(),
});
export type PoolDto = z.infer<typeof poolDto>;
export const createEnrolmentRequest = z.strictObject({ pool: name, expiresInHours: z.int().min(1).max(24 * 90).default(24), maxUses: count.min(1).nullable().default(1) });
export const enrolmentDto = z.strictObject({ pool: z.string(), token: z.string(), expiresAt: instant, maxUses: z.int().nullable(), command: z.string() });
export type EnrolmentDto = z.infer<typeof enrolmentDto>;

export const putEnvironmentRequest = z.strictObject({
  name,
  protected: z.boolean().optional(),
  mode: z.enum(["observe", "enforce"]).optional(),
  requiredApprovals: z.int().min(0).max(10).optional(),
});
export const liftHoldRequest = z.strictObject({ service: name, environment: name, partition: name.default("default"), reason: freeText });
export const revokeAgentRequest = z.strictObject({ agent: uuid, reason: freeText });
export const revokedDto = z.strictObject({ id: uuid, revokedAt: instant });
export type RevokedDto = z.infer<typeof revokedDto>;

export const setupRequest = z.strictObject({
  token: z.string().min(20).max(200),
  name: shortText,
  email: z.email().max(254),
  password: z.string().min(12, "at least 12 characters").max(200),
});
export const setupDto = z.strictObject({ actor: uuid, email: z.string() });
/** POST /api/v1/setup/link, from this machine with its key file: what setup.json holds. */
export const setupLinkDto = z.strictObject({ link: z.string(), token: z.string(), expiresAt: instant });
export type SetupLinkDto = z.infer<typeof setupLinkDto>;
export const inviteRequest = z.strictObject({ name: shortText, email: z.email().max(254), role: z.enum(ROLES), service: pattern, environment: pattern });
export const invitedDto = z.strictObject({ link: z.string(), expiresAt: instant });
export const sessionDto = z.strictObject({ actor: uuid, name: z.string(), kind: z.enum(["person", "token", "agent", "system"]), demo: z.boolean(), roles: z.array(z.strictObject({ role: z.enum(ROLES), service: z.string(), environment: z.string() })) });
export type SessionDto = z.infer<typeof sessionDto>;

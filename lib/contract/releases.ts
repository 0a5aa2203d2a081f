import { z } from "zod";
import { count, cursor, digest, freeText, httpUrl, instant, limit, name, page, shortText, shownText, stripHidden, uuid } from "./primitives";

const digestFact = z.strictObject({ digest, kind: z.enum(["index", "manifest", "config", "file", "unspecified"]), platform: z.string().max(100).default("") });

/**
 * How a component's bytes arrive. `manifests` are raw manifest bytes (base64): the server hashes them itself and
 * derives every alias (index, platform manifests, config). `file` is one executable's own digest.
 */
export const registerComponent = z.strictObject({
  name: name.default("main"),
  repository: z.string().min(1).max(300).optional(),
  reference: z.string().min(1).max(500).optional(),
  /** The digest that the release names; must be the hash of one of `manifests`, or a file's. */
  digest,
  manifests: z.array(z.strictObject({ mediaType: z.string().max(200).optional(), bytes: z.base64().max(4_000_000) })).max(64).default([]),
  file: z.boolean().default(false),
});

export const migration = z.strictObject({
  id: shortText,
  kind: z.enum(["expand", "contract", "irreversible"]),
  compatibleBackTo: z.string().max(128).optional(),
  runbook: httpUrl.optional(),
});

export const registerReleaseRequest = z.strictObject({
  service: name,
  version: z.string().trim().min(1).max(128).regex(/^[!-~\u00a1-\uffff]+$/, "must not contain spaces or control characters").refine((text) => stripHidden(text) === text, "must not contain hidden characters"),
  components: z.array(registerComponent).min(1).max(50),
  kind: z.enum(["planned", "hotfix"]).default("planned"),
  settingsDigest: digest.optional(),
  commits: z.strictObject({ base: shortText.optional(), head: shortText, count, firstAuthoredAt: instant.optional() }).optional(),
  builtAt: instant.optional(),
  authors: z.array(shortText).max(200).default([]),
  triggeredBy: shortText.optional(),
  tickets: z.array(shortText).max(100).default([]),
  sourceUrl: httpUrl.optional(),
  notes: shownText.max(10_000).optional(),
  links: z.array(z.strictObject({ title: shortText, url: httpUrl })).max(50).default([]),
  /** Absent means not declared; an empty list means declared: none. */
  migrations: z.array(migration).max(100).optional(),
});
export type RegisterReleaseRequest = z.input<typeof registerReleaseRequest>;

export const releaseDto = z.strictObject({
  id: uuid,
  service: z.string(),
  version: z.string(),
  kind: z.enum(["planned", "hotfix"]),
  components: z.array(z.strictObject({ name: z.string(), repository: z.string().nullable(), reference: z.string().nullable(), digest, digests: z.array(digestFact) })),
  registeredAt: instant,
  registeredBy: z.string(),
  entry: z.int(),
  sourceUrl: z.string().nullable(),
  commits: registerReleaseRequest.shape.commits.nullable(),
  authors: z.array(z.string()),
  migrations: z.array(migration).nullable(),
  recalled: z.boolean(),
  /** It ran before the ledger knew it and was taken as it was: nobody vouched for it, and its digests are what hosts reported. */
  adopted: z.boolean(),
  /** Environments in which it may run, with how many approvals stand and are needed; `adopted` when it may because it ran there. */
  approvals: z.array(z.strictObject({ environment: z.string(), standing: count, required: count, approved: z.boolean(), adopted: z.boolean() })),
});
export type ReleaseDto = z.infer<typeof releaseDto>;

export const listReleasesQuery = z.strictObject({ service: name.optional(), limit, cursor: cursor.optional() });
export const releasePage = page(releaseDto);

export const approveRequest = z.strictObject({ service: name, version: z.string().min(1).max(128), environment: name, note: freeText.optional() });
export const withdrawRequest = z.strictObject({ service: name, version: z.string().min(1).max(128), environment: name, reason: freeText });
export const recallRequest = z.strictObject({ service: name, version: z.string().min(1).max(128), reason: freeText });
export const approvalDto = z.strictObject({ service: z.string(), version: z.string(), environment: z.string(), standing: count, required: count, approved: z.boolean(), adopted: z.boolean(), entry: z.int() });
export type ApprovalDto = z.infer<typeof approvalDto>;
export const recallDto = z.strictObject({ service: z.string(), version: z.string(), entry: z.int(), instances: count });

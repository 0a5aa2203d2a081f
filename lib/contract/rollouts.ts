import { z } from "zod";
import { OUTCOMES, ROLLOUT_KINDS, ROLLOUT_ORIGINS, ROLLOUT_STATUSES, TARGET_STATUSES, WAVE_STATUSES } from "@/lib/domain/rollout/statuses";
import { count, cursor, digest, freeText, instant, limit, name, page, partition, shortText, uuid } from "./primitives";

/** A release as a dialog or a row shows it. */
export const releaseRef = z.strictObject({ id: uuid, version: z.string(), digest: digest.nullable() });
export type ReleaseRef = z.infer<typeof releaseRef>;

export const promoteRequest = z.strictObject({
  service: name,
  environment: name,
  partition,
  version: z.string().min(1).max(128),
  reason: freeText.optional(),
});

export const previewQuery = z.strictObject({ service: name, environment: name, partition, version: z.string().min(1).max(128).optional() });

export const rollbackRequest = z.strictObject({
  service: name,
  environment: name,
  partition,
  /** Absent: the last known good. */
  version: z.string().min(1).max(128).optional(),
  reason: freeText,
  incident: shortText.optional(),
  /** Places a hold: no promotion here until it is lifted. */
  hold: z.boolean().default(true),
  /** The preview's token. When given, a view that has moved since is refused with 409 and what changed. */
  revision: z.string().max(2_000).optional(),
});
export type RollbackRequest = z.input<typeof rollbackRequest>;

export const reconvergeRequest = z.strictObject({
  service: name,
  environment: name,
  partition,
  reason: freeText,
  /** Only these targets (ids as in findings and instances); absent: every target that deviates. */
  targets: z.array(z.string().min(1).max(40)).min(1).max(10_000).optional(),
  incident: shortText.optional(),
});

/** Pausing, resuming and stopping; a reason is kept with a stop. */
export const steerRequest = z.strictObject({ reason: freeText.optional() });

/** A hold that was lifted, and the entry that says so. */
export const liftedDto = z.strictObject({ entry: z.int() });

export const reasonDto = z.strictObject({ reason: z.string(), sentence: z.string() });

/** What a rollback would do, from the same decision that the server takes on locked rows. */
export const rollbackPreview = z.strictObject({
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  protected: z.boolean(),
  allowed: z.boolean(),
  /** `reconverge` when the chosen release is the assigned one. */
  kind: z.enum(["rollback", "reconverge"]),
  reasons: z.array(reasonDto),
  assigned: releaseRef.nullable(),
  to: releaseRef.nullable(),
  /** What runs now, by release or digest, most first. */
  running: z.array(z.strictObject({ version: z.string().nullable(), digest: digest.nullable(), instances: count })),
  candidates: z.array(releaseRef.extend({ lastKnownGood: z.boolean(), eligible: z.boolean(), reasons: z.array(reasonDto) })),
  instances: count,
  targets: count,
  actable: count,
  regions: z.array(z.strictObject({ region: z.string(), instances: count })),
  waves: z.array(z.strictObject({ name: z.string(), targets: count })),
  estimateMs: z.strictObject({ from: z.int(), to: z.int() }).nullable(),
  evidence: z.array(z.strictObject({ check: z.string(), sentence: z.string(), ok: z.boolean().nullable(), required: z.boolean(), at: instant.nullable() })),
  weakEvidence: z.boolean(),
  willNotUndo: z.array(z.string()),
  managers: z.array(z.strictObject({ tool: z.string(), targets: count, willRevert: z.boolean() })),
  activeRollout: z.strictObject({ id: uuid, number: z.int(), kind: z.enum(ROLLOUT_KINDS) }).nullable(),
  ledgerSize: z.int(),
  revision: z.string(),
  asOf: instant,
  confirm: z.enum(["click", "hold", "type"]),
});
export type RollbackPreview = z.infer<typeof rollbackPreview>;

export const rolloutDto = z.strictObject({
  id: uuid,
  number: z.int(),
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  kind: z.enum(ROLLOUT_KINDS),
  origin: z.enum(ROLLOUT_ORIGINS),
  status: z.enum(ROLLOUT_STATUSES),
  statusReason: z.string().nullable(),
  outcome: z.enum(OUTCOMES).nullable(),
  incident: z.string().nullable(),
  from: releaseRef.nullable(),
  to: releaseRef.nullable(),
  entry: z.int(),
  holdEntry: z.int().nullable(),
  reason: z.string().nullable(),
  startedBy: z.string(),
  supersedes: z.strictObject({ id: uuid, number: z.int() }).nullable(),
  createdAt: instant,
  acceptedAt: instant,
  acknowledgedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  revision: z.int(),
  counts: z.strictObject({ total: count, verified: count, inFlight: count, stuck: count, failed: count, waiting: count, gone: count }),
  estimateMs: z.strictObject({ from: z.int(), to: z.int() }).nullable(),
});
export type RolloutDto = z.infer<typeof rolloutDto>;

export const rolloutDetail = rolloutDto.extend({
  waves: z.array(
    z.strictObject({
      ordinal: z.int(),
      name: z.string(),
      status: z.enum(WAVE_STATUSES),
      openedAt: instant.nullable(),
      finishedAt: instant.nullable(),
      counts: rolloutDto.shape.counts,
      /** One letter per target in plan order, worst first within a wave: v verified, f in flight, s stuck, x failed, w waiting, g gone. */
      cells: z.string().max(100_000),
    }),
  ),
  stuck: z.array(z.strictObject({ reason: z.string(), sentence: z.string(), next: z.string(), count, where: z.array(z.string()).max(5), oldestOfferedAt: instant.nullable() })),
  targets: z.array(z.strictObject({ id: z.string(), key: z.string(), agent: z.string(), region: z.string().nullable(), status: z.enum(TARGET_STATUSES), step: z.string().nullable(), reason: z.string().nullable(), message: z.string().nullable(), verifiedAt: instant.nullable() })).max(200),
  events: z.array(z.strictObject({ at: instant, kind: z.string(), sentence: z.string() })).max(200),
  summary: z.string(),
});
export type RolloutDetail = z.infer<typeof rolloutDetail>;

export const listRolloutsQuery = z.strictObject({
  service: name.optional(),
  environment: name.optional(),
  status: z.enum(["active", "finished"]).optional(),
  limit,
  cursor: cursor.optional(),
});
export const rolloutPage = page(rolloutDto);

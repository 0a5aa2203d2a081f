import { z } from "zod";
import { ANNOUNCED_STATUSES, OUTCOMES, ROLLOUT_KINDS, ROLLOUT_ORIGINS, ROLLOUT_STATUSES, TARGET_STATUSES, WAVE_STATUSES } from "@/lib/domain/rollout/statuses";
import { count, cursor, digest, freeText, instant, limit, name, page, partition, shortText, uuid } from "./primitives";
import { strategySchema } from "./strategies";

/** A release as a dialog or a row shows it. `adopted` stands where it ran before the ledger knew it: nobody vouched for it. */
export const releaseRef = z.strictObject({ id: uuid, version: z.string(), digest: digest.nullable(), adopted: z.literal(true).optional() });
export type ReleaseRef = z.infer<typeof releaseRef>;

const version = z.string().min(1).max(128);
const place = { service: name, environment: name, partition };
/** Absent: every partition that is not pinned, each by a rollout of its own; the first is answered, and its `group` names the receipt. */
const places = { service: name, environment: name, partition: name.optional() };
const promotionStrategy = z.union([z.enum(["environment", "all-at-once"]), strategySchema]).default("environment");
const rollbackStrategy = z.enum(["fast-track", "waves"]).default("fast-track");

export const promoteRequest = z.strictObject({
  ...places,
  version,
  /** How: as the environment says, everyone at once, or a strategy for this one time. */
  strategy: promotionStrategy,
  reason: freeText.optional(),
  incident: shortText.optional(),
  /** Starts in spite of a freeze; needs a reason, and the right to override. */
  overrideFreeze: z.boolean().default(false),
  /** The preview's token, as in a rollback. */
  revision: z.string().max(2_000).optional(),
});
export type PromoteRequest = z.input<typeof promoteRequest>;

/** What `GET rollouts/preview` is asked. `targets` (comma-separated ids) for reconverge and replace. */
export const rolloutPreviewQuery = z.strictObject({
  ...place,
  kind: z.enum(ROLLOUT_KINDS),
  version: version.optional(),
  /** `all-at-once` for a promotion, `waves` (the promotion's) for a rollback; `environment` is what the environment says for the kind. */
  strategy: z.enum(["environment", "all-at-once", "waves"]).default("environment"),
  targets: z
    .string()
    .max(20_000)
    .transform((text) => text.split(",").filter((id) => id !== ""))
    .optional(),
});
export const previewQuery = z.strictObject({ ...place, version: version.optional() });

export const rollbackRequest = z.strictObject({
  ...places,
  /** Absent: the last known good. */
  version: version.optional(),
  reason: freeText,
  incident: shortText.optional(),
  /** Places a hold: no promotion here until it is lifted. */
  hold: z.boolean().default(true),
  /** The preview's token. When given, a view that has moved since is refused with 409 and what changed. */
  revision: z.string().max(2_000).optional(),
  /** `fast-track` (the default) is everyone at once under the environment's cap; `waves` takes the promotion's waves. */
  strategy: rollbackStrategy,
  /** The service's name, typed: goes back in spite of a migration that cannot be undone. */
  acceptForwardFix: z.string().max(200).optional(),
});
export type RollbackRequest = z.input<typeof rollbackRequest>;

const targetIds = z.array(z.string().regex(/^[0-9]{1,19}$/, "is no target's id")).min(1).max(10_000);
export const reconvergeRequest = z.strictObject({
  ...place,
  reason: freeText,
  /** Only these targets (ids as in findings and instances); absent: every target that deviates. */
  targets: targetIds.optional(),
  incident: shortText.optional(),
});

/** New copies from the digest that is assigned. */
export const replaceRequest = z.strictObject({
  ...place,
  reason: freeText,
  /** Only these targets; absent: all of them, in the environment's waves. */
  targets: targetIds.optional(),
  incident: shortText.optional(),
  revision: z.string().max(2_000).optional(),
});
export type ReplaceRequest = z.input<typeof replaceRequest>;

/** Nothing runs here any more, until a release is promoted again. */
export const stopRequest = z.strictObject({
  ...place,
  reason: freeText,
  /** The service's name, typed. */
  confirm: z.string().max(200),
  incident: shortText.optional(),
  revision: z.string().max(2_000).optional(),
});
export type StopRequest = z.input<typeof stopRequest>;

/** The rollout's `revision` that was looked at: when it has moved since, 409 says what changed. */
const seen = { revision: z.int().min(1).optional() };
/** Pausing. */
export const steerRequest = z.strictObject({ reason: freeText.optional(), ...seen });
/** Going on. Where a wave failed: `retry` offers its failed and stuck targets again, `accept` goes on without them. */
export const resumeRequest = z.strictObject({ reason: freeText.optional(), failed: z.enum(["retry", "accept"]).optional(), ...seen });
/** Stopping: `stop` leaves what runs where it is, `rollback` starts a rollback to what was assigned before. */
export const abortRequest = z.strictObject({ reason: freeText.optional(), how: z.enum(["stop", "rollback"]).default("stop"), ...seen });
/** A person's go-ahead for a wave that waits for one. */
export const goAheadRequest = z.strictObject({ wave: z.int().min(1).max(1_000), reason: freeText.optional(), ...seen });
/** An approver says that a rollback was a mistake, so that what it left may be a last known good again. */
export const clearRequest = z.strictObject({ reason: freeText, ...seen });

/** A hold that was lifted, and the entry that says so. */
export const liftedDto = z.strictObject({ entry: z.int() });

export const reasonDto = z.strictObject({ reason: z.string(), sentence: z.string() });

/** A pin, where it stands. */
export const pinRef = z.strictObject({ id: uuid, reason: z.string().nullable(), by: z.string(), since: instant, expiresAt: instant.nullable(), entry: z.int() });
export type PinRef = z.infer<typeof pinRef>;

const range = z.strictObject({ from: z.int(), to: z.int() });

/** The way of whoever manages the targets, from lib/domain/rollout/native-ways. */
export const nativeWayDto = z.strictObject({
  tool: z.string(),
  title: z.string(),
  /** Null: nobody knows whether it puts its own version back. */
  willRevert: z.boolean().nullable(),
  why: z.string(),
  steps: z.array(z.strictObject({ text: z.string(), command: z.string().optional() })),
  /** An executor of this kind does it with one click; null where there is none for this tool. */
  dispatch: z.enum(["github", "gitlab"]).nullable(),
  targets: count,
});

/** A wave before it is frozen. `gate` says in words what stands before it and when it has passed. */
export const plannedWaveDto = z.strictObject({ ordinal: z.int(), name: z.string(), targets: count, instances: count, sample: z.array(z.string()).max(5), gate: z.array(z.string()) });

/** What a rollout would do, from the same decision that the server takes on locked rows. */
export const rolloutPreview = z.strictObject({
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  protected: z.boolean(),
  allowed: z.boolean(),
  /** What it will be: a rollback to the assigned release is a `reconverge`. */
  kind: z.enum(ROLLOUT_KINDS),
  /** Why it may not start; empty when it may. */
  reasons: z.array(reasonDto),
  /** What a person should know beforehand. */
  warnings: z.array(reasonDto),
  assigned: releaseRef.nullable(),
  to: releaseRef.nullable(),
  /** What runs now, by release or digest, most first. */
  running: z.array(z.strictObject({ version: z.string().nullable(), digest: digest.nullable(), instances: count })),
  candidates: z.array(releaseRef.extend({ lastKnownGood: z.boolean(), eligible: z.boolean(), reasons: z.array(reasonDto) })),
  instances: count,
  targets: count,
  actable: count,
  regions: z.array(z.strictObject({ region: z.string(), instances: count })),
  waves: z.array(plannedWaveDto),
  /** What a person should read about the plan, such as fewer targets than waves. */
  planNotes: z.array(z.string()),
  strategy: z.strictObject({ version: z.int(), sentence: z.string() }),
  estimateMs: range.nullable(),
  evidence: z.array(z.strictObject({ check: z.string(), sentence: z.string(), ok: z.boolean().nullable(), required: z.boolean(), at: instant.nullable() })),
  weakEvidence: z.boolean(),
  willNotUndo: z.array(z.string()),
  /** What differs between the two releases beside their bytes, in words. */
  difference: z.array(z.string()),
  /** Releases between the two, newest first, with what they brought. */
  between: z.strictObject({
    commits: count.nullable(),
    compareUrl: z.string().nullable(),
    releases: z.array(z.strictObject({ version: z.string(), head: z.string().nullable(), commits: count.nullable(), tickets: z.array(z.string()), sourceUrl: z.string().nullable(), migrations: z.array(z.string()).nullable() })).max(20),
  }),
  /** The migration that the chosen release may not work with, and the newest release that would. */
  forwardFix: z.strictObject({ release: z.string(), migration: z.string(), compatibleBackTo: z.string().nullable(), newestCompatible: releaseRef.nullable() }).nullable(),
  /** Who manages the targets, and their own way, which is offered first. */
  ways: z.array(nativeWayDto),
  /** Who carries it out instead of the agents. */
  executor: z.strictObject({ name: z.string(), kind: z.string() }).nullable(),
  freeze: z.strictObject({ name: z.string(), until: instant.nullable() }).nullable(),
  hold: z.strictObject({ entry: z.int() }).nullable(),
  pin: z.strictObject({ entry: z.int(), reason: z.string().nullable(), until: instant.nullable() }).nullable(),
  activeRollout: z.strictObject({ id: uuid, number: z.int(), kind: z.enum(ROLLOUT_KINDS) }).nullable(),
  ledgerSize: z.int(),
  revision: z.string(),
  asOf: instant,
  confirm: z.enum(["click", "hold", "type"]),
});
export type RolloutPreview = z.infer<typeof rolloutPreview>;

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
  counts: z.strictObject({ total: count, verified: count, inFlight: count, stuck: count, failed: count, waiting: count, gone: count, withdrawn: count }),
  /** How long it takes from its start, by what was observed here; while it runs, by its own rate. Null: cannot be estimated yet. */
  estimateMs: range.nullable(),
  strategy: z.strictObject({ version: z.int(), sentence: z.string(), maxInFlight: z.int().nullable() }),
  /** What the wave that is next waits for, in words. */
  waitingFor: z.string().nullable(),
  executor: z.strictObject({ name: z.string(), kind: z.string() }).nullable(),
  /** Others carry it out and Plumbline follows it; null where it carries it out itself. */
  external: z
    .strictObject({
      /** The deployer in words; null: nobody knows. */
      by: z.string().nullable(),
      /** Since when nothing has moved, once that is too long. */
      stalledSince: instant.nullable(),
      /** What its deployer said last; null where only observation tells of it. */
      announced: z.strictObject({ status: z.enum(ANNOUNCED_STATUSES), by: z.string().nullable(), url: z.string().nullable(), at: instant }).nullable(),
    })
    .nullable(),
  /** The decision about several services that it belongs to. */
  group: uuid.nullable(),
  /** The failed rollout that this one undoes by itself, and the one that undid this. */
  reverts: z.strictObject({ id: uuid, number: z.int() }).nullable(),
  revertedBy: z.strictObject({ id: uuid, number: z.int() }).nullable(),
  /** An approver said that leaving the old release was a mistake. */
  cleared: z.boolean(),
  /** Until when it is watched after its end: one that succeeded puts back who leaves it, another only counts who still gets there. */
  watchedUntil: instant.nullable(),
});
export type RolloutDto = z.infer<typeof rolloutDto>;

export const rolloutDetail = rolloutDto.extend({
  waves: z.array(
    z.strictObject({
      ordinal: z.int(),
      name: z.string(),
      status: z.enum(WAVE_STATUSES),
      statusSince: instant,
      /** Why it waits or failed, in words. */
      statusReason: z.string().nullable(),
      openedAt: instant.nullable(),
      finishedAt: instant.nullable(),
      /** When its soak ends, if nothing happens. */
      soakUntil: instant.nullable(),
      /** What stands before it and when it has passed, in words. */
      gate: z.array(z.string()),
      /** `needed`: a person has to say go. */
      goAhead: z.strictObject({ needed: z.boolean(), by: z.string().nullable(), entry: z.int().nullable() }),
      check: z.strictObject({ status: z.enum(["due", "passed", "failed", "unanswered"]), detail: z.string().nullable(), attempts: count }).nullable(),
      /** Targets whose agents have the bytes already. */
      prefetched: count,
      counts: rolloutDto.shape.counts,
      /** One letter per target in plan order, worst first within a wave: v verified, f in flight, s stuck, x failed, w waiting, g gone or withdrawn. */
      cells: z.string().max(100_000),
    }),
  ),
  stuck: z.array(z.strictObject({ reason: z.string(), sentence: z.string(), next: z.string(), count, where: z.array(z.string()).max(5), oldestOfferedAt: instant.nullable() })),
  targets: z.array(z.strictObject({ id: z.string(), key: z.string(), agent: z.string(), region: z.string().nullable(), status: z.enum(TARGET_STATUSES), step: z.string().nullable(), reason: z.string().nullable(), message: z.string().nullable(), verifiedAt: instant.nullable() })).max(200),
  events: z.array(z.strictObject({ at: instant, kind: z.string(), sentence: z.string() })).max(200),
  summary: z.string(),
});
export type RolloutDetail = z.infer<typeof rolloutDetail>;

/**
 * Several places at once: how an environment was at a moment, away from a recalled release wherever it is assigned or runs, or
 * one service back (without a version each partition to its own last known good) or forward in its partitions.
 */
export const groupPreviewQuery = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("rollback"), service: name, environment: name, version: version.optional() }),
  z.strictObject({ kind: z.literal("promote"), service: name, environment: name, version }),
  z.strictObject({ kind: z.literal("as-of"), environment: name, at: instant }),
  z.strictObject({ kind: z.literal("recall"), service: name, version }),
]);
const groupMember = z.strictObject({
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  /** `stop` where nothing may run any more; null when nothing can be done, `reasons` says why. */
  kind: z.enum(ROLLOUT_KINDS).nullable(),
  from: releaseRef.nullable(),
  to: releaseRef.nullable(),
  instances: count,
  targets: count,
  allowed: z.boolean(),
  /** Chosen unless somebody says otherwise: never a stop, never a way forward again. */
  suggested: z.boolean(),
  weakEvidence: z.boolean(),
  reasons: z.array(reasonDto),
  warnings: z.array(reasonDto),
});
export type GroupMember = z.infer<typeof groupMember>;
const groupKind = z.enum(["as-of", "recall", "rollback", "promote"]);
export const groupPreview = z.strictObject({
  kind: groupKind,
  /** The one service that it is about; null for several. */
  service: z.string().nullable(),
  environment: z.string().nullable(),
  at: instant.nullable(),
  release: z.strictObject({ service: z.string(), version: z.string() }).nullable(),
  members: z.array(groupMember).max(500),
  /** Services that already are as they were then, or that the recall does not touch. */
  unchanged: count,
  /** Places that it is about as well and that one decision does not hold: the next one's. */
  left: count,
  /** What has to be typed: the environment's name, or the service's. */
  typed: z.string(),
  revision: z.string(),
  asOf: instant,
});
export type GroupPreview = z.infer<typeof groupPreview>;
const chosenPlaces = z.array(z.strictObject({ service: name, environment: name, partition })).min(1).max(500);
const groupCommon = { places: chosenPlaces, reason: freeText, incident: shortText.optional(), hold: z.boolean().default(true), confirm: z.string().max(200), /** The preview's token: a list that has changed since is refused with 409 and what changed. */ revision: z.string().max(100_000) };
export const groupRequest = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("rollback"), service: name, environment: name, version: version.optional(), strategy: rollbackStrategy, ...groupCommon }),
  z.strictObject({ kind: z.literal("promote"), service: name, environment: name, version, strategy: promotionStrategy, ...groupCommon, reason: freeText.optional() }),
  z.strictObject({ kind: z.literal("as-of"), environment: name, at: instant, ...groupCommon }),
  z.strictObject({ kind: z.literal("recall"), service: name, version, ...groupCommon }),
]);
export type GroupRequest = z.input<typeof groupRequest>;
/** The receipt of one confirmation. */
export const groupDto = z.strictObject({
  id: uuid,
  kind: groupKind,
  service: z.string().nullable(),
  environment: z.string().nullable(),
  at: instant.nullable(),
  release: z.strictObject({ service: z.string(), version: z.string() }).nullable(),
  incident: z.string().nullable(),
  startedBy: z.string(),
  createdAt: instant,
  rollouts: z.array(rolloutDto).max(500),
  skipped: z.array(z.strictObject({ service: z.string(), environment: z.string(), partition: z.string(), sentences: z.array(z.string()) })),
  counts: rolloutDto.shape.counts,
  summary: z.string(),
});
export type GroupDto = z.infer<typeof groupDto>;

export const listRolloutsQuery = z.strictObject({
  service: name.optional(),
  environment: name.optional(),
  /** Only those that were under way at or after this moment. */
  since: instant.optional(),
  status: z.enum(["active", "finished"]).optional(),
  limit,
  cursor: cursor.optional(),
});
export const rolloutPage = page(rolloutDto);

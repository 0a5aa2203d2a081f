import { z } from "zod";
import type { FollowPolicy } from "@/lib/domain/rollout/follow-external";
import { DEFAULT_LKG_POLICY, type LastKnownGoodPolicy } from "@/lib/domain/rollout/last-known-good";
import { FAILURE_ACTIONS, STUCK_AFTER_MS, type EnvironmentStrategy, type Strategy } from "@/lib/domain/rollout/strategy";
import { freeText, instant, name, page, shortText } from "./primitives";

const DAY_MS = 86_400_000;
const share = z.number().min(0).max(1);
const checkTimes = {
  /** How long one question may take. */
  timeoutMs: z.int().min(100).max(60_000).default(10_000),
  /** How soon it is asked again when nothing came back. */
  everyMs: z.int().min(500).max(3_600_000).default(10_000),
  /** How long nothing may come back before that is said, and the rollout pauses. */
  withinMs: z.int().min(1_000).max(DAY_MS).default(5 * 60_000),
};
const url = z.url({ protocol: /^https?$/ }).max(2_000);

export const externalCheckSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), url, ...checkTimes }),
  z.strictObject({ kind: z.literal("prometheus"), url, query: z.string().min(1).max(4_000), op: z.enum(["<", "<=", ">", ">=", "==", "!="]), threshold: z.number(), ...checkTimes }),
]);

const gateFields = {
  passShare: share.gt(0, "more than 0: a wave of which nothing is verified never passes"),
  soakMs: z.int().min(0).max(7 * DAY_MS),
  failureThreshold: share,
  maxFailures: z.int().min(0).max(100_000),
  health: z.boolean(),
  goAhead: z.boolean(),
  check: externalCheckSchema.nullable(),
};
export const waveGateSchema = z.strictObject({
  passShare: gateFields.passShare.default(1),
  soakMs: gateFields.soakMs.default(0),
  failureThreshold: gateFields.failureThreshold.default(0),
  maxFailures: gateFields.maxFailures.default(0),
  health: gateFields.health.default(true),
  goAhead: gateFields.goAhead.default(false),
  check: gateFields.check.default(null),
});

/** A wave's gate as it is kept: with what somebody has said since about going on. */
export const keptGateSchema = waveGateSchema.extend({ givenUp: z.int().min(0).optional() });

const label = z.string().min(1).max(200);
export const cutSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all-at-once") }),
  z.strictObject({
    kind: z.literal("percentages"),
    steps: z.array(z.number().gt(0).max(100)).min(1).max(20).refine((steps) => steps.every((step, at) => at === 0 || step > (steps[at - 1] ?? 0)), "must grow from step to step"),
  }),
  z.strictObject({ kind: z.literal("groups"), by: z.union([z.enum(["region", "partition"]), z.strictObject({ label })]), order: z.array(label).max(100).default([]) }),
  z.strictObject({ kind: z.literal("targets"), waves: z.array(z.strictObject({ name: shortText, targets: z.array(z.string().min(1).max(400)).min(1).max(10_000) })).min(1).max(20) }),
]);

/** One way to roll out; what is left out is as strict as can be: any failure pauses. Its output is the domain's Strategy. */
export const strategySchema = z.strictObject({
  cut: cutSchema,
  gate: waveGateSchema.default(waveGateSchema.parse({})),
  waves: z.array(z.strictObject({ wave: z.int().min(1).max(100) }).extend(z.strictObject(gateFields).partial().shape)).max(100).default([]),
  onFailure: z.enum(FAILURE_ACTIONS).default("pause"),
  maxInFlight: z.int().min(1).max(100_000).nullable().default(null),
  minUptimeMs: z.int().min(0).max(3_600_000).default(5_000),
  stuckAfterMs: z.int().min(1_000).max(DAY_MS).default(STUCK_AFTER_MS),
}) satisfies z.ZodType<Strategy>;

/** How patiently a rollout of others is followed. */
export const followPolicySchema = z.strictObject({ stalledAfterMs: z.int().min(60_000).max(DAY_MS), failedAfterMs: z.int().min(60_000).max(7 * DAY_MS) }) satisfies z.ZodType<FollowPolicy>;

export const lastKnownGoodSchema = z.strictObject({
  /** More than nothing: a release that ran nowhere proved nothing. */
  minShare: share.gt(0, "more than 0"),
  minRanForMs: z.int().min(0).max(90 * DAY_MS),
  maxUnhealthyShare: share,
}) satisfies z.ZodType<LastKnownGoodPolicy>;

export const environmentStrategySchema = z.strictObject({ promote: strategySchema, rollback: strategySchema, lastKnownGood: lastKnownGoodSchema.default(DEFAULT_LKG_POLICY) }) satisfies z.ZodType<EnvironmentStrategy>;

export const strategiesQuery = z.strictObject({ environment: name.optional() });
export const putStrategyRequest = z.strictObject({
  environment: name,
  /** Without `lastKnownGood` that stays as it is. */
  strategy: environmentStrategySchema.extend({ lastKnownGood: lastKnownGoodSchema.optional() }),
  /** The version that was changed, 0 where nobody ever said: one that is not the newest any more is refused with 409 and what changed. */
  version: z.int().min(0).max(1_000_000),
  reason: freeText,
});
export type PutStrategyRequest = z.input<typeof putStrategyRequest>;

/** A strategy in words; `waves` is null where they follow from the fleet. */
const described = z.strictObject({ sentence: z.string(), details: z.array(z.string()), waves: z.array(z.string()).nullable() });
export const strategyVersion = z.strictObject({
  version: z.int(),
  promote: z.string(),
  rollback: z.string(),
  lastKnownGood: z.string(),
  reason: z.string().nullable(),
  by: z.string(),
  at: instant,
  entry: z.int(),
});
export const strategyDto = z.strictObject({
  environment: z.string(),
  protected: z.boolean(),
  /** The environment whose strategy a preview follows; null where it has its own. */
  template: z.string().nullable(),
  /** 0: nobody ever said, it is the default. */
  version: z.int(),
  strategy: environmentStrategySchema,
  promote: described,
  rollback: described,
  /** What has to be seen of a release before it is known to be good, in words. */
  lastKnownGood: z.string(),
  /** The newest first, at most 50. */
  history: z.array(strategyVersion),
});
export type StrategyDto = z.infer<typeof strategyDto>;
export const strategyPage = page(strategyDto);

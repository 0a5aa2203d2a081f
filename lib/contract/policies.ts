/** Holds, waivers and recalls as they travel. Freezes and strategies have files of their own. */
import { z } from "zod";
import { WAIVABLE_CATEGORIES } from "@/lib/domain/drift/waivable";
import { count, freeText, instant, name, page, partition, uuid } from "./primitives";

export const placeHoldRequest = z.strictObject({ service: name, environment: name, partition, reason: freeText });
export const holdsQuery = z.strictObject({ service: name.optional(), environment: name.optional() });
export const holdDto = z.strictObject({
  id: uuid,
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  /** The release that it keeps away: what a rollback left. null: none in particular. */
  version: z.string().nullable(),
  /** null when the text was redacted, or nobody gave one. */
  reason: z.string().nullable(),
  by: z.string(),
  since: instant,
  entry: z.int(),
});
export type HoldDto = z.infer<typeof holdDto>;
export const holdPage = page(holdDto);

export const grantWaiverRequest = z.strictObject({ service: name, environment: name, partition, category: z.enum(WAIVABLE_CATEGORIES), reason: freeText, expiresAt: instant });
export type GrantWaiverRequest = z.input<typeof grantWaiverRequest>;
export const endWaiverRequest = z.strictObject({ waiver: uuid, reason: freeText });
export const waiverEnded = z.strictObject({ entry: z.int() });
export const WAIVER_STATES = ["in-force", "expired", "ended"] as const;
export const waiversQuery = z.strictObject({ service: name.optional(), environment: name.optional(), state: z.enum(["in-force", "all"]).default("in-force") });
export const waiverDto = z.strictObject({
  id: uuid,
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  category: z.enum(WAIVABLE_CATEGORIES),
  state: z.enum(WAIVER_STATES),
  expiresAt: instant,
  reason: z.string().nullable(),
  by: z.string(),
  grantedAt: instant,
  entry: z.int(),
  /** Open findings that it covers. */
  findings: count,
});
export type WaiverDto = z.infer<typeof waiverDto>;
export const waiverPage = page(waiverDto);

export const liftRecallRequest = z.strictObject({ service: name, version: z.string().min(1).max(128), reason: freeText });
const agreement = z.strictObject({ by: z.string(), at: instant, reason: z.string().nullable() });
/** `lifted` is false after the first of two people. */
export const recallLiftDto = z.strictObject({ service: z.string(), version: z.string(), lifted: z.boolean(), agreed: z.array(agreement), entry: z.int() });
export type RecallLiftDto = z.infer<typeof recallLiftDto>;

export const recallsQuery = z.strictObject({ service: name.optional(), state: z.enum(["standing", "all"]).default("standing") });
export const standingRecall = z.strictObject({
  id: uuid,
  service: z.string(),
  version: z.string(),
  reason: z.string().nullable(),
  by: z.string(),
  at: instant,
  entry: z.int(),
  liftedAt: instant.nullable(),
  /** Who has agreed to lift it; two people do. */
  agreed: z.array(agreement),
  /** Whether one of them is whoever asks. */
  agreedByYou: z.boolean(),
  /** Where a copy of it still runs. */
  running: z.array(z.strictObject({ environment: z.string(), instances: count })),
});
export type StandingRecall = z.infer<typeof standingRecall>;
export const recallPage = page(standingRecall);

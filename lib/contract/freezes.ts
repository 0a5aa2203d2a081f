import { z } from "zod";
import { isTimeZone, WEEKDAYS } from "@/lib/domain/rollout/freeze-window";
import { freeText, instant, name, page, shortText, uuid } from "./primitives";

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time of day such as 18:00");

/** A window that comes back: from a time of day until another, on the next day when that is not later. */
export const freezeSchedule = z.strictObject({
  days: z
    .array(z.enum(WEEKDAYS))
    .min(1, "must name at least one day")
    .max(WEEKDAYS.length)
    .refine((days) => new Set(days).size === days.length, "must name each day once"),
  from: timeOfDay,
  /** The same as `from`: 24 hours. */
  to: timeOfDay,
  timeZone: z.string().min(1).max(64).refine(isTimeZone, "must be a time zone such as Europe/Berlin"),
});

export const placeFreezeRequest = z
  .strictObject({
    environment: name,
    /** Absent: every service there. */
    service: name.optional(),
    name: shortText.max(100),
    reason: freeText,
    /** Absent: from now on. */
    startsAt: instant.optional(),
    /** Needed without a schedule; with one, absent means until it is lifted. */
    endsAt: instant.optional(),
    schedule: freezeSchedule.optional(),
  })
  .superRefine(({ startsAt, endsAt, schedule }, ctx) => {
    if (!schedule && endsAt === undefined) ctx.addIssue({ code: "custom", path: ["endsAt"], message: "must be given, unless the freeze has a schedule" });
    if (startsAt !== undefined && endsAt !== undefined && Date.parse(endsAt) <= Date.parse(startsAt)) ctx.addIssue({ code: "custom", path: ["endsAt"], message: "must be after the start" });
  });
export type PlaceFreezeRequest = z.input<typeof placeFreezeRequest>;

export const liftFreezeRequest = z.strictObject({ freeze: uuid, reason: freeText });
/** The entry that says so. */
export const freezeLifted = z.strictObject({ entry: z.int() });

export const FREEZE_STATES = ["frozen", "coming", "over", "lifted"] as const;

export const freezesQuery = z.strictObject({ environment: name.optional(), service: name.optional(), state: z.enum(["standing", "all"]).default("standing") });
export const freezeDto = z.strictObject({
  id: uuid,
  name: z.string(),
  environment: z.string(),
  /** null: every service there. */
  service: z.string().nullable(),
  startsAt: instant,
  /** null: until it is lifted. */
  endsAt: instant.nullable(),
  schedule: freezeSchedule.nullable(),
  state: z.enum(FREEZE_STATES),
  /** While it is in force: when that ends; null when it never does by itself. */
  until: instant.nullable(),
  /** While it is not: when it is next. */
  next: instant.nullable(),
  /** null when the text was redacted. */
  reason: z.string().nullable(),
  by: z.string(),
  placedAt: instant,
  entry: z.int(),
});
export type FreezeDto = z.infer<typeof freezeDto>;
export const freezePage = page(freezeDto);

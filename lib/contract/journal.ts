import { z } from "zod";
import { JOURNAL_SOURCES } from "@/lib/domain/fleet/journal";
import { cursor, instant, limit, name, page, uuid } from "./primitives";

/** At most so long a time at once. */
const MOST_DAYS = 31;

export const journalQuery = z
  .strictObject({
    service: name.optional(),
    environment: name.optional(),
    instance: uuid.optional(),
    /** Default: a day before `to`. */
    from: instant.optional(),
    /** Default: now. */
    to: instant.optional(),
    /** What had been learned by then: what a screen could show at that time. */
    knownAt: instant.optional(),
    limit,
    cursor: cursor.optional(),
  })
  .refine(({ service, environment, instance }) => instance !== undefined || (service !== undefined && environment !== undefined), { path: ["service"], message: "name a service and an environment, or an instance" })
  .refine(({ from, to }) => from === undefined || to === undefined || Date.parse(from) <= Date.parse(to), { path: ["from"], message: "is after `to`" })
  .refine(({ from, to }) => from === undefined || Date.parse(to ?? new Date().toISOString()) - Date.parse(from) <= MOST_DAYS * 86_400_000, { path: ["from"], message: `is more than ${MOST_DAYS} days before \`to\`` });

/** One line of the journal: something that happened at a place. */
export const journalItem = z.strictObject({
  at: instant,
  source: z.enum(JOURNAL_SOURCES),
  kind: z.string(),
  sentence: z.string(),
  /** Who did it, as far as anybody tells. */
  by: z.string().nullable(),
  /** Which instance or target, on which agent; null for the whole place. */
  subject: z.strictObject({ instance: z.string().nullable(), target: z.string().nullable(), agent: z.string().nullable() }).nullable(),
  /** Until when it lasted, of what lasts. */
  until: instant.nullable(),
  learnedAt: instant,
  /** Learned later than a report comes anyway: it happened during an absence, or between two reports. */
  learnedLater: z.boolean(),
  rollout: z.strictObject({ id: uuid, number: z.int() }).nullable(),
  entry: z.int().nullable(),
});
export type JournalItem = z.infer<typeof journalItem>;
export const journalPage = page(journalItem);

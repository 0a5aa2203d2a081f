import type { JournalItem } from "@/lib/contract/journal";
import { JOURNAL_SOURCES, type JournalSource } from "@/lib/domain/fleet/journal";
import { Prisma } from "@/server/db";

/** Which part of the journal is asked for. */
export type JournalWindow = {
  from: Date;
  to: Date;
  /** Only what had been learned by then. */
  knownAt: Date | null;
  /** The last line of the page before. */
  before: { at: Date; rank: number; id: bigint } | null;
  /** So many lines of each source. */
  limit: number;
};

/** A line with its place in the order: by time, then by source, then by number, all of them descending in time. */
export type PlacedItem = { at: Date; id: bigint; item: JournalItem };

/**
 * SQL condition: the row lies in the window and after the page before. Both are expressions of the query around it.
 * @param at the row's time, for example `e.at`
 * @param id its number among those of its source, for example `e.id`
 * @param end when it was over, of what lasts: what began before the window is in it while it lasts
 */
export function inWindow(source: JournalSource, { from, to, before }: JournalWindow, at: string, id: string, end: string = at): Prisma.Sql {
  const [time, number] = [Prisma.raw(at), Prisma.raw(id)];
  const within = Prisma.sql`${Prisma.raw(end)} >= ${from}::timestamptz AND ${time} <= ${to}::timestamptz`;
  if (before === null) return within;
  const rank = JOURNAL_SOURCES.indexOf(source);
  const sameMoment = rank === before.rank ? Prisma.sql`${number} < ${before.id}::bigint` : Prisma.sql`${rank > before.rank}`;
  return Prisma.sql`${within} AND ${time} <= ${before.at}::timestamptz AND (${time} < ${before.at}::timestamptz OR ${sameMoment})`;
}

/** SQL condition: the row had been learned by the moment that is asked for. @param learned for example `e.learned_at` */
export function isKnown({ knownAt }: JournalWindow, learned: string): Prisma.Sql {
  return Prisma.sql`(${knownAt}::timestamptz IS NULL OR ${Prisma.raw(learned)} <= ${knownAt}::timestamptz)`;
}

import type { z } from "zod";
import type { JournalItem, journalQuery } from "@/lib/contract/journal";
import type { Page } from "@/lib/contract/primitives";
import { JOURNAL_SOURCES, type JournalSource } from "@/lib/domain/fleet/journal";
import type { Ctx } from "@/server/context";
import { decodeTextCursor, encodeTextCursor } from "@/server/drift/text-cursor";
import { AppError } from "@/server/errors";
import { findSubject, type JournalSubject } from "./find-subject";
import { readDecisions, readGaps, readRolloutSteps, readSilences } from "./read-decisions";
import type { JournalWindow, PlacedItem } from "./journal-window";
import { readRuntimeEvents, readSpans } from "./read-observed";

const DAY_MS = 86_400_000;
/** How far back is looked first: where much happens the newest lines are near, and nobody sorts a day for them. */
const LOOK_BACK_MS = [10 * 60_000, 2 * 3_600_000];

/**
 * What happened at a place, or to one instance, newest first: what agents' journals told, how facts ended, what rollouts did
 * and who decided what, the times in which agents were silent and in which Plumbline itself did not listen. With `knownAt`
 * only what had been learned by then.
 * @throws AppError forbidden, not-found, invalid for a cursor of another list
 */
export async function listJournal({ ctx, input, now = new Date() }: { ctx: Ctx; input: z.output<typeof journalQuery>; now?: Date }): Promise<Page<JournalItem>> {
  const subject = await findSubject(ctx, input);
  const to = input.to === undefined ? now : new Date(input.to);
  const from = input.from === undefined ? new Date(to.getTime() - DAY_MS) : new Date(input.from);
  const window: JournalWindow = { from, to, knownAt: input.knownAt === undefined ? null : new Date(input.knownAt), before: readCursor(input.cursor), limit: input.limit + 1 };
  const found = await findNewest(ctx, subject, window);
  const shown = found.slice(0, input.limit);
  const last = shown.at(-1);
  return {
    items: shown.flatMap(({ item }) => (item.sentence === "" ? [] : [item])),
    nextCursor: found.length > input.limit && last ? encodeTextCursor([last.at.toISOString(), last.item.source, last.id.toString()]) : null,
  };
}

/** The newest lines of the window, one more than a page where there are so many. */
async function findNewest(ctx: Ctx, subject: JournalSubject, window: JournalWindow): Promise<PlacedItem[]> {
  const newest = Math.min(window.to.getTime(), window.before?.at.getTime() ?? Infinity);
  for (const lookBackMs of LOOK_BACK_MS) {
    const from = new Date(newest - lookBackMs);
    if (from <= window.from) break;
    // What began earlier and lasts has its place further down.
    const near = (await readSources(ctx, subject, { ...window, from })).filter(({ at }) => at >= from);
    if (near.length >= window.limit) return near;
  }
  return readSources(ctx, subject, window);
}

/** What all sources have in a window, in order. */
async function readSources(ctx: Ctx, subject: JournalSubject, window: JournalWindow): Promise<PlacedItem[]> {
  const read: Record<JournalSource, () => Promise<PlacedItem[]>> = {
    decision: () => readDecisions(ctx, subject, window),
    rollout: () => readRolloutSteps(ctx, subject, window),
    event: () => readRuntimeEvents(ctx.db, subject, window),
    span: () => readSpans(ctx.db, subject, window),
    silence: () => readSilences(ctx.db, subject, window),
    gap: () => readGaps(ctx.db, window),
  };
  const found = (await Promise.all(JOURNAL_SOURCES.map((source) => read[source]()))).flat();
  return found.sort((a, b) => b.at.getTime() - a.at.getTime() || JOURNAL_SOURCES.indexOf(a.item.source) - JOURNAL_SOURCES.indexOf(b.item.source) || (a.id > b.id ? -1 : 1));
}

function readCursor(cursor: string | undefined): JournalWindow["before"] {
  const parts = decodeTextCursor(cursor, 3);
  if (parts === null) return null;
  const [at = "", source = "", id = ""] = parts;
  const rank = JOURNAL_SOURCES.findIndex((one) => one === source);
  if (Number.isNaN(Date.parse(at)) || rank === -1 || !/^\d{1,18}$/.test(id)) throw new AppError("invalid", "The cursor is not one of this list.", { fields: [{ path: "cursor", message: "is not one of this list" }] });
  return { at: new Date(at), rank, id: BigInt(id) };
}

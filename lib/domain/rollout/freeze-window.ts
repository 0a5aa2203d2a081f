/** Times without promotions: one window, or one that comes back by the clock of a place. */

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** `from` on each of the days until `to`, on the next day when that is not later; equal times are 24 hours. Wall time, `HH:MM`. */
export interface FreezeSchedule {
  days: readonly Weekday[];
  from: string;
  to: string;
  /** An IANA name, such as Europe/Berlin. */
  timeZone: string;
}

/** Epoch milliseconds; the start is frozen, the end no longer. Without a schedule all of it is; with one, its windows are. */
export interface FreezeWindow {
  startsAtMs: number | null;
  /** null only with a schedule: it comes back until it is lifted. */
  endsAtMs: number | null;
  schedule: FreezeSchedule | null;
}

/** `untilMs`: the first instant that is not frozen, null for never. `nextMs`: when it freezes next, null for never again. */
export type FreezeState = { frozen: true; untilMs: number | null } | { frozen: false; nextMs: number | null };

const DAY_MS = 86_400_000;
/** Further from UTC than any clock on earth: what a wall time can be, at most, before or after the same number read as UTC. */
const FARTHEST_MS = 26 * 3_600_000;
/** A window whose hour the clock skips comes a week later, and a date that a zone skips altogether may be the one before. */
const SEARCH_DAYS = 28;

/** Whether the runtime knows the zone. */
export function isTimeZone(name: string): boolean {
  try {
    formatterOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * Whether a freeze is in force at a moment, and when that changes. A window begins when its zone's clock first shows
 * `from`, and ends when it last shows `to`: an hour that a clock repeats is inside both times. A time that the clock skips
 * is the moment of the skip, so that a window that lies in the skipped hour is none.
 * @throws RangeError for a zone that the runtime does not know
 */
export function isFrozen(freeze: FreezeWindow, nowMs: number): FreezeState {
  const startsAtMs = freeze.startsAtMs ?? -Infinity;
  const endsAtMs = freeze.endsAtMs ?? Infinity;
  if (nowMs >= endsAtMs) return { frozen: false, nextMs: null };
  if (freeze.schedule === null) return nowMs < startsAtMs ? { frozen: false, nextMs: finite(startsAtMs) } : { frozen: true, untilMs: finite(endsAtMs) };

  // Windows that abut or overlap are one: the end of the last of them is the answer.
  let untilMs: number | null = null;
  for (const window of windowsFrom(freeze.schedule, Math.max(nowMs, startsAtMs))) {
    const startMs = Math.max(window.startMs, startsAtMs);
    const endMs = Math.min(window.endMs, endsAtMs);
    if (untilMs === null && startMs > nowMs) return { frozen: false, nextMs: startMs < endsAtMs ? startMs : null };
    if (untilMs !== null && startMs > untilMs) break;
    if (endMs > (untilMs ?? nowMs)) untilMs = endMs;
    if (untilMs === endsAtMs) break;
    if (untilMs !== null && neverEnds(freeze.schedule)) return { frozen: true, untilMs: finite(endsAtMs) };
  }
  return untilMs === null ? { frozen: false, nextMs: null } : { frozen: true, untilMs };
}

/** Every day, all day. */
function neverEnds({ days, from, to }: FreezeSchedule): boolean {
  return from === to && WEEKDAYS.every((day) => days.includes(day));
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}

/** The windows that end after a moment, in order, some weeks ahead; empty ones are left out. */
function* windowsFrom({ days, from, to, timeZone }: FreezeSchedule, afterMs: number): Generator<{ startMs: number; endMs: number }> {
  const fromMs = msOfDay(from);
  const toMs = msOfDay(to) + (msOfDay(to) <= fromMs ? DAY_MS : 0);
  const today = Math.floor((afterMs + offsetAt(timeZone, afterMs)) / DAY_MS) * DAY_MS;
  for (let day = today - 2 * DAY_MS; day <= today + SEARCH_DAYS * DAY_MS; day += DAY_MS) {
    if (!days.includes(weekdayOf(day))) continue;
    const startMs = toInstant(timeZone, day + fromMs, "first");
    const endMs = toInstant(timeZone, day + toMs, "last");
    if (startMs < endMs && endMs > afterMs) yield { startMs, endMs };
  }
}

function weekdayOf(day: number): Weekday {
  // 1 January 1970 was a Thursday.
  const at = (((Math.round(day / DAY_MS) + 3) % 7) + 7) % 7;
  return WEEKDAYS[at] ?? "mon";
}

function msOfDay(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return (hours * 60 + minutes) * 60_000;
}

/** The moment at which a zone's clock shows a wall time, given as the same number read as UTC. */
function toInstant(timeZone: string, wallMs: number, which: "first" | "last"): number {
  const before = offsetAt(timeZone, wallMs - FARTHEST_MS);
  const after = offsetAt(timeZone, wallMs + FARTHEST_MS);
  const shown = [wallMs - before, wallMs - after].filter((instant) => instant + offsetAt(timeZone, instant) === wallMs);
  if (shown.length > 0) return which === "first" ? Math.min(...shown) : Math.max(...shown);
  // Skipped: between these two moments the clock jumps over it.
  let low = wallMs - Math.max(before, after);
  let high = wallMs - Math.min(before, after);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (middle + offsetAt(timeZone, middle) < wallMs) low = middle;
    else high = middle;
  }
  return high;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Making one costs a hundred times what using it does; which there are changes no answer. */
function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-US", { timeZone, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  formatters.set(timeZone, made);
  return made;
}

/** How far (ms) a zone's clock is ahead of UTC at a moment. */
function offsetAt(timeZone: string, instantMs: number): number {
  const second = Math.floor(instantMs / 1000) * 1000;
  const shown = new Map(formatterOf(timeZone).formatToParts(second).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => shown.get(type) ?? 0;
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second")) - second;
}

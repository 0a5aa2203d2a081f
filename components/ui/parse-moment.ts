export type ParsedMoment = { ok: true; ms: number } | { ok: false; why: string };

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAY_MS = 86_400_000;
const TIME = String.raw`(\d{1,2}):(\d{2})(?::(\d{2}))?`;
const HELP = "Write 02:03, -40m, yesterday 02:03, 20 Nov 02:03 or 2026-11-20T02:03Z. Times are UTC.";

function refuse(why: string): ParsedMoment {
  return { ok: false, why };
}

/** Milliseconds since midnight; null when there is no such time of day. */
function timeOfDay([, hours = "", minutes = "", seconds = "0"]: readonly (string | undefined)[]): number | null {
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  return h > 23 || m > 59 || s > 59 ? null : ((h * 60 + m) * 60 + s) * 1_000;
}

function midnight(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** Midnight of a calendar day; null when there is no such day, such as 31 February. */
function dayOf(year: number, month: number, day: number): number | null {
  const ms = Date.UTC(year, month, day);
  const date = new Date(ms);
  return date.getUTCMonth() === month && date.getUTCDate() === day ? ms : null;
}

/**
 * A past moment as people write it, in UTC: `02:03` (the last time that it was), `-40m`, `yesterday 02:03`, `today 02:03`,
 * `20 Nov 02:03`, `now`, or ISO 8601, where a missing zone means UTC. Refuses what is still to come.
 * @param nowMs what "now" is, epoch ms
 */
export function parseMoment(text: string, nowMs: number): ParsedMoment {
  const words = text.trim().replace(/\s+/g, " ").replace(/ ?utc$/i, "").toLowerCase();
  if (words === "") return refuse(HELP);
  const ms = read(words, nowMs);
  if (ms === null || Number.isNaN(ms)) return refuse(`“${text.trim().slice(0, 40)}” is no moment. ${HELP}`);
  return ms > nowMs ? refuse("That moment is still to come.") : { ok: true, ms };
}

function read(words: string, nowMs: number): number | null {
  if (words === "now") return nowMs;
  const ago = /^(?:-|−)\s?(\d{1,6})\s?(s|min|m|h|d)$/.exec(words) ?? /^(\d{1,6})\s?(s|min|m|h|d) ago$/.exec(words);
  if (ago) return nowMs - Number(ago[1]) * (UNIT_MS[ago[2] ?? ""] ?? Number.NaN);
  const bare = new RegExp(`^${TIME}$`).exec(words);
  if (bare) {
    const time = timeOfDay(bare);
    if (time === null) return null;
    const today = midnight(nowMs) + time;
    return today > nowMs ? today - DAY_MS : today;
  }
  const relative = new RegExp(`^(yesterday|today) ${TIME}$`).exec(words);
  if (relative) {
    const time = timeOfDay(relative.slice(1));
    return time === null ? null : midnight(nowMs) + time - (relative[1] === "yesterday" ? DAY_MS : 0);
  }
  const dated = new RegExp(`^(\\d{1,2}) ([a-z]{3})[a-z]*(?: (\\d{4}))?,? ${TIME}$`).exec(words);
  if (dated) return readDated(dated, nowMs);
  return readIso(words);
}

/** Without a year the last such day is meant. */
function readDated([, day = "", monthName = "", year, ...time]: readonly (string | undefined)[], nowMs: number): number | null {
  const month = MONTHS.indexOf(monthName);
  const clock = timeOfDay(["", ...time]);
  if (month < 0 || clock === null) return null;
  const thisYear = new Date(nowMs).getUTCFullYear();
  const at = (of: number): number | null => {
    const start = dayOf(of, month, Number(day));
    return start === null ? null : start + clock;
  };
  if (year !== undefined) return at(Number(year));
  const now = at(thisYear);
  return now !== null && now > nowMs ? at(thisYear - 1) : now;
}

function readIso(words: string): number | null {
  const iso = /^(\d{4})-(\d{2})-(\d{2})[t ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(z|[+-]\d{2}:?\d{2})?$/.exec(words);
  if (!iso) return null;
  const [, year, month, day, hours, minutes, seconds, fraction = "", zone = "z"] = iso;
  const start = dayOf(Number(year), Number(month) - 1, Number(day));
  const clock = timeOfDay(["", hours, minutes, seconds]);
  if (start === null || clock === null) return null;
  const offset = zone === "z" ? 0 : (zone.startsWith("-") ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))) * 60_000;
  return start + clock + Number(fraction.slice(0, 3).padEnd(3, "0")) - offset;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A moment: ISO 8601 text or milliseconds since 1970. */
export type Moment = string | number;

/** Milliseconds of a moment; NaN when the text is no date. */
export function toMs(moment: Moment): number {
  return typeof moment === "number" ? moment : Date.parse(moment);
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** A count with thousands separated by commas. Not Intl: server and browser must print the same characters. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A share (0 to 1) as a percentage: whole, one decimal below ten; never 0 or 100 unless it is exactly that. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent < 0.1) return "< 0.1 %";
  if (percent > 99.9) return "> 99.9 %";
  return `${percent < 10 || percent > 99 ? Number(percent.toFixed(1)) : Math.round(percent)} %`;
}

/**
 * A duration in two units at most: `4 s`, `1 min 12 s`, `1 h 04 min`, `3 d 05 h`. `coarse` keeps the larger one only.
 * A negative duration (a clock ahead of ours) reads `0 s`.
 */
export function formatDuration(ms: number, coarse = false): string {
  if (!Number.isFinite(ms)) return "unknown";
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return coarse ? `${minutes} min` : `${minutes} min ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return coarse ? `${hours} h` : `${hours} h ${pad(minutes % 60)} min`;
  const days = Math.floor(hours / 24);
  return coarse ? `${days} d` : `${days} d ${pad(hours % 24)} h`;
}

/** Hours, minutes and seconds in UTC: `02:16:24`. The caller prints the zone. */
export function formatTime(moment: Moment): string {
  const date = new Date(toMs(moment));
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString().slice(11, 19);
}

/** Weekday, day and month in UTC: `Fri 20 Nov`. */
export function formatDay(moment: Moment): string {
  const date = new Date(toMs(moment));
  if (Number.isNaN(date.getTime())) return "unknown";
  return `${WEEKDAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** Day and time: `20 Nov 02:16:24`; the year too when asked. */
export function formatDateTime(moment: Moment, withYear = false): string {
  const date = new Date(toMs(moment));
  if (Number.isNaN(date.getTime())) return "unknown";
  const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  return `${day}${withYear ? ` ${date.getUTCFullYear()}` : ""} ${formatTime(moment)}`;
}

/** ISO text for the `dateTime` attribute; undefined when it is no date. */
export function isoOf(moment: Moment): string | undefined {
  const ms = toMs(moment);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

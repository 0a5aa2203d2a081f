import { toMs } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MS = 86_400_000;
const STEPS_MS = [60_000, 300_000, 900_000, 3_600_000, 3 * 3_600_000, 6 * 3_600_000, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 28 * DAY_MS];
/** The width that labels are kept apart for; below 900 px the style sheet hides them. */
const ASSUMED_WIDTH = 1_100;
const CHARACTER_WIDTH = 5.8;

/** Where a moment lies between two, as a share from 0 to 1, clamped. */
export function placeMoment(at: Moment, from: Moment, to: Moment): number {
  const start = toMs(from);
  const length = toMs(to) - start;
  return length > 0 ? Math.min(1, Math.max(0, (toMs(at) - start) / length)) : 0;
}

/** At most nine round moments between two, in ms, both ends included. */
export function chooseTicks(from: Moment, to: Moment): number[] {
  const start = toMs(from);
  const end = toMs(to);
  const step = STEPS_MS.find((candidate) => (end - start) / candidate <= 7) ?? (end - start) / 7;
  const ticks = [start];
  for (let tick = Math.ceil(start / step) * step; tick < end; tick += step) {
    // Too near an end, two labels would touch.
    if (tick - start > step * 0.6 && end - tick > step * 0.6) ticks.push(tick);
  }
  ticks.push(end);
  return ticks;
}

/** A tick's words: the time within a day or two, else the day. UTC. */
export function labelTick(tick: number, from: Moment, to: Moment): string {
  const date = new Date(tick);
  if (toMs(to) - toMs(from) <= 2 * DAY_MS) return date.toISOString().slice(11, 16);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

export interface PlacedFlag {
  at: number;
  label: string;
  /** On which side of its pole the label stands; null when there is no room: the table still has it. */
  side: "left" | "right" | null;
}

/** Puts each flag's label where it touches no other: right of its pole, else left, else nowhere. */
export function placeFlags(flags: readonly { at: Moment; label: string }[], from: Moment, to: Moment): PlacedFlag[] {
  const placed = flags
    .map((flag) => ({ at: placeMoment(flag.at, from, to), label: flag.label }))
    .sort((a, b) => a.at - b.at);
  let takenUntil = 0;
  return placed.map((flag, index) => {
    const width = (flag.label.length * CHARACTER_WIDTH + 16) / ASSUMED_WIDTH;
    const next = placed[index + 1]?.at ?? 1;
    if (flag.at >= takenUntil && flag.at + width <= next) {
      takenUntil = flag.at + width;
      return { ...flag, side: "right" };
    }
    if (flag.at - width >= takenUntil) {
      takenUntil = flag.at;
      return { ...flag, side: "left" };
    }
    takenUntil = Math.max(takenUntil, flag.at);
    return { ...flag, side: null };
  });
}

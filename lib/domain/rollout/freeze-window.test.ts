import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFrozen, isTimeZone, WEEKDAYS, type FreezeSchedule, type FreezeWindow, type Weekday } from "./freeze-window";

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString().replace(".000Z", "Z"));
const everyDay = [...WEEKDAYS];
const recurring = (days: readonly Weekday[], from: string, to: string, timeZone: string, validity: { startsAt?: string; endsAt?: string } = {}): FreezeWindow => ({
  startsAtMs: validity.startsAt === undefined ? null : at(validity.startsAt),
  endsAtMs: validity.endsAt === undefined ? null : at(validity.endsAt),
  schedule: { days, from, to, timeZone },
});
const once = (startsAt: string, endsAt: string): FreezeWindow => ({ startsAtMs: at(startsAt), endsAtMs: at(endsAt), schedule: null });

/** `frozen until …` or `free, next …`. */
function say(freeze: FreezeWindow, now: string): string {
  const state = isFrozen(freeze, at(now));
  return state.frozen ? `frozen until ${iso(state.untilMs)}` : `free, next ${iso(state.nextMs)}`;
}

describe("one window", () => {
  const freeze = once("2026-12-24T12:00:00Z", "2027-01-02T08:00:00Z");
  it.each([
    ["2026-12-24T11:59:59.999Z", "free, next 2026-12-24T12:00:00Z"],
    ["2026-12-24T12:00:00Z", "frozen until 2027-01-02T08:00:00Z"],
    ["2027-01-02T07:59:59.999Z", "frozen until 2027-01-02T08:00:00Z"],
    ["2027-01-02T08:00:00Z", "free, next null"],
  ])("%s: %s", (now, expected) => expect(say(freeze, now)).toBe(expected));
});

describe("a window that comes back", () => {
  const nights = recurring(["mon", "tue", "wed", "thu", "fri"], "18:00", "08:00", "Europe/Berlin");
  const weekend = recurring(["sat", "sun"], "00:00", "00:00", "America/New_York");
  it.each<[string, FreezeWindow, string, string]>([
    // Berlin is at +1 in winter: 18:00 there is 17:00Z.
    ["before the night", nights, "2026-11-25T16:59:59.999Z", "free, next 2026-11-25T17:00:00Z"],
    ["in the evening", nights, "2026-11-25T17:00:00Z", "frozen until 2026-11-26T07:00:00Z"],
    ["after midnight", nights, "2026-11-26T03:00:00Z", "frozen until 2026-11-26T07:00:00Z"],
    ["in the morning", nights, "2026-11-26T07:00:00Z", "free, next 2026-11-26T17:00:00Z"],
    ["Friday's night ends on Saturday", nights, "2026-11-28T06:59:00Z", "frozen until 2026-11-28T07:00:00Z"],
    ["the weekend is free", nights, "2026-11-28T07:00:00Z", "free, next 2026-11-30T17:00:00Z"],
    ["two whole days are one window", weekend, "2026-11-28T12:00:00Z", "frozen until 2026-11-30T05:00:00Z"],
    ["every day, all day, for ever", recurring(everyDay, "06:00", "06:00", "UTC"), "2026-11-28T12:00:00Z", "frozen until null"],
    ["every day, all day, until an end", recurring(everyDay, "06:00", "06:00", "UTC", { endsAt: "2030-01-01T00:00:00Z" }), "2026-11-28T12:00:00Z", "frozen until 2030-01-01T00:00:00Z"],
    ["all but a minute a day", recurring(everyDay, "00:01", "00:00", "UTC"), "2026-11-28T12:00:00Z", "frozen until 2026-11-29T00:00:00Z"],
    ["29 February is a Tuesday", recurring(["tue"], "09:00", "17:00", "UTC"), "2028-02-28T09:00:00Z", "free, next 2028-02-29T09:00:00Z"],
    ["over the end of a leap year's February", recurring(["tue"], "22:00", "02:00", "UTC"), "2028-02-29T23:00:00Z", "frozen until 2028-03-01T02:00:00Z"],
    ["2100 has no 29 February", recurring(["sun"], "22:00", "02:00", "UTC"), "2100-02-28T23:00:00Z", "frozen until 2100-03-01T02:00:00Z"],
    ["Kathmandu is at +5:45", recurring(["mon"], "09:00", "17:00", "Asia/Kathmandu"), "2026-11-23T03:14:59Z", "free, next 2026-11-23T03:15:00Z"],
    ["Kathmandu's Monday begins on our Sunday", recurring(["mon"], "00:00", "00:00", "Asia/Kathmandu"), "2026-11-22T18:15:00Z", "frozen until 2026-11-23T18:15:00Z"],
    ["Kiritimati is a day ahead", recurring(["mon"], "00:00", "01:00", "Pacific/Kiritimati"), "2026-11-22T10:00:00Z", "frozen until 2026-11-22T11:00:00Z"],
    ["Niue is nearly a day behind", recurring(["mon"], "23:00", "00:00", "Pacific/Niue"), "2026-11-24T10:30:00Z", "frozen until 2026-11-24T11:00:00Z"],
  ])("%s", (_, freeze, now, expected) => expect(say(freeze, now)).toBe(expected));

  it.each<[string, FreezeWindow, string, string]>([
    ["not before it is valid", recurring(everyDay, "18:00", "08:00", "UTC", { startsAt: "2026-12-01T20:00:00Z" }), "2026-11-25T20:00:00Z", "free, next 2026-12-01T20:00:00Z"],
    ["valid from a time between two windows", recurring(everyDay, "18:00", "08:00", "UTC", { startsAt: "2026-12-01T12:00:00Z" }), "2026-11-25T20:00:00Z", "free, next 2026-12-01T18:00:00Z"],
    ["cut off where it stops being valid", recurring(everyDay, "18:00", "08:00", "UTC", { endsAt: "2026-11-25T22:00:00Z" }), "2026-11-25T20:00:00Z", "frozen until 2026-11-25T22:00:00Z"],
    ["never again after the last", recurring(everyDay, "18:00", "08:00", "UTC", { endsAt: "2026-11-26T12:00:00Z" }), "2026-11-26T09:00:00Z", "free, next null"],
    ["never at all between two windows", recurring(["mon"], "09:00", "10:00", "UTC", { startsAt: "2026-11-24T00:00:00Z", endsAt: "2026-11-25T00:00:00Z" }), "2026-11-23T00:00:00Z", "free, next null"],
  ])("%s", (_, freeze, now, expected) => expect(say(freeze, now)).toBe(expected));
});

describe("when the clocks go forward", () => {
  // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00Z.
  it.each<[string, FreezeWindow, string, string]>([
    ["the night is an hour shorter", recurring(["sat"], "18:00", "08:00", "Europe/Berlin"), "2026-03-28T17:00:00Z", "frozen until 2026-03-29T06:00:00Z"],
    ["a start that is skipped is the skip", recurring(["sun"], "02:30", "05:00", "Europe/Berlin"), "2026-03-29T00:59:59Z", "free, next 2026-03-29T01:00:00Z"],
    ["an end that is skipped is the skip", recurring(["sun"], "01:00", "02:30", "Europe/Berlin"), "2026-03-29T00:30:00Z", "frozen until 2026-03-29T01:00:00Z"],
    ["a window in the skipped hour is none", recurring(["sun"], "02:15", "02:45", "Europe/Berlin"), "2026-03-29T00:59:00Z", "free, next 2026-04-05T00:15:00Z"],
    ["two windows that meet in the skip are one", recurring(["sat", "sun"], "02:45", "02:15", "Europe/Berlin"), "2026-03-28T12:00:00Z", "frozen until 2026-03-30T00:15:00Z"],
    // Lord Howe Island, 4 October 2026: half an hour, from +10:30 to +11, at 02:00 (15:30Z the day before).
    ["half an hour in Lord Howe", recurring(["sun"], "02:10", "03:00", "Australia/Lord_Howe"), "2026-10-03T15:00:00Z", "free, next 2026-10-03T15:30:00Z"],
    ["the rest of that window", recurring(["sun"], "02:10", "03:00", "Australia/Lord_Howe"), "2026-10-03T15:30:00Z", "frozen until 2026-10-03T16:00:00Z"],
    // Samoa had no 30 December 2011, a Friday.
    ["a day that was skipped", recurring(["fri"], "00:00", "00:00", "Pacific/Apia"), "2011-12-29T12:00:00Z", "free, next 2012-01-05T10:00:00Z"],
  ])("%s", (_, freeze, now, expected) => expect(say(freeze, now)).toBe(expected));
});

describe("when the clocks go back", () => {
  // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00Z. 02:30 is shown at 00:30Z and at 01:30Z.
  it.each<[string, FreezeWindow, string, string]>([
    ["the night is an hour longer", recurring(["sat"], "18:00", "08:00", "Europe/Berlin"), "2026-10-24T16:00:00Z", "frozen until 2026-10-25T07:00:00Z"],
    ["it begins the first time", recurring(["sun"], "02:30", "05:00", "Europe/Berlin"), "2026-10-25T00:29:59Z", "free, next 2026-10-25T00:30:00Z"],
    ["it ends the second time", recurring(["sun"], "01:00", "02:30", "Europe/Berlin"), "2026-10-25T00:45:00Z", "frozen until 2026-10-25T01:30:00Z"],
    ["no pause between the two", recurring(["sun"], "02:15", "02:45", "Europe/Berlin"), "2026-10-25T00:15:00Z", "frozen until 2026-10-25T01:45:00Z"],
    // New York, 1 November 2026: 02:00 becomes 01:00 at 06:00Z.
    ["New York", recurring(["sun"], "01:30", "01:45", "America/New_York"), "2026-11-01T05:30:00Z", "frozen until 2026-11-01T06:45:00Z"],
    // Lord Howe Island, 5 April 2026: 02:00 becomes 01:30 at 15:00Z the day before.
    ["half an hour in Lord Howe", recurring(["sun"], "01:00", "01:45", "Australia/Lord_Howe"), "2026-04-04T14:45:00Z", "frozen until 2026-04-04T15:15:00Z"],
  ])("%s", (_, freeze, now, expected) => expect(say(freeze, now)).toBe(expected));
});

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca", "America/Santiago"];
const anyTime = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 })).map(([hour, minute]) => `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`);
const anySchedule: fc.Arbitrary<FreezeSchedule> = fc.record({ days: fc.subarray([...WEEKDAYS], { minLength: 1 }), from: anyTime, to: anyTime, timeZone: fc.constantFrom(...ZONES) });
/** Half of them near a change of the clocks. */
const anyInstant = fc.oneof(
  fc.integer({ min: at("2010-01-01T00:00:00Z"), max: at("2040-01-01T00:00:00Z") }),
  fc.tuple(fc.constantFrom("2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z", "2011-12-30T10:00:00Z"), fc.integer({ min: -172_800_000, max: 172_800_000 })).map(([change, by]) => at(change) + by),
);

describe("for every schedule", () => {
  it("what it answers is the first moment at which that changes", () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, fc.double({ min: 0, max: 1, noNaN: true }), (schedule, now, part) => {
        const freeze = { startsAtMs: null, endsAtMs: null, schedule };
        const state = isFrozen(freeze, now);
        const changes = state.frozen ? state.untilMs : state.nextMs;
        if (changes === null) {
          expect(state.frozen && schedule.from === schedule.to && schedule.days.length === 7).toBe(true);
          return;
        }
        expect(changes).toBeGreaterThan(now);
        expect(isFrozen(freeze, changes).frozen).toBe(!state.frozen);
        for (const between of [changes - 1, now + Math.floor((changes - 1 - now) * part)]) expect(isFrozen(freeze, between)).toEqual(state);
      }),
      { numRuns: 400 },
    );
  });

  it("away from a change of the clocks it is what the clock on the wall says", () => {
    const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
    const wall = (timeZone: string, ms: number): { day: Weekday; minute: number; shown: string } => {
      const parts = new Map(new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).formatToParts(ms).map(({ type, value }) => [type, value]));
      const day = WEEKDAYS.find((each) => each === parts.get("weekday")?.toLowerCase()) ?? "mon";
      const shown = `${parts.get("hour")}:${parts.get("minute")}`;
      return { day, minute: minutes(shown), shown };
    };
    fc.assert(
      fc.property(anySchedule, anyInstant, (schedule, now) => {
        const { day, minute, shown } = wall(schedule.timeZone, now);
        fc.pre([-2, -1, 1, 2].every((days) => wall(schedule.timeZone, now + days * 86_400_000).shown === shown));
        const before = WEEKDAYS[(WEEKDAYS.indexOf(day) + 6) % 7] ?? "mon";
        const from = minutes(schedule.from);
        const to = minutes(schedule.to);
        const inside = from < to ? schedule.days.includes(day) && minute >= from && minute < to : (schedule.days.includes(day) && minute >= from) || (schedule.days.includes(before) && minute < to);
        expect(isFrozen({ startsAtMs: null, endsAtMs: null, schedule }, now).frozen).toBe(inside);
      }),
      { numRuns: 300 },
    );
  });
});

it("knows a zone from a word", () => {
  expect(["Europe/Berlin", "UTC", "Asia/Calcutta"].filter(isTimeZone)).toHaveLength(3);
  expect(["", "Berlin", "Mars/Olympus", "Europe/Berlin "].filter(isTimeZone)).toEqual([]);
});

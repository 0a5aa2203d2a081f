import { describe, expect, it } from "vitest";
import type { FreezeDto } from "@/lib/contract/freezes";
import type { Weekday } from "@/lib/domain/rollout/freeze-window";
import { describeDays, describePolicies, describeRunning, describeState, describeWhen, toInstant } from "./to-freezes";

describe("days", () => {
  it.each<[Weekday[], string]>([
    [["mon", "tue", "wed", "thu", "fri"], "Mon–Fri"],
    [["sun", "sat"], "Sat, Sun"],
    [["mon", "wed", "thu", "fri", "sun"], "Mon, Wed–Fri, Sun"],
    [["sun", "mon", "tue", "wed", "thu", "fri", "sat"], "every day"],
  ])("%j", (days, words) => expect(describeDays(days)).toBe(words));
});

const schedule = { days: ["fri"] as Weekday[], from: "18:00", to: "08:00", timeZone: "Europe/Berlin" };
it("says when", () => {
  const startsAt = "2026-12-24T12:00:00.000Z";
  expect(describeWhen({ startsAt, endsAt: "2027-01-02T08:00:00.000Z", schedule: null })).toMatch(/^24 Dec 2026 12:00:00 → 2 Jan 2027 08:00:00 UTC$/);
  expect(describeWhen({ startsAt, endsAt: null, schedule })).toBe("Fri, 18:00 → 08:00, Europe/Berlin");
  expect(describeWhen({ startsAt, endsAt: null, schedule: { ...schedule, from: "00:00", to: "00:00" } })).toBe("Fri, all day, Europe/Berlin");
  expect(describeWhen({ startsAt, endsAt: "2027-01-02T08:00:00.000Z", schedule: { ...schedule, to: "18:00" } })).toBe("Fri, 18:00, 24 h, Europe/Berlin, until 2 Jan 2027 08:00:00 UTC");
});

it("says where it stands", () => {
  expect(describeState({ state: "frozen", until: null, next: null })).toEqual({ tone: "rolling", words: "frozen until lifted" });
  expect(describeState({ state: "frozen", until: "2026-11-26T07:00:00.000Z", next: null }).words).toBe("frozen until 26 Nov 07:00:00 UTC");
  expect(describeState({ state: "coming", until: null, next: "2026-11-26T17:00:00.000Z" })).toEqual({ tone: "neutral", words: "free, next 26 Nov 17:00:00 UTC" });
});

it("says it in one sentence", () => {
  const nothing = { freezes: [], holds: [], waivers: [], recalls: [] };
  const freeze = { state: "frozen", environment: "production" } as FreezeDto;
  const say = (all: Parameters<typeof describePolicies>[0]): string => describePolicies(all).map((part) => (typeof part === "string" ? part : "strong" in part ? part.strong : "")).join("");
  expect(say(nothing)).toBe("Nothing is frozen now.");
  const hold = { id: "1", service: "a", environment: "b", partition: "default", version: null, reason: null, by: "x", since: "", entry: 1 };
  expect(say({ ...nothing, freezes: [freeze, freeze], holds: [hold] })).toBe("Frozen now: production; 1 hold stands.");
  expect(describeRunning({ running: [] })).toBe("nowhere");
  expect(describeRunning({ running: [{ environment: "production", instances: 1204 }] })).toBe("1,204 in production");
});

it("reads a local time as UTC", () => {
  expect(toInstant("2026-12-24T12:00")).toBe("2026-12-24T12:00:00.000Z");
  expect([toInstant(""), toInstant("soon")]).toEqual([null, null]);
});

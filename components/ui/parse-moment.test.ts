import { describe, expect, it } from "vitest";
import { parseMoment } from "./parse-moment";

const NOW = Date.UTC(2026, 10, 20, 2, 44, 10);

describe("parseMoment", () => {
  it.each([
    ["02:03", "2026-11-20T02:03:00.000Z"],
    ["2:03", "2026-11-20T02:03:00.000Z"],
    ["02:03:31", "2026-11-20T02:03:31.000Z"],
    ["02:03 UTC", "2026-11-20T02:03:00.000Z"],
    // Later today has not been yet, so it was yesterday.
    ["23:10", "2026-11-19T23:10:00.000Z"],
    ["-40m", "2026-11-20T02:04:10.000Z"],
    ["- 40 min", "2026-11-20T02:04:10.000Z"],
    ["−90s", "2026-11-20T02:42:40.000Z"],
    ["-2h", "2026-11-20T00:44:10.000Z"],
    ["-1d", "2026-11-19T02:44:10.000Z"],
    ["40m ago", "2026-11-20T02:04:10.000Z"],
    ["now", "2026-11-20T02:44:10.000Z"],
    ["yesterday 02:03", "2026-11-19T02:03:00.000Z"],
    ["  Yesterday   23:59 ", "2026-11-19T23:59:00.000Z"],
    ["today 00:00", "2026-11-20T00:00:00.000Z"],
    ["20 Nov 02:03", "2026-11-20T02:03:00.000Z"],
    ["20 November 2025 02:03", "2025-11-20T02:03:00.000Z"],
    ["24 dec 18:00", "2025-12-24T18:00:00.000Z"],
    ["2026-11-20T02:03:00Z", "2026-11-20T02:03:00.000Z"],
    ["2026-11-20T02:03:00.123Z", "2026-11-20T02:03:00.123Z"],
    ["2026-11-20 02:03", "2026-11-20T02:03:00.000Z"],
    ["2026-11-20T03:03+01:00", "2026-11-20T02:03:00.000Z"],
    ["2026-11-19T21:03-0500", "2026-11-20T02:03:00.000Z"],
  ])("%j", (text, iso) => {
    expect(parseMoment(text, NOW)).toEqual({ ok: true, ms: Date.parse(iso) });
  });
  it.each([
    ["", /Write 02:03/],
    ["soon", /“soon” is no moment/],
    ["24:00", /no moment/],
    ["02:60", /no moment/],
    ["31 Feb 02:03", /no moment/],
    ["2026-02-30T00:00Z", /no moment/],
    ["2026-13-01T00:00Z", /no moment/],
    ["40m", /no moment/],
    ["today 23:00", /still to come/],
    ["2026-11-21T00:00Z", /still to come/],
    ["+5m", /no moment/],
    ["<script>", /no moment/],
  ])("refuses %j", (text, why) => {
    const parsed = parseMoment(text, NOW);
    expect(parsed.ok ? parsed.ms : parsed.why).toMatch(why);
  });
});

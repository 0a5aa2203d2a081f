import { describe, expect, it } from "vitest";
import { formatCount, formatDateTime, formatDay, formatDuration, formatShare, formatTime, isoOf } from "./format";

const MOMENT = "2026-11-20T02:16:24Z";

describe("formatDuration", () => {
  it.each([
    [-5_000, "0 s"],
    [0, "0 s"],
    [59_999, "59 s"],
    [72_000, "1 min 12 s"],
    [1_504_000, "25 min 04 s"],
    [3_840_000, "1 h 04 min"],
    [277_200_000, "3 d 05 h"],
    [Number.NaN, "unknown"],
  ])("%d ms reads %s", (ms, words) => expect(formatDuration(ms)).toBe(words));

  it("keeps the larger unit only when coarse", () => {
    expect(formatDuration(2_040_000, true)).toBe("34 min");
    expect(formatDuration(3_840_000, true)).toBe("1 h");
    expect(formatDuration(277_200_000, true)).toBe("3 d");
  });
});

describe("formatCount", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1_204, "1,204"],
    [100_000, "100,000"],
    [10_000_000, "10,000,000"],
  ])("%d reads %s", (value, words) => expect(formatCount(value)).toBe(words));
});

describe("formatShare", () => {
  it.each([
    [0, "0 %"],
    [1, "100 %"],
    [0.0004, "< 0.1 %"],
    [0.9996, "> 99.9 %"],
    [0.155, "16 %"],
    [0.004, "0.4 %"],
    [0.973, "97 %"],
  ])("%d reads %s", (share, words) => expect(formatShare(share)).toBe(words));
});

describe("moments", () => {
  it("are printed in UTC, whatever the machine's zone", () => {
    expect(formatTime(MOMENT)).toBe("02:16:24");
    expect(formatTime("2026-11-20T04:16:24+02:00")).toBe("02:16:24");
    expect(formatDay(MOMENT)).toBe("Fri 20 Nov");
    expect(formatDateTime(MOMENT)).toBe("20 Nov 02:16:24");
    expect(formatDateTime(MOMENT, true)).toBe("20 Nov 2026 02:16:24");
    expect(isoOf(MOMENT)).toBe("2026-11-20T02:16:24.000Z");
  });

  it("say unknown instead of Invalid Date", () => {
    expect(formatTime("soon")).toBe("unknown");
    expect(formatDay("soon")).toBe("unknown");
    expect(formatDateTime("soon")).toBe("unknown");
    expect(isoOf("soon")).toBeUndefined();
  });
});

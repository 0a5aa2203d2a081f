import { describe, expect, it } from "vitest";
import { isDigest, isLocalRepository, parseDigest, shortDigest } from "@/lib/domain/fleet/digests";
import { freshnessOf } from "@/lib/domain/fleet/freshness";
import { isName, sanitizeName } from "@/lib/domain/fleet/names";

const HEX = "0123456789abcdef".repeat(4);

describe("names", () => {
  it.each([
    ["payments", true],
    ["a", true],
    ["0.9_x-y", true],
    ["a".repeat(63), true],
    ["a".repeat(64), false],
    ["", false],
    ["-a", false],
    ["Payments", false],
    ["a b", false],
    ["a\n", false],
  ])("%j is a name: %s", (text, expected) => {
    expect(isName(text)).toBe(expected);
  });

  it.each([
    ["Payments API", "payments-api"],
    ["  _internal_ ", "internal"],
    ["a".repeat(80), "a".repeat(63)],
    [`${"a".repeat(62)}--b`, "a".repeat(62)],
    ["---", null],
    ["", null],
    [null, null],
    [undefined, null],
    ["naïve", "na-ve"],
    ["a\u0000b", "a-b"],
  ])("%j becomes %j", (text, expected) => {
    expect(sanitizeName(text)).toBe(expected);
  });
});

describe("digests", () => {
  it.each([
    [`sha256:${HEX}`, true],
    [`sha512:${HEX}${HEX}`, true],
    [`sha256:${HEX}${HEX}`, false],
    [`sha512:${HEX}`, false],
    [`sha256:${HEX.toUpperCase()}`, false],
    [`md5:${HEX}`, false],
    [`sha384:${HEX}`, false],
    [`sha256:${HEX}\n`, false],
    [HEX, false],
    [`sha256${HEX}`, false],
    ["sha256:", false],
    ["", false],
  ])("%j is accepted: %s", (text, expected) => {
    expect(isDigest(text)).toBe(expected);
  });

  it("takes a digest apart and shortens it", () => {
    expect(parseDigest(`sha256:${HEX}`)).toEqual({ algorithm: "sha256", hex: HEX });
    expect(shortDigest(`sha256:${HEX}`)).toBe("0123456");
  });

  it.each([
    ["localhost/app", true],
    ["", true],
    [null, true],
    ["localhost:5000/app", false],
    ["127.0.0.1:5000/app", false],
    ["registry.example/app", false],
    ["localhost.example/app", false],
  ])("%j is local: %s", (repository, expected) => {
    expect(isLocalRepository(repository)).toBe(expected);
  });
});

describe("freshnessOf", () => {
  it.each([
    [1000, 1000, "fresh"],
    [1000, 1019, "fresh"],
    [1000, 1020, "late"],
    [1000, 1029, "late"],
    [1000, 1030, "silent"],
    [null, 1000, "silent"],
  ])("last report %j, now %d: %s", (lastReportAt, now, expected) => {
    expect(freshnessOf({ lastReportAt, intervalMs: 10, now })).toBe(expected);
  });

  it("starts anew after a time in which Plumbline was not listening", () => {
    const gaps = [
      { from: 6000, to: 7000 },
      { from: 1015, to: 5000 },
    ];
    expect(freshnessOf({ lastReportAt: 1000, intervalMs: 10, now: 5019, gaps })).toBe("fresh");
    expect(freshnessOf({ lastReportAt: 1000, intervalMs: 10, now: 5030, gaps })).toBe("silent");
    expect(freshnessOf({ lastReportAt: 1000, intervalMs: 10, now: 7001, gaps })).toBe("silent");
  });
});

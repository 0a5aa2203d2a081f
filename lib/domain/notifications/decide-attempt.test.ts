import { describe, expect, it } from "vitest";
import { decideAttempt, isPermanentStatus, readRetryAfter, RETRY_DELAYS_MS, type Attempt } from "./decide-attempt";

const failure = (more: Partial<Extract<Attempt, { ok: false }>> = {}): Attempt => ({ ok: false, status: 500, error: "no", permanent: false, retryAfterMs: null, ...more });

describe("decideAttempt", () => {
  it.each([1, 3, 7])("is sent when attempt %i is well", (attempts) => {
    expect(decideAttempt({ attempts, attempt: { ok: true, status: 204 }, random: 0 })).toEqual({ status: "sent" });
  });

  it.each(RETRY_DELAYS_MS.map((delayMs, index) => [index + 1, delayMs] as const))("after attempt %i waits %i ms", (attempts, delayMs) => {
    expect(decideAttempt({ attempts, attempt: failure(), random: 0 })).toEqual({ status: "pending", delayMs });
  });

  it("gives up after the last", () => {
    expect(decideAttempt({ attempts: RETRY_DELAYS_MS.length + 1, attempt: failure(), random: 0 })).toEqual({ status: "failed" });
  });

  it("gives up at once on what would end the same way", () => {
    expect(decideAttempt({ attempts: 1, attempt: failure({ permanent: true, retryAfterMs: 1_000 }), random: 0 })).toEqual({ status: "failed" });
  });

  it.each([
    [1, 60_000, 60_000],
    [1, 1_000, 5_000],
    [6, 1_000, 21_600_000],
    [1, 99_999_999_999, 21_600_000],
  ])("attempt %i, asked to wait %i ms: %i ms", (attempts, retryAfterMs, delayMs) => {
    expect(decideAttempt({ attempts, attempt: failure({ retryAfterMs }), random: 0 })).toEqual({ status: "pending", delayMs });
  });

  it("spreads by up to a fifth, never earlier than asked", () => {
    expect(decideAttempt({ attempts: 1, attempt: failure({ retryAfterMs: 10_000 }), random: 0.5 })).toEqual({ status: "pending", delayMs: 11_000 });
    expect(decideAttempt({ attempts: 1, attempt: failure(), random: 0.999_999 })).toEqual({ status: "pending", delayMs: 6_000 });
  });
});

it.each([
  [400, true],
  [401, true],
  [403, true],
  [404, true],
  [410, true],
  [422, true],
  [408, false],
  [425, false],
  [429, false],
  [500, false],
  [502, false],
  [503, false],
])("status %i is permanent: %s", (status, expected) => {
  expect(isPermanentStatus(status)).toBe(expected);
});

it.each([
  [undefined, null],
  ["7", 7_000],
  [" 0 ", 0],
  ["Wed, 21 Oct 2026 07:28:00 GMT", 60_000],
  ["Wed, 21 Oct 2020 07:28:00 GMT", 0],
  ["-7", null],
  ["7.5", null],
  ["soon", null],
  ["2026-10-21", null],
  ["99999999999999999999", null],
])("Retry-After %s is %s ms", (header, expected) => {
  expect(readRetryAfter(header, Date.parse("2026-10-21T07:27:00Z"))).toBe(expected);
});

it("spends no attempt where it was not time yet", () => {
  const attempt = { ok: false, status: null, error: "Paused.", permanent: false, retryAfterMs: null, waitMs: 5_000 } as const;
  expect(decideAttempt({ attempts: 9, attempt, random: 0.5 })).toEqual({ status: "pending", delayMs: 5_000, unspent: true });
});

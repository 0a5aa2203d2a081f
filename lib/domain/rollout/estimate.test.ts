import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { estimateRemaining, type Range } from "@/lib/domain/rollout/estimate";

const NOW = 1_000_000;
const ago = (...ms: number[]): number[] => ms.map((one) => NOW - one);

describe("estimateRemaining", () => {
  it.each<[string, Partial<Parameters<typeof estimateRemaining>[0]>, Range | null]>([
    ["nothing is left", { remaining: 0 }, { from: 0, to: 0 }],
    ["less than nothing is left", { remaining: -1 }, { from: 0, to: 0 }],
    ["nothing is left but a soak", { remaining: 0, extraMs: 60 }, { from: 60, to: 60 }],
    ["nothing is left, and nobody was verified", { remaining: 0, verifiedAt: [] }, { from: 0, to: 0 }],
    ["nobody was verified yet", { verifiedAt: [] }, null],
    ["too few tell no rate", { verifiedAt: ago(300, 100) }, null],
    ["has just started", { startedAt: NOW }, null],
    ["started in the future, by another clock", { startedAt: NOW + 5 }, null],
    // 4 in 400 ms, and the younger 2 in the last 200 ms: the same rate, a quarter more and less.
    ["steady", { remaining: 4 }, { from: 300, to: 500 }],
    ["in any order", { remaining: 4, verifiedAt: ago(100, 400, 200, 300) }, { from: 300, to: 500 }],
    ["and a soak that is certain", { remaining: 4, extraMs: 1000 }, { from: 1300, to: 1500 }],
    // 4 in 400 ms, and the younger 2 in the last 20 ms: ten times as fast.
    ["getting faster", { remaining: 4, verifiedAt: ago(400, 300, 20, 10) }, { from: 30, to: 500 }],
    // 4 in 800 ms, and the younger 2 in the last 790 ms.
    ["getting slower", { remaining: 4, startedAt: NOW - 800, verifiedAt: ago(800, 795, 790, 785) }, { from: 600, to: 1975 }],
    ["all of them just now", { remaining: 3, startedAt: NOW - 300, verifiedAt: ago(0, 0, 0) }, { from: 1, to: 375 }],
  ])("%s", (_, changes, expected) => {
    expect(estimateRemaining({ verifiedAt: ago(400, 300, 200, 100), startedAt: NOW - 400, remaining: 4, now: NOW, ...changes })).toEqual(expected);
  });

  it("is a range of finite times, longer the more is left", () => {
    const inputs = fc.record({ verifiedAt: fc.array(fc.nat(10_000).map((ms) => NOW - ms), { maxLength: 20 }), startedAt: fc.nat(20_000).map((ms) => NOW - ms), remaining: fc.nat(100) });
    fc.assert(
      fc.property(inputs, (input) => {
        const range = estimateRemaining({ ...input, now: NOW });
        const longer = estimateRemaining({ ...input, remaining: input.remaining + 1, now: NOW });
        if (range === null) {
          expect(longer).toBeNull();
          return;
        }
        expect(Number.isFinite(range.from) && Number.isFinite(range.to) && range.from >= 0).toBe(true);
        expect(range.from).toBeLessThanOrEqual(range.to);
        if (longer) expect(longer.from >= range.from && longer.to >= range.to).toBe(true);
      }),
      { seed: 20260112 },
    );
  });
});

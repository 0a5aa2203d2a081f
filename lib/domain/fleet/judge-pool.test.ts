import { describe, expect, it } from "vitest";
import { judgePool, MINIMUM_SETTLE_MS, SHRUNK_FOR_MS, type PoolCounts } from "./judge-pool";

const NOW = 1_800_000_000_000;
const pool: PoolCounts = { live: 10, liveBefore: 10, left: 0, minimum: null, shortSince: null, shrunk: null };
const judge = (change: Partial<PoolCounts>) => judgePool({ ...pool, ...change }, NOW);

describe("half gone within five minutes", () => {
  it.each<[string, Partial<PoolCounts>, { gone: number; from: number } | null]>([
    ["as many as before", {}, null],
    ["one more than half", { live: 6 }, null],
    ["half", { live: 5 }, { gone: 5, from: 10 }],
    ["all", { live: 0 }, { gone: 10, from: 10 }],
    ["three of three", { live: 0, liveBefore: 3 }, null],
    ["two of four", { live: 2, liveBefore: 4 }, { gone: 2, from: 4 }],
    ["replaced as fast as it loses", { live: 10, liveBefore: 10, left: 10 }, null],
    ["grown", { live: 40 }, null],
    ["an empty pool", { live: 0, liveBefore: 0 }, null],
    ["open, still small", { live: 4, liveBefore: 4, shrunk: { from: 10, since: NOW - 600_000 } }, { gone: 6, from: 10 }],
    ["open, most are back", { live: 8, liveBefore: 4, shrunk: { from: 10, since: NOW - 600_000 } }, null],
    ["open, some are back", { live: 7, liveBefore: 4, shrunk: { from: 10, since: NOW - 600_000 } }, { gone: 3, from: 10 }],
    ["open, and that has been its size for an hour", { live: 4, liveBefore: 4, shrunk: { from: 10, since: NOW - SHRUNK_FOR_MS } }, null],
    ["over for that reason, and stays as it is", { live: 4, liveBefore: 4 }, null],
  ])("%s", (_, change, expected) => {
    const { shrunk } = judge(change);
    expect(shrunk && { gone: shrunk.gone, from: shrunk.from }).toEqual(expected);
  });

  it("says how many said good-bye", () => {
    expect(judge({ live: 3 }).shrunk?.detail).toBe("3 are left of 10; none said good-bye");
    expect(judge({ live: 3, left: 6 }).shrunk?.detail).toBe("3 are left of 10; 6 said good-bye");
  });
});

describe("below the minimum", () => {
  it.each<[string, Partial<PoolCounts>, { since: number | null; short: number | null }]>([
    ["no minimum", { live: 0, liveBefore: 0 }, { since: null, short: null }],
    ["as many as the minimum", { minimum: 10 }, { since: null, short: null }],
    ["just now", { minimum: 11 }, { since: NOW, short: null }],
    ["not for long", { minimum: 11, shortSince: NOW - MINIMUM_SETTLE_MS + 1 }, { since: NOW - MINIMUM_SETTLE_MS + 1, short: null }],
    ["for long", { minimum: 12, shortSince: NOW - MINIMUM_SETTLE_MS }, { since: NOW - MINIMUM_SETTLE_MS, short: 2 }],
    ["enough again", { minimum: 10, shortSince: NOW - 600_000 }, { since: null, short: null }],
    ["the minimum was taken away", { live: 0, shortSince: NOW - 600_000 }, { since: null, short: null }],
  ])("%s", (_, change, expected) => {
    const { shortSince, belowMinimum } = judge(change);
    expect({ since: shortSince, short: belowMinimum?.short ?? null }).toEqual(expected);
  });
});

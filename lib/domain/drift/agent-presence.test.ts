import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AgentPresence } from "@/lib/domain/drift/agent-presence";
import { isClockSkewed, nextPresence } from "@/lib/domain/drift/agent-presence";
import type { ListeningGap } from "@/lib/domain/fleet/freshness";

/** Heard at 1000, every 10 ms: late at 1020, silent at 1030, an ephemeral one retires at 1130. */
const agent = (changes: Partial<AgentPresence> = {}): AgentPresence => ({
  state: "active",
  lastHeardAt: 1000,
  intervalMs: 10,
  ephemeralTtlMs: null,
  ...changes,
});

describe("nextPresence", () => {
  it.each<[string, Partial<AgentPresence>, number, ListeningGap[], unknown]>([
    ["fresh", {}, 1019, [], null],
    ["becomes late", {}, 1020, [], { to: "late", since: 1020 }],
    ["stays late", { state: "late" }, 1029, [], null],
    ["becomes silent", { state: "late" }, 1030, [], { to: "silent", since: 1030 }],
    ["becomes silent at once when nobody looked in between", {}, 1500, [], { to: "silent", since: 1030 }],
    ["stays silent for ever when it is not ephemeral", { state: "silent" }, 9_999_999, [], null],
    ["returns with a report", { state: "silent", lastHeardAt: 2000 }, 2001, [], { to: "active", since: 2000 }],
    ["an ephemeral one is silent first", { ephemeralTtlMs: 100 }, 1129, [], { to: "silent", since: 1030 }],
    ["and retires at last-seen", { state: "silent", ephemeralTtlMs: 100 }, 1130, [], { to: "retired", since: 1000 }],
    ["retired is final", { state: "retired", lastHeardAt: 2000 }, 2001, [], null],
    ["our outage lasts", {}, 5000, [{ from: 1010, to: null }], null],
    ["our outage just ended", {}, 5019, [{ from: 1010, to: 5000 }], null],
    ["it does not come back after our outage", {}, 5030, [{ from: 1010, to: 5000 }], { to: "silent", since: 5030 }],
    ["it was late before our outage", { state: "late" }, 5029, [{ from: 1025, to: 5000 }], null],
    ["it was silent before our outage", { state: "silent" }, 5001, [{ from: 1040, to: 5000 }], null],
    ["an old outage", {}, 1030, [{ from: 500, to: 900 }], { to: "silent", since: 1030 }],
    ["an outage that lasts retires nobody", { state: "silent", ephemeralTtlMs: 100 }, 9000, [{ from: 1040, to: null }], null],
  ])("%s", (_, changes, now, gaps, expected) => {
    expect(nextPresence(agent(changes), now, gaps)).toEqual(expected);
  });

  it("makes nobody silent whose allowance ran out only while Plumbline was not listening", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 29 }), fc.nat(100_000), fc.integer({ min: 0, max: 29 }), (before, gap, after) => {
        const from = 1000 + before;
        const now = from + gap + after;
        const next = nextPresence(agent({ state: "late" }), now, [{ from, to: from + gap }]);
        expect(next?.to).not.toBe("silent");
      }),
    );
  });
});

describe("isClockSkewed", () => {
  it.each([
    [0, 120_000, false],
    [0, 120_001, true],
    [120_001, 0, true],
  ])("%d against %d", (mine, theirs, expected) => {
    expect(isClockSkewed(mine, theirs)).toBe(expected);
  });
});

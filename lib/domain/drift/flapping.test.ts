import { describe, expect, it } from "vitest";
import { decideFlap, FLAP_QUIET_MS, FLAP_TIMES, isFoldable, type Flap, type FlapFacts } from "./flapping";

const facts = (changes: Partial<FlapFacts> = {}): FlapFacts => ({ flap: null, observed: [], open: [], ended: new Map(), waived: new Set(), ...changes });
const flap: Flap = { kinds: ["behind"], present: ["behind"], times: 4, lastAt: 1_000 };

describe("decideFlap", () => {
  it.each<[string, FlapFacts, number, Flap | null]>([
    ["nothing is there", facts(), 5, null],
    ["it came too seldom", facts({ observed: ["behind"], ended: new Map([["behind", FLAP_TIMES - 2]]) }), 5, null],
    ["it comes once too often", facts({ observed: ["behind"], ended: new Map([["behind", FLAP_TIMES - 1]]) }), 5, { kinds: ["behind"], present: ["behind"], times: FLAP_TIMES, lastAt: 5 }],
    ["it is open and stays", facts({ observed: ["behind"], open: ["behind"], ended: new Map([["behind", 9]]) }), 5, null],
    ["others came often", facts({ observed: ["ahead"], ended: new Map([["behind", 9]]) }), 5, null],
    ["what is critical comes often", facts({ observed: ["unknown-artifact"], ended: new Map([["unknown-artifact", 9]]) }), 5, null],
    ["it comes and goes, and went", facts({ flap }), 2_000, { kinds: ["behind"], present: [], times: 5, lastAt: 2_000 }],
    ["it comes and goes, and stayed a while", facts({ flap, observed: ["behind"] }), 2_000, flap],
    ["something critical comes beside it", facts({ flap, observed: ["mutated", "behind"] }), 2_000, flap],
    ["it was quiet for long", facts({ flap, observed: ["behind"] }), 1_000 + FLAP_QUIET_MS, null],
    ["it was quiet for nearly as long", facts({ flap, observed: ["behind"] }), 999 + FLAP_QUIET_MS, flap],
    ["it moves after long", facts({ flap }), 9_000_000, { kinds: ["behind"], present: [], times: 5, lastAt: 9_000_000 }],
    ["another kind comes beside it", facts({ flap, observed: ["behind", "ahead"] }), 2_000, flap],
    ["another kind stays beside it", facts({ flap, observed: ["behind", "ahead"], open: ["ahead"], ended: new Map([["ahead", 9]]) }), 2_000, flap],
    ["another kind comes too often too", facts({ flap, observed: ["behind", "ahead"], ended: new Map([["ahead", FLAP_TIMES - 1]]) }), 2_000, { kinds: ["ahead", "behind"], present: ["ahead", "behind"], times: 5, lastAt: 2_000 }],
    ["another kind moves, and it was quiet for long", facts({ flap, observed: ["behind", "ahead"] }), 1_000 + FLAP_QUIET_MS, null],
    ["what is waived comes often", facts({ observed: ["behind"], ended: new Map([["behind", 9]]), waived: new Set(["behind"]) }), 5, null],
    ["all of it is waived since", facts({ flap, observed: ["behind"], waived: new Set(["behind"]) }), 2_000, null],
    ["one kind of it is waived since", facts({ flap: { ...flap, kinds: ["ahead", "behind"] }, observed: ["ahead", "behind"], waived: new Set(["behind"]) }), 2_000, { kinds: ["ahead"], present: ["ahead"], times: 5, lastAt: 2_000 }],
    ["one kind of it is waived since, and nothing else moved", facts({ flap: { ...flap, kinds: ["ahead", "behind"] }, observed: ["behind"], waived: new Set(["behind"]) }), 2_000, { kinds: ["ahead"], present: [], times: 4, lastAt: 1_000 }],
  ])("%s", (_, input, now, expected) => {
    expect(decideFlap(input, now)).toEqual(expected);
  });
  it("never folds what is critical, or unapproved", () => {
    expect((["recalled", "unknown-artifact", "unverifiable", "mutated", "wrong-service", "unapproved"] as const).some(isFoldable)).toBe(false);
    expect((["behind", "ahead", "settings-differ", "missing", "unexpected", "will-revert", "tag-moved"] as const).every(isFoldable)).toBe(true);
  });
});

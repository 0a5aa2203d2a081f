import { describe, expect, it } from "vitest";
import { chooseObserved, DEFAULT_FOLLOW_POLICY, hasStalled, type FollowedPlace, type SeenRelease } from "./follow-external";

const MIN = 60_000;
const seen = (registeredSeq: number, changes: Partial<SeenRelease> = {}): SeenRelease => ({ releaseId: `r${registeredSeq}`, registeredSeq, moved: 0, fresh: 0, assignedBefore: false, ...changes });
const place = (changes: Partial<FollowedPlace>): FollowedPlace => ({ assigned: { registeredSeq: 5 }, onAssigned: 6, following: false, closed: false, seen: [], ...changes });

describe("chooseObserved", () => {
  it.each<[string, Partial<FollowedPlace>, string | null]>([
    ["nothing new", {}, null],
    ["one that was there before", { seen: [seen(6)] }, null],
    ["a newer one on one target", { seen: [seen(6, { moved: 1 })] }, "promote r6"],
    ["a newer one on a new host", { seen: [seen(6, { fresh: 1 })] }, "promote r6"],
    ["the first one ever, where nothing is assigned", { assigned: null, onAssigned: 0, seen: [seen(2, { fresh: 1 })] }, "promote r2"],
    ["an older one that took a place", { seen: [seen(4, { moved: 1, assignedBefore: true })] }, "rollback r4"],
    ["an older one that was never assigned", { seen: [seen(4, { moved: 1 })] }, "promote r4"],
    ["a new host with the old image", { seen: [seen(4, { fresh: 1, assignedBefore: true })] }, null],
    ["new hosts with the old image, as many as run the assigned one", { onAssigned: 3, seen: [seen(4, { fresh: 3, assignedBefore: true })] }, "rollback r4"],
    ["under way, and one target went back", { following: true, onAssigned: 2, seen: [seen(4, { moved: 1, assignedBefore: true })] }, null],
    ["under way, and half of them went back", { following: true, onAssigned: 2, seen: [seen(4, { moved: 2, assignedBefore: true })] }, "rollback r4"],
    ["under way, and all that were reached went back", { following: true, onAssigned: 0, seen: [seen(4, { moved: 1, assignedBefore: true })] }, "rollback r4"],
    ["under way, and a yet newer one comes", { following: true, seen: [seen(6, { moved: 1 })] }, "promote r6"],
    ["two newer ones: the one on more targets", { seen: [seen(7, { moved: 1 }), seen(6, { moved: 2 })] }, "promote r6"],
    ["two newer ones on as many: the newest", { seen: [seen(6, { moved: 2 }), seen(7, { moved: 1, fresh: 1 })] }, "promote r7"],
    ["held or frozen, and a newer one comes", { closed: true, seen: [seen(6, { moved: 3 })] }, null],
    ["held or frozen, and one that was there before", { closed: true, seen: [seen(6, { moved: 3 }), seen(4, { moved: 1, assignedBefore: true })] }, "rollback r4"],
    ["held or frozen, and an older one that never was", { closed: true, seen: [seen(4, { moved: 3 })] }, null],
  ])("%s", (_, changes, expected) => {
    const chosen = chooseObserved(place(changes));
    expect(chosen && `${chosen.kind} ${chosen.releaseId}`).toBe(expected);
  });
});

describe("hasStalled", () => {
  it.each<[string, { left: number; quietSince: number }, number, boolean]>([
    ["something moved just now", { left: 3, quietSince: 0 }, 14 * MIN, false],
    ["nothing moved for too long", { left: 3, quietSince: 0 }, 15 * MIN, true],
    ["nothing is left to move", { left: 0, quietSince: 0 }, 15 * MIN, false],
  ])("%s", (_, state, now, expected) => {
    expect(hasStalled(state, now, DEFAULT_FOLLOW_POLICY)).toBe(expected);
  });
});

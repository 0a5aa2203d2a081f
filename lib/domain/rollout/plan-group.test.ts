import { describe, expect, it } from "vitest";
import { comparePlaces, explainNote, planAsOf, planRecall } from "./plan-group";
import type { GroupAim, ReleaseSide } from "./plan-group";

const v1: ReleaseSide = { id: "r1", version: "1.0.0", registeredSeq: 1 };
const v2: ReleaseSide = { id: "r2", version: "2.0.0", registeredSeq: 2 };
const v3: ReleaseSide = { id: "r3", version: "3.0.0", registeredSeq: 3 };

describe("planAsOf", () => {
  it.each<[string, ReleaseSide | null, ReleaseSide | null, Partial<GroupAim> | null]>([
    ["is as it was", v1, v1, null],
    ["has never been anything", null, null, null],
    ["went forward since", v1, v2, { kind: "rollback", release: v1, suggested: true, notes: [] }],
    ["was stopped since", v1, null, { kind: "rollback", release: v1, suggested: true, notes: [] }],
    ["went back since: going forward has to be meant", v2, v1, { kind: "rollback", release: v2, suggested: false, notes: [{ note: "goes-forward", version: "2.0.0", assigned: "1.0.0" }] }],
    ["was not here yet: stopping has to be meant", null, v1, { kind: "stop", release: null, suggested: false, notes: [{ note: "was-not-here" }] }],
  ])("a place that %s", (_name, was, now, aim) => {
    if (aim === null) expect(planAsOf({ was, now })).toBeNull();
    else expect(planAsOf({ was, now })).toEqual(aim);
  });
});

describe("planRecall", () => {
  const touched = { assigned: v3, assignedIsRecalled: true, runsRecalled: true, lastKnownGood: v2, mayRun: [v1, v2] };
  it.each<[string, Partial<Parameters<typeof planRecall>[0]>, Partial<GroupAim> | null]>([
    ["assigned: to the last known good", {}, { kind: "rollback", release: v2, suggested: true, notes: [] }],
    ["assigned, no good one: to the newest older that may run", { lastKnownGood: null }, { kind: "rollback", release: v2, suggested: true, notes: [{ note: "not-proven", version: "2.0.0" }] }],
    ["assigned, only newer ones may run: stop, unasked never", { lastKnownGood: null, assigned: v1, mayRun: [v2, v3] }, { kind: "stop", suggested: false }],
    ["assigned, nothing may run: stop, unasked never", { lastKnownGood: null, mayRun: [] }, { kind: "stop", release: null, suggested: false, notes: [{ note: "nothing-to-go-to" }] }],
    ["assigned, and nowhere running: still away from it", { runsRecalled: false }, { kind: "rollback", release: v2, suggested: true }],
    ["runs beside what is assigned: back to that", { assigned: v2, assignedIsRecalled: false }, { kind: "reconverge", release: v2, suggested: true }],
    ["runs, nothing assigned: nothing to be done from here", { assigned: null, assignedIsRecalled: false }, { kind: null, suggested: false }],
    ["neither runs nor is assigned", { assigned: v2, assignedIsRecalled: false, runsRecalled: false }, null],
    ["is nowhere", { assigned: null, assignedIsRecalled: false, runsRecalled: false }, null],
  ])("%s", (_name, over, aim) => {
    const planned = planRecall({ ...touched, ...over });
    if (aim === null) expect(planned).toBeNull();
    else expect(planned).toMatchObject(aim);
  });
});

describe("comparePlaces", () => {
  it("orders by service, then environment, then partition, whatever the order given", () => {
    const places = ["b/1/x", "a/2/x", "a/1/y", "a/1/x"].map((text) => {
      const [serviceId = "", environmentId = "", partition = ""] = text.split("/");
      return { serviceId, environmentId, partition };
    });
    const sorted = places.toSorted(comparePlaces).map((place) => Object.values(place).join("/"));
    expect(sorted).toEqual(["a/1/x", "a/1/y", "a/2/x", "b/1/x"]);
    for (const place of places) expect(comparePlaces(place, { ...place })).toBe(0);
  });
});

describe("explainNote", () => {
  it.each([
    [{ note: "was-not-here" } as const, /would be stopped/],
    [{ note: "goes-forward", version: "2", assigned: "1" } as const, /2 is newer than 1/],
    [{ note: "not-proven", version: "2" } as const, /no record/],
    [{ note: "nothing-to-go-to" } as const, /only be stopped/],
  ])("%j", (note, sentence) => {
    expect(explainNote(note)).toMatch(sentence);
  });
});

import { describe, expect, it } from "vitest";
import type { FindingDto, FindingGroup } from "@/lib/contract/fleet";
import { adviceFor, describeDrift, isSelectable, offersReconverge, respondHref, targetsOf, toCause, toFindingRow, whyNotReconverge, whyNotWaive } from "./to-drift";

const ID = "8a1c2b34-0000-4000-8000-000000000001";
const AT = "2026-11-20T02:16:24.000Z";

function finding(over: Partial<FindingDto> = {}): FindingDto {
  return {
    id: ID, kind: "unapproved", severity: "drift", service: "catalog", environment: "production", partition: "default",
    target: { id: "7", key: "catalog-7", agent: "euw1-b", region: "eu" }, agent: "euw1-b", assigned: null, running: null, count: 1,
    sampleKeys: ["catalog-7d9f6c"], sampleInstances: [ID], by: "root", sentence: "", detail: null, since: AT, openedAt: AT, resolvedAt: null, canReconverge: true, waiver: null,
    ...over,
  };
}

function group(over: Partial<FindingGroup> = {}): FindingGroup {
  return {
    key: "k", kind: "unapproved", severity: "drift", title: "t", sentence: "s", service: "catalog", environment: "production", partition: "default",
    assigned: { id: ID, version: "3.18.0", digest: null }, running: null, instances: 1, findings: 1, since: AT, shared: [], canReconverge: true, waiver: null, rows: [finding()],
    ...over,
  };
}

describe("targetsOf", () => {
  it.each<[string, FindingGroup, string[] | null]>([
    ["names each target once", group({ findings: 2, rows: [finding(), finding()] }), ["7"]],
    ["means all when not every row is here", group({ findings: 200 }), null],
    ["means all when a row stands for many", group({ rows: [finding({ target: null })] }), null],
  ])("%s", (_name, given, expected) => {
    expect(targetsOf(given)).toEqual(expected);
  });
});

describe("whyNotWaive", () => {
  it.each<[string, FindingGroup, RegExp | null]>([
    ["drift", group(), null],
    ["recalled", group({ kind: "recalled" }), /lift the recall/],
    ["unknown code", group({ kind: "unknown-artifact" }), /nobody knows/],
    ["no service", group({ service: null }), /belongs to no service/],
    ["silent", group({ kind: "silent" }), /Only drift/],
  ])("%s", (_name, given, expected) => {
    if (expected === null) expect(whyNotWaive(given)).toBeNull();
    else expect(whyNotWaive(given)).toMatch(expected);
  });
});

it("says what is waived, and never calls it clear", () => {
  const none = { asOf: AT, total: 0, instances: 0, checkedInstances: 12, unmapped: 0, ignored: { instances: 0, rules: 0 }, groups: [], waived: [group()], inTransition: [] };
  expect(describeDrift(none)).toEqual([{ strong: "Nothing counts." }, " 12 instances checked.", " 1 cause is waived."]);
  expect(describeDrift({ ...none, waived: [] })).toEqual([{ strong: "All clear." }, " 12 instances checked."]);
});

describe("whyNotReconverge", () => {
  it.each<[string, FindingGroup, RegExp | null]>([
    ["possible", group(), null],
    ["silent", group({ kind: "silent" }), /until its agent reports/],
    ["no service", group({ service: null }), /belongs to no service/],
    ["nothing assigned", group({ assigned: null }), /Nothing is assigned/],
    ["recalled beside what is assigned", group({ kind: "recalled", running: { version: "3.17.4", digest: null, reference: null } }), null],
    ["nothing may act", group({ canReconverge: false }), /--act/],
    ["a copy that nobody decided", group({ kind: "unexpected", canReconverge: false }), /end it on its host/],
  ])("%s", (_name, given, reason) => {
    if (reason === null) expect(whyNotReconverge(given)).toBeNull();
    else expect(whyNotReconverge(given)).toMatch(reason);
  });
});

describe("rows and causes", () => {
  it("what is silent or missing is last known, not known", () => {
    expect(toCause(group({ kind: "silent" })).lastKnown).toBe(true);
    expect(toCause(group()).lastKnown).toBe(false);
  });
  it("a row has a link only where an instance stands behind it", () => {
    expect(toFindingRow(finding()).href).toBe(`/instances/${ID}`);
    expect(toFindingRow(finding({ sampleInstances: [] })).href).toBeUndefined();
    expect(toFindingRow(finding({ sampleKeys: [], target: null, agent: "host-7" })).name).toBe("host-7");
  });
});

describe("what to do", () => {
  it.each<[string, FindingGroup, RegExp | null]>([
    ["contested", group({ kind: "contested" }), /where its manager keeps its own version/],
    ["a split", group({ kind: "partial-rollout" }), /Promote the release again/],
    ["reverted soon", group({ kind: "will-revert" }), /what the runtime would start next/],
    ["recalled", group({ kind: "recalled" }), /every place at once/],
    ["recalled, nothing assigned", group({ kind: "recalled", assigned: null }), null],
    ["anything else", group(), null],
  ])("%s", (_name, given, advice) => {
    if (advice === null) expect(adviceFor(given)).toBeNull();
    else expect(adviceFor(given)).toMatch(advice);
  });
  it("offers no reconvergence after a split, and rows to choose only where there is a choice", () => {
    expect(offersReconverge(group({ kind: "partial-rollout" }))).toBe(false);
    expect(offersReconverge(group({ kind: "recalled", running: { version: "3.18.0", digest: null, reference: null } }))).toBe(false);
    expect(offersReconverge(group({ kind: "recalled", running: { version: "3.17.4", digest: null, reference: null } }))).toBe(true);
    expect(isSelectable(group())).toBe(false);
    expect(isSelectable(group({ rows: [finding(), finding()] }))).toBe(true);
    expect(isSelectable(group({ rows: [finding({ canReconverge: false }), finding({ target: null })] }))).toBe(false);
    expect(toFindingRow(finding({ canReconverge: false })).whyNot).toMatch(/--act/);
  });
  it("leads to the response to a recall", () => {
    expect(respondHref(group({ kind: "recalled", running: { version: "3.17.4", digest: null, reference: null } }))).toBe("/rollouts/groups/new?kind=recall&service=catalog&version=3.17.4");
    expect(respondHref(group({ kind: "recalled", running: null }))).toBeNull();
    expect(respondHref(group())).toBeNull();
  });
});

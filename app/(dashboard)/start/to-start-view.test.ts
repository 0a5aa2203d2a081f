import { describe, expect, it } from "vitest";
import type { RolloutPreview } from "@/lib/contract/rollouts";
import { describeDisabled, describeFreeze, toStartView } from "./to-start-view";

const ID = "8a1c2b34-0000-4000-8000-000000000001";
const release = (version: string) => ({ id: ID.replace(/.$/, version.at(-1) ?? "0"), version, digest: null });

function preview(over: Partial<RolloutPreview> = {}): RolloutPreview {
  return {
    service: "payments", environment: "production", partition: "default", protected: true, allowed: true, kind: "rollback", reasons: [], warnings: [],
    assigned: release("1.42"), to: release("1.41"), running: [], candidates: [{ ...release("1.41"), lastKnownGood: true, eligible: true, reasons: [] }],
    instances: 12, targets: 3, actable: 3, regions: [], waves: [], planNotes: [], strategy: { version: 7, sentence: "everyone at once" }, estimateMs: null,
    evidence: [], weakEvidence: false, willNotUndo: ["Data stays."], difference: [], between: { commits: null, compareUrl: null, releases: [] }, forwardFix: null,
    ways: [], executor: null, freeze: null, hold: null, pin: null, activeRollout: null, ledgerSize: 1, revision: "r", asOf: "2026-11-20T02:14:31.000Z", confirm: "hold",
    ...over,
  };
}
const fix: RolloutPreview["forwardFix"] = { release: "1.42", migration: "0417", compatibleBackTo: null, newestCompatible: null };

describe("toStartView", () => {
  const move = (over: Partial<RolloutPreview>) => {
    const { from, to } = toStartView(preview(over));
    return [from.label, from.version, to.label, to.version];
  };
  it.each<[string, Partial<RolloutPreview>, (string | null)[]]>([
    ["back to the last known good", {}, ["From", "1.42", "To, last known good", "1.41"]],
    ["back to another", { to: release("1.40") }, ["From", "1.42", "To", "1.40"]],
    ["nothing assigned: from what runs most", { assigned: null, running: [{ version: null, digest: null, instances: 3 }] }, ["From", "an unknown release", "To, last known good", "1.41"]],
    ["put back", { kind: "reconverge", to: release("1.42") }, ["Assigned", "1.42", "To, as assigned", "1.42"]],
    ["new copies", { kind: "replace", to: release("1.42") }, ["Assigned", "1.42", "New copies of", "1.42"]],
    ["stopped", { kind: "stop", to: null }, ["Assigned", "1.42", "Afterwards", null]],
    ["forward", { kind: "promote", to: release("1.43") }, ["From", "1.42", "To", "1.43"]],
  ])("%s", (_name, over, expected) => expect(move(over)).toEqual(expected));

  it.each<[string, Partial<RolloutPreview>, string]>([
    ["as the server says", {}, "hold"],
    ["a stop is typed", { kind: "stop", confirm: "click" }, "type"],
    ["a migration between is typed", { forwardFix: fix }, "type"],
  ])("confirms: %s", (_name, over, expected) => expect(toStartView(preview(over)).confirm).toBe(expected));

  it("holds only what a rollback leaves, and asks for a reason where the ledger must have one", () => {
    expect(toStartView(preview())).toMatchObject({ holdVersion: "1.42", reasonRequired: true, leaves: { title: "It will not undo" } });
    const promotion = preview({ kind: "promote", willNotUndo: [] });
    expect(toStartView(promotion)).toMatchObject({ holdVersion: null, reasonRequired: false, leaves: null });
    expect(toStartView(promotion, { overrides: { freeze: true } })).toMatchObject({ reasonRequired: true });
    expect(toStartView(preview({ kind: "replace", willNotUndo: ["Lost."] }))).toMatchObject({ leaves: { title: "It cannot be undone", items: ["Lost."] } });
  });

  it("says how it is carried out, the strategy first", () => {
    expect(toStartView(preview({ executor: { name: "argo-prod", kind: "argocd" }, planNotes: ["Two are left."] })).plan).toEqual([
      "Everyone at once (strategy 7)",
      "Carried out by argo-prod (argocd) instead of the agents. What is verified is still what the agents see.",
      "Two are left.",
    ]);
  });
});

it("says once who reverts it", () => {
  const warnings = [{ reason: "will-be-reverted", sentence: "Argo CD will." }, { reason: "some-silent", sentence: "two are silent." }];
  const way = { tool: "argocd", title: "Argo CD", willRevert: true, why: "", steps: [], dispatch: null, targets: 3 };
  expect(toStartView(preview({ warnings })).warnings).toEqual(["Argo CD will.", "Two are silent."]);
  expect(toStartView(preview({ warnings, ways: [way] })).warnings).toEqual(["Two are silent."]);
});

describe("describeDisabled", () => {
  const frozen = { reason: "frozen", sentence: "Frozen." };
  const needsFix = { reason: "needs-forward-fix", sentence: "A migration." };
  const recalled = { reason: "recalled", sentence: "Recalled." };
  it.each<[string, Partial<RolloutPreview>, Parameters<typeof describeDisabled>[1], string | null]>([
    ["allowed", {}, {}, null],
    ["frozen", { allowed: false, reasons: [frozen] }, {}, "Frozen."],
    ["frozen, overridden", { allowed: false, reasons: [frozen] }, { freeze: true }, null],
    ["frozen, overridden, and recalled", { allowed: false, reasons: [frozen, recalled] }, { freeze: true }, "Recalled."],
    ["a migration", { allowed: false, reasons: [needsFix] }, {}, "A migration."],
    ["a migration, typed", { allowed: false, reasons: [needsFix] }, { forwardFix: true }, null],
    ["nothing to go to", { allowed: false }, {}, "There is no release to go back to."],
    ["nothing chosen", { allowed: false, kind: "promote" }, {}, "Choose a release first."],
  ])("%s", (_name, over, overrides, expected) => expect(describeDisabled(preview(over), overrides)).toBe(expected));
});

it("a freeze stands before a promotion alone", () => {
  const freeze = { name: "Black Friday", until: "2026-11-30T08:00:00.000Z" };
  expect(describeFreeze(preview({ kind: "promote", freeze }))).toBe("Black Friday until 30 Nov 08:00:00 UTC");
  expect(describeFreeze(preview({ kind: "promote", freeze: { ...freeze, until: null } }))).toBe("Black Friday");
  expect(describeFreeze(preview({ freeze }))).toBeNull();
});

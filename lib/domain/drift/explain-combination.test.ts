import { describe, expect, it } from "vitest";
import { adviseFinding } from "./advise-finding";
import { DRIFT_CATEGORIES, OTHER_FINDING_KINDS, type DriftCategory } from "./categories";
import { explainCombination, isAmiss, type CombinationStory, type DoctorStepName, type ExplainedRelease } from "./explain-combination";

const digest = `sha256:${"a".repeat(64)}`;
const release: ExplainedRelease = { service: "payments", version: "1.0.0", own: true, approvals: 1, adoptedHere: false, approvedHere: true, recalled: false };
const story = (changes: Partial<CombinationStory> = {}): CombinationStory => ({
  service: "payments", adopted: true, environment: "production", partition: "default", instances: 3, silent: 0, reference: "registry.test/acme/pay:1", samples: [{ instance: "pay-1", target: "pay", agent: "eu-1", region: "eu" }],
  digests: [{ digest, kind: "index", repository: "registry.test/acme/pay", leadsTo: ["payments 1.0.0"] }], resolution: "known", labels: { app: "pay" }, mapping: ["Service payments, by a label."], releases: [release], requiredApprovals: 1,
  assigned: { version: "1.0.0", entry: 12, at: "2026-11-26T00:00:00.000Z", by: "Ada", authority: "plumbline" }, desiredKind: "release", desiredVersion: "1.0.0", unexpected: false, rollout: null, settings: { running: null, expected: null }, mutated: null, declaredMatches: null, categories: ["in-sync"], ...changes,
});
const stepOf = (changes: Partial<CombinationStory>, step: DoctorStepName) => explainCombination(story(changes)).find((one) => one.step === step);

describe("explainCombination", () => {
  it("asks only what arises, in order", () => {
    expect(explainCombination(story()).map(({ step, mark }) => [step, mark])).toEqual([["reported", "right"], ["mapped", "right"], ["resolved", "right"], ["assigned", "right"], ["approved", "right"]]);
    expect(explainCombination(story({ adopted: false, categories: ["not-adopted"] })).map(({ step, mark }) => [step, mark])).toEqual([["reported", "right"], ["mapped", "unknown"], ["resolved", "right"]]);
  });
  it.each<[string, DoctorStepName, Partial<CombinationStory>, "right" | "wrong" | "unknown", string]>([
    ["seen", "reported", {}, "right", "3 instances of registry.test/acme/pay:1, seen by eu-1."],
    ["silent", "reported", { silent: 3 }, "unknown", "3 instances of registry.test/acme/pay:1, seen by eu-1. Nothing was heard of them lately: this is what was last known."],
    ["half silent", "reported", { silent: 1, instances: 2 }, "unknown", "2 instances of registry.test/acme/pay:1, seen by eu-1. 1 of them are silent: last known, not known."],
    ["known", "resolved", {}, "right", "The ledger knows these bytes as payments 1.0.0."],
    ["another's", "resolved", { releases: [{ ...release, service: "catalog", own: false }] }, "wrong", "The ledger knows these bytes as catalog 1.0.0. None of them is payments."],
    ["unknown", "resolved", { resolution: "unknown", releases: [] }, "wrong", "No digest of it is in the ledger."],
    ["local", "resolved", { resolution: "local", releases: [] }, "wrong", "All its digests are the host's own: the image was built there, and no registry has it."],
    ["none", "resolved", { resolution: "none", releases: [] }, "wrong", "The runtime names no digest of it."],
    ["conflicting", "resolved", { resolution: "conflicting", releases: [] }, "wrong", "Its digests lead to artifacts that share no bytes."],
    ["as assigned", "assigned", {}, "right", "Assigned to payments in production is 1.0.0, and that runs."],
    ["behind", "assigned", { desiredVersion: "2.0.0", assigned: { version: "2.0.0", entry: 13, at: "", by: "Ada", authority: "plumbline" }, categories: ["behind"] }, "wrong", "Assigned to payments in production is 2.0.0; 1.0.0 runs."],
    ["a later wave", "assigned", { assigned: { version: "2.0.0", entry: 13, at: "", by: "Ada", authority: "plumbline" }, rollout: 4 }, "right", "Assigned to payments in production is 2.0.0; this target should still run 1.0.0."],
    ["nothing", "assigned", { assigned: null, desiredKind: "none", desiredVersion: null, categories: ["unexpected"] }, "wrong", "Nothing is assigned to payments in production."],
    ["stopped", "assigned", { assigned: null, desiredKind: "nothing", desiredVersion: null, categories: ["unexpected"] }, "wrong", "Nothing should run of payments in production: that was decided."],
    ["beside it", "assigned", { desiredKind: "none", desiredVersion: null, unexpected: true, partition: "eu", categories: ["unexpected"] }, "wrong", "Assigned to payments in production, partition eu is 1.0.0, but no decision covers this target: it was started beside it."],
    ["approved", "approved", {}, "right", "1.0.0 may run here: production asks for 1 approval."],
    ["unapproved", "approved", { releases: [{ ...release, approvals: 0, approvedHere: false }], categories: ["unapproved"] }, "wrong", "1.0.0 may not run here: production asks for 1 approval."],
    ["no approval asked", "approved", { requiredApprovals: 0 }, "right", "1.0.0 may run here: production asks for no approval."],
    ["recalled", "recalled", { releases: [{ ...release, recalled: true }], categories: ["recalled"] }, "wrong", "payments 1.0.0 is recalled and may not run anywhere."],
    ["excused", "recalled", { releases: [release, { ...release, version: "0.9.0", recalled: true }] }, "right", "payments 0.9.0 is recalled, but the same bytes are those of a release that is not."],
    ["settings alike", "settings", { settings: { running: "a", expected: "a" } }, "right", "Its settings are those of the release."],
    ["settings differ", "settings", { settings: { running: "a", expected: "b" }, categories: ["settings-differ"] }, "wrong", "It was started with other settings than the release has."],
    ["settings of other bytes", "settings", { settings: { running: "a", expected: "b" }, categories: ["behind"] }, "right", "It was started with other settings than the release has. That is not judged while other bytes run."],
    ["settings not registered", "settings", { settings: { running: "a", expected: null } }, "right", "1.0.0 was registered without settings: nothing is compared."],
    ["settings not told", "settings", { settings: { running: null, expected: "a" } }, "unknown", "The agent does not tell the settings: nothing is compared."],
    ["changed in place", "in-place", { categories: ["mutated"], mutated: { count: 2, paths: ["/a", "/b"] } }, "wrong", "2 files were changed after it was started."],
    ["will revert", "declared", { declaredMatches: false, categories: ["will-revert"] }, "wrong", "What the runtime would start next time is something else than what is assigned."],
  ])("answers: %s", (_, step, changes, mark, sentence) => {
    expect(stepOf(changes, step)).toMatchObject({ mark, sentence });
  });
  it("shows digests with where they lead, and of settings only digests", () => {
    expect(stepOf({}, "resolved")?.lines).toEqual([`index ${digest} (registry.test/acme/pay): payments 1.0.0`]);
    expect(stepOf({ settings: { running: "sha256:1111111aa", expected: "sha256:2222222bb" } }, "settings")?.lines).toEqual(["running 1111111, registered 2222222 (keyed digests; values never leave the host)"]);
    expect(stepOf({ rollout: 4 }, "assigned")?.lines).toEqual(["entry 12 of 2026-11-26T00:00:00.000Z, by Ada", "rollout 4 is under way here"]);
  });
});

describe("isAmiss", () => {
  it.each<[DriftCategory, boolean]>([["in-sync", false], ["in-transition", false], ["not-adopted", true], ["behind", true], ["tag-moved", true]])("%s: %s", (category, expected) => {
    expect(isAmiss(category)).toBe(expected);
  });
});

describe("adviseFinding", () => {
  const facts = { service: "payments", environment: "production", runningVersion: "1.0.0", assignedVersion: "2.0.0", runningService: null };
  it.each([...DRIFT_CATEGORIES, ...OTHER_FINDING_KINDS].filter((kind) => kind !== "in-sync"))("says what to do about %s", (kind) => {
    expect(adviseFinding(kind, facts)).toMatch(/[.?]$/);
  });
  it("says nothing where nothing is to be done", () => {
    expect(adviseFinding("in-sync", facts)).toBeNull();
  });
});

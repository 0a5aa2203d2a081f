import { describe, expect, it } from "vitest";
import type { VerdictPart } from "@/components/ui/verdict";
import type { GroupDto, GroupMember, GroupPreview } from "@/lib/contract/rollouts";
import { aimWords, describeAct, describeGroup, describePreview, initialChoice, keyOfPlace, placeWords, toQuery, whyNotYet } from "./to-group";

const AT = "2026-11-20T02:03:00.000Z";
const ID = "8a1c2b34-0000-4000-8000-000000000001";
const release = (version: string) => ({ id: ID, version, digest: null });

function member(over: Partial<GroupMember> = {}): GroupMember {
  return {
    service: "payments", environment: "production", partition: "default", kind: "rollback", from: release("1.42.0"), to: release("1.41.2"), instances: 1_204, targets: 1_204,
    allowed: true, suggested: true, weakEvidence: false, reasons: [], warnings: [], ...over,
  };
}

function preview(over: Partial<GroupPreview> = {}): GroupPreview {
  return { kind: "as-of", service: null, environment: "production", at: AT, release: null, members: [member()], unchanged: 12, left: 0, typed: "production", revision: "x", asOf: AT, ...over };
}

const say = (parts: readonly VerdictPart[]): string => parts.map((part) => (typeof part === "string" ? part : "strong" in part ? part.strong : "")).join("");

describe("describePreview", () => {
  it.each<[string, Partial<GroupPreview>, string, RegExp]>([
    ["one", {}, "1 assignment in production differs from 20 Nov 02:03:00 UTC.", /^12 others are as then\.$/],
    ["more than one decision holds", { left: 120 }, "1 assignment in production differs from 20 Nov 02:03:00 UTC.", /120 more places are left for the next decision: come back when these are done\.$/],
    ["several, one refused", { members: [member(), member({ service: "orders", allowed: false })], unchanged: 1 }, "2 assignments in production differ from 20 Nov 02:03:00 UTC.", /^1 other is as then\. 1 of them cannot/],
    ["none", { members: [] }, "production is assigned as it was at 20 Nov 02:03:00 UTC.", /12 assignments compared/],
    ["a recall", { kind: "recall", release: { service: "payments", version: "1.42.0" }, members: [member(), member({ kind: "reconverge", environment: "staging" })] }, "payments 1.42.0 is recalled: assigned in 1 place, running in 1 more.", /last known good/],
    ["a recall that only runs", { kind: "recall", release: { service: "payments", version: "1.42.0" }, members: [member({ kind: "reconverge" })] }, "payments 1.42.0 is recalled: running in 1 place.", /what is assigned does/],
    ["partitions, one pinned", { kind: "rollback", service: "payments", members: [member({ partition: "eu" }), member({ warnings: [{ reason: "pinned", sentence: "" }] })] }, "payments has 2 partitions in production: each goes back by a rollout of its own.", /^1 pinned one is left out unless you choose it\.$/],
    ["a promotion of partitions", { kind: "promote", service: "payments" }, "payments has 1 partition in production: each gets the release by a rollout of its own.", /^None is pinned\.$/],
    ["a recall of nothing", { kind: "recall", release: { service: "payments", version: "1.42.0" }, members: [] }, "payments 1.42.0 is recalled, and nowhere to be found: not assigned, not running.", /Nothing is to be done/],
  ])("%s", (_name, over, sentence, sub) => {
    const described = describePreview(preview(over));
    expect(say(described.parts)).toBe(sentence);
    expect(described.sub).toMatch(sub);
  });
});

describe("choosing", () => {
  const stop = member({ service: "search", kind: "stop", to: null, suggested: false });
  const refused = member({ service: "orders", allowed: false, suggested: true });
  it("begins with what is suggested and possible", () => {
    expect([...initialChoice(preview({ members: [member(), stop, refused] }))]).toEqual(["payments/production/default"]);
  });
  it.each<[string, GroupMember[], string, string]>([
    ["one kind", [member(), member({ service: "orders" })], "roll back 2 places", "2,408 instances in 2 places"],
    ["a refused one does not count", [member(), refused], "roll back 1 place", "1,204 instances in 1 place"],
    ["with a stop", [member(), stop], "change 2 places", "2,408 instances in 2 places, 1 of them stopped"],
    ["stops alone", [stop], "stop 1 place", "1,204 instances in 1 place"],
    ["two ways back", [member(), member({ service: "orders", kind: "reconverge" })], "put back 2 places", "2,408 instances in 2 places"],
  ])("%s", (_name, members, act, reach) => {
    expect(describeAct(members, new Set(members.map(keyOfPlace)))).toEqual({ act, reach });
  });
  it.each([
    [{}, null],
    [{ refusal: "This needs the role operator." }, /operator/],
    [{ chosen: 0 }, /Choose/],
    [{ reason: "  " }, /Say why/],
    [{ typed: "staging" }, /Type production/],
    [{ typed: " production " }, null],
  ])("%j", (over, why) => {
    const answer = whyNotYet({ chosen: 1, reason: "INC-1", typed: "production", expected: "production", refusal: null, ...over });
    if (why === null) expect(answer).toBeNull();
    else expect(answer).toMatch(why);
  });
});

describe("describeGroup", () => {
  const counts = { total: 1_204, verified: 312, inFlight: 131, stuck: 9, failed: 0, waiting: 752, gone: 0, withdrawn: 0 };
  const rollout: GroupDto["rollouts"][number] = {
    id: ID, number: 7, service: "payments", environment: "production", partition: "default", kind: "rollback", origin: "plumbline", status: "running", statusReason: null, outcome: null, incident: null, from: null, to: null,
    entry: 1, holdEntry: null, reason: null, startedBy: "I", supersedes: null, createdAt: AT, acceptedAt: AT, acknowledgedAt: null, finishedAt: null, revision: 1, counts, estimateMs: null,
    strategy: { version: 0, sentence: "", maxInFlight: null }, waitingFor: null, executor: null, group: ID, reverts: null, revertedBy: null, cleared: false, watchedUntil: null, external: null,
  };
  const group: GroupDto = { id: ID, kind: "as-of", service: null, environment: "production", at: AT, release: null, incident: null, startedBy: "I", createdAt: AT, rollouts: [rollout], skipped: [], counts, summary: "" };
  it.each<[string, Partial<GroupDto>, string]>([
    ["under way", {}, "production is going back to how it was at 20 Nov 02:03:00 UTC: 312 of 1,204 targets verified, 9 stuck, 1 of 1 rollout under way."],
    ["done", { rollouts: [{ ...rollout, status: "succeeded" }], counts: { ...counts, verified: 1_204, stuck: 0 } }, "production went back to how it was at 20 Nov 02:03:00 UTC: 1,204 of 1,204 targets verified, done."],
    ["back in partitions", { kind: "rollback", service: "payments" }, "payments in production is going back in 1 partition: 312 of 1,204 targets verified, 9 stuck, 1 of 1 rollout under way."],
    ["ended otherwise", { rollouts: [{ ...rollout, status: "failed" }] }, "production went back to how it was at 20 Nov 02:03:00 UTC: 312 of 1,204 targets verified, 9 stuck, none under way."],
    ["a recall", { kind: "recall", environment: null, at: null, release: { service: "payments", version: "1.42.0" } }, "payments 1.42.0 is being taken out of 1 place: 312 of 1,204 targets verified, 9 stuck, 1 of 1 rollout under way."],
  ])("%s", (_name, over, sentence) => {
    expect(say(describeGroup({ ...group, ...over }))).toBe(sentence);
  });
});

describe("words", () => {
  it("names places and acts", () => {
    expect(placeWords({ service: "a", environment: "b", partition: "default" })).toBe("a / b");
    expect(placeWords({ service: "a", environment: "b", partition: "eu" })).toBe("a / b / eu");
    expect((["rollback", "reconverge", "stop", null] as const).map((kind) => aimWords({ kind }))).toEqual(["roll back", "put back", "stop", "nothing"]);
    expect(toQuery({ kind: "rollback", service: "a", environment: "b", version: null })).toEqual({ kind: "rollback", service: "a", environment: "b" });
    expect(toQuery({ kind: "recall", service: "a", version: "1" })).toEqual({ kind: "recall", service: "a", version: "1" });
    expect(toQuery({ kind: "as-of", environment: "a", at: AT })).toEqual({ kind: "as-of", environment: "a", at: AT });
  });
});

import { describe, expect, it } from "vitest";
import type { VerdictPart } from "@/components/ui/verdict";
import type { RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import {
  describeRollout,
  describeStatus,
  describeStopAndRollBack,
  describeStopHere,
  findFailedWave,
  findGoAhead,
  mayBeCleared,
  toEstimate,
  toFacts,
  toGateRows,
  refuseSteering,
  toSteps,
  toWaves,
} from "./to-rollout";

const ID = "8a1c2b34-0000-4000-8000-000000002292";
const COUNTS = { total: 1204, verified: 312, inFlight: 131, stuck: 8, failed: 1, waiting: 752, gone: 0, withdrawn: 0 };
const ACCEPTED = "2026-11-20T02:14:31.000Z";
/** Two minutes after it was accepted. */
const NOW = Date.parse(ACCEPTED) + 120_000;

function rollout(over: Partial<RolloutDto> = {}): RolloutDto {
  return {
    id: ID, number: 2292, service: "payments", environment: "production", partition: "default", kind: "rollback", origin: "plumbline",
    status: "running", statusReason: null, outcome: null, incident: null,
    from: { id: ID, version: "1.42.0", digest: null }, to: { id: ID, version: "1.41.2", digest: null },
    entry: 48212, holdEntry: 48213, reason: "errors", startedBy: "Ines", supersedes: null,
    createdAt: ACCEPTED, acceptedAt: ACCEPTED, acknowledgedAt: "2026-11-20T02:14:33.000Z", finishedAt: null,
    revision: 1, counts: COUNTS, estimateMs: { from: 360_000, to: 540_000 },
    strategy: { version: 7, sentence: "everyone at once; any failure pauses it", maxInFlight: null }, waitingFor: null, executor: null, group: null,
    reverts: null, revertedBy: null, cleared: false, watchedUntil: null, external: null,
    ...over,
  };
}

function say(parts: readonly VerdictPart[]): string {
  return parts.map((part) => (typeof part === "string" ? part : "strong" in part ? part.strong : "link" in part ? part.link : `[${part.shape}] `)).join("");
}

const all = { ...COUNTS, verified: 1204, inFlight: 0, stuck: 0, failed: 0, waiting: 0 };
const fine = { ...COUNTS, stuck: 0, failed: 0 };

describe("describeRollout", () => {
  it.each<[string, RolloutDto, string]>([
    ["under way, with bad ones", rollout(), "Rolling payments back to 1.41.2 in production. 312 of 1,204 verified, done in 4–7 min. [alert] 8 stuck, 1 failed."],
    ["too few to tell", rollout({ estimateMs: null, counts: fine }), "Rolling payments back to 1.41.2 in production. 312 of 1,204 verified."],
    ["later than it said", rollout({ estimateMs: { from: 1, to: 2 }, counts: fine }), "Rolling payments back to 1.41.2 in production. 312 of 1,204 verified."],
    ["before a gate", rollout({ kind: "promote", counts: fine, waitingFor: "wave 25 % waits for somebody to say go" }), "Rolling payments out: 1.41.2 in production. 312 of 1,204 verified. Wave 25 % waits for somebody to say go."],
    ["carried out by another tool", rollout({ kind: "promote", counts: fine, external: { by: "Argo CD", stalledSince: null, announced: null } }), "Rolling payments out: 1.41.2 in production. 312 of 1,204 verified, done in 4–7 min. Argo CD carries it out."],
    ["carried out by nobody knows whom, and stalled", rollout({ kind: "promote", counts: fine, external: { by: null, stalledSince: "2026-11-20T02:00:00.000Z", announced: null } }), "Rolling payments out: 1.41.2 in production. 312 of 1,204 verified. [stuck] Nothing has moved since 02:00:00 UTC. Another tool carries it out."],
    ["paused", rollout({ status: "paused", counts: fine }), "[paused] Paused: payments in production on its way to 1.41.2. 312 of 1,204 verified."],
    ["done", rollout({ status: "succeeded", counts: all }), "payments in production is back on 1.41.2: 1,204 of 1,204 verified by observation."],
    ["done, and another tool reverts it", rollout({ status: "succeeded-will-revert", counts: all }), "payments in production is back on 1.41.2: 1,204 of 1,204 verified by observation. Another tool will put its own version back."],
    ["superseded", rollout({ status: "superseded", kind: "promote", counts: { ...all, verified: 3 } }), "Superseded: payments in production on its way to 1.41.2. 3 of 1,204 verified."],
    ["failed", rollout({ status: "failed", counts: { ...fine, failed: 2 } }), "[alert] Failed: payments in production on its way to 1.41.2. 312 of 1,204 verified. [alert] 2 failed."],
    ["a stop leaves nothing", rollout({ kind: "stop", to: null, counts: all, estimateMs: null }), "Stopping payments, leaving nothing in production. 1,204 of 1,204 verified."],
    ["new copies", rollout({ kind: "replace", counts: fine, estimateMs: null }), "Replacing payments with 1.41.2 in production. 312 of 1,204 verified."],
  ])("%s", (_name, given, sentence) => {
    expect(say(describeRollout(given, NOW))).toBe(sentence);
  });
});

describe("toSteps", () => {
  const states = (given: RolloutDto) => toSteps(given).map((step) => `${step.name} ${step.state}`);
  it.each<[string, RolloutDto, string[]]>([
    ["nobody heard yet", rollout({ acknowledgedAt: null, counts: { ...COUNTS, verified: 0 } }), ["Requested done", "Accepted done", "Acknowledged now", "Verifying next", "Done next"]],
    ["verifying", rollout(), ["Requested done", "Accepted done", "Acknowledged done", "Verifying now", "Done next"]],
    ["done", rollout({ status: "succeeded", counts: all, finishedAt: "2026-11-20T02:21:52.000Z" }), ["Requested done", "Accepted done", "Acknowledged done", "Verified done", "Done done"]],
    ["stopped before anybody heard", rollout({ status: "aborted", acknowledgedAt: null, counts: { ...COUNTS, verified: 0 } }), ["Requested done", "Accepted done", "Acknowledged failed", "Verifying failed", "Stopped failed"]],
    ["paused", rollout({ status: "paused" }), ["Requested done", "Accepted done", "Acknowledged done", "Verifying now", "Paused now"]],
  ])("%s", (_name, given, expected) => {
    expect(states(given)).toEqual(expected);
  });
  it("names who carries it out, and since when it is in effect", () => {
    const steps = toSteps(rollout({ executor: { name: "argo-prod", kind: "argocd" }, status: "succeeded", counts: all, finishedAt: "2026-11-20T02:21:52.000Z" }));
    expect(steps.map((step) => step.detail)).toEqual(["02:14:31, Ines", "02:14:31, ledger entry 48,212", "02:14:33, by argo-prod", "1,204 of 1,204", "in effect since 02:21:52 UTC"]);
  });
});

type WaveDto = RolloutDetail["waves"][number];

function wave(over: Partial<WaveDto> = {}): WaveDto {
  return {
    ordinal: 1, name: "5 %", status: "pending", statusSince: "2026-11-20T02:15:00.000Z", statusReason: null, openedAt: null, finishedAt: null, soakUntil: null,
    gate: ["passes when all are verified"], goAhead: { needed: false, by: null, entry: null }, check: null, prefetched: 0, counts: { ...COUNTS, total: 10 }, cells: "", ...over,
  };
}

function detail(waves: WaveDto[], over: Partial<RolloutDto> = {}): RolloutDetail {
  return { ...rollout(over), waves, stuck: [], targets: [], events: [], summary: "" };
}

const asked = { needed: true, by: null, entry: null };
const due: WaveDto["check"] = { status: "due", detail: null, attempts: 0 };
const opened = "2026-11-20T02:16:00.000Z";

describe("waves and their gates", () => {
  const gateOf = (one: WaveDto) => toWaves(detail([wave(), { ...one, ordinal: 2 }]))[1]?.gate;
  it.each<[string, WaveDto, { state: string; on: string | null }]>([
    ["not reached", wave(), { state: "closed", on: null }],
    ["waits for a person", wave({ status: "waiting", goAhead: asked, check: due }), { state: "waiting", on: "person" }],
    ["waits for its check", wave({ status: "waiting", check: due }), { state: "waiting", on: "check" }],
    ["waits for a freeze", wave({ status: "waiting" }), { state: "waiting", on: "freeze" }],
    ["the check said no", wave({ status: "failed", check: { status: "failed", detail: "2 %", attempts: 1 } }), { state: "refused", on: "check" }],
    ["open", wave({ status: "open", openedAt: opened }), { state: "open", on: null }],
    ["failed after it opened", wave({ status: "failed", openedAt: opened }), { state: "open", on: null }],
  ])("%s", (_name, one, expected) => expect(gateOf(one)).toMatchObject(expected));

  it("nothing stands before a first wave that simply opens", () => {
    expect(toWaves(detail([wave({ status: "open", openedAt: opened })]))[0]?.gate).toBeNull();
    expect(toWaves(detail([wave({ status: "waiting", goAhead: asked })]))[0]?.gate).toMatchObject({ state: "waiting", on: "person" });
  });

  it.each<[string, WaveDto, string[]]>([
    ["nobody said go", wave({ status: "waiting", goAhead: asked }), ["Nobody said go yet"]],
    ["somebody did", wave({ status: "open", goAhead: { needed: false, by: "Tilda", entry: 48_220 } }), ["Tilda said go, ledger entry 48,220"]],
    ["a check that was asked", wave({ status: "waiting", check: { status: "due", detail: "502 Bad Gateway", attempts: 3 } }), ["Its check is asked, asked 3 times: 502 Bad Gateway"]],
    ["a check that was not", wave({ check: due }), []],
    ["one that answered", wave({ status: "open", check: { status: "passed", detail: "0.2 < 1", attempts: 1 } }), ["Its check passed, asked 1 time: 0.2 < 1"]],
    ["bytes ahead", wave({ prefetched: 4 }), ["4 of 10 have the bytes already"]],
  ])("says how a gate stands: %s", (_name, one, lines) => expect(toGateRows(detail([one]))[0]?.lines.map((line) => line.text)).toEqual(lines));

  it("finds what a person has to decide", () => {
    const waits = detail([wave({ status: "passed" }), wave({ ordinal: 2, status: "waiting", goAhead: asked })]);
    expect(findGoAhead(waits)?.ordinal).toBe(2);
    expect(findGoAhead(detail([wave({ status: "waiting", check: due })]))).toBeNull();
    expect(findFailedWave(detail([wave({ status: "failed" })]))?.ordinal).toBe(1);
    expect(findFailedWave(waits)).toBeNull();
  });
});

describe("the rest of a rollout", () => {
  it("a moving rollout that is stuck somewhere says so", () => {
    expect(describeStatus(rollout())).toEqual({ word: "under way, 8 stuck, 1 failed", shape: "stuck", tone: "stuck" });
    expect(describeStatus(rollout({ counts: all }))).toMatchObject({ tone: "rolling" });
    expect(describeStatus(rollout({ counts: all, external: { by: null, stalledSince: ACCEPTED, announced: null } }))).toEqual({ word: "stalled", shape: "stuck", tone: "stuck" });
  });

  it.each<[string, Partial<RolloutDto>, object]>([
    ["from its start", {}, { kind: "range", from: NOW + 240_000, to: NOW + 420_000 }],
    ["never below now", { estimateMs: { from: 1, to: 180_000 } }, { kind: "range", from: NOW, to: NOW + 60_000 }],
    ["later than it said", { estimateMs: { from: 1, to: 2 } }, { kind: "unknown", why: "it takes longer than its rate said" }],
    ["paused", { status: "paused" }, { kind: "unknown", why: "it is paused" }],
    ["before a gate", { waitingFor: "x" }, { kind: "unknown", why: "a gate stands before it" }],
    ["unknown", { estimateMs: null }, { kind: "unknown", why: "its rate is not known" }],
    ["done", { finishedAt: "2026-11-20T02:21:52.000Z", status: "succeeded" }, { kind: "done", at: "2026-11-20T02:21:52.000Z", tookMs: 441_000, as: "done" }],
  ])("estimates %s", (_name, over, expected) => expect(toEstimate(rollout(over), NOW)).toEqual(expected));

  it("each way to stop names the distribution that it leaves", () => {
    expect(describeStopHere(rollout())).toBe(
      "It leaves 443 targets on 1.41.2 (312 verified, 131 will still reach it) and 761 on 1.42.0 (9 of them failed or stuck on the way). Promotions are held here until somebody lifts it.",
    );
    expect(describeStopHere(rollout({ to: null, counts: { ...fine, inFlight: 0, verified: 1, waiting: 2, total: 3 } }))).toBe("It leaves 1 target on nothing and 2 on 1.42.0. Promotions are held here until somebody lifts it.");
    expect(describeStopAndRollBack(rollout())).toBe("It leaves all 1,204 on 1.42.0: 452 that the rollout reached go back, 752 never left it.");
    expect(describeStopAndRollBack(rollout({ from: null }))).toBeNull();
  });

  it("tells how, by whom, until when, and what it belongs to", () => {
    const facts = toFacts(rollout({ strategy: { version: 7, sentence: "everyone at once", maxInFlight: 50 }, executor: { name: "argo-prod", kind: "argocd" }, supersedes: { id: ID, number: 2291 }, reverts: { id: ID, number: 2290 }, group: ID, watchedUntil: "2026-11-20T03:14:00.000Z", cleared: true, outcome: "unclear" }), NOW);
    expect(facts.map((fact) => `${fact.name}: ${fact.text}`)).toEqual([
      "Strategy: Everyone at once. Version 7.",
      "At a time: 50 targets at most",
      "Carried out by: argo-prod (argocd)",
      "Hold: placed with ledger entry 48,213",
      "Supersedes: R-2291",
      "Undoes: R-2290, which failed",
      "Part of: one decision about several services",
      "Outcome: unclear",
      "Watched until: 03:14:00 UTC: who was told and still gets there is counted, and nobody is told again",
      "Cleared: Leaving 1.42.0 was a mistake, an approver says",
    ]);
  });

  it("tells what is watched after a success", () => {
    const facts = toFacts(rollout({ status: "succeeded", watchedUntil: "2026-11-20T03:14:00.000Z" }), NOW);
    expect(facts.map((fact) => `${fact.name}: ${fact.text}`)).toContain("Watched until: 03:14:00 UTC: a target that leaves its digest is put back at most twice");
  });

  it("tells who carries out what Plumbline follows, and why it is not steered from here", () => {
    const followed = rollout({ holdEntry: null, external: { by: "Argo CD", stalledSince: ACCEPTED, announced: { status: "started", by: "ada", url: "https://argo.example/app", at: ACCEPTED } } });
    expect(toFacts(followed, NOW).slice(1)).toEqual([
      { name: "Carried out by", text: "Argo CD, followed by observation" },
      { name: "Announced", text: "ada said at 02:14:31 UTC that it has started", href: "https://argo.example/app" },
      { name: "Stalled", text: "nothing has moved since 02:14:31 UTC" },
    ]);
    expect(refuseSteering(followed)).toBe("Argo CD carries this out and Plumbline follows it: pause or stop it there. Here you can roll back.");
    expect(refuseSteering(rollout())).toBeNull();
    expect(toEstimate(followed, NOW)).toEqual({ kind: "unknown", why: "nothing moves" });
  });

  it("only a rollback that left something, and was not cleared yet, can have been a mistake", () => {
    expect([rollout(), rollout({ kind: "promote" }), rollout({ from: null }), rollout({ cleared: true })].map(mayBeCleared)).toEqual([true, false, false, false]);
  });
});

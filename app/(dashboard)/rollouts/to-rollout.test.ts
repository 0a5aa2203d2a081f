import { describe, expect, it } from "vitest";
import type { VerdictPart } from "@/components/ui/verdict";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { describeRollout, describeStatus, describeStopHere, toEstimate, toSteps } from "./to-rollout";

const ID = "8a1c2b34-0000-4000-8000-000000002292";
const COUNTS = { total: 1204, verified: 312, inFlight: 131, stuck: 8, failed: 1, waiting: 752, gone: 0 };

function rollout(over: Partial<RolloutDto> = {}): RolloutDto {
  return {
    id: ID, number: 2292, service: "payments", environment: "production", partition: "default", kind: "rollback", origin: "plumbline",
    status: "running", statusReason: null, outcome: null, incident: null,
    from: { id: ID, version: "1.42.0", digest: null }, to: { id: ID, version: "1.41.2", digest: null },
    entry: 48212, holdEntry: 48213, reason: "errors", startedBy: "Ines", supersedes: null,
    createdAt: "2026-11-20T02:14:31.000Z", acceptedAt: "2026-11-20T02:14:31.000Z", acknowledgedAt: "2026-11-20T02:14:33.000Z", finishedAt: null,
    revision: 1, counts: COUNTS, estimateMs: { from: 240_000, to: 420_000 },
    strategy: { version: 0, sentence: "everyone at once", maxInFlight: null }, waitingFor: null, executor: null, group: null, reverts: null, revertedBy: null, cleared: false, watchedUntil: null,
    ...over,
  };
}

function say(parts: readonly VerdictPart[]): string {
  return parts.map((part) => (typeof part === "string" ? part : "strong" in part ? part.strong : "link" in part ? part.link : `[${part.shape}] `)).join("");
}

const all = { ...COUNTS, verified: 1204, inFlight: 0, stuck: 0, failed: 0, waiting: 0 };

describe("describeRollout", () => {
  it.each<[string, RolloutDto, string]>([
    ["under way, with stuck ones", rollout(), "Rolling payments back to 1.41.2 in production. 312 of 1,204 verified. [stuck] 9 stuck."],
    ["paused", rollout({ status: "paused", counts: { ...COUNTS, stuck: 0, failed: 0 } }), "[paused] Paused: payments in production on its way to 1.41.2. 312 of 1,204 verified."],
    ["done", rollout({ status: "succeeded", counts: all }), "payments in production is back on 1.41.2: 1,204 of 1,204 verified by observation."],
    ["done, and another tool reverts it", rollout({ status: "succeeded-will-revert", counts: all }), "payments in production is back on 1.41.2: 1,204 of 1,204 verified by observation. Another tool will put its own version back."],
    ["superseded", rollout({ status: "superseded", kind: "promote", counts: { ...all, verified: 3 } }), "Superseded: payments in production on its way to 1.41.2. 3 of 1,204 verified."],
    ["a stop leaves nothing", rollout({ kind: "stop", to: null, counts: all }), "Stopping payments, leaving nothing in production. 1,204 of 1,204 verified."],
  ])("%s", (_name, given, sentence) => {
    expect(say(describeRollout(given))).toBe(sentence);
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
});

describe("the rest of a rollout", () => {
  it("a moving rollout that is stuck somewhere says so", () => {
    expect(describeStatus(rollout())).toEqual({ word: "under way, 9 stuck", shape: "stuck", tone: "stuck" });
    expect(describeStatus(rollout({ counts: all }))).toMatchObject({ tone: "rolling" });
  });
  it("estimates from now, never while paused, and gives the time it took", () => {
    expect(toEstimate(rollout(), 1_000)).toEqual({ kind: "range", from: 241_000, to: 421_000 });
    expect(toEstimate(rollout({ status: "paused" }), 1_000)).toEqual({ kind: "unknown" });
    expect(toEstimate(rollout({ estimateMs: null }), 1_000)).toEqual({ kind: "unknown" });
    expect(toEstimate(rollout({ finishedAt: "2026-11-20T02:21:52.000Z" }), 1_000)).toMatchObject({ kind: "done", tookMs: 441_000 });
  });
  it("stopping here names the distribution that it leaves", () => {
    expect(describeStopHere(rollout())).toBe("443 targets stay on 1.41.2 or reach it, 761 keep 1.42.0. Promotions are held here until somebody lifts it.");
  });
});

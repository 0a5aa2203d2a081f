import { describe, expect, it } from "vitest";
import type { VerdictPart } from "@/components/ui/verdict";
import type { ServiceDto } from "@/lib/contract/fleet";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { carryOn, chooseRow, describeChange, describeNight, describeProgress, isLeft, lastChange, momentWords, proposeReason, readAlertTime, toHealthBars, toOthers } from "./to-night";
import type { NightFacts, NightRow } from "./to-night";

const ID = "8a1c2b34-0000-4000-8000-000000000001";
const NOW = Date.parse("2026-11-20T02:14:07.000Z");
const at = (time: string) => `2026-11-20T${time}.000Z`;

function running(version: string, instances: number, unhealthy = 0): NightRow["running"][number] {
  return { version, digest: null, instances, unhealthy, worst: "in-sync", severity: "match" };
}

function row(over: Partial<NightRow> = {}): NightRow {
  return {
    environment: { name: "production", protected: true, mode: "enforce", kind: "permanent", ordinal: 3, requiredApprovals: 1 },
    partition: "default", selector: {}, pin: null,
    assigned: { id: ID, version: "1.42.0", digest: null },
    assignment: null,
    authority: "plumbline",
    hold: null,
    rollout: null,
    running: [running("1.42.0", 1_204, 187), running("1.41.2", 3_612, 4)],
    instances: 4_816,
    silent: 0,
    oldestReportAt: null,
    ...over,
  };
}

function change(over: Partial<ServiceDto["history"][number]> = {}): ServiceDto["history"][number] {
  return { environment: "production", partition: "default", at: at("02:03:00"), kind: "promote", version: "1.42.0", rollout: ID, number: 2291, status: "running", ...over };
}

function rollout(over: Partial<RolloutDto> = {}): RolloutDto {
  return {
    id: ID, number: 2291, service: "payments", environment: "production", partition: "default", kind: "promote", origin: "plumbline", status: "running", statusReason: null, outcome: null, incident: null,
    from: { id: ID, version: "1.41.2", digest: null }, to: { id: ID, version: "1.42.0", digest: null }, entry: 1, holdEntry: null, reason: null, startedBy: "M. Okafor", supersedes: null,
    createdAt: at("02:03:00"), acceptedAt: at("02:03:00"), acknowledgedAt: null, finishedAt: null, revision: 1,
    counts: { total: 1_204, verified: 312, inFlight: 131, stuck: 0, failed: 0, waiting: 761, gone: 0, withdrawn: 0 }, estimateMs: null, strategy: { version: 0, sentence: "", maxInFlight: null }, waitingFor: null, executor: null,
    group: null, reverts: null, revertedBy: null, cleared: false, watchedUntil: null, external: null,
    ...over,
  };
}

const say = (parts: readonly VerdictPart[]): string => parts.map((part) => (typeof part === "string" ? part : "strong" in part ? part.strong : "link" in part ? part.link : "")).join("");
const facts = (over: Partial<NightFacts> = {}): NightFacts => ({ service: "payments", row: row(), change: change(), active: null, alertMs: Date.parse(at("02:09:12")), nowMs: NOW, others: 0, ...over });

describe("describeNight", () => {
  it.each<[string, Partial<NightFacts>, string]>([
    ["a promotion before the alert", {}, "payments 1.42.0 started at 02:03 UTC and reached 25 % of production. The alert fired 6 min later."],
    ["without a time of the alert", { alertMs: null }, "payments 1.42.0 started at 02:03 UTC and reached 25 % of production."],
    ["an alert before the change", { alertMs: Date.parse(at("01:43:00")) }, "payments 1.42.0 started at 02:03 UTC and reached 25 % of production. The alert had fired 20 min before: it did not begin with this."],
    ["everywhere", { row: row({ running: [running("1.42.0", 4_816)] }), alertMs: null }, "payments 1.42.0 started at 02:03 UTC and runs on all of production."],
    ["nowhere yet", { row: row({ running: [running("1.41.2", 4_816)] }), alertMs: null }, "payments 1.42.0 started at 02:03 UTC and runs nowhere in production yet."],
    ["others too", { others: 2, alertMs: null }, "payments 1.42.0 started at 02:03 UTC and reached 25 % of production. 2 other services changed in production in the same hour."],
    ["long ago, nothing else", { change: change({ at: "2026-11-17T21:10:00.000Z" }) }, "payments 1.42.0 has not changed in production since 21:10 UTC on Tue 17 Nov. Nothing else changed in production in the last hour."],
    ["long ago, but another", { change: change({ at: "2026-11-17T21:10:00.000Z" }), others: 1 }, "payments 1.42.0 has not changed in production since 21:10 UTC on Tue 17 Nov. 1 other service changed in production in the same hour."],
    ["a rollback under way", { active: rollout({ kind: "rollback", to: { id: ID, version: "1.41.2", digest: null } }) }, "Rolling payments back to 1.41.2: 312 of 1,204 verified."],
    ["an answer to the alert", { change: change({ kind: "rollback", version: "1.41.2", at: at("02:12:12") }) }, "payments was rolled back to 1.41.2 in production at 02:12 UTC, 3 min after the alert."],
    ["a rollback before the alert", { change: change({ kind: "rollback", version: "1.41.2" }) }, "payments was rolled back to 1.41.2 in production at 02:03 UTC."],
    ["a rollback that is done", { change: change({ kind: "rollback", version: "1.41.2", at: at("02:10:00") }), alertMs: null }, "payments was rolled back to 1.41.2 in production at 02:10 UTC."],
    ["a paused reconvergence", { active: rollout({ kind: "reconverge", status: "paused" }), alertMs: null }, "Putting payments back on 1.42.0, paused: 312 of 1,204 verified."],
    ["a stop", { change: change({ kind: "stop", version: null }), alertMs: null }, "payments was stopped in production at 02:03 UTC."],
    ["nothing assigned", { change: null, row: row({ assigned: null }) }, "Nothing is assigned to payments in production, and 4,816 run without a decision."],
    ["no record", { change: null }, "payments 1.42.0 runs in production; no change of it is on record."],
  ])("%s", (_name, over, sentence) => {
    expect(say(describeNight(facts(over)))).toBe(sentence);
  });
});

describe("readAlertTime", () => {
  it.each<[string | null, string | null]>([
    [at("02:09:12"), at("02:09:12")],
    ["2026-11-20T03:09:12 01:00", at("02:09:12")],
    ["1795140552", at("02:09:12")],
    ["1795140552000", at("02:09:12")],
    // Its clock is a minute ahead of ours.
    [at("02:15:00"), at("02:14:07")],
    [at("02:30:00"), null],
    ["tonight", null],
    ["", null],
    [null, null],
  ])("%j", (text, expected) => {
    const ms = readAlertTime(text, NOW);
    expect(ms === null ? null : new Date(ms).toISOString()).toBe(expected);
  });
});

describe("what else changed", () => {
  it("names each other place once, those under way first", () => {
    const done = { status: "succeeded", finishedAt: at("02:01:00") } as const;
    const others = toOthers(
      [
        rollout({ service: "payments" }),
        rollout({ service: "payments", partition: "canary", number: 5, ...done }),
        rollout({ service: "ledger-api", number: 9, ...done }),
        rollout({ service: "ledger-api", number: 7, ...done }),
        rollout({ service: "gateway", number: 3 }),
        rollout({ service: "elsewhere", environment: "staging", number: 12 }),
      ],
      { service: "payments", environment: "production", partition: "default" },
    );
    expect(others.map((other) => [other.rollout.service, other.rollout.number, other.more])).toEqual([["gateway", 3, 0], ["ledger-api", 9, 1], ["payments", 5, 0]]);
  });
  it.each([
    [{ kind: "promote" }, "promoted, 1.41.2 to 1.42.0"],
    [{ kind: "rollback", from: null }, "rolled back, nothing to 1.42.0"],
    [{ kind: "reconverge" }, "put back on its release, 1.42.0"],
    [{ kind: "stop", to: null }, "stopped"],
  ] as const)("%j", (over, words) => {
    expect(describeChange(rollout(over))).toBe(words);
  });
});

describe("isLeft", () => {
  const to = { version: "1.42.0" };
  const hold = { entry: 1, version: "1.42.0", at: at("02:10:00"), by: "I" };
  const back = rollout({ kind: "rollback", from: { id: ID, version: "1.42.0", digest: null }, to: { id: ID, version: "1.41.2", digest: null } });
  it.each<[string, Parameters<typeof isLeft>[0], boolean]>([
    ["a promotion", { to, latest: rollout({ from: { id: ID, version: "1.42.0", digest: null } }), hold: null }, false],
    ["a rollback under way", { to, latest: back, hold: null }, true],
    ["a rollback that is done", { to, latest: { ...back, status: "succeeded" }, hold: null }, true],
    ["further back than a rollback went", { to: { version: "1.40.0" }, latest: back, hold: null }, false],
    ["what a hold keeps away", { to, latest: null, hold }, true],
    ["a hold on another release", { to: { version: "1.41.2" }, latest: null, hold }, false],
    ["nothing to go to", { to: null, latest: back, hold: null }, false],
  ])("%s", (_name, given, left) => {
    expect(isLeft(given)).toBe(left);
  });
});

describe("small things", () => {
  it("takes the default partition, or the one that is named", () => {
    const history = [change({ kind: "reconverge", number: 9 }), change({ environment: "staging" }), change({ number: 4 })];
    const service: ServiceDto = { name: "payments", aliases: [], addedNames: [], adopted: true, ownerTeam: null, environments: [row({ partition: "canary" }), row()], runs: [], history };
    expect(chooseRow(service, "production", null)?.partition).toBe("default");
    expect(chooseRow(service, "production", "canary")?.partition).toBe("canary");
    expect(chooseRow(service, "production", "moon")).toBeNull();
    expect(chooseRow(service, "dev", null)).toBeNull();
    expect(lastChange(service, row())?.number).toBe(4);
  });
  it("shows what hurts first", () => {
    expect(toHealthBars(row({ running: [running("1.41.2", 3_612, 4), running("1.42.0", 1_204, 187), running("0.1.0", 0)] })).map(({ version, tone }) => [version, tone])).toEqual([["1.42.0", "critical"], ["1.41.2", "neutral"]]);
  });
  it("says the day only of another day", () => {
    expect(momentWords(at("02:03:00"), NOW)).toBe("02:03 UTC");
    expect(momentWords("2026-11-19T23:59:00.000Z", NOW)).toBe("23:59 UTC on Thu 19 Nov");
  });
  it.each([
    [{ status: "running" }, "rolling", "under way, 312 of 1,204 verified"],
    [{ status: "running", counts: { ...rollout().counts, stuck: 9 } }, "stuck", "under way, 312 of 1,204 verified, 9 stuck"],
    [{ status: "paused" }, "paused", "paused, 312 of 1,204 verified"],
    [{ status: "aborted" }, "neutral", "stopped, 312 of 1,204 verified"],
    [{ status: "failed" }, "alert", "failed"],
  ] as const)("%j", (over, shape, words) => {
    expect(describeProgress(rollout(over))).toEqual({ shape, words });
  });
  it("carries the incident into the rollback", () => {
    const reason = proposeReason({ incident: "INC-2207", change: change(), alertMs: Date.parse(at("02:09:12")), nowMs: NOW });
    expect(reason).toBe("INC-2207, alert at 02:09 UTC, 1.42.0 since 02:03 UTC");
    expect(proposeReason({ incident: null, change: null, alertMs: null, nowMs: NOW })).toBe("Paged");
    expect(carryOn({ service: "payments", environment: "production", partition: "default" }, { incident: "INC-2207", reason })).toBe(
      "/services/payments/rollback?environment=production&partition=default&reason=INC-2207%2C+alert+at+02%3A09+UTC%2C+1.42.0+since+02%3A03+UTC&incident=INC-2207",
    );
  });
});

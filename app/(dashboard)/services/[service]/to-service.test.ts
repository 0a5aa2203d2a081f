import { describe, expect, it } from "vitest";
import type { VerdictPart } from "@/components/ui/verdict";
import type { InstanceDto, ServiceDto } from "@/lib/contract/fleet";
import { chooseTargets, describePin, describePolicy, describeService, toEnvironmentRow, toHistoryLane, toInstanceRow } from "./to-service";
import type { ServiceEnvironment } from "./to-service";

const ID = "8a1c2b34-0000-4000-8000-000000000001";
const NOW = Date.UTC(2026, 10, 20, 2, 16, 24);
const ago = (ms: number) => new Date(NOW - ms).toISOString();
const DAY = 86_400_000;

type Running = ServiceEnvironment["running"][number];
const runs = (version: string, instances: number, worst: Running["worst"] = "in-sync", severity: Running["severity"] = "match"): Running => ({ version, digest: null, instances, unhealthy: 0, worst, severity });

function environment(name: string, running: Running[], over: Partial<ServiceEnvironment> = {}): ServiceEnvironment {
  return {
    environment: { name, protected: name === "production", mode: "observe", kind: "permanent", ordinal: 0, requiredApprovals: 0 },
    partition: "default", selector: {}, pin: null, assigned: { id: ID, version: "1.41.2", digest: null }, assignment: null, authority: "plumbline", hold: null, rollout: null,
    running, instances: running.reduce((sum, item) => sum + item.instances, 0), silent: 0, oldestReportAt: null,
    ...over,
  };
}

const service = (environments: ServiceEnvironment[], history: ServiceDto["history"] = []): ServiceDto => ({ name: "payments", aliases: [], addedNames: [], adopted: true, ownerTeam: null, environments, runs: [], history });

function say(parts: readonly VerdictPart[]): string {
  return parts.map((part) => (typeof part === "string" ? part : "strong" in part ? part.strong : "link" in part ? part.link : `[${part.shape}] `)).join("");
}

describe("describePin", () => {
  const pin = { id: ID, reason: "by contract", by: "Ines Duarte", since: ago(DAY), expiresAt: null, entry: 7 };
  it.each<[string, ServiceEnvironment["pin"], string | null]>([
    ["none", null, null],
    ["until somebody ends it", pin, "by contract, Ines Duarte"],
    ["until a time", { ...pin, expiresAt: "2027-01-31T00:00:00.000Z" }, "by contract, Ines Duarte, until 31 Jan 00:00:00 UTC"],
    ["without its reason", { ...pin, reason: null }, "the reason was redacted, Ines Duarte"],
  ])("%s", (_, given, words) => {
    expect(describePin({ pin: given })).toBe(words);
  });

  it("stands in its row, with what the partition takes", () => {
    expect(toEnvironmentRow("payments", environment("dev", [], { partition: "eu", selector: { tier: "gold", region: "eu-*" }, pin }), 2)).toMatchObject({ partition: "eu", selector: "region=eu-*,tier=gold", pin: "by contract, Ines Duarte" });
    expect(toEnvironmentRow("payments", environment("dev", []), 1)).toMatchObject({ partition: null, selector: null, pin: null });
  });
});

describe("describeService", () => {
  it.each<[string, ServiceDto, string]>([
    ["nowhere", service([]), "payments runs nowhere and is assigned nowhere yet."],
    ["as assigned", service([environment("dev", [runs("1.41.2", 3)])]), "payments runs as assigned everywhere."],
    ["seen, not assigned", service([environment("dev", [runs("1.41.2", 3, "not-adopted", "neutral")], { assigned: null })]), "payments is seen in 1 environment; nothing is assigned to it yet."],
    [
      "worst first",
      service([environment("dev", [runs("1.42.0", 2, "ahead", "drift"), runs("1.41.2", 1)]), environment("production", [runs("1.40.0", 4, "recalled", "critical"), runs("1.41.2", 6)])]),
      "payments runs recalled code in production: 4 of 10 instances. It is ahead in dev: 2 of 3 instances.",
    ],
    [
      "on its way",
      service([environment("production", [runs("1.42.0", 892, "in-transition", "rolling")], { rollout: { id: ID, number: 7, kind: "rollback", verified: 312, total: 1204 } })]),
      "payments is on its way in production: 312 of 1,204 verified.",
    ],
    ["silent is not well", service([environment("production", [runs("1.41.2", 10)], { silent: 4 })]), "payments is silent on 4 of 10 in production."],
  ])("%s", (_name, given, sentence) => {
    expect(say(describeService(given))).toBe(sentence);
  });
});

describe("toEnvironmentRow", () => {
  it("names a partition only where there are several, and what deviates", () => {
    const row = environment("production", [runs("1.42.0", 2, "unapproved", "drift")], { partition: "eu" });
    expect(toEnvironmentRow("payments", row, 1).partition).toBeNull();
    expect(toEnvironmentRow("payments", row, 2)).toMatchObject({ partition: "eu", tone: "drift", running: [{ note: "unapproved" }] });
  });
});

describe("toHistoryLane", () => {
  const entry = (version: string, at: string, status = "succeeded"): ServiceDto["history"][number] => ({ environment: "production", partition: "default", at, kind: "promote", version, rollout: ID, number: 1, status });
  it("is nothing without history", () => {
    expect(toHistoryLane(service([]), "production", "default", NOW)).toBeNull();
  });
  it("reaches from the first entry to now, one segment each", () => {
    const lane = toHistoryLane(service([], [entry("2", ago(DAY), "running"), entry("1", ago(3 * DAY))]), "production", "default", NOW);
    expect(lane?.segments.map((segment) => [segment.label, segment.tone])).toEqual([["1", "match"], ["2", "rolling"]]);
    expect(lane?.span).toBe("3 days");
    expect(lane?.flags).toHaveLength(2);
  });
  it("is cut at 14 days, without the flag that lies before", () => {
    const lane = toHistoryLane(service([], [entry("1", ago(40 * DAY))]), "production", "default", NOW);
    expect(lane?.from).toBe(NOW - 14 * DAY);
    expect(lane?.segments[0]?.from).toBe(NOW - 14 * DAY);
    expect(lane?.flags).toEqual([]);
  });
});

it("says how an environment rolls out, and what freezes it for this service", () => {
  const freeze = { name: "Black Friday", environment: "production", service: "orders", state: "frozen" as const, until: "2026-11-30T08:00:00.000Z" };
  const known = { strategies: [{ environment: "production", promote: { sentence: "canary 5 %", details: [], waves: null } }], freezes: [freeze] };
  expect(describePolicy("payments", "production", known)).toEqual({ strategy: "Rolls out: canary 5 %", freeze: null });
  expect(describePolicy("orders", "production", known).freeze).toBe("Frozen: Black Friday until 30 Nov 08:00:00 UTC");
  expect(describePolicy("orders", "production", { ...known, freezes: [{ ...freeze, service: null, state: "coming" as const }] }).freeze).toBeNull();
  expect(describePolicy("orders", "staging", known)).toEqual({ strategy: null, freeze: null });
});

describe("toInstanceRow", () => {
  const instance = (over: Partial<InstanceDto>): InstanceDto => ({
    id: ID, key: "k", service: "payments", environment: "production", partition: "default", component: "main", target: { id: "1", key: "t" }, agent: { id: ID, name: "a" }, region: null,
    categories: ["in-sync"], severity: "match", assigned: null, running: { version: "1", digest: null, reference: null }, state: "running", health: "unknown", restarts: 0, startedAt: null,
    factsSince: ago(0), lastReportAt: ago(0), freshness: "fresh",
    ...over,
  });
  it.each<[string, Partial<InstanceDto>, { tone: string; state: string; healthy: boolean }]>([
    ["as assigned", {}, { tone: "match", state: "as assigned", healthy: true }],
    ["silence outweighs a match", { freshness: "silent" }, { tone: "unknown", state: "silent: last known", healthy: true }],
    ["every deviation, worst first", { categories: ["recalled", "mutated"], severity: "critical" }, { tone: "critical", state: "recalled, changed in place", healthy: true }],
    ["unhealthy is not drift", { health: "unhealthy" }, { tone: "match", state: "as assigned", healthy: false }],
    ["not running", { state: "exited" }, { tone: "match", state: "as assigned, exited", healthy: true }],
  ])("%s", (_name, given, expected) => {
    expect(toInstanceRow(instance(given))).toMatchObject(expected);
  });

  it("chooses targets, not copies, and in one place at a time", () => {
    const rows = [instance({ target: { id: "1", key: "a" } }), instance({ target: { id: "1", key: "a" } }), instance({ target: { id: "2", key: "b" } }), instance({ target: { id: "3", key: "c" }, environment: "staging" })];
    expect(chooseTargets(rows, new Set(["1", "2"]))).toEqual({ place: { environment: "production", partition: "default" }, targets: ["1", "2"], instances: 3, refusal: null });
    expect(chooseTargets(rows, new Set(["1", "3"]))).toMatchObject({ place: null, refusal: "They are in production and staging: choose in one of them." });
    expect(chooseTargets(rows, new Set(["9"]))).toMatchObject({ place: null, targets: [], refusal: "Nothing that is shown is selected." });
  });
});

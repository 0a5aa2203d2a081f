import { describe, expect, it } from "vitest";
import { lastKnownGoodSchema, strategySchema } from "@/lib/contract/strategies";
import { DEFAULT_LKG_POLICY, type LastKnownGoodPolicy } from "@/lib/domain/rollout/last-known-good";
import { DEFAULT_STRATEGY, FAST_TRACK, OPEN_GATE, type Strategy } from "@/lib/domain/rollout/strategy";
import { readForm, readGoodForm, toFields, toGoodFields } from "./read-form";

const webhook = { kind: "webhook", url: "https://checks.example.org/go", timeoutMs: 1_500, everyMs: 30_000, withinMs: 600_000 } as const;
const strategies: [string, Strategy][] = [
  ["the default", DEFAULT_STRATEGY.promote],
  ["the fast track", FAST_TRACK],
  ["regions", { ...FAST_TRACK, cut: { kind: "groups", by: "region", order: ["eu", "us"] }, maxInFlight: 4 }],
  ["a label", { ...FAST_TRACK, cut: { kind: "groups", by: { label: "cell" }, order: [] }, gate: { ...OPEN_GATE, goAhead: true, health: false, check: webhook } }],
  ["named targets", { ...FAST_TRACK, cut: { kind: "targets", waves: [{ name: "first", targets: ["a", "host/b"] }, { name: "second", targets: ["c"] }] }, waves: [{ wave: 2, goAhead: true }] }],
  ["prometheus", { ...FAST_TRACK, gate: { ...OPEN_GATE, passShare: 0.955, failureThreshold: 0.07, maxFailures: 3, soakMs: 90_000, check: { ...webhook, kind: "prometheus", query: "rate(errors[5m])", op: ">=", threshold: 0.25 } }, minUptimeMs: 2_500, stuckAfterMs: 90_000 }],
];

describe("a strategy and its form", () => {
  it.each(strategies)("%s: what is read is what was shown, and what the server takes", (_name, strategy) => {
    const read = readForm(new Map(Object.entries(toFields(strategy))), strategy);
    expect(read).toEqual({ ok: true, value: strategy });
    expect(strategySchema.parse(strategy)).toEqual(strategy);
  });
});

describe("a field that is wrong", () => {
  it.each<[string, Record<string, string>]>([
    ["steps", { steps: "25, 5" }],
    ["steps", { steps: "" }],
    ["steps", { steps: "5, 101" }],
    ["steps", { steps: "five" }],
    ["label", { cut: "groups", by: "label" }],
    ["targets", { cut: "targets", targets: "a, b" }],
    ["targets", { cut: "targets", targets: "first:" }],
    ["targets", { cut: "targets", targets: "" }],
    ["passShare", { passShare: "0" }],
    ["passShare", { passShare: "101" }],
    ["soak", { soak: "" }],
    ["soak", { soak: "10081" }],
    ["failureThreshold", { failureThreshold: "-1" }],
    ["maxFailures", { maxFailures: "1.5" }],
    ["maxInFlight", { maxInFlight: "0" }],
    ["minUptime", { minUptime: "3601" }],
    ["stuckAfter", { stuckAfter: "0" }],
    ["stuckAfter", { stuckAfter: "1441" }],
    ["url", { check: "webhook", url: "checks.example.org" }],
    ["query", { check: "prometheus", url: "https://prom.example.org", query: "" }],
    ["threshold", { check: "prometheus", url: "https://prom.example.org", query: "up", threshold: "low" }],
    ["every", { check: "webhook", url: "https://a.example", every: "0" }],
  ])("%s: %j", (name, change) => {
    const read = readForm(new Map(Object.entries({ ...toFields(DEFAULT_STRATEGY.promote), ...change })), DEFAULT_STRATEGY.promote);
    expect(read.ok ? [] : [...read.errors.keys()]).toEqual([name]);
  });
});

describe("what is known to be good, and its form", () => {
  it.each<LastKnownGoodPolicy>([DEFAULT_LKG_POLICY, { minShare: 0.005, minRanForMs: 90 * 86_400_000, maxUnhealthyShare: 1 }, { minShare: 1, minRanForMs: 0, maxUnhealthyShare: 0 }])("%j: what is read is what was shown, and what the server takes", (policy) => {
    expect(readGoodForm(new Map(Object.entries(toGoodFields(policy))))).toEqual({ ok: true, value: policy });
    expect(lastKnownGoodSchema.parse(policy)).toEqual(policy);
  });
  it.each<[string, Record<string, string>]>([
    ["minShare", { minShare: "0" }],
    ["minShare", { minShare: "100.1" }],
    ["minRanFor", { minRanFor: "-1" }],
    ["minRanFor", { minRanFor: "" }],
    ["maxUnhealthy", { maxUnhealthy: "some" }],
  ])("%s: %j is wrong", (name, change) => {
    const read = readGoodForm(new Map(Object.entries({ ...toGoodFields(DEFAULT_LKG_POLICY), ...change })));
    expect(read.ok ? [] : [...read.errors.keys()]).toEqual([name]);
  });
});

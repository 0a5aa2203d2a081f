import { describe, expect, it } from "vitest";
import { distanceBetween, explainNothingSeen, findSimilar, type NothingSeen } from "./explain-unknown";

describe("distanceBetween", () => {
  it.each([
    ["", "", 0],
    ["payments", "payments", 0],
    ["paymets", "payments", 1],
    ["paymenst", "payments", 1],
    ["kitten", "sitting", 3],
    ["", "abc", 3],
  ])("%j to %j is %i", (a, b, expected) => {
    expect(distanceBetween(a, b)).toBe(expected);
    expect(distanceBetween(b, a)).toBe(expected);
  });
});

describe("findSimilar", () => {
  const names = ["payments", "payments-worker", "payouts", "catalog", "cart", "cron"];
  it.each([
    ["paymets", ["payments", "payouts"]],
    ["payment", ["payments", "payments-worker"]],
    ["payments", ["payments-worker"]],
    ["card", ["cart"]],
    ["zzz", []],
  ])("offers for %s: %j", (asked, expected) => {
    expect(findSimilar(asked, names)).toEqual(expected);
  });
  it("offers five at most", () => {
    expect(findSimilar("app-1", Array.from({ length: 9 }, (_, at) => `app-${at}`))).toHaveLength(5);
  });
});

const nothing: NothingSeen = { service: "payments", environment: "production", adopted: true, environmentKnown: true, similarServices: [], similarEnvironments: [], elsewhere: [], agents: { live: 2, silent: [] }, holding: [] };

describe("explainNothingSeen", () => {
  it.each<[string, Partial<NothingSeen>, string[]]>([
    ["agents see none", {}, ["2 agents report in production, and none of them sees an instance of payments."]],
    ["a wrong name", { service: "paymets", adopted: false, similarServices: ["payments"] }, ["No service paymets is in the ledger, and nothing that runs is called that. Similar: payments."]],
    ["a wrong environment", { environment: "prod", environmentKnown: false, similarEnvironments: ["production"] }, ["There is no environment prod. Similar: production."]],
    ["another environment", { elsewhere: ["staging"] }, ["Instances of payments are seen in staging, not in production."]],
    ["many other environments", { elsewhere: ["staging", "a", "b", "c", "d", "e", "f"] }, ["Instances of payments are seen in staging, a, b, c, d, and 2 more, not in production."]],
    ["previews", { environment: null, environmentKnown: false, elsewhere: ["pr-1"] }, ["Instances of payments are seen in previews only (pr-1): ask for one of them."]],
    ["no agent", { agents: { live: 0, silent: [] } }, ["No agent reports environment production: enrol one into a pool that may."]],
    ["no agent anywhere", { environment: null, environmentKnown: false, agents: { live: 0, silent: [] } }, ["No agent reports."]],
    ["a silent agent", { agents: { live: 0, silent: ["eu-1"] } }, ["The agent eu-1 is silent: what runs there is unknown."]],
    ["silent agents", { agents: { live: 1, silent: ["a", "b", "c", "d"] } }, ["4 agents are silent (a, b, c, …): what runs there is unknown."]],
    [
      "a container that holds the name",
      { adopted: false, holding: [{ target: "pay-7", agent: "eu-1", service: "pay", environment: "staging", because: "the label app=payments" }, { target: "x", agent: "eu-1", service: null, environment: "staging", because: "its name" }] },
      ["No service payments is in the ledger, and nothing that runs is called that.", "pay-7 on eu-1 has the name in the label app=payments, but counts as pay in staging.", "x on eu-1 has the name in its name, but counts as no service in staging."],
    ],
  ])("says why: %s", (_, changes, expected) => {
    expect(explainNothingSeen({ ...nothing, ...changes })).toEqual(expected);
  });
});

import { expect, it } from "vitest";
import { placeFreezeRequest } from "@/lib/contract/freezes";
import { grantWaiverRequest, liftRecallRequest, placeHoldRequest } from "@/lib/contract/policies";
import { putStrategyRequest } from "@/lib/contract/strategies";
import { DEFAULT_STRATEGY } from "@/lib/domain/rollout/strategy";
import { registerPolicyCommands } from "./policy";
import { commandLine } from "./testing/command-line";

const cli = commandLine(registerPolicyCommands);

const reason = ["--reason", "because"];
const freeze = { name: "nights", environment: "production", service: null, state: "frozen", until: "2026-11-26T07:00:00.000Z", next: null, entry: 7, id: "f1", by: "Ada" };

it("sends what the contract asks for", async () => {
  cli.answers = [freeze];
  await cli.run("freeze", "place", "production", "--name", "nights", ...reason, "--days", "Mon,tue", "--between", "18:00-08:00", "--zone", "Europe/Berlin");
  expect(placeFreezeRequest.parse(cli.asked[0]?.body)).toMatchObject({ environment: "production", schedule: { days: ["mon", "tue"], from: "18:00", to: "08:00", timeZone: "Europe/Berlin" } });
  expect(cli.printed).toContain("Promotions in production are frozen until 2026-11-26T07:00:00.000Z, ledger entry 7");
  cli.answers = [{ entry: 8, expiresAt: "2026-12-02T00:00:00Z", findings: 3, agreed: [{ by: "Ada" }], lifted: false }];
  await cli.run("hold", "payments", "production", ...reason);
  await cli.run("waive", "payments", "production", "behind", ...reason, "--days", "3");
  await cli.run("recall", "lift", "payments", "1.0.0", ...reason);
  const [, hold, waive, lift] = cli.asked;
  expect(placeHoldRequest.parse(hold?.body)).toMatchObject({ service: "payments", environment: "production", partition: "default" });
  expect(grantWaiverRequest.parse(waive?.body)).toMatchObject({ category: "behind", partition: "default" });
  expect(liftRecallRequest.parse(lift?.body)).toEqual({ service: "payments", version: "1.0.0", reason: "because" });
  expect(lift?.path).toBe("/api/v1/recalls/lift");
  expect(cli.printed).toContain("stays recalled until another person agrees");
});

it("recalls, and says what is missing", async () => {
  cli.answers = [{ entry: 9, instances: 4 }];
  await cli.run("recall", "payments", "1.0.0", ...reason, "--json");
  expect(cli.asked).toMatchObject([{ path: "/api/v1/recalls", body: { service: "payments", version: "1.0.0", reason: "because" } }]);
  expect(JSON.parse(cli.printed)).toEqual({ entry: 9, instances: 4 });
  await expect(cli.run("recall", "payments", "1.0.0")).rejects.toThrow("Say why");
  await expect(cli.run("recall", "payments", ...reason)).rejects.toThrow("Name a service and a version");
  await expect(cli.run("waive", "payments", "production", "behind", ...reason, "--days", "soon")).rejects.toThrow("--days wants a number");
  expect(cli.asked).toHaveLength(1);
});

it("lists in words and as JSON", async () => {
  cli.answers = [{ items: [freeze, { ...freeze, service: "payments", state: "coming", until: null, next: "2026-11-27T17:00:00.000Z" }], nextCursor: null }];
  await cli.run("freeze", "list", "production", "--all");
  expect(cli.asked[0]?.path).toBe("/api/v1/freezes?environment=production&state=all");
  expect(cli.printed).toMatch(/nights +production +all +frozen until 2026-11-26T07:00:00.000Z/);
  expect(cli.printed).toMatch(/payments +free, frozen from 2026-11-27T17:00:00.000Z/);
  cli.answers = [{ items: [], nextCursor: null }];
  for (const line of [["freeze", "list"], ["holds"], ["waiver", "list"], ["recall", "list"]]) await cli.run(...line);
  expect(cli.printed).toMatch(/Nothing is frozen\.\nNothing is held\.\nNothing is waived\.\nNothing is recalled\.\n$/);
});

it("sets a strategy from what it showed, on the version that stands", async () => {
  const shown = { environment: "production", protected: true, template: null, version: 2, strategy: DEFAULT_STRATEGY, promote: { sentence: "canary", details: [], waves: null }, rollback: { sentence: "everyone at once", details: [], waves: null }, history: [] };
  const file = cli.file({ items: [shown], nextCursor: null });
  cli.answers = [{ ...shown, items: [shown] }];
  await cli.run("strategy", "set", "production", "--file", file, ...reason);
  expect(cli.asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /api/v1/strategies?environment=production", "PUT /api/v1/strategies"]);
  expect(putStrategyRequest.parse(cli.asked[1]?.body)).toMatchObject({ environment: "production", version: 2, strategy: DEFAULT_STRATEGY });
  await expect(cli.run("strategy", "set", "production", "--file", `${file}.none`, ...reason)).rejects.toThrow("Cannot read a strategy");
});

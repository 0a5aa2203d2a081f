import { expect, it } from "vitest";
import { changePoolRequest, closePoolRequest, createPoolRequest, type PoolDto } from "@/lib/contract/access";
import { putPreviewRuleRequest, removePreviewRuleRequest } from "@/lib/contract/previews";
import { registerPoolCommands, registerPreviewCommands } from "./pool";
import { commandLine } from "./testing/command-line";

const cli = commandLine(registerPoolCommands, registerPreviewCommands);

const pool: PoolDto = { id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", name: "asg", environments: ["dev"], scopes: ["engine"], ephemeral: true, ttlMinutes: null, maxAgents: 40, minAgents: 3, networks: ["10.0.0.0/8"], agents: 5, silentAgents: 1, closed: false };
const rule = { pattern: "pr-*", template: "staging", maxEnvironments: 200, environments: 2, pools: ["asg"] };

it.each<[string[], { method: string; path: string; body: unknown }, { safeParse: (body: unknown) => { error?: unknown } }, unknown]>([
  [["pool", "create", "asg", "--environment", "dev", "--ephemeral", "--min-agents", "3", "--max-agents", "40", "--network", "10.0.0.0/8"], { method: "POST", path: "/api/v1/pools", body: { name: "asg", environments: ["dev"], ephemeral: true, minAgents: 3, maxAgents: 40, networks: ["10.0.0.0/8"] } }, createPoolRequest, pool],
  [["pool", "set", "asg", "--max-agents", "none", "--ttl-minutes", "5", "--network", "none", "--ephemeral", "yes"], { method: "PATCH", path: "/api/v1/pools/asg", body: { ephemeral: true, maxAgents: null, ttlMinutes: 5, networks: [] } }, changePoolRequest, pool],
  [["pool", "close", "asg", "--reason", "moved"], { method: "POST", path: "/api/v1/pools/asg/close", body: { reason: "moved" } }, closePoolRequest, pool],
  [["preview", "allow", "pr-*", "--template", "staging", "--pool", "asg"], { method: "PUT", path: "/api/v1/preview-rules", body: { pattern: "pr-*", template: "staging", pools: ["asg"], ttlMinutes: 1_440, maxEnvironments: 200 } }, putPreviewRuleRequest, rule],
  [["preview", "forbid", "pr-*", "--reason", "enough"], { method: "POST", path: "/api/v1/preview-rules/remove", body: { pattern: "pr-*", reason: "enough" } }, removePreviewRuleRequest, rule],
])("%j asks as the contract says", async (line, expected, contract, answered) => {
  cli.answers = [answered];
  await cli.run(...line);
  expect(cli.asked).toEqual([expected]);
  expect(contract.safeParse(cli.asked[0]?.body).error).toBeUndefined();
});

it("lists pools with how many agents they have of how many", async () => {
  cli.answers = [{ items: [pool], nextCursor: null }];
  await cli.run("pool", "list");
  expect(cli.printed).toMatch(/asg\s+dev\s+5 of 3-40, 1 silent\s+ephemeral, 10 min\s+10\.0\.0\.0\/8\s+open/);
});

it.each([[["pool", "set", "asg"], "Say what to change"], [["pool", "set", "asg", "--max-agents", "many"], "no number from 1 on"]])("refuses %j before it asks", async (line, sentence) => {
  await expect(cli.run(...line)).rejects.toThrow(sentence);
  expect(cli.asked).toEqual([]);
});

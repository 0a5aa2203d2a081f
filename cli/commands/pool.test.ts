import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { addClientOptions } from "@/cli/client";
import { changePoolRequest, closePoolRequest, createPoolRequest, type PoolDto } from "@/lib/contract/access";
import { putPreviewRuleRequest, removePreviewRuleRequest } from "@/lib/contract/previews";
import { registerPoolCommands, registerPreviewCommands } from "./pool";

let server: Server;
let url: string;
let asked: { method: string; path: string; body: unknown }[] = [];
let answer: unknown = {};
let printed = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      asked.push({ method: request.method ?? "", path: request.url ?? "", body: text === "" ? null : JSON.parse(text) });
      response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  asked = [];
  printed = "";
  process.exitCode = undefined;
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  return () => {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  };
});

async function run(...line: string[]): Promise<void> {
  const program = new Command().exitOverride();
  registerPoolCommands(program);
  registerPreviewCommands(program);
  for (const command of program.commands) addClientOptions(command);
  await program.parseAsync([...line, "--url", url, "--token", "t"], { from: "user" });
}

const pool: PoolDto = { id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", name: "asg", environments: ["dev"], scopes: ["engine"], ephemeral: true, ttlMinutes: null, maxAgents: 40, minAgents: 3, networks: ["10.0.0.0/8"], agents: 5, silentAgents: 1, closed: false };
const rule = { pattern: "pr-*", template: "staging", maxEnvironments: 200, environments: 2, pools: ["asg"] };

it.each<[string[], { method: string; path: string; body: unknown }, { safeParse: (body: unknown) => { error?: unknown } }, unknown]>([
  [["pool", "create", "asg", "--environment", "dev", "--ephemeral", "--min-agents", "3", "--max-agents", "40", "--network", "10.0.0.0/8"], { method: "POST", path: "/api/v1/pools", body: { name: "asg", environments: ["dev"], ephemeral: true, minAgents: 3, maxAgents: 40, networks: ["10.0.0.0/8"] } }, createPoolRequest, pool],
  [["pool", "set", "asg", "--max-agents", "none", "--ttl-minutes", "5", "--network", "none", "--ephemeral", "yes"], { method: "PATCH", path: "/api/v1/pools/asg", body: { ephemeral: true, maxAgents: null, ttlMinutes: 5, networks: [] } }, changePoolRequest, pool],
  [["pool", "close", "asg", "--reason", "moved"], { method: "POST", path: "/api/v1/pools/asg/close", body: { reason: "moved" } }, closePoolRequest, pool],
  [["preview", "allow", "pr-*", "--template", "staging", "--pool", "asg"], { method: "PUT", path: "/api/v1/preview-rules", body: { pattern: "pr-*", template: "staging", pools: ["asg"], ttlMinutes: 1_440, maxEnvironments: 200 } }, putPreviewRuleRequest, rule],
  [["preview", "forbid", "pr-*", "--reason", "enough"], { method: "POST", path: "/api/v1/preview-rules/remove", body: { pattern: "pr-*", reason: "enough" } }, removePreviewRuleRequest, rule],
])("%j asks as the contract says", async (line, expected, contract, answered) => {
  answer = answered;
  await run(...line);
  expect(asked).toEqual([expected]);
  expect(contract.safeParse(asked[0]?.body).error).toBeUndefined();
});

it("lists pools with how many agents they have of how many", async () => {
  answer = { items: [pool], nextCursor: null };
  await run("pool", "list");
  expect(printed).toMatch(/asg\s+dev\s+5 of 3-40, 1 silent\s+ephemeral, 10 min\s+10\.0\.0\.0\/8\s+open/);
});

it.each([[["pool", "set", "asg"], "Say what to change"], [["pool", "set", "asg", "--max-agents", "many"], "no number from 1 on"]])("refuses %j before it asks", async (line, sentence) => {
  await expect(run(...line)).rejects.toThrow(sentence);
  expect(asked).toEqual([]);
});

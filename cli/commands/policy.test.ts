import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { addClientOptions } from "@/cli/client";
import { placeFreezeRequest } from "@/lib/contract/freezes";
import { grantWaiverRequest, liftRecallRequest, placeHoldRequest } from "@/lib/contract/policies";
import { putStrategyRequest } from "@/lib/contract/strategies";
import { DEFAULT_STRATEGY } from "@/lib/domain/rollout/strategy";
import { registerPolicyCommands } from "./policy";

let server: Server;
let url: string;
let folder: string;
let asked: { method: string; path: string; body: unknown }[] = [];
let answer: unknown = {};
let printed = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plumbline-cli-"));
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
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  asked = [];
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  return () => vi.restoreAllMocks();
});

async function run(line: string[]): Promise<void> {
  const program = new Command().exitOverride();
  registerPolicyCommands(program);
  for (const command of program.commands) addClientOptions(command);
  await program.parseAsync(line, { from: "user" });
}

const reason = ["--reason", "because"];
const freeze = { name: "nights", environment: "production", service: null, state: "frozen", until: "2026-11-26T07:00:00.000Z", next: null, entry: 7, id: "f1", by: "Ada" };

it("sends what the contract asks for", async () => {
  answer = freeze;
  await run(["freeze", "place", "production", "--name", "nights", ...reason, "--days", "Mon,tue", "--between", "18:00-08:00", "--zone", "Europe/Berlin", "--url", url]);
  expect(placeFreezeRequest.parse(asked[0]?.body)).toMatchObject({ environment: "production", schedule: { days: ["mon", "tue"], from: "18:00", to: "08:00", timeZone: "Europe/Berlin" } });
  expect(printed).toContain("Promotions in production are frozen until 2026-11-26T07:00:00.000Z, ledger entry 7");
  answer = { entry: 8, expiresAt: "2026-12-02T00:00:00Z", findings: 3, agreed: [{ by: "Ada" }], lifted: false };
  await run(["hold", "payments", "production", ...reason, "--url", url]);
  await run(["waive", "payments", "production", "behind", ...reason, "--days", "3", "--url", url]);
  await run(["recall", "lift", "payments", "1.0.0", ...reason, "--url", url]);
  const [, hold, waive, lift] = asked;
  expect(placeHoldRequest.parse(hold?.body)).toMatchObject({ service: "payments", environment: "production", partition: "default" });
  expect(grantWaiverRequest.parse(waive?.body)).toMatchObject({ category: "behind", partition: "default" });
  expect(liftRecallRequest.parse(lift?.body)).toEqual({ service: "payments", version: "1.0.0", reason: "because" });
  expect(lift?.path).toBe("/api/v1/recalls/lift");
  expect(printed).toContain("stays recalled until another person agrees");
});

it("recalls, and says what is missing", async () => {
  answer = { entry: 9, instances: 4 };
  await run(["recall", "payments", "1.0.0", ...reason, "--url", url, "--json"]);
  expect(asked).toMatchObject([{ path: "/api/v1/recalls", body: { service: "payments", version: "1.0.0", reason: "because" } }]);
  expect(JSON.parse(printed)).toEqual(answer);
  await expect(run(["recall", "payments", "1.0.0", "--url", url])).rejects.toThrow("Say why");
  await expect(run(["recall", "payments", ...reason, "--url", url])).rejects.toThrow("Name a service and a version");
  await expect(run(["waive", "payments", "production", "behind", ...reason, "--days", "soon", "--url", url])).rejects.toThrow("--days wants a number");
  expect(asked).toHaveLength(1);
});

it("lists in words and as JSON", async () => {
  answer = { items: [freeze, { ...freeze, service: "payments", state: "coming", until: null, next: "2026-11-27T17:00:00.000Z" }], nextCursor: null };
  await run(["freeze", "list", "production", "--all", "--url", url]);
  expect(asked[0]?.path).toBe("/api/v1/freezes?environment=production&state=all");
  expect(printed).toMatch(/nights +production +all +frozen until 2026-11-26T07:00:00.000Z/);
  expect(printed).toMatch(/payments +free, frozen from 2026-11-27T17:00:00.000Z/);
  answer = { items: [], nextCursor: null };
  for (const line of [["freeze", "list"], ["holds"], ["waiver", "list"], ["recall", "list"]]) await run([...line, "--url", url]);
  expect(printed).toMatch(/Nothing is frozen\.\nNothing is held\.\nNothing is waived\.\nNothing is recalled\.\n$/);
});

it("sets a strategy from what it showed, on the version that stands", async () => {
  const shown = { environment: "production", protected: true, template: null, version: 2, strategy: DEFAULT_STRATEGY, promote: { sentence: "canary", details: [], waves: null }, rollback: { sentence: "everyone at once", details: [], waves: null }, history: [] };
  const file = join(folder, "strategy.json");
  writeFileSync(file, JSON.stringify({ items: [shown], nextCursor: null }));
  answer = { ...shown, items: [shown] };
  await run(["strategy", "set", "production", "--file", file, ...reason, "--url", url]);
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /api/v1/strategies?environment=production", "PUT /api/v1/strategies"]);
  expect(putStrategyRequest.parse(asked[1]?.body)).toMatchObject({ environment: "production", version: 2, strategy: DEFAULT_STRATEGY });
  await expect(run(["strategy", "set", "production", "--file", join(folder, "none.json"), ...reason, "--url", url])).rejects.toThrow("Cannot read a strategy");
});

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { addClientOptions } from "@/cli/client";
import type { StatusDto } from "@/lib/contract/fleet";
import type { GateDto } from "@/lib/contract/gate";
import { registerGateCommand } from "./gate";
import { isSettled, registerStatusCommand } from "./status";

let server: Server;
let url: string;
let asked: string[] = [];
let answers: unknown[] = [];
let printed = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    // The last answer stands.
    response.setHeader("content-type", "application/json").end(JSON.stringify(answers.length > 1 ? answers.shift() : answers[0]));
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
    vi.restoreAllMocks();
    process.exitCode = undefined;
  };
});

async function run(...line: string[]): Promise<number | string | null | undefined> {
  const program = new Command().exitOverride();
  registerGateCommand(program);
  registerStatusCommand(program, { lookMs: 1 });
  for (const command of program.commands) addClientOptions(command);
  await program.parseAsync([...line, "--url", url, "--token", "t"], { from: "user" });
  return process.exitCode;
}

const digest = `sha256:${"a".repeat(64)}`;
const open: GateDto = { allowed: true, service: "payments", environment: "production", partition: "default", digest, version: "1.2.0", reasons: [], asOf: "2026-11-26T01:00:00.000Z" };
const shut: GateDto = { ...open, allowed: false, reasons: [{ reason: "held", sentence: "It is held." }, { reason: "frozen", sentence: "It is frozen." }] };

describe("plumbline gate", () => {
  it("exits 0 when it may be deployed, and names the version", async () => {
    answers = [open];
    expect(await run("gate", "payments", "production", digest)).toBeUndefined();
    expect(printed).toBe("payments 1.2.0 may be deployed to production.\n");
    expect(asked).toEqual([`/api/v1/gate?service=payments&environment=production&partition=default&digest=${encodeURIComponent(digest)}`]);
  });
  it("says of what was adopted that nobody vouched for it", async () => {
    answers = [{ ...open, adopted: true }];
    expect(await run("gate", "payments", "production", digest)).toBeUndefined();
    expect(printed).toBe("payments 1.2.0 may be deployed to production. It was adopted as it ran, without evidence.\n");
  });
  it("exits 3 with every reason when it may not", async () => {
    answers = [shut];
    expect(await run("gate", "payments", "production", digest, "--partition", "acme")).toBe(3);
    expect(printed).toBe("payments 1.2.0 may not be deployed to production:\n  - It is held.\n  - It is frozen.\n");
    expect(asked[0]).toContain("partition=acme");
  });
  it("takes the digest off a reference, and names it where no release is known", async () => {
    answers = [{ ...shut, version: null }];
    expect(await run("gate", "payments", "production", `registry.example:5000/shop/payments:1.2@${digest}`)).toBe(3);
    expect(asked[0]).toContain(`digest=${encodeURIComponent(digest)}`);
    expect(printed).toContain(`${digest} may not be deployed`);
  });
  it("prints what the server said as JSON", async () => {
    answers = [shut];
    await run("gate", "payments", "production", digest, "--json");
    expect(JSON.parse(printed)).toEqual(shut);
  });
});

const cell: StatusDto["cells"][number] = { service: "payments", environment: "production", worst: null, severity: "match", assigned: "1.2.0", instances: 2, deviating: 0, silent: 0 };
const status = (changes: Partial<StatusDto> = {}): StatusDto => ({ inSync: true, asOf: open.asOf, instances: 2, cells: [cell], ...changes });

describe("plumbline status", () => {
  it.each<[string, Partial<StatusDto>, boolean]>([
    ["in sync", {}, true],
    ["drift", { inSync: false }, false],
    ["nothing reports yet", { instances: 0, cells: [] }, false],
    ["a rollout is under way", { cells: [{ ...cell, severity: "rolling", worst: "in-transition" }] }, false],
  ])("is settled or not: %s", (_, changes, expected) => {
    expect(isSettled(status(changes))).toBe(expected);
  });
  it("waits until it is settled", async () => {
    answers = [status({ inSync: false }), status()];
    expect(await run("status", "payments", "production", "--wait")).toBeUndefined();
    expect(asked).toHaveLength(2);
    expect(printed).toContain("In sync, as of");
  });
  it("says that it waited in vain", async () => {
    answers = [status({ inSync: false })];
    expect(await run("status", "--wait", "--timeout", "1ms")).toBe(124);
    expect(printed).toContain("Not there within 1ms: something deviates, or is silent");
    answers = [status({ instances: 0, cells: [] })];
    expect(await run("status", "--wait", "--timeout", "1ms")).toBe(124);
    expect(printed).toContain("Not there within 1ms: nothing has reported");
  });
  it("does not wait unless it is told to", async () => {
    answers = [status({ inSync: false })];
    expect(await run("status")).toBe(2);
    expect(asked).toHaveLength(1);
  });
});

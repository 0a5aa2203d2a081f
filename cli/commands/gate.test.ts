import { describe, expect, it } from "vitest";
import type { StatusDto } from "@/lib/contract/fleet";
import type { GateDto } from "@/lib/contract/gate";
import { registerGateCommand } from "./gate";
import { isSettled, registerStatusCommand } from "./status";
import { commandLine } from "./testing/command-line";

const cli = commandLine(registerGateCommand, (program) => registerStatusCommand(program, { lookMs: 1 }));

const digest = `sha256:${"a".repeat(64)}`;
const open: GateDto = { allowed: true, service: "payments", environment: "production", partition: "default", digest, version: "1.2.0", reasons: [], asOf: "2026-11-26T01:00:00.000Z" };
const shut: GateDto = { ...open, allowed: false, reasons: [{ reason: "held", sentence: "It is held." }, { reason: "frozen", sentence: "It is frozen." }] };

describe("plumbline gate", () => {
  it("exits 0 when it may be deployed, and names the version", async () => {
    cli.answers = [open];
    expect(await cli.run("gate", "payments", "production", digest)).toBeUndefined();
    expect(cli.printed).toBe("payments 1.2.0 may be deployed to production.\n");
    expect(cli.asked.map(({ path }) => path)).toEqual([`/api/v1/gate?service=payments&environment=production&partition=default&digest=${encodeURIComponent(digest)}`]);
  });
  it("says of what was adopted that nobody vouched for it", async () => {
    cli.answers = [{ ...open, adopted: true }];
    expect(await cli.run("gate", "payments", "production", digest)).toBeUndefined();
    expect(cli.printed).toBe("payments 1.2.0 may be deployed to production. It was adopted as it ran, without evidence.\n");
  });
  it("exits 3 with every reason when it may not", async () => {
    cli.answers = [shut];
    expect(await cli.run("gate", "payments", "production", digest, "--partition", "acme")).toBe(3);
    expect(cli.printed).toBe("payments 1.2.0 may not be deployed to production:\n  - It is held.\n  - It is frozen.\n");
    expect(cli.asked[0]?.path).toContain("partition=acme");
  });
  it("takes the digest off a reference, and names it where no release is known", async () => {
    cli.answers = [{ ...shut, version: null }];
    expect(await cli.run("gate", "payments", "production", `registry.example:5000/shop/payments:1.2@${digest}`)).toBe(3);
    expect(cli.asked[0]?.path).toContain(`digest=${encodeURIComponent(digest)}`);
    expect(cli.printed).toContain(`${digest} may not be deployed`);
  });
  it("prints what the server said as JSON", async () => {
    cli.answers = [shut];
    await cli.run("gate", "payments", "production", digest, "--json");
    expect(JSON.parse(cli.printed)).toEqual(shut);
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
    cli.answers = [status({ inSync: false }), status()];
    expect(await cli.run("status", "payments", "production", "--wait")).toBeUndefined();
    expect(cli.asked).toHaveLength(2);
    expect(cli.printed).toContain("In sync, as of");
  });
  it("says that it waited in vain", async () => {
    cli.answers = [status({ inSync: false })];
    expect(await cli.run("status", "--wait", "--timeout", "1ms")).toBe(124);
    expect(cli.printed).toContain("Not there within 1ms: something deviates, or is silent");
    cli.answers = [status({ instances: 0, cells: [] })];
    expect(await cli.run("status", "--wait", "--timeout", "1ms")).toBe(124);
    expect(cli.printed).toContain("Not there within 1ms: nothing has reported");
  });
  it("does not wait unless it is told to", async () => {
    cli.answers = [status({ inSync: false })];
    expect(await cli.run("status")).toBe(2);
    expect(cli.asked).toHaveLength(1);
  });
});

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { addClientOptions } from "@/cli/client";
import { pinRequest, putPartitionsRequest, type PartitionsPreview } from "@/lib/contract/partitions";
import { registerPartitionCommands } from "./partition";

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
  registerPartitionCommands(program);
  for (const command of program.commands) addClientOptions(command);
  await program.parseAsync([...line, "--url", url, "--token", "t"], { from: "user" });
}

const standing = { service: "payments", environment: "production", revision: "abc", entry: 7, partitions: [{ name: "eu", selector: { region: "eu-*" }, targets: 2, instances: 4, assigned: { id: "r", version: "1.0.0", digest: null }, held: true, pin: null, rollout: null }, { name: "default", selector: {}, targets: 1, instances: 1, assigned: null, held: false, pin: null, rollout: null }] };
const preview: PartitionsPreview = { service: "payments", environment: "production", allowed: false, reasons: [{ reason: "rollout-active", sentence: "R-7 is under way in default. Wait for it, or abort it." }], notes: ["us matches no target that is here now."], partitions: [], removed: [{ name: "old", targets: 2, into: [{ partition: "default", targets: 2 }] }], moved: 2, revision: "abc" };

it("declares what was written, in order, as the contract asks", async () => {
  answer = standing;
  await run("partition", "set", "payments", "production", "gold=tenant:acme,plumbline.tier:g*", "eu=region:eu-*", "--reason", "tenants", "--revision", "abc");
  expect(asked).toEqual([{ method: "PUT", path: "/api/v1/partitions", body: { service: "payments", environment: "production", partitions: [{ name: "gold", selector: { tenant: "acme", "plumbline.tier": "g*" } }, { name: "eu", selector: { region: "eu-*" } }], reason: "tenants", revision: "abc" } }]);
  expect(putPartitionsRequest.safeParse(asked[0]?.body).error).toBeUndefined();
  expect(printed).toContain("region=eu-*");
  expect(printed).toContain("the rest");
});

it("previews, and exits 3 when it may not be done", async () => {
  answer = preview;
  await run("partition", "preview", "payments", "production", "us=region:us-*");
  expect(printed).toContain("It may not be done:\n  R-7 is under way in default.");
  expect(printed).toContain("us matches no target that is here now.");
  expect(printed).toContain("old is removed; its 2 targets go to default.");
  expect(process.exitCode).toBe(3);
});

it.each(["eu", "eu=", "=region:eu", "eu=region", "eu=region:"])("refuses %j with what to write", async (text) => {
  await expect(run("partition", "preview", "payments", "production", text)).rejects.toThrow("NAME=LABEL:GLOB");
  expect(asked).toEqual([]);
});

it("pins for some days, and unpins by the place's name", async () => {
  answer = { id: "p1", partition: "eu", assigned: { version: "1.0.0" }, expiresAt: null, entry: 9 };
  await run("pin", "payments", "production", "--partition", "eu", "--reason", "contract", "--days", "2");
  expect(pinRequest.parse(asked[0]?.body)).toMatchObject({ partition: "eu", reason: "contract" });
  expect(Math.round((Date.parse(pinRequest.parse(asked[0]?.body).expiresAt ?? "") - Date.now()) / 3_600_000)).toBe(48);
  expect(printed).toContain("is pinned to 1.0.0");
  answer = { items: [{ id: "p0", partition: "default" }, { id: "p1", partition: "eu" }], nextCursor: null, entry: 10 };
  await run("unpin", "payments", "production", "--partition", "eu", "--reason", "over");
  expect(asked.at(-1)).toMatchObject({ method: "POST", path: "/api/v1/pins/end", body: { pin: "p1", reason: "over" } });
  await expect(run("unpin", "payments", "production", "--partition", "us", "--reason", "over")).rejects.toThrow("us of payments in production is not pinned.");
});

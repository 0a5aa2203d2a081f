import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { addClientOptions } from "@/cli/client";
import { mappingDto, mappingPreview, previewMappingRequest, putMappingRequest, type MappingDto, type MappingPreview } from "@/lib/contract/mapping";
import { registerMappingCommands } from "./mapping";

let server: Server;
let url: string;
let folder: string;
let asked: { method: string; path: string; body: unknown }[] = [];
let answers: unknown[] = [];
let printed = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plumbline-cli-"));
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      asked.push({ method: request.method ?? "", path: request.url ?? "", body: text === "" ? null : JSON.parse(text) });
      response.setHeader("content-type", "application/json").end(JSON.stringify(answers.shift()));
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
  return () => {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  };
});

async function run(line: string[]): Promise<void> {
  const program = new Command().exitOverride();
  registerMappingCommands(program);
  for (const command of program.commands) addClientOptions(command);
  await program.parseAsync([...line, "--url", url], { from: "user" });
}

function file(content: unknown): string {
  const path = join(folder, "mapping.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const set = { rules: [{ name: "mesh", match: { container: "istio-*" }, ignore: "the mesh" }], aliases: { "cart-api": "cart" } };
const stands: MappingDto = mappingDto.parse({
  version: 4, set, warnings: [], unmapped: 2, ignored: [{ rule: "mesh", reason: "the mesh", instances: 12 }],
  history: [{ version: 4, rules: 1, aliases: 1, reason: "noise", by: "Ada", at: "2026-11-26T07:00:00.000Z", entry: 31 }],
});
const place = { service: "cart", registered: false, environment: "dev", partition: "default", component: "main", ignoredBy: null };
const preview: MappingPreview = mappingPreview.parse({
  version: 4, problems: [], instances: 30, targets: 20, moved: { instances: 12, targets: 9 }, ignored: { before: 0, after: 12 }, unmapped: { before: 2, after: 2 },
  changes: [{ from: place, to: { ...place, service: null, ignoredBy: "mesh" }, instances: 12, targets: 9, sample: "shop/web", rule: "mesh" }], changesInAll: 3,
  rules: [{ name: "mesh", matches: 14, decides: 12, overlaps: ["early"] }, { name: "idle", matches: 0, decides: 0, overlaps: [] }], refused: [],
});

it("shows the rules in words, and as what apply reads", async () => {
  answers = [stands, stands];
  await run(["mapping", "show"]);
  expect(printed).toMatch(/Version 4, by Ada at 2026-11-26T07:00:00.000Z: noise/);
  expect(printed).toMatch(/1 +mesh +container is istio-\* +ignored: the mesh\ncart-api means cart\n12 instances are ignored by mesh: the mesh\n2 instances belong to no known service/);
  printed = "";
  await run(["mapping", "show", "--json"]);
  const shown = printed;
  answers = [stands, { ...stands, version: 5 }];
  await run(["mapping", "apply", file(shown), "--reason", "because"]);
  expect(asked.slice(2).map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /api/v1/mapping", "PUT /api/v1/mapping"]);
  expect(putMappingRequest.parse(asked[3]?.body)).toEqual({ set, version: 4, reason: "because" });
  expect(printed).toContain("Version 5 is in force, ledger entry 31.");
});

it("says when nothing changed, and insists on a version that was named", async () => {
  answers = [stands, stands];
  await run(["mapping", "apply", file(set), "--reason", "again", "--version", "3"]);
  expect(asked[1]?.body).toMatchObject({ version: 3 });
  expect(printed).toContain("These rules stand already, as version 4.");
  answers = [stands];
  await expect(run(["mapping", "apply", file(set), "--reason", "x", "--version", "new"])).rejects.toThrow("--version wants a number");
  await expect(run(["mapping", "apply", file("rules:\n- a"), "--reason", "x"])).rejects.toThrow("Cannot read rules from");
});

it("says what rules would do, and exits with 1 when they would be refused", async () => {
  answers = [preview, { ...preview, refused: ["A rollout is under way."] }];
  await run(["mapping", "preview", file(set)]);
  expect(previewMappingRequest.parse(asked[0]?.body)).toEqual({ set });
  expect(printed).toContain("12 of 30 instances in 9 of 20 targets would move; ignored 0 → 12, of no known service 2 → 2");
  expect(printed).toMatch(/12 +cart +ignored by mesh +mesh +shop\/web\nand 2 more changes\nmesh matches 14 instances and decides 12; earlier rules decide the others: early\nidle matches nothing that runs now/);
  expect(process.exitCode).toBeUndefined();
  await run(["mapping", "preview", file(set)]);
  expect(printed).toContain("refused: A rollout is under way.");
  expect(process.exitCode).toBe(1);
});

import { expect, it } from "vitest";
import { mappingDto, mappingPreview, previewMappingRequest, putMappingRequest, type MappingDto, type MappingPreview } from "@/lib/contract/mapping";
import { registerMappingCommands } from "./mapping";
import { commandLine } from "./testing/command-line";

const cli = commandLine(registerMappingCommands);


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
  cli.answers = [stands, stands];
  await cli.run("mapping", "show");
  expect(cli.printed).toMatch(/Version 4, by Ada at 2026-11-26T07:00:00.000Z: noise/);
  expect(cli.printed).toMatch(/1 +mesh +container is istio-\* +ignored: the mesh\ncart-api means cart\n12 instances are ignored by mesh: the mesh\n2 instances belong to no known service/);
  cli.printed = "";
  await cli.run("mapping", "show", "--json");
  const shown = cli.printed;
  cli.answers = [stands, { ...stands, version: 5 }];
  await cli.run("mapping", "apply", cli.file(shown), "--reason", "because");
  expect(cli.asked.slice(2).map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /api/v1/mapping", "PUT /api/v1/mapping"]);
  expect(putMappingRequest.parse(cli.asked[3]?.body)).toEqual({ set, version: 4, reason: "because" });
  expect(cli.printed).toContain("Version 5 is in force, ledger entry 31.");
});

it("says when nothing changed, and insists on a version that was named", async () => {
  cli.answers = [stands, stands];
  await cli.run("mapping", "apply", cli.file(set), "--reason", "again", "--version", "3");
  expect(cli.asked[1]?.body).toMatchObject({ version: 3 });
  expect(cli.printed).toContain("These rules stand already, as version 4.");
  cli.answers = [stands];
  await expect(cli.run("mapping", "apply", cli.file(set), "--reason", "x", "--version", "new")).rejects.toThrow("--version wants a number");
  await expect(cli.run("mapping", "apply", cli.file("rules:\n- a"), "--reason", "x")).rejects.toThrow("Cannot read rules from");
});

it("says what rules would do, and exits with 1 when they would be refused", async () => {
  cli.answers = [preview, { ...preview, refused: ["A rollout is under way."] }];
  await cli.run("mapping", "preview", cli.file(set));
  expect(previewMappingRequest.parse(cli.asked[0]?.body)).toEqual({ set });
  expect(cli.printed).toContain("12 of 30 instances in 9 of 20 targets would move; ignored 0 → 12, of no known service 2 → 2");
  expect(cli.printed).toMatch(/12 +cart +ignored by mesh +mesh +shop\/web\nand 2 more changes\nmesh matches 14 instances and decides 12; earlier rules decide the others: early\nidle matches nothing that runs now/);
  expect(process.exitCode).toBeUndefined();
  await cli.run("mapping", "preview", cli.file(set));
  expect(cli.printed).toContain("refused: A rollout is under way.");
  expect(process.exitCode).toBe(1);
});

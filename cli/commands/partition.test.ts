import { expect, it } from "vitest";
import { pinRequest, putPartitionsRequest, type PartitionsPreview } from "@/lib/contract/partitions";
import { registerPartitionCommands } from "./partition";
import { commandLine } from "./testing/command-line";

const cli = commandLine(registerPartitionCommands);

const standing = { service: "payments", environment: "production", revision: "abc", entry: 7, partitions: [{ name: "eu", selector: { region: "eu-*" }, targets: 2, instances: 4, assigned: { id: "r", version: "1.0.0", digest: null }, held: true, pin: null, rollout: null }, { name: "default", selector: {}, targets: 1, instances: 1, assigned: null, held: false, pin: null, rollout: null }] };
const preview: PartitionsPreview = { service: "payments", environment: "production", allowed: false, reasons: [{ reason: "rollout-active", sentence: "R-7 is under way in default. Wait for it, or abort it." }], notes: ["us matches no target that is here now."], partitions: [], removed: [{ name: "old", targets: 2, into: [{ partition: "default", targets: 2 }] }], moved: 2, revision: "abc" };

it("declares what was written, in order, as the contract asks", async () => {
  cli.answers = [standing];
  await cli.run("partition", "set", "payments", "production", "gold=tenant:acme,plumbline.tier:g*", "eu=region:eu-*", "--reason", "tenants", "--revision", "abc");
  expect(cli.asked).toEqual([{ method: "PUT", path: "/api/v1/partitions", body: { service: "payments", environment: "production", partitions: [{ name: "gold", selector: { tenant: "acme", "plumbline.tier": "g*" } }, { name: "eu", selector: { region: "eu-*" } }], reason: "tenants", revision: "abc" } }]);
  expect(putPartitionsRequest.safeParse(cli.asked[0]?.body).error).toBeUndefined();
  expect(cli.printed).toContain("region=eu-*");
  expect(cli.printed).toContain("the rest");
});

it("previews, and exits 3 when it may not be done", async () => {
  cli.answers = [preview];
  await cli.run("partition", "preview", "payments", "production", "us=region:us-*");
  expect(cli.printed).toContain("It may not be done:\n  R-7 is under way in default.");
  expect(cli.printed).toContain("us matches no target that is here now.");
  expect(cli.printed).toContain("old is removed; its 2 targets go to default.");
  expect(process.exitCode).toBe(3);
});

it("declares a name alone for what mapping rules put there", async () => {
  cli.answers = [{ ...standing, partitions: [{ ...standing.partitions[0], name: "edge", selector: {} }] }];
  await cli.run("partition", "set", "payments", "production", "edge");
  expect(putPartitionsRequest.parse(cli.asked.at(-1)?.body).partitions).toEqual([{ name: "edge", selector: {} }]);
  expect(cli.printed).toContain("by mapping rules");
});

it.each(["eu=", "=region:eu", "eu=region", "eu=region:"])("refuses %j with what to write", async (text) => {
  await expect(cli.run("partition", "preview", "payments", "production", text)).rejects.toThrow("NAME=LABEL:GLOB");
  expect(cli.asked).toEqual([]);
});

it("pins for some days, and unpins by the place's name", async () => {
  cli.answers = [{ id: "p1", partition: "eu", assigned: { version: "1.0.0" }, expiresAt: null, entry: 9 }];
  await cli.run("pin", "payments", "production", "--partition", "eu", "--reason", "contract", "--days", "2");
  expect(pinRequest.parse(cli.asked[0]?.body)).toMatchObject({ partition: "eu", reason: "contract" });
  expect(Math.round((Date.parse(pinRequest.parse(cli.asked[0]?.body).expiresAt ?? "") - Date.now()) / 3_600_000)).toBe(48);
  expect(cli.printed).toContain("is pinned to 1.0.0");
  cli.answers = [{ items: [{ id: "p0", partition: "default" }, { id: "p1", partition: "eu" }], nextCursor: null, entry: 10 }];
  await cli.run("unpin", "payments", "production", "--partition", "eu", "--reason", "over");
  expect(cli.asked.at(-1)).toMatchObject({ method: "POST", path: "/api/v1/pins/end", body: { pin: "p1", reason: "over" } });
  await expect(cli.run("unpin", "payments", "production", "--partition", "us", "--reason", "over")).rejects.toThrow("us of payments in production is not pinned.");
});

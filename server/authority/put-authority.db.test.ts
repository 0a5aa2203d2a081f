import { afterAll, beforeAll, expect, it } from "vitest";
import { putAuthorityRequest, type AuthorityDto, type PutAuthorityRequest } from "@/lib/contract/authority";
import type { Ctx } from "@/server/context";
import { getService } from "@/server/drift/get-service";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { registerVersion } from "@/server/testing/fake-fleet";
import { putAuthority } from "./put-authority";

let test: TestApp;
let ctx: Ctx;
beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  await registerVersion(ctx, "payments", "1.0.0");
  await test.db.$executeRaw`
    INSERT INTO partitions (service_id, environment_id, name, ordinal, selector)
    SELECT s.id, e.id, p.name, p.ordinal, jsonb_build_object('region', p.name) FROM services s, environments e, (VALUES ('eu', 1), ('us', 2)) p(name, ordinal) WHERE s.name = 'payments' AND e.name = 'staging'`;
});
afterAll(() => test.drop());

const place = { service: "payments", environment: "staging" };
const put = (input: Partial<PutAuthorityRequest>): Promise<AuthorityDto> => putAuthority({ ctx, input: putAuthorityRequest.parse({ ...place, ...input }) });
async function shown(): Promise<Record<string, string>> {
  const { environments } = await getService({ ctx, input: { service: "payments" } });
  return Object.fromEntries(environments.filter(({ environment }) => environment.name === "staging").map(({ partition, authority }) => [partition, authority]));
}
async function entries(): Promise<unknown[]> {
  const rows = await test.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries WHERE type = 'authority-changed' ORDER BY seq`;
  return rows.map(({ bytes }) => (JSON.parse(Buffer.from(bytes).toString()) as { payload: Record<string, unknown> }).payload);
}

it("decides for all partitions, then for one, and takes single words back with the next general one", async () => {
  expect(await put({ authority: "plumbline" })).toMatchObject({ authority: "plumbline", entry: null, at: null });
  const first = await put({ authority: "external", reason: "Argo CD deploys it" });
  expect(first).toMatchObject({ partition: null, authority: "external", entry: expect.any(Number) });
  expect(await shown()).toMatchObject({ eu: "external", us: "external" });
  // The same again is no new decision.
  expect(await put({ authority: "external" })).toEqual(first);
  expect(await put({ authority: "external", partition: "eu" })).toMatchObject({ entry: first.entry });
  await put({ authority: "plumbline", partition: "eu" });
  expect(await shown()).toMatchObject({ eu: "plumbline", us: "external" });
  await put({ authority: "external" });
  expect(await shown()).toMatchObject({ eu: "external", us: "external" });
  expect(await entries()).toEqual([
    { partition: null, authority: "external", reasonHash: expect.any(String) },
    { partition: "eu", authority: "plumbline" },
    { partition: null, authority: "external" },
  ]);
});

it.each<[string, Partial<PutAuthorityRequest>, string]>([
  ["service", { service: "nothing" }, "service"],
  ["environment", { environment: "moon" }, "environment"],
  ["partition", { partition: "mars" }, "partition"],
])("knows no other %s", async (_, input, what) => {
  await expect(put({ authority: "external", ...input })).rejects.toMatchObject({ kind: "not-found", message: expect.stringContaining(what) });
});

it("belongs to approvers, since it decides who decides", async () => {
  for (const role of ["admin", "operator", "promoter", "publisher"] as const) {
    await expect(putAuthority({ ctx: await test.ctx(role), input: putAuthorityRequest.parse({ ...place, authority: "plumbline" }) })).rejects.toMatchObject({ kind: "forbidden" });
  }
});

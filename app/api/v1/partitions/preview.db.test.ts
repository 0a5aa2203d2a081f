import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { createTestApp } from "@/server/testing/create-test-app";
import { registerVersion } from "@/server/testing/fake-fleet";
import { POST as preview } from "./preview/route";

it("previews for the page too, which sends a key with all that it posts", async () => {
  const test = await createTestApp();
  await registerVersion(await test.ctx(), "payments", "1.0.0");
  const headers = { ...(await test.bearer("viewer")), "content-type": "application/json", "idempotency-key": randomUUID(), "x-plumbline-peer": "10.9.9.9" };
  const body = { service: "payments", environment: "staging", partitions: [{ name: "acme", selector: { tenant: "acme" } }] };
  const answer = await preview(new Request("http://127.0.0.1:4600/api/v1/partitions/preview", { method: "POST", headers, body: JSON.stringify(body) }), { params: Promise.resolve({}) });
  expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ allowed: true, moved: 0 })]);
  await test.drop();
});

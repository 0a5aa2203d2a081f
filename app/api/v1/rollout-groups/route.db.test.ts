import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { promoteRequest, type GroupDto } from "@/lib/contract/rollouts";
import { previewGroup } from "@/server/rollouts/groups/preview-group";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion } from "@/server/testing/fake-fleet";
import { POST } from "./route";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

it("a double click is one group, and one answer", async () => {
  const ctx = await test.ctx();
  const place = { service: "payments", environment: "staging", partition: "default" };
  const images = await Promise.all(["1.0.0", "2.0.0"].map((version) => registerVersion(ctx, "payments", version, { migrations: [] })));
  const agent = await FakeAgent.make(test, "staging");
  const promote = (version: string) => promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version, strategy: "all-at-once" }) });
  await promote("1.0.0");
  for (const image of images.slice(0, 1)) await agent.report({ key: "app", service: "payments", image });
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = clock_timestamp()`;
  const [clock] = await test.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  const at = (clock?.now ?? new Date()).toISOString();
  await test.db.$executeRaw`SELECT pg_sleep(0.01)`;
  await promote("2.0.0");
  const { revision } = await previewGroup({ ctx, input: { kind: "as-of", environment: "staging", at } });
  const body = JSON.stringify({ kind: "as-of", environment: "staging", at, places: [place], reason: "incident", confirm: "staging", revision });
  const headers = { ...(await test.bearer()), "content-type": "application/json", "idempotency-key": randomUUID(), "x-plumbline-peer": "10.0.0.9" };
  const answers = await Promise.all([1, 2, 3].map(() => POST(new Request("http://127.0.0.1:4600/api/v1/rollout-groups", { method: "POST", headers, body }))));
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  const groups: GroupDto[] = await Promise.all(answers.map((answer) => answer.json()));
  expect(new Set(groups.map(({ id }) => id)).size).toBe(1);
  expect(await test.db.$queryRaw`SELECT 1 FROM rollouts WHERE group_id = ${groups[0]?.id ?? null}::uuid`).toHaveLength(1);
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { waveOrder, type WaveOrder } from "@/lib/contract/executors";
import { transact } from "@/server/db";
import { promoteRequest } from "@/lib/contract/rollouts";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { chooseExecutor } from "./choose-executor";
import { dispatchWave } from "./dispatch-wave";

let test: TestApp;
let rolloutId: string;
let targetIds: bigint[];
const place = { service: "payments", environment: "staging" };

beforeAll(async () => {
  test = await createTestApp();
  const ctx = await test.ctx();
  for (const version of ["1.0.0", "2.0.0"]) await registerVersion(ctx, "payments", version);
  await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "b", service: "payments", image: fakeImage("payments 1.0.0") }, { key: "a", service: "payments", image: fakeImage("payments 1.0.0") });
  rolloutId = (await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, partition: "default", version: "2.0.0", reason: "because", strategy: "all-at-once" }) })).id;
  targetIds = (await test.db.$queryRaw<{ id: bigint }[]>`SELECT id FROM targets`).map(({ id }) => id);
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.$executeRaw`DELETE FROM deliveries`;
  await test.db.$executeRaw`UPDATE rollouts SET executor_id = NULL`;
});

async function addExecutor(name: string, { service = "*", environment = "*", removed = false }: { service?: string; environment?: string; removed?: boolean } = {}): Promise<string> {
  const id = randomUUID();
  await test.db.$executeRaw`
    INSERT INTO executors (id, name, kind, service_pattern, environment_pattern, config, actor_id, entry_seq, removed_at)
    SELECT ${id}::uuid, ${name}, 'webhook', ${service}, ${environment}, '{"url":"https://example.org"}', a.id, 0, CASE WHEN ${removed} THEN now() END FROM actors a LIMIT 1`;
  return id;
}

const orders = async (): Promise<WaveOrder[]> => (await test.db.$queryRaw<{ body: unknown }[]>`SELECT body FROM deliveries ORDER BY created_at`).map(({ body }) => waveOrder.parse(body));
const dispatch = (ids: readonly bigint[]) => transact(test.db, (tx) => dispatchWave(tx, { rolloutId, wave: 1, targetIds: ids, at: new Date("2026-11-20T02:14:31.000Z") }));

it("chooses the most specific executor that was not removed", async () => {
  const choose = (service: string, environment: string) => transact(test.db, (tx) => chooseExecutor(tx, { service, environment }));
  expect(await choose("payments", "staging")).toBeNull();
  await addExecutor("everything", { service: "pay*" });
  await addExecutor("gone", { service: "payments", removed: true });
  expect(await choose("payments", "staging")).toMatchObject({ name: "everything", kind: "webhook" });
  await addExecutor("payments", { service: "payments" });
  expect(await choose("payments", "staging")).toMatchObject({ name: "payments" });
  expect(await choose("orders", "staging")).toBeNull();
});

it("writes one order that says what the entry says, once per call", async () => {
  const executor = await addExecutor("deployer");
  await test.db.$executeRaw`UPDATE rollouts SET executor_id = ${executor}::uuid WHERE id = ${rolloutId}::uuid`;
  await dispatch([...targetIds, ...targetIds]);
  const [order] = await orders();
  expect(order).toMatchObject({
    rollout: { id: rolloutId, kind: "promote" },
    ...place,
    partition: "default",
    wave: { number: 1, of: expect.any(Number) },
    from: { version: "1.0.0" },
    to: { version: "2.0.0", components: [{ name: "main", repository: "registry.test/payments", digest: fakeImage("payments 2.0.0").digest, digests: expect.arrayContaining([fakeImage("payments 2.0.0").digest]) }] },
    targets: { count: 2, items: [{ key: "a", agent: "host", scope: "engine", labels: { "plumbline.service": "payments" } }, { key: "b" }] },
    incident: null,
    hold: null,
    reasonGiven: true,
  });
  expect(JSON.stringify(order)).not.toContain("because");
  const [row] = await test.db.$queryRaw<{ status: string; event: string; wave: number; executor_id: string }[]>`SELECT status, event, wave, executor_id::text FROM deliveries`;
  expect(row).toEqual({ status: "pending", event: "wave-opened", wave: 1, executor_id: executor });
  await dispatch(targetIds.slice(0, 1));
  expect((await orders()).map(({ targets }) => targets.count).toSorted()).toEqual([1, 2]);
});

it("tells nobody when the agents carry it out, or when there is nothing to carry out", async () => {
  await dispatch(targetIds);
  await test.db.$executeRaw`UPDATE rollouts SET executor_id = (SELECT id FROM executors WHERE removed_at IS NULL LIMIT 1) WHERE id = ${rolloutId}::uuid`;
  await dispatch([]);
  expect(await orders()).toEqual([]);
});

it("lists a thousand targets and counts the rest, without labels", async () => {
  await test.db.$executeRaw`UPDATE rollouts SET executor_id = (SELECT id FROM executors WHERE removed_at IS NULL LIMIT 1) WHERE id = ${rolloutId}::uuid`;
  const more = await test.db.$queryRaw<{ id: bigint }[]>`
    INSERT INTO targets (agent_scope_id, key, environment_id, labels)
    SELECT t.agent_scope_id, 'x' || n, t.environment_id, '{"a":"b"}' FROM targets t, generate_series(1, 1200) n WHERE t.key = 'a' RETURNING id`;
  await dispatch([...targetIds, ...more.map(({ id }) => id)]);
  const [order] = await orders();
  expect(order?.targets.count).toBe(1_202);
  expect(order?.targets.items).toHaveLength(1_000);
  expect(order?.targets.items.every(({ labels }) => Object.keys(labels).length === 0)).toBe(true);
});

import { afterAll, beforeAll, expect, it } from "vitest";
import { promoteRequest } from "@/lib/contract/rollouts";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";

let test: TestApp;
const image = makeImage("registry.test/acme/shop", "1.0.0");
const labels = { "plumbline.service": "shop" };
const images = [pulled(image)];

beforeAll(async () => {
  test = await createTestApp();
  await registerVersion(test, { service: "shop", version: "1.0.0", image });
  await promoteRelease({ ctx: await test.ctx(), input: promoteRequest.parse({ service: "shop", environment: "dev", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
});
afterAll(() => test.drop());

/** A host whose first copy, `shop`, is the expected one. */
async function hostWithShop(name: string): Promise<TestAgent> {
  const agent = await enrolTestAgent(test, { environments: ["dev"], name });
  const shop = container("shop", { labels });
  await agent.report({ images, targets: [shop.target], instances: [shop.instance] });
  return agent;
}

async function categoriesOf(agent: TestAgent): Promise<Record<string, string[]>> {
  const rows = await test.db.$queryRaw<{ target: string; categories: string[] }[]>`
    SELECT t.key AS target, c.categories FROM instances i JOIN targets t ON t.id = i.target_id JOIN combinations c ON c.id = i.combination_id
    JOIN agent_scopes s ON s.id = i.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid ORDER BY t.key`;
  return Object.fromEntries(rows.map((row) => [row.target, row.categories]));
}

const gone = { removed: ["shop-1", "target:shop"] };

it("takes a copy beside the expected one for extra, also when both come in one report after a restart", async () => {
  const agent = await hostWithShop("host-both");
  await agent.report(gone);
  const [shop, copy] = [container("shop", { labels }), container("shop-copy", { labels })];
  await agent.report({ images, targets: [shop.target, copy.target], instances: [shop.instance, copy.instance] });
  expect((await categoriesOf(agent))["shop-copy"]).toContain("unexpected");
  expect((await categoriesOf(agent))["shop"]).not.toContain("unexpected");
});

it("takes the only one for the successor of the one that went", async () => {
  const agent = await hostWithShop("host-renamed");
  await agent.report(gone);
  const successor = container("shop-2", { labels });
  await agent.report({ images, targets: [successor.target], instances: [successor.instance] });
  expect((await categoriesOf(agent))["shop-2"]).not.toContain("unexpected");
});

it("admits all copies with which a new host begins", async () => {
  const agent = await enrolTestAgent(test, { environments: ["dev"], name: "host-new" });
  const copies = ["a", "b"].map((name) => container(`shop-${name}`, { labels }));
  await agent.report({ images, targets: copies.map(({ target }) => target), instances: copies.map(({ instance }) => instance) });
  for (const categories of Object.values(await categoriesOf(agent))) expect(categories).not.toContain("unexpected");
});

it("misses nobody who is reported in the moment of a decision", async () => {
  const ctx = await test.ctx();
  for (let round = 0; round < 12; round += 1) {
    const service = `racer-${round}`;
    const own = makeImage(`registry.test/acme/${service}`, "1.0.0");
    await registerVersion(test, { service, version: "1.0.0", image: own });
    const agent = await enrolTestAgent(test, { environments: ["staging"], name: `host-${service}` });
    const one = container("racer", { labels: { "plumbline.service": service } });
    await Promise.all([
      promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", partition: "default", version: "1.0.0", strategy: "all-at-once" }) }),
      agent.report({ images: [pulled(own)], targets: [one.target], instances: [one.instance] }),
    ]);
    const rows = await test.db.$queryRaw<unknown[]>`SELECT 1 FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid`;
    expect(rows, service).toHaveLength(1);
  }
});

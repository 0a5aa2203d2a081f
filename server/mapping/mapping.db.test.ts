import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InventoryReportInput } from "@/lib/contract/agent";
import { findingsDto, findingsQuery, matrixDto } from "@/lib/contract/fleet";
import { mappingDto, mappingPreview, putMappingRequest, type MappingPreview, type PutMappingRequest } from "@/lib/contract/mapping";
import { putPartitionsRequest } from "@/lib/contract/partitions";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { MappingRule } from "@/lib/domain/fleet/mapping-rules";
import { parseEntry } from "@/lib/domain/ledger/entry";
import type { Ctx } from "@/server/context";
import { getMatrix } from "@/server/drift/get-matrix";
import { listFindings } from "@/server/drift/list-findings";
import { MOST_UNREGISTERED } from "@/server/inventory/bound-names";
import { putPartitions } from "@/server/partitions/put-partitions";
import { settlePartitions } from "@/server/partitions/settle-partitions";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { getMapping } from "./get-mapping";
import { previewMapping } from "./preview-mapping";
import { putMapping } from "./put-mapping";

let test: TestApp;
let ctx: Ctx;
beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());

const image = (name: string) => makeImage(`registry.test/acme/${name}`, name);
const ENVOY = makeImage("registry.test/mesh/envoy", "envoy");
const ignore = (name: string, match: MappingRule["match"]): MappingRule => ({ name, match, ignore: "not ours" });
const set = (name: string, match: MappingRule["match"], decided: NonNullable<MappingRule["set"]>): MappingRule => ({ name, match, set: decided });

/** Puts rules over whatever stands. */
async function put(rules: MappingRule[], more: Partial<PutMappingRequest> & { aliases?: Record<string, string> } = {}) {
  const { aliases = {}, ...rest } = more;
  const input = putMappingRequest.parse({ set: { rules, aliases }, version: (await getMapping({ ctx })).version, reason: "because", ...rest });
  return mappingDto.parse(await putMapping({ ctx, input }));
}

async function preview(rules: MappingRule[]): Promise<MappingPreview> {
  return mappingPreview.parse(await previewMapping({ ctx, input: { set: { rules, aliases: {} } } }));
}

/** Where this agent's containers are, as `container: service/environment/partition/component`, or the rule that ignores them. */
async function placesOf(agent: TestAgent): Promise<string[]> {
  const rows = await test.db.$queryRaw<{ place: string }[]>`
    SELECT i.key || ': ' || coalesce('ignored by ' || c.ignored_by, concat_ws('/', coalesce(c.service_name, 'nobody'), e.name, c.partition, c.component)) AS place
    FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN environments e ON e.id = c.environment_id JOIN agent_scopes s ON s.id = i.agent_scope_id
    WHERE s.agent_id = ${agent.id}::uuid ORDER BY i.key`;
  // Counters and instances are two books of one thing.
  const [off] = await test.db.$queryRaw<{ off: number }[]>`
    SELECT count(*)::int AS off FROM (SELECT agent_scope_id, combination_id, count(*)::int AS n FROM instances GROUP BY 1, 2) i
    FULL JOIN combination_counts k USING (agent_scope_id, combination_id) WHERE i.n IS DISTINCT FROM k.instances`;
  expect(off?.off).toBe(0);
  return rows.map(({ place }) => place);
}

/** A pod of several containers, each with its image's place in the report. */
function pod(key: string, containers: Record<string, number>, { labels = {}, namespace = "shop" }: { labels?: Record<string, string>; namespace?: string } = {}): Pick<Required<InventoryReportInput>, "targets" | "instances"> {
  return {
    targets: [{ key, kind: "service", namespace, labels, components: Object.keys(containers).map((name) => ({ name, declared: null })), desired: 1, ready: 1, canAct: false }],
    instances: Object.entries(containers).map(([component, at]) => ({ key: `${key}/${component}`, target: key, component, image: at, state: "running", health: "unknown" })),
  };
}

describe("rules that ignore", () => {
  it("take what matches out of every judgement, count it, and give it back", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "ignoring" });
    const own = image("ledgered");
    await registerVersion(test, { service: "ledgered", version: "1.0.0", image: own });
    await registerVersion(test, { service: "envoy", version: "1.0.0", image: ENVOY });
    await agent.report({ images: [pulled(own), pulled(ENVOY)], ...pod("shop/web", { app: 0, "istio-proxy": 1 }, { labels: { "app.kubernetes.io/name": "ledgered" } }) });
    await promoteRelease({ ctx, input: promoteRequest.parse({ service: "ledgered", environment: "dev", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
    expect(await placesOf(agent)).toEqual(["shop/web/app: ledgered/dev/default/main", "shop/web/istio-proxy: envoy/dev/default/main"]);
    // A finding stands under the target's own name.
    const kinds = async (service: string) => (await listFindings({ ctx, input: findingsQuery.parse({ service }) })).groups.map(({ kind }) => kind);
    expect(await kinds("ledgered")).toEqual(["unexpected"]);

    const saved = await put([ignore("mesh", { container: "istio-*" })]);
    expect(saved).toMatchObject({ version: 1, ignored: [{ rule: "mesh", reason: "not ours", instances: 1 }], history: [{ version: 1, rules: 1, reason: "because" }] });
    expect(await placesOf(agent)).toEqual(["shop/web/app: ledgered/dev/default/main", "shop/web/istio-proxy: ignored by mesh"]);
    expect(await kinds("ledgered")).toEqual([]);
    expect(matrixDto.parse(await getMatrix({ ctx })).totals).toMatchObject({ instances: 2, inSync: 1, ignored: 1, ignoringRules: 1, unmapped: 0 });
    expect(findingsDto.parse(await listFindings({ ctx, input: findingsQuery.parse({}) }))).toMatchObject({ ignored: { instances: 1, rules: 1 }, checkedInstances: 1 });

    // What is reported from now on is mapped by the rules as it comes.
    const second = pod("shop/api", { app: 1, "istio-proxy": 0 });
    await agent.report({ images: [pulled(ENVOY), pulled(image("second"))], ...second });
    expect(await placesOf(agent)).toContain("shop/api/istio-proxy: ignored by mesh");
    await agent.report({ images: [pulled(own)], instances: second.instances.slice(1).map((proxy) => ({ ...proxy, mutated: { count: 1, paths: ["/x"] } })) });
    expect(await getMapping({ ctx })).toMatchObject({ ignored: [{ instances: 2 }] });

    await put([]);
    expect(await placesOf(agent)).toEqual(["shop/api/app: second/dev/default/main", "shop/api/istio-proxy: ledgered/dev/default/main", "shop/web/app: ledgered/dev/default/main", "shop/web/istio-proxy: envoy/dev/default/main"]);
    expect(await kinds("ledgered")).toEqual(["unexpected"]);
    // It was changed in place while nobody judged it, and is found now.
    expect(await kinds("second")).toEqual(["mutated"]);
    expect((await getMatrix({ ctx })).totals).toMatchObject({ instances: 4, ignored: 0, ignoringRules: 0 });
  });

  it("leave the target to its own container, whatever the names' order is", async () => {
    const agent = await enrolTestAgent(test, { environments: ["production"], name: "sidecars" });
    await put([set("mesh", { container: "a-proxy" }, { service: "mesh", component: "proxy" }), ignore("vault", { container: "b-vault" })]);
    await agent.report({ images: [pulled(image("storefront")), pulled(ENVOY)], ...pod("shop/store", { "a-proxy": 1, "b-vault": 1, web: 0 }) });
    expect(await placesOf(agent)).toEqual(["shop/store/a-proxy: mesh/production/default/proxy", "shop/store/b-vault: ignored by vault", "shop/store/web: storefront/production/default/main"]);
    const [target] = await test.db.$queryRaw<{ service_name: string }[]>`SELECT service_name::text FROM targets WHERE key = 'shop/store'`;
    expect(target).toEqual({ service_name: "storefront" });
    // Mapped anew it is the same.
    await put([set("mesh", { container: "a-proxy" }, { service: "mesh", component: "proxy" }), ignore("vault", { container: "b-vault" }), ignore("nothing", { container: "nobody" })]);
    expect(await test.db.$queryRaw`SELECT service_name::text FROM targets WHERE key = 'shop/store'`).toEqual([target]);
  });
});

describe("rules that say whose it is", () => {
  it("take service, partition and component from what was found, and an environment only within the pool", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev", "staging"], name: "saying" });
    const [web, other] = [container("web", { labels: { app: "Shop Web", tier: "eu" } }), container("other")];
    await agent.report({ images: [pulled(image("thing"))], targets: [web.target, other.target], instances: [web.instance, other.instance] });
    expect(await placesOf(agent)).toEqual(["other-1: thing/staging/default/main", "web-1: thing/staging/default/main"]);
    const rules = [
      set("by-label", { labels: { app: "*" }, agent: "saying" }, { service: "{label:app}", partition: "{label:tier}", component: "{repository.last}" }),
      set("wrong-place", { agent: "saying" }, { environment: "production" }),
      set("place", { agent: "saying", target: "web" }, { environment: "dev" }),
    ];
    const looked = await preview(rules);
    const saved = await put(rules);
    expect(await placesOf(agent)).toEqual(["other-1: thing/staging/default/main", "web-1: shop-web/dev/eu/thing"]);
    expect(looked.refused).toEqual([]);
    expect(looked.changes.filter(({ sample }) => sample === "web")).toMatchObject([
      { from: { service: "thing", environment: "staging" }, to: { service: "shop-web", registered: false, environment: "dev", partition: "eu", component: "thing", ignoredBy: null }, instances: 1, targets: 1, rule: "by-label" },
    ]);
    // The rule that names an environment of no pool here matches, and decides nothing.
    expect(looked.rules).toEqual([
      { name: "by-label", matches: 1, decides: 1, overlaps: [] },
      { name: "wrong-place", matches: 2, decides: 0, overlaps: ["by-label", "place"] },
      { name: "place", matches: 1, decides: 1, overlaps: [] },
    ]);
    expect(await preview(rules)).toMatchObject({ version: saved.version, moved: { instances: 0, targets: 0 }, changes: [] });
    expect((await putMapping({ ctx, input: putMappingRequest.parse({ set: saved.set, version: saved.version, reason: "again" }) })).version).toBe(saved.version);
  });

  it("say where a target is whatever environment its label names, and an unchanged report writes nothing of it", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev", "staging"], name: "overruled" });
    const { target, instance } = container("web", { labels: { "plumbline.environment": "staging" } });
    const report = { kind: "full" as const, images: [pulled(image("overruled"))], targets: [target], instances: [instance] };
    await agent.report(report);
    await put([set("place", { agent: "overruled" }, { environment: "dev" })]);
    expect(await placesOf(agent)).toEqual(["web-1: overruled/dev/default/main"]);
    const written = async () => test.db.$queryRaw`SELECT t.xmin::text FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid`;
    const before = await written();
    await agent.report(report);
    expect([await placesOf(agent), await written()]).toEqual([["web-1: overruled/dev/default/main"], before]);
  });

  it("are the same in whatever order their labels stand", async () => {
    const rules = (labels: Record<string, string>) => [set("ordered", { labels }, { service: "ordered" })];
    const { version } = await put(rules({ zone: "a", app: "b" }));
    expect((await put(rules({ app: "b", zone: "a" }))).version).toBe(version);
  });

  it("make one service of several names", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "aliased" });
    const { target, instance } = container("cart", { labels: { "plumbline.service": "cart-api" } });
    await agent.report({ images: [pulled(image("cart"))], targets: [target], instances: [instance] });
    await put([], { aliases: { "cart-api": "cart" } });
    expect(await placesOf(agent)).toEqual(["cart-1: cart/dev/default/main"]);
  });

  it("are in the ledger, by whom and which, in the transaction that moves the fleet", async () => {
    const saved = await put([ignore("ledgered-rule", { container: "nobody-has-this" })]);
    const [row] = await test.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries WHERE seq = ${saved.history[0]?.entry ?? -1}`;
    expect(parseEntry(row?.bytes ?? new Uint8Array())).toMatchObject({ type: "mapping-changed", actor: ctx.actor.id, payload: { version: saved.version, rules: 1, set: { rules: [{ name: "ledgered-rule" }] } } });
  });
});

describe("what is refused", () => {
  it("rules with something wrong in them, each with its place", async () => {
    await expect(put([ignore("a", {}), set("a", { container: "x" }, { service: "{nothing}" })])).rejects.toMatchObject({
      kind: "unprocessable",
      extras: { type: "mapping-invalid", fields: [{ path: "set.rules[1].name" }, { path: "set.rules[0].match" }, { path: "set.rules[1].set.service" }] },
    });
    await expect(put([], { aliases: { a: "b", b: "a" } })).rejects.toMatchObject({ message: expect.stringContaining("2 things are wrong"), extras: { fields: [{ path: "set.aliases.a", message: "leads back to itself: a → b → a" }, { path: "set.aliases.b" }] } });
    expect(await preview([ignore("a", {})])).toMatchObject({ problems: [{ severity: "error", path: "rules[0].match" }], refused: [expect.any(String)], changes: [] });
  });

  it("a version that was looked at before another one came, with what changed", async () => {
    const { version } = await getMapping({ ctx });
    await put([ignore("theirs", { container: "x" })]);
    await expect(put([ignore("mine", { container: "y" })], { version })).rejects.toMatchObject({
      kind: "conflict",
      extras: { type: "stale-view", changed: [expect.stringMatching(/^Version \d+ stands, by /), "The rule theirs is there, and not in yours.", "The rule mine is not there."] },
    });
  });

  it("two who decide at once: one is told what the other did", async () => {
    const { version } = await getMapping({ ctx });
    const both = await Promise.allSettled(["one", "two"].map((name) => put([ignore(name, { container: "x" })], { version })));
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect((await getMapping({ ctx })).version).toBe(version + 1);
  });
});

describe("what was decided already", () => {
  it("keeps its targets while a rollout is under way; then they go, expected and told nothing", async () => {
    const agent = await enrolTestAgent(test, { environments: ["staging"], name: "deciding" });
    const bytes = image("orders");
    await registerVersion(test, { service: "orders", version: "1.0.0", image: bytes });
    await registerVersion(test, { service: "invoices", version: "1.0.0", image: bytes });
    const copies = ["orders-1", "orders-2"].map((key) => container(key, { labels: { "plumbline.service": "orders", tenant: key } }));
    const invoices = container("invoices-1", { labels: { "plumbline.service": "invoices" } });
    await agent.report({ images: [pulled(bytes)], targets: [...copies, invoices].map(({ target }) => ({ ...target, canAct: true })), instances: [...copies, invoices].map(({ instance }) => instance) });
    const promote = (service: string) => promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
    await promote("orders");
    const rules = [set("tenant", { labels: { tenant: "orders-2" } }, { service: "invoices" })];
    const refusal = expect.stringMatching(/^Rollout \d+ of orders in staging is under way and would lose 1 target\. Let it end, or abort it\.$/);
    expect((await preview(rules)).refused).toEqual([refusal]);
    await expect(put(rules)).rejects.toMatchObject({ kind: "conflict", message: refusal, extras: { type: "mapping-refused" } });
    expect(await placesOf(agent)).toEqual(["invoices-1-1: invoices/staging/default/main", "orders-1-1: orders/staging/default/main", "orders-2-1: orders/staging/default/main"]);

    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
    await promote("invoices");
    await expect(put(rules)).rejects.toMatchObject({ message: expect.stringMatching(/of invoices in staging is under way and would get 1 target/) });
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
    const before = await test.db.$queryRaw<{ desired_version: bigint }[]>`SELECT desired_version FROM agents WHERE id = ${agent.id}::uuid`;
    await put(rules);
    expect(await placesOf(agent)).toEqual(["invoices-1-1: invoices/staging/default/main", "orders-1-1: orders/staging/default/main", "orders-2-1: invoices/staging/default/main"]);
    const desired = () => test.db.$queryRaw<{ key: string; service: string; generation: bigint }[]>`
      SELECT t.key, s.name::text AS service, d.generation FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN releases r ON r.id = d.release_id JOIN services s ON s.id = r.service_id
      JOIN agent_scopes g ON g.id = t.agent_scope_id WHERE g.agent_id = ${agent.id}::uuid ORDER BY t.key`;
    expect(await desired()).toMatchObject([{ key: "invoices-1" }, { key: "orders-1", service: "orders", generation: 1n }, { key: "orders-2", service: "invoices", generation: 0n }]);
    expect((await test.db.$queryRaw<{ desired_version: bigint }[]>`SELECT desired_version FROM agents WHERE id = ${agent.id}::uuid`)[0]?.desired_version).toBeGreaterThan(before[0]?.desired_version ?? 0n);
    expect((await listFindings({ ctx, input: findingsQuery.parse({ service: "invoices" }) })).groups).toEqual([]);

    // The next rollout tells it something that its agent has not started under its old name.
    await registerVersion(test, { service: "invoices", version: "2.0.0", image: image("invoices-2") });
    await promoteRelease({ ctx, input: promoteRequest.parse({ service: "invoices", environment: "staging", partition: "default", version: "2.0.0", strategy: "all-at-once" }) });
    expect((await desired()).find(({ key }) => key === "orders-2")).toMatchObject({ generation: 2n });
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
  });
});

describe("partitions that rules name", () => {
  const declare = (service: string, ...names: string[]) => putPartitions({ ctx, input: putPartitionsRequest.parse({ service, environment: "staging", partitions: names.map((name) => ({ name, selector: {} })) }) });
  const end = () => test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;

  it("take what was decided for a service, whatever runs there, or nothing", async () => {
    const agent = await enrolTestAgent(test, { environments: ["staging"], name: "bare" });
    const [first, second] = [container("bare-1"), container("bare-2")];
    await registerVersion(test, { service: "bare", version: "1.0.0", image: image("bare") });
    await agent.report({ images: [pulled(image("bare"))], targets: [first.target, second.target], instances: [first.instance, second.instance] });
    await promoteRelease({ ctx, input: promoteRequest.parse({ service: "bare", environment: "staging", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
    await end();
    await declare("bare", "edge");
    await agent.report({ images: [pulled(image("bare-strange"))], instances: [first.instance], removed: [second.instance.key] });
    expect(await placesOf(agent)).toEqual(["bare-1-1: bare/staging/default/main"]);
    await put([set("edge", { agent: "bare" }, { partition: "edge" })]);
    expect(await placesOf(agent)).toEqual(["bare-1-1: bare/staging/edge/main"]);
    expect(await test.db.$queryRaw`SELECT DISTINCT service_name::text, partition::text FROM targets WHERE key LIKE 'bare-%'`).toEqual([{ service_name: "bare", partition: "edge" }]);
  });

  it("part the copies of one target, and stay apart when partitions are settled", async () => {
    const agent = await enrolTestAgent(test, { environments: ["staging"], name: "parting" });
    await registerVersion(test, { service: "cells", version: "1.0.0", image: image("cells") });
    await declare("cells", "canary");
    await put([set("canary", { container: "canary", target: "shop/cells" }, { partition: "canary" })]);
    await agent.report({ images: [pulled(image("cells"))], ...pod("shop/cells", { app: 0, canary: 0 }, { labels: { "plumbline.service": "cells" } }) });
    const apart = ["shop/cells/app: cells/staging/default/main", "shop/cells/canary: cells/staging/canary/main"];
    expect(await placesOf(agent)).toEqual(apart);
    await settlePartitions(test.app);
    expect(await placesOf(agent)).toEqual(apart);
  });
});

describe("reports at the same moment", () => {
  it("are all mapped by the rules that stand in the end", async () => {
    const agents = await Promise.all(Array.from({ length: 4 }, (_, at) => enrolTestAgent(test, { environments: ["dev"], name: `racing-${at}` })));
    const racer = image("racer");
    const rules = (at: number) => [set("racing", { agent: "racing-*" }, { service: `round-${at}` })];
    for (let round = 1; round <= 5; round += 1) {
      await Promise.all([
        put(rules(round)),
        ...agents.map((agent) => {
          const { target, instance } = container(`racer-${round}`);
          return agent.report({ images: [pulled(racer)], targets: [target], instances: [instance] });
        }),
      ]);
      for (const agent of agents) expect(new Set((await placesOf(agent)).map((place) => place.split(": ")[1]))).toEqual(new Set([`round-${round}/dev/default/main`]));
    }
  });
});

describe("names without end", () => {
  it("of one agent: as many as are of use are named, the rest is nobody's and counted, and none becomes a service", async () => {
    await put([]);
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "inventive" });
    const before = await test.db.$queryRaw<{ n: bigint }[]>`SELECT count(*) AS n FROM services`;
    const { unmapped } = (await getMatrix({ ctx })).totals;
    const many = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => container(`invented-${from + at}`, { labels: { "plumbline.service": `invented-${from + at}` } }));
    const report = (copies: ReturnType<typeof many>) => agent.report({ images: [pulled(image("invented"))], targets: copies.map(({ target }) => target), instances: copies.map(({ instance }) => instance) });
    await report(many(0, MOST_UNREGISTERED - 10));
    await report(many(MOST_UNREGISTERED - 10, MOST_UNREGISTERED + 40));
    expect((await placesOf(agent)).filter((place) => place.includes(": nobody/"))).toHaveLength(40);
    expect((await getMatrix({ ctx })).totals.unmapped).toBe(unmapped + 40);
    expect(await test.db.$queryRaw<{ n: bigint }[]>`SELECT count(*) AS n FROM services`).toEqual(before);
    // A change of the rules does not let them in by another door; a rule that names them does.
    await put([ignore("elsewhere", { container: "nobody-has-this" })]);
    expect((await placesOf(agent)).filter((place) => place.includes(": nobody/"))).toHaveLength(40);
    await put([set("ours", { agent: "inventive", labels: { "plumbline.service": "invented-*" } }, { service: "inventions" })]);
    expect(new Set((await placesOf(agent)).map((place) => place.split(": ")[1]))).toEqual(new Set(["inventions/dev/default/main"]));
  });

  it("of one rule: refused before anything is named", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "repeating" });
    const copies = Array.from({ length: 1_001 }, (_, at) => container(`copy-${at}`));
    await agent.report({ images: [pulled(image("copied"))], targets: copies.map(({ target }) => target), instances: copies.map(({ instance }) => instance) });
    const rules = [set("each", { agent: "repeating" }, { service: "{target}" })];
    expect((await preview(rules)).refused).toEqual([expect.stringContaining("would bring up 1001 services that nobody registered")]);
    await expect(put(rules)).rejects.toMatchObject({ kind: "conflict" });
  });
});

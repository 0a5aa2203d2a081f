import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InventoryReportInput } from "@/lib/contract/agent";
import { AppError } from "@/server/errors";
import { approveRelease } from "@/server/releases/approve-release";
import { recallRelease } from "@/server/releases/recall-release";
import { promoteRequest } from "@/lib/contract/rollouts";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { leaveFleet } from "./leave-fleet";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

async function openKinds(agent: TestAgent): Promise<string[]> {
  const rows = await test.db.$queryRaw<{ kind: string }[]>`
    SELECT f.kind FROM findings f LEFT JOIN targets t ON t.id = f.target_id JOIN agent_scopes s ON s.id = coalesce(t.agent_scope_id, f.agent_scope_id)
    WHERE s.agent_id = ${agent.id}::uuid AND f.resolved_at IS NULL ORDER BY f.kind`;
  return rows.map(({ kind }) => kind);
}

async function combinationOf(agent: TestAgent, key: string): Promise<{ categories: string[]; service: string | null } | undefined> {
  const [row] = await test.db.$queryRaw<{ categories: string[]; service: string | null }[]>`
    SELECT c.categories, c.service_name AS service FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN agent_scopes s ON s.id = i.agent_scope_id
    WHERE s.agent_id = ${agent.id}::uuid AND i.key = ${key}`;
  return row;
}

/** Everything about the present of one agent, without ids. */
async function present(agent: TestAgent): Promise<unknown> {
  return test.db.$queryRaw`
    SELECT i.key, t.key AS target, i.state, i.health, i.restarts, i.mutated, m.fingerprint, c.categories, c.service_name,
      (SELECT sum(k.instances)::int FROM combination_counts k WHERE k.agent_scope_id = i.agent_scope_id) AS counted,
      (SELECT count(*)::int FROM instances a WHERE a.agent_scope_id = i.agent_scope_id) AS there
    FROM instances i JOIN targets t ON t.id = i.target_id JOIN combinations c ON c.id = i.combination_id JOIN images m ON m.id = i.image_id JOIN agent_scopes s ON s.id = i.agent_scope_id
    WHERE s.agent_id = ${agent.id}::uuid ORDER BY i.key`;
}

async function historyRows(): Promise<number> {
  const [row] = await test.db.$queryRaw<{ n: number }[]>`
    SELECT ((SELECT count(*) FROM spans) + (SELECT count(*) FROM events) + (SELECT count(*) FROM findings) + (SELECT count(*) FROM changes) + (SELECT count(*) FROM instances))::int AS n`;
  return row?.n ?? -1;
}

async function refusal(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof AppError)) throw new Error(`expected a refusal, got ${String(error)}`);
  return error;
}

describe("what runs, held against what is assigned", () => {
  const service = "payments";
  const older = makeImage("registry.test/acme/payments", "1.0.0");
  const newer = makeImage("registry.test/acme/payments", "1.1.0");
  let agent: TestAgent;

  beforeAll(async () => {
    agent = await enrolTestAgent(test);
    await registerVersion(test, { service, version: "1.0.0", image: older });
    await registerVersion(test, { service, version: "1.1.0", image: newer });
    const { target, instance } = container("payments-1", { labels: { "plumbline.service": service } });
    const layers = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`];
    await agent.report({ images: [{ ...pulled(older), layers }], targets: [target], instances: [instance] });
    expect(await test.db.$queryRaw`SELECT layers::text[] FROM images`).toEqual([{ layers }]);
    await approveRelease({ ctx: await test.ctx(), input: { service, version: "1.0.0", environment: "production" } });
    await promoteRelease({ ctx: await test.ctx(), input: promoteRequest.parse({ service, environment: "production", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
    await test.db.$executeRaw`INSERT INTO target_desired (target_id, release_id, entry_seq, generation)
      SELECT t.id, a.release_id, a.entry_seq, 1 FROM targets t JOIN assignments a ON a.service_id = t.service_id AND a.environment_id = t.environment_id
      ON CONFLICT (target_id) DO UPDATE SET release_id = excluded.release_id`;
    const { regroupTargets } = await import("@/server/drift/regroup-targets");
    const { transact } = await import("@/server/db");
    const ids = await test.db.$queryRaw<{ id: bigint }[]>`SELECT id FROM targets`;
    await transact(test.db, (tx) => regroupTargets(tx, ids.map(({ id }) => id), { now: new Date() }));
  });

  it("is in sync when the assigned digest runs, whichever of its digests the runtime names", async () => {
    expect(await combinationOf(agent, "payments-1-1")).toEqual({ categories: ["in-sync"], service });
    for (const digest of [older.index, older.manifest, older.config]) {
      const { target, instance } = container("payments-1", { labels: { "plumbline.service": service } });
      await agent.report({ images: [{ digests: [{ digest, kind: "unspecified" }], reference: "anything:else" }], targets: [target], instances: [instance] });
      expect(await combinationOf(agent, "payments-1-1")).toMatchObject({ categories: ["in-sync"] });
    }
    expect(await openKinds(agent)).toEqual([]);
  });

  it.each([
    ["unapproved", [pulled(newer)]],
    ["unknown-artifact", [pulled(makeImage("registry.test/acme/payments", "never registered"))]],
    ["unknown-artifact", [pulled(makeImage("registry.test/other/thing", "of another name"))]],
    ["unverifiable", [{ digests: [{ digest: makeImage("x", "local").config, kind: "config" as const }, { digest: makeImage("x", "local").manifest, kind: "unspecified" as const, repository: "localhost/payments" }], reference: "localhost/payments:dev" }]],
    ["unverifiable", [{ digests: [] }]],
  ])("finds %s under the target's own name, and ends the finding with it", async (kind, images) => {
    const { target, instance } = container("payments-1");
    await agent.report({ images, targets: [target], instances: [{ ...instance, key: `by-hand-${kind}-${images.length}` }], removed: ["payments-1-1"] });
    expect(await openKinds(agent)).toEqual([kind]);
    const back = container("payments-1", { labels: { "plumbline.service": service } });
    await agent.report({ images: [pulled(older)], targets: [back.target], instances: [back.instance], removed: [`by-hand-${kind}-${images.length}`] });
    expect(await openKinds(agent)).toEqual([]);
  });

  it("finds an extra copy unexpected", async () => {
    const { target, instance } = container("payments-extra", { labels: { "plumbline.service": service } });
    await agent.report({ images: [pulled(older)], targets: [target], instances: [instance] });
    expect(await openKinds(agent)).toEqual(["unexpected"]);
    await agent.report({ removed: ["payments-extra-1", "target:payments-extra"] });
    expect(await openKinds(agent)).toEqual([]);
  });

  it("finds a changed file, and keeps what a tag that was pushed again once meant", async () => {
    const { instance } = container("payments-1", { mutated: { count: 1, paths: ["/app/server.js"] } });
    await agent.report({ images: [pulled(older)], instances: [instance] });
    expect(await openKinds(agent)).toEqual(["mutated"]);
    // The tag now names other bytes; what runs is what its digest says.
    await agent.report({ images: [pulled(older, "stable")], instances: [{ ...instance, mutated: null }] });
    expect(await combinationOf(agent, "payments-1-1")).toMatchObject({ categories: ["in-sync"] });
    expect(await openKinds(agent)).toEqual([]);
  });

  it("writes a handful of rows when a release that many run is recalled", async () => {
    const many = await Promise.all([1, 2, 3].map((at) => enrolTestAgent(test, { name: `many-${at}`, environments: ["staging"] })));
    const image = makeImage("registry.test/acme/orders", "1.0.0");
    await registerVersion(test, { service: "orders", version: "1.0.0", image });
    for (const each of many) {
      const copies = Array.from({ length: 40 }, (_, at) => container(`orders-${at}`, { labels: { "plumbline.service": "orders" } }));
      await each.report({ images: [pulled(image)], targets: copies.map(({ target }) => target), instances: copies.map(({ instance }) => instance) });
    }
    const before = await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM findings`;
    await recallRelease({ ctx: await test.ctx(), input: { service: "orders", version: "1.0.0", reason: "leaks" } });
    const after = await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM findings`;
    expect((after[0]?.n ?? 0) - (before[0]?.n ?? 0)).toBe(1);
    const [finding] = await test.db.$queryRaw<{ count: number; kind: string }[]>`SELECT count, kind FROM findings WHERE combination_id IS NOT NULL AND resolved_at IS NULL`;
    expect(finding).toEqual({ kind: "recalled", count: 120 });
    for (const each of many) await leaveFleet({ ctx: each.ctx, input: { v: 1, reason: "scaled down" } });
    const open = await test.db.$queryRaw`SELECT FROM findings WHERE combination_id IS NOT NULL AND resolved_at IS NULL`;
    expect(open).toEqual([]);
    const spans = await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM spans WHERE end_reason = 'left'`;
    expect(spans[0]?.n).toBe(120);
  });
});

describe("the order of reports", () => {
  const image = makeImage("registry.test/acme/web", "1");
  const other = makeImage("registry.test/acme/web", "2");
  const one = container("web-1");
  const two = container("web-2");
  const opening: Partial<InventoryReportInput> = { kind: "full", images: [pulled(image)], targets: [one.target, two.target], instances: [one.instance, two.instance] };
  const sequence: Partial<InventoryReportInput>[] = [
    { images: [pulled(other)], instances: [{ ...one.instance, restarts: 1 }] },
    { removed: ["web-2-1", "target:web-2"] },
    {},
    { images: [pulled(image)], instances: [{ ...one.instance, health: "unhealthy", restarts: 2 }], targets: [two.target] },
  ];
  const final: Partial<InventoryReportInput> = { kind: "full", images: [pulled(other)], targets: [one.target], instances: [{ ...one.instance, restarts: 3 }] };

  function permutations<T>(items: readonly T[]): T[][] {
    if (items.length <= 1) return [[...items]];
    return items.flatMap((item, at) => permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]));
  }

  it("comes to one present whatever arrives late, twice or never in order", async () => {
    const straight = await enrolTestAgent(test, { name: "straight" });
    await straight.report(opening);
    for (const report of sequence) await straight.report(report);
    await straight.report(final);
    const expected = await present(straight);
    expect(expected).toMatchObject([{ key: "web-1-1", restarts: 3, counted: 1, there: 1 }]);

    for (const order of permutations([2, 3, 4, 5])) {
      const agent = await enrolTestAgent(test, { name: `order-${order.join("")}` });
      await agent.report({ ...opening, seq: 1 });
      for (const seq of [...order, order[0] ?? 2, order[2] ?? 2]) {
        await agent.report({ ...sequence[seq - 2], seq }).catch((error: unknown) => {
          if (!(error instanceof AppError) || error.extras.type !== "resync-required") throw error;
        });
      }
      expect(await agent.report({ ...opening, seq: 1 })).toMatchObject({ duplicate: true });
      await agent.report({ ...final, seq: 6 });
      expect(await present(agent)).toEqual(expected);
    }
  });

  it("refuses a gap, a run that does not begin at the beginning, and one that was ended", async () => {
    const agent = await enrolTestAgent(test, { name: "gaps" });
    expect((await refusal(agent.report({ seq: 2, kind: "delta" }))).extras.type).toBe("resync-required");
    await agent.report({ ...opening, seq: 1 });
    expect((await refusal(agent.report({ seq: 3, kind: "delta" }))).extras.type).toBe("resync-required");
    await agent.report({ ...opening, seq: 5 });

    const first = agent.bootId;
    await agent.report({ ...opening, bootId: "boot-second", seq: 1 });
    expect((await refusal(agent.report({ bootId: first, seq: 6 }, new Date(Date.now() + 5_000)))).extras.type).toBe("boot-closed");
    expect(await openKinds(agent)).toContain("duplicate-agent");
  });

  it("does not take a late repetition for a second agent", async () => {
    const agent = await enrolTestAgent(test, { name: "late" });
    const early = new Date(Date.now() - 10_000);
    await agent.report({ ...opening, seq: 1 }, early);
    const first = agent.bootId;
    await agent.report({ ...opening, bootId: "boot-after", seq: 1 });
    expect((await refusal(agent.report({ bootId: first, seq: 2, observedAt: early.toISOString() }))).extras.type).toBe("boot-closed");
    expect(await openKinds(agent)).not.toContain("duplicate-agent");
  });

  it("takes effect when all parts are there, in any order", async () => {
    const agent = await enrolTestAgent(test, { name: "parts" });
    const parts = [
      { seq: 1, kind: "full" as const, part: 1, parts: 2, images: [pulled(image)], targets: [one.target], instances: [one.instance] },
      { seq: 1, kind: "full" as const, part: 2, parts: 2, images: [pulled(other)], targets: [two.target], instances: [two.instance] },
    ];
    const [first, second] = parts;
    await agent.report(second ?? {});
    await agent.report(second ?? {});
    expect(await present(agent)).toEqual([]);
    await agent.report(first ?? {});
    expect(await present(agent)).toMatchObject([{ key: "web-1-1", counted: 2 }, { key: "web-2-1", counted: 2 }]);
    expect(await agent.report(first ?? {})).toMatchObject({ duplicate: true });
  });

  it("takes parts that come at the same moment", async () => {
    const agent = await enrolTestAgent(test, { name: "parts-at-once" });
    const all = Array.from({ length: 4 }, (_, at) => {
      const copy = container(`copy-${at}`);
      return { seq: 1, kind: "full" as const, part: at + 1, parts: 4, images: [pulled(image)], targets: [copy.target], instances: [copy.instance] };
    });
    await Promise.all(all.map((part) => agent.report(part)));
    expect(await present(agent)).toHaveLength(4);
  });

  it("closes nothing absent while something could not be seen", async () => {
    const agent = await enrolTestAgent(test, { name: "partial" });
    await agent.report(opening);
    await agent.report({ kind: "full", coverage: { complete: false, errors: [{ message: "web-2 did not answer" }] }, images: [pulled(image)], targets: [one.target], instances: [one.instance] });
    expect(await present(agent)).toHaveLength(2);
    await agent.report({ kind: "full", images: [pulled(image)], targets: [one.target], instances: [one.instance] });
    expect(await present(agent)).toHaveLength(1);
  });
});

describe("what is written", () => {
  const image = makeImage("registry.test/acme/jobs", "1");

  it("nothing but presence for what is unchanged, as a delta and in full", async () => {
    const agent = await enrolTestAgent(test, { name: "quiet" });
    const { target, instance } = container("quiet", { startedAt: "2026-01-01T10:00:00.123456Z", lastExit: { code: 1 }, restarts: 4 });
    const full = { kind: "full" as const, images: [pulled(image)], targets: [target], instances: [instance] };
    await agent.report(full);
    const before = await historyRows();
    await agent.report({});
    await agent.report(full);
    await agent.report({ images: [pulled(image)], targets: [target], instances: [instance] });
    expect(await historyRows()).toBe(before);
    const [scope] = await test.db.$queryRaw<{ seq: bigint }[]>`SELECT seq FROM agent_scopes WHERE agent_id = ${agent.id}::uuid`;
    expect(scope?.seq).toBe(4n);
  });

  it("one closed span per change, with what ended it", async () => {
    const agent = await enrolTestAgent(test, { name: "spans" });
    const { target, instance } = container("batch");
    await agent.report({ images: [pulled(image)], targets: [{ ...target, kind: "job" }], instances: [instance] });
    await agent.report({ images: [pulled(image)], instances: [{ ...instance, health: "unhealthy" }] });
    await agent.report({ images: [pulled(image)], instances: [{ ...instance, health: "unhealthy", restarts: 1 }] });
    await agent.report({ images: [pulled(image)], instances: [{ ...instance, state: "exited", lastExit: { code: 3 } }] });
    const spans = await test.db.$queryRaw<{ end_reason: string; last_exit: unknown }[]>`SELECT end_reason, last_exit FROM spans WHERE agent_id = ${agent.id}::uuid ORDER BY id`;
    expect(spans).toEqual([{ end_reason: "health", last_exit: null }, { end_reason: "restart", last_exit: null }, { end_reason: "exited", last_exit: { code: 3 } }]);
    expect(await test.db.$queryRaw`SELECT FROM combination_counts k JOIN agent_scopes s ON s.id = k.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid`).toEqual([]);
  });

  it("no row for a scope, or by an agent, that may not report", async () => {
    const agent = await enrolTestAgent(test, { name: "foreign" });
    expect((await refusal(agent.report({ scope: "namespace/other", kind: "full" }))).kind).toBe("not-found");
    await test.db.$executeRaw`UPDATE agents SET revoked_at = now() WHERE id = ${agent.id}::uuid`;
    expect((await refusal(agent.report({ kind: "full" }))).kind).toBe("not-found");
    expect(await test.db.$queryRaw`SELECT FROM agent_scopes WHERE agent_id = ${agent.id}::uuid`).toEqual([]);
  });

  it("no row for what contradicts itself", async () => {
    const agent = await enrolTestAgent(test, { name: "wrong" });
    const { target, instance } = container("a");
    const paths = async (report: Partial<InventoryReportInput>): Promise<string[]> => (await refusal(agent.report({ kind: "full", seq: 1, ...report }))).extras.fields?.map(({ path }) => path) ?? [];
    expect(await paths({ targets: [target], instances: [instance] })).toEqual(["instances[0].image"]);
    expect(await paths({ targets: [target, target] })).toEqual(["targets[1].key"]);
    expect(await paths({ images: [pulled(image)], instances: [instance] })).toEqual(["instances[0].target"]);
    expect(await test.db.$queryRaw`SELECT FROM agent_scopes WHERE agent_id = ${agent.id}::uuid`).toEqual([]);
  });

  it("a finding for a clock that is off, until it is right again", async () => {
    const agent = await enrolTestAgent(test, { name: "clock" });
    await agent.report({ kind: "full", observedAt: new Date(Date.now() + 600_000).toISOString() });
    expect(await openKinds(agent)).toEqual(["clock-skew"]);
    await agent.report({});
    expect(await openKinds(agent)).toEqual([]);
  });
});

describe("reports that come together", () => {
  it("are each taken or refused for what they say themselves, in their order", async () => {
    const image = pulled(makeImage("registry.test/acme/together", "1"));
    const agents = await Promise.all(Array.from({ length: 12 }, (_, at) => enrolTestAgent(test, { name: `together-${at}` })));
    await Promise.all(agents.map((agent) => agent.report({ images: [image], ...listed(container("one")) })));
    const [orphan, gap, twice, leaves, ...others] = agents;
    if (!orphan || !gap || !twice || !leaves) throw new Error("too few agents");
    const { target, instance } = container("two");
    const outcomes = await Promise.allSettled([
      ...others.map((agent) => agent.report({ images: [image], targets: [target], instances: [instance] })),
      // Of no target that anybody has named: only somebody else's is called so.
      orphan.report({ images: [image], instances: [instance] }),
      gap.report({ seq: 9, images: [image], targets: [target], instances: [instance] }),
      twice.report({ seq: 2, images: [image], targets: [target], instances: [instance] }),
      twice.report({ seq: 3, removed: ["one-1", "target:one"] }),
      leaves.report({ kind: "full", images: [image], targets: [target], instances: [instance] }),
    ]);
    expect(outcomes.slice(0, others.length).every(({ status }) => status === "fulfilled")).toBe(true);
    expect(outcomes.slice(others.length).map((outcome) => (outcome.status === "rejected" ? outcome.reason.extras.type ?? outcome.reason.kind : outcome.value.seq))).toEqual(["invalid", "resync-required", 2, 3, 2]);
    const keys = async (agent: TestAgent) => ((await present(agent)) as { key: string; counted: number; there: number }[]).map(({ key, counted, there }) => `${key} ${counted === there ? "counted" : "miscounted"}`);
    for (const agent of others) expect(await keys(agent)).toEqual(["one-1 counted", "two-1 counted"]);
    expect(await keys(orphan)).toEqual(["one-1 counted"]);
    expect(await keys(gap)).toEqual(["one-1 counted"]);
    expect(await keys(twice)).toEqual(["two-1 counted"]);
    expect(await keys(leaves)).toEqual(["two-1 counted"]);
  });
});

function listed({ target, instance }: ReturnType<typeof container>): Pick<InventoryReportInput, "targets" | "instances"> {
  return { targets: [target], instances: [instance] };
}

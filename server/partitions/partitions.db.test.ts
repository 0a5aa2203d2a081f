import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { putMappingRequest } from "@/lib/contract/mapping";
import { pinRequest, putPartitionsRequest, type PutPartitionsRequest } from "@/lib/contract/partitions";
import { promoteRequest, rollbackRequest } from "@/lib/contract/rollouts";
import type { MappingRule } from "@/lib/domain/fleet/mapping-rules";
import { parseEntry } from "@/lib/domain/ledger/entry";
import { putEnvironment } from "@/server/access/put-environment";
import type { Ctx } from "@/server/context";
import { buildDesired } from "@/server/desired/build-desired";
import { readProjection } from "@/server/desired/read-projection";
import { getMatrix } from "@/server/drift/get-matrix";
import { getService } from "@/server/drift/get-service";
import { AppError } from "@/server/errors";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { getMapping } from "@/server/mapping/get-mapping";
import { putMapping } from "@/server/mapping/put-mapping";
import { pinPartition } from "@/server/policies/pin-partition";
import { placeHold } from "@/server/policies/place-hold";
import { previewRollout } from "@/server/rollouts/preview-rollout";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { startRollback } from "@/server/rollouts/start-rollback";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent, registerVersion, type FakeImage, type FakeTarget } from "@/server/testing/fake-fleet";
import { listPartitions } from "./list-partitions";
import { previewPartitions } from "./preview-partitions";
import { putPartitions } from "./put-partitions";
import { settlePartitions } from "./settle-partitions";

let test: TestApp;
let ctx: Ctx;
let environment: string;
let service: string;
let images: Map<string, FakeImage>;
let agent: FakeAgent;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());

/** A service of its own with three tenants and a host without one, on 1.0.0, observed. */
beforeEach(async () => {
  const mark = randomUUID().slice(0, 8);
  environment = `env-${mark}`;
  service = `payments-${mark}`;
  images = new Map();
  await putEnvironment({ ctx, input: { name: environment, protected: false } });
  for (const version of ["1.0.0", "2.0.0", "3.0.0"]) images.set(version, await registerVersion(ctx, service, version, { migrations: [] }));
  agent = await FakeAgent.make(test, environment);
  await promote("1.0.0");
  await runs({});
});

const TENANTS = ["acme", "bolt", "core"];
const image = (version: string): FakeImage => images.get(version) ?? fakeImage("none");
/** The host reports each tenant's workload on a version, 1.0.0 unless it says otherwise. `rest` is of no tenant. */
const runs = (versions: Record<string, string>, more: FakeTarget[] = []) =>
  agent.report(...[...TENANTS, "rest"].map((key): FakeTarget => ({ key, service, image: image(versions[key] ?? "1.0.0"), labels: key === "rest" ? {} : { tenant: key } })), ...more);
const promote = (version: string, partition = "default") => promoteRelease({ ctx, input: promoteRequest.parse({ service, environment, partition, version, strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
const settle = async (versions: Record<string, string>) => {
  await runs(versions);
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = clock_timestamp() WHERE status IN ('planned', 'running', 'paused') AND environment_id = (SELECT id FROM environments WHERE name = ${environment})`;
};
const byTenant = (...names: string[]): PutPartitionsRequest["partitions"] => names.map((name) => ({ name, selector: { tenant: name } }));
const put = (partitions: PutPartitionsRequest["partitions"], more: Partial<PutPartitionsRequest> = {}, who = ctx) => putPartitions({ ctx: who, input: putPartitionsRequest.parse({ service, environment, partitions, ...more }) });
const list = () => listPartitions({ ctx, input: { service, environment } });
const cell = async () => (await getMatrix({ ctx })).rows.find((row) => row.service === service)?.cells[0];
const targetsBy = async (): Promise<Record<string, string>> =>
  Object.fromEntries((await test.db.$queryRaw<{ key: string; partition: string }[]>`SELECT t.key, t.partition::text FROM targets t JOIN services s ON s.id = t.service_id WHERE s.name = ${service} ORDER BY 1`).map((row) => [row.key, row.partition]));
const written = async (): Promise<number> =>
  Number((await test.db.$queryRaw<{ n: bigint }[]>`SELECT (SELECT size FROM ledger_head) + (SELECT count(*) FROM partitions) + (SELECT coalesce(sum(revision), 0) FROM assignments) + (SELECT count(*) FROM pins) + (SELECT count(*) FROM rollouts) AS n`)[0]?.n);
async function refused(work: Promise<unknown>): Promise<{ kind: string; type: string | undefined; reasons: string[]; message: string; changed: string[] }> {
  const error: unknown = await work.then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof AppError)) throw new Error(`not refused: ${String(error)}`);
  return { kind: error.kind, type: error.extras.type, reasons: (error.extras.reasons ?? []).map(({ reason }) => reason), message: error.message, changed: error.extras.changed ?? [] };
}
const findings = async (): Promise<number> => Number((await test.db.$queryRaw<{ n: bigint }[]>`SELECT count(*) AS n FROM findings WHERE service_name = ${service} AND resolved_at IS NULL AND kind <> 'missing'`)[0]?.n);

describe("declaring partitions", () => {
  it("moves the targets that are there, changes nothing that runs, and writes what each is held against", async () => {
    const before = await cell();
    const answer = await put(byTenant("acme", "bolt"), { reason: "tenants have their own pace" });
    expect(answer.partitions.map(({ name, targets, instances, assigned }) => [name, targets, instances, assigned?.version])).toEqual([["acme", 1, 1, "1.0.0"], ["bolt", 1, 1, "1.0.0"], ["default", 2, 2, "1.0.0"]]);
    expect(await list()).toEqual(answer);
    expect(await targetsBy()).toEqual({ acme: "acme", bolt: "bolt", core: "default", rest: "default" });
    expect(await cell()).toMatchObject({ instances: 4, severity: "match", worst: before?.worst ?? null, categories: before?.categories });
    expect(await findings()).toBe(0);

    const entries = await test.db.$queryRaw<{ bytes: Uint8Array; type: string }[]>`SELECT bytes, type FROM ledger_entries WHERE seq >= ${BigInt(answer.entry ?? 0)} ORDER BY seq`;
    expect(entries.map(({ type }) => type)).toEqual(["partitions-changed", "assignment-changed", "assignment-changed"]);
    expect(entries.map(({ bytes }) => parseEntry(bytes).payload)).toMatchObject([
      { partitions: byTenant("acme", "bolt"), removed: [], moved: 2, reasonHash: expect.any(String) },
      { partition: "acme", kind: "reconverge", rollout: null, from: { version: "1.0.0" }, to: { version: "1.0.0", components: [{ digests: expect.arrayContaining([image("1.0.0").digest]) }] } },
      { partition: "bolt" },
    ]);
  });

  it("gives agents a document that still says the same for every target, with no generation raised", async () => {
    await settle({});
    await promote("2.0.0");
    await settle({ acme: "2.0.0", bolt: "2.0.0", core: "2.0.0", rest: "2.0.0" });
    const read = async () => {
      await signCheckpoint(test.app);
      const projection = await readProjection(test.app, agent.ctx.actor.id, -1);
      if (!projection) throw new Error("nothing to say");
      const document = await buildDesired(test.app, projection, { agentId: agent.ctx.actor.id, nonce: "0123456789abcdef", seen: 0 });
      return { ...projection, sent: (JSON.parse(document?.document ?? "{}") as { targets: { target: string; partition: string; generation: number }[] }).targets };
    };
    const before = await read();
    await put(byTenant("acme"));
    const after = await read();
    expect(after.version).toBeGreaterThan(before.version);
    expect(after.targets.map(({ key, partition, releaseId, generation }) => ({ key, partition, releaseId, generation }))).toEqual(
      before.targets.map(({ key, releaseId, generation }) => ({ key, partition: key === "acme" ? "acme" : "default", releaseId, generation })),
    );
    expect(before.sent).toHaveLength(4);
    expect(after.sent.map(({ target, partition, generation }) => [target, partition, generation])).toEqual(before.sent.map(({ target, generation }) => [target, target === "acme" ? "acme" : "default", generation]));
  });

  it("maps what is reported afterwards the same way", async () => {
    await put(byTenant("acme"));
    await runs({}, [{ key: "acme-2", service, image: image("1.0.0"), labels: { tenant: "acme" } }]);
    expect(await targetsBy()).toMatchObject({ "acme-2": "acme", acme: "acme" });
    expect((await list()).partitions[0]).toMatchObject({ name: "acme", targets: 2 });
  });

  it("puts right what a report says that began before and came after", async () => {
    await put(byTenant("acme"));
    const [{ seq } = { seq: 0n }] = await test.db.$queryRaw<{ seq: bigint }[]>`SELECT entry_seq AS seq FROM target_desired d JOIN targets t ON t.id = d.target_id WHERE t.key = 'acme' AND t.service_name = ${service}`;
    // As such a report leaves it: in the old partition, held to the old partition's entry.
    await test.db.$executeRaw`UPDATE targets SET partition = 'default' WHERE key = 'acme' AND service_name = ${service}`;
    await test.db.$executeRaw`UPDATE target_desired SET entry_seq = 0 WHERE target_id = (SELECT id FROM targets WHERE key = 'acme' AND service_name = ${service})`;
    await test.db.$executeRaw`
      UPDATE instances SET combination_id = (SELECT c.id FROM combinations c WHERE c.service_name = ${service} AND c.partition = 'default' AND c.desired_kind = 'release' AND c.image_id = instances.image_id AND c.environment_id = (SELECT id FROM environments WHERE name = ${environment}) LIMIT 1)
      WHERE target_id = (SELECT id FROM targets WHERE key = 'acme' AND service_name = ${service})`;
    await settlePartitions(test.app);
    expect(await targetsBy()).toMatchObject({ acme: "acme", bolt: "default" });
    const [row] = await test.db.$queryRaw<{ entry_seq: bigint; partition: string }[]>`
      SELECT d.entry_seq, c.partition FROM targets t JOIN target_desired d ON d.target_id = t.id JOIN instances i ON i.target_id = t.id JOIN combinations c ON c.id = i.combination_id WHERE t.key = 'acme' AND t.service_name = ${service}`;
    expect(row).toEqual({ entry_seq: seq, partition: "acme" });
    const size = await written();
    await settlePartitions(test.app);
    expect(await written()).toBe(size);
  });

  it("leaves targets where mapping rules put them, whatever the selectors say", async () => {
    const decide = async (rules: MappingRule[]) => putMapping({ ctx, input: putMappingRequest.parse({ set: { rules, aliases: {} }, version: (await getMapping({ ctx })).version, reason: "a test" }) });
    const edge = { name: "edge", selector: {} };
    await put([...byTenant("acme"), edge]);
    expect(await targetsBy()).toEqual({ acme: "acme", bolt: "default", core: "default", rest: "default" });
    await decide([{ name: "edge", match: { labels: { tenant: "bolt" } }, set: { partition: "edge" } }]);
    const there = { acme: "acme", bolt: "edge", core: "default", rest: "default" };
    expect(await targetsBy()).toEqual(there);
    await settlePartitions(test.app);
    expect(await targetsBy()).toEqual(there);
    expect(await refused(put(byTenant("acme")))).toMatchObject({ kind: "unprocessable", reasons: ["ruled"], message: "Mapping rules put 1 target into edge. Change the rules before it is removed." });
    expect((await put([...byTenant("acme", "bolt"), edge])).partitions.map(({ name, targets, assigned }) => [name, targets, assigned?.version])).toEqual([["acme", 1, "1.0.0"], ["bolt", 0, "1.0.0"], ["edge", 1, "1.0.0"], ["default", 2, "1.0.0"]]);
    expect(await targetsBy()).toEqual(there);
    expect(await findings()).toBe(0);
    await decide([]);
    expect(await targetsBy()).toEqual({ ...there, bolt: "bolt" });
  });

  it("takes the first that matches, says what each takes, and writes nothing for a preview", async () => {
    const size = await written();
    const preview = await previewPartitions({ ctx, input: { service, environment, partitions: [{ name: "big", selector: { tenant: "*c*" } }, ...byTenant("acme", "nobody")] } });
    expect(preview).toMatchObject({ allowed: true, reasons: [], moved: 2, notes: ["acme matches 1 target and takes 0: big, before it, takes 1.", "nobody matches no target that is here now."] });
    expect(preview.partitions.map(({ name, targets, matches, assigned, inherits }) => [name, targets, matches, assigned, inherits])).toEqual([["big", 2, 2, "1.0.0", "default"], ["acme", 0, 1, "1.0.0", "default"], ["nobody", 0, 0, "1.0.0", "default"], ["default", 2, 4, "1.0.0", null]]);
    expect(await written()).toBe(size);
  });

  it("goes on separately: one partition rolls out, the others are in sync beside it", async () => {
    await put(byTenant("acme"));
    await promote("2.0.0", "acme");
    await settle({ acme: "2.0.0" });
    expect(await cell()).toMatchObject({ severity: "match", categories: [{ category: "in-sync", instances: 4 }] });
    expect((await list()).partitions.map(({ name, assigned }) => [name, assigned?.version])).toEqual([["acme", "2.0.0"], ["default", "1.0.0"]]);
  });

  it("is one cell of the matrix that opens into its partitions, with pins", async () => {
    expect(await cell()).toMatchObject({ partitions: [], pinned: 0 });
    await put(byTenant("acme"));
    await pinPartition({ ctx, input: pinRequest.parse({ service, environment, partition: "acme", reason: "contract" }) });
    await runs({ rest: "2.0.0" });
    expect(await cell()).toMatchObject({
      pinned: 1,
      partitions: [
        { name: "acme", assigned: { version: "1.0.0" }, instances: 1, severity: "match", pin: { reason: "contract", until: null }, rolling: false },
        { name: "default", assigned: { version: "1.0.0" }, instances: 3, severity: "drift", pin: null, categories: [{ category: "ahead", instances: 1 }, { category: "in-sync", instances: 2 }] },
      ],
    });
    expect((await getService({ ctx, input: { service } })).environments.filter((row) => row.environment.name === environment).map(({ partition, selector, pin, assigned }) => [partition, selector, pin?.reason ?? null, assigned?.version])).toEqual([["acme", { tenant: "acme" }, "contract", "1.0.0"], ["default", {}, null, "1.0.0"]]);
  });

  it("is refused where different releases would come together, and nothing is half-done", async () => {
    await put(byTenant("acme"));
    await promote("2.0.0", "acme");
    await settle({ acme: "2.0.0" });
    const size = await written();
    expect(await refused(put([]))).toMatchObject({ kind: "unprocessable", type: "different-releases", message: "default (1.0.0) and acme (2.0.0) would come together in default. Bring them to one release first, or keep them apart." });
    expect(await written()).toBe(size);
    expect(await targetsBy()).toMatchObject({ acme: "acme" });
    await promote("2.0.0");
    await settle({ acme: "2.0.0", bolt: "2.0.0", core: "2.0.0", rest: "2.0.0" });
    expect((await put([])).partitions.map(({ name, targets }) => [name, targets])).toEqual([["default", 4]]);
    expect(await targetsBy()).toMatchObject({ acme: "default" });
    expect(await findings()).toBe(0);
  });

  it("comes back under a name that was there before, with what its targets have now", async () => {
    await put(byTenant("acme"));
    await put([]);
    await promote("2.0.0");
    await settle({ acme: "2.0.0", bolt: "2.0.0", core: "2.0.0", rest: "2.0.0" });
    expect((await put(byTenant("acme"))).partitions[0]).toMatchObject({ name: "acme", targets: 1, assigned: { version: "2.0.0" } });
    expect(await findings()).toBe(0);
  });

  it("waits for a rollout that is under way where targets leave", async () => {
    await promote("2.0.0");
    const size = await written();
    expect(await refused(put(byTenant("acme")))).toMatchObject({ kind: "conflict", type: "rollout-active" });
    expect(await written()).toBe(size);
  });

  it("keeps a partition that is pinned or held", async () => {
    await put(byTenant("acme"));
    await pinPartition({ ctx, input: pinRequest.parse({ service, environment, partition: "acme", reason: "contract" }) });
    await placeHold({ ctx, input: { service, environment, partition: "acme", reason: "audit" } });
    expect(await refused(put([]))).toMatchObject({ kind: "unprocessable", reasons: ["pinned", "held"] });
  });

  it("writes nothing for the same list, and trades places without a collision", async () => {
    await put(byTenant("acme", "bolt", "core"));
    const size = await written();
    await put(byTenant("acme", "bolt", "core"));
    expect(await written()).toBe(size);
    expect((await put(byTenant("core", "acme", "bolt"))).partitions.map(({ name }) => name)).toEqual(["core", "acme", "bolt", "default"]);
    expect(await findings()).toBe(0);
  });

  it("says what changed to whoever decided on another list", async () => {
    const { revision } = await list();
    await put(byTenant("acme"), { revision });
    expect(await refused(put(byTenant("bolt"), { revision }))).toMatchObject({ kind: "conflict", type: "stale-view", changed: ["Declared now: acme (tenant=acme)."] });
  });

  it("serves two who decide at once one after the other", async () => {
    const { revision } = await list();
    const answers = await Promise.allSettled([put(byTenant("acme"), { revision }), put(byTenant("bolt"), { revision })]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect((await list()).partitions).toHaveLength(2);
  });

  it.each<[string, unknown, string]>([
    ["default in the list", [{ name: "default", selector: { a: "b" } }], "partitions[0].name"],
    ["a name twice", [1, 2].map(() => ({ name: "eu", selector: { a: "b" } })), "partitions[1].name"],
    ["51", Array.from({ length: 51 }, (_, at) => ({ name: `p${at}`, selector: { a: `${at}` } })), "partitions"],
    ["no name", [{ name: "EU", selector: { a: "b" } }], "partitions[0].name"],
  ])("refuses %s", (_, partitions, path) => {
    const issues = putPartitionsRequest.safeParse({ service, environment, partitions }).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? String(part) : `${text}.${String(part)}`), ""))).toContain(path);
  });

  it("refuses what is not there, and who may not", async () => {
    expect(await refused(putPartitions({ ctx, input: putPartitionsRequest.parse({ service: "nobody", environment, partitions: [] }) }))).toMatchObject({ kind: "not-found" });
    expect(await refused(putPartitions({ ctx, input: putPartitionsRequest.parse({ service, environment: "nowhere", partitions: [] }) }))).toMatchObject({ kind: "not-found" });
    expect(await refused(put(byTenant("acme"), {}, await test.ctx("operator")))).toMatchObject({ kind: "forbidden" });
  });
});

describe("what a new partition remembers", () => {
  const runFor = (hours: number) =>
    test.db.$executeRaw`UPDATE instances SET facts_since = facts_since - make_interval(hours => ${hours}), first_seen_at = first_seen_at - make_interval(hours => ${hours}) WHERE target_id IN (SELECT t.id FROM targets t JOIN services s ON s.id = t.service_id WHERE s.name = ${service})`;
  /** Everyone ran 1.0.0, and 2.0.0 since, long enough to prove itself. */
  async function lived(): Promise<void> {
    await runFor(9);
    await promote("2.0.0");
    await settle({ acme: "2.0.0", bolt: "2.0.0", core: "2.0.0", rest: "2.0.0" });
    await runFor(3);
  }

  it("has a last known good, from what its targets ran before it was declared", async () => {
    await lived();
    await put(byTenant("acme"));
    const preview = await previewRollout({ ctx, input: { kind: "rollback", service, environment, partition: "acme" } });
    expect(preview).toMatchObject({ allowed: true, to: { version: "1.0.0" } });
    expect(preview.warnings.map(({ reason }) => reason)).not.toContain("never-ran-here");
  });

  it("knows what was rolled back before it was declared", async () => {
    await lived();
    await startRollback({ ctx, input: rollbackRequest.parse({ service, environment, partition: "default", version: "1.0.0", reason: "it broke", hold: false }) });
    await settle({});
    await promote("3.0.0");
    await settle({ acme: "3.0.0", bolt: "3.0.0", core: "3.0.0", rest: "3.0.0" });
    await put(byTenant("acme"));
    const back = await previewRollout({ ctx, input: { kind: "rollback", service, environment, partition: "acme", version: "2.0.0" } });
    expect(back.evidence.find(({ check }) => check === "No rollback left it")).toMatchObject({ ok: false });
  });
});

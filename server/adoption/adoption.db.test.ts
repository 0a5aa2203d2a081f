import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { adoptionQuery, adoptionRequest } from "@/lib/contract/adoption";
import { desiredQuery, type InventoryReportInput } from "@/lib/contract/agent";
import { putMappingRequest } from "@/lib/contract/mapping";
import { putPartitionsRequest } from "@/lib/contract/partitions";
import { promoteRequest, rollbackRequest } from "@/lib/contract/rollouts";
import { verifyDesired } from "@/lib/domain/ledger/desired-state";
import { parseEntry, readAdoption } from "@/lib/domain/ledger/entry";
import { putEnvironment } from "@/server/access/put-environment";
import type { Ctx } from "@/server/context";
import { waitDesired } from "@/server/desired/wait-desired";
import { getService } from "@/server/drift/get-service";
import { serverVkey } from "@/server/ledger/signing-key";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { getMapping } from "@/server/mapping/get-mapping";
import { putMapping } from "@/server/mapping/put-mapping";
import { putPartitions } from "@/server/partitions/put-partitions";
import { approveRelease } from "@/server/releases/approve-release";
import { listReleases } from "@/server/releases/list-releases";
import { recallRelease } from "@/server/releases/recall-release";
import { withdrawApproval } from "@/server/releases/withdraw-approval";
import { advanceRollouts } from "@/server/rollouts/advance-rollouts";
import { previewRollout } from "@/server/rollouts/preview-rollout";
import { previewGroup } from "@/server/rollouts/groups/preview-group";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { readGate } from "@/server/rollouts/read-gate";
import { startRollback } from "@/server/rollouts/start-rollback";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { container, enrolTestAgent, makeImage, type TestAgent, type TestImage } from "@/server/testing/inventory";
import { adoptFleet } from "./adopt-fleet";
import { previewAdoption } from "./preview-adoption";

const AGENTS = 6;

let test: TestApp;
let ctx: Ctx;
let service: string;
let v1: FakeImage;
let v2: FakeImage;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());
beforeEach(() => {
  service = `svc-${randomUUID().slice(0, 8)}`;
  v1 = fakeImage(`${service} 1.0.0`);
  v2 = fakeImage(`${service} 2.0.0`);
});

type Scope = { environment?: string; service?: string };
const preview = (scope: Scope = { service }, who = ctx) => previewAdoption({ ctx: who, input: adoptionQuery.parse(scope) });
const adopt = async (scope: Scope = { service }, who = ctx, revision?: string) => adoptFleet({ ctx: who, input: adoptionRequest.parse({ ...scope, revision: revision ?? (await preview(scope)).revision }) });
const refusal = async (work: Promise<unknown>) => work.then(() => null, (error: { kind: string; extras: { type?: string; changed?: string[] } }) => ({ kind: error.kind, ...error.extras }));

async function readClock(): Promise<Date> {
  const [clock] = await test.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  return clock?.now ?? new Date();
}

/** How many copies of the service count for which categories. */
async function verdicts(name = service): Promise<Record<string, number>> {
  const rows = await test.db.$queryRaw<{ categories: string; instances: number }[]>`
    SELECT array_to_string(c.categories, '+') AS categories, sum(k.instances)::int AS instances FROM combinations c JOIN combination_counts k ON k.combination_id = c.id WHERE c.service_name = ${name} GROUP BY 1`;
  return Object.fromEntries(rows.map((row) => [row.categories, row.instances]));
}
const findings = async (name = service) =>
  (await test.db.$queryRaw<{ kind: string; count: number }[]>`SELECT kind, sum(count)::int AS count FROM findings WHERE service_name = ${name} AND resolved_at IS NULL GROUP BY kind ORDER BY kind`).map(({ kind, count }) => [kind, count]);

/** Fetches and verifies what an agent should run, as the agent does. */
async function fetchDesired(agent: { ctx: Ctx }, after = 0) {
  const nonce = randomUUID();
  const answer = await waitDesired({ ctx: agent.ctx, input: desiredQuery.parse({ after, nonce, checkpoint: 0, wait: 0 }) });
  if (!answer) return null;
  const verdict = verifyDesired({ ...answer, trust: { origin: test.app.keys.origin, vkey: serverVkey(test.app.keys), epoch: 1, agentId: agent.ctx.actor.id, nonce, lastVersion: after, checkpoint: null, obeyed: {} } });
  if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
  return verdict;
}

describe("adopting what runs", () => {
  it("makes release, approval and assignment by one entry, and moves nobody", async () => {
    const [agent, other] = [await FakeAgent.make(test, "production"), await FakeAgent.make(test, "production")];
    await agent.report({ key: "app", service, image: v1 });
    await other.report({ key: "app", service, image: v1 });
    expect(await verdicts()).toEqual({ "not-adopted": 2 });
    const seen = await preview();
    expect(seen).toMatchObject({ refusal: null, totals: { services: 1, releases: 1, places: 1, instances: 2, leftOut: 0 }, places: [{ service, environment: "production", approves: true, registered: false, instances: 2, components: [{ digest: v1.digest, repository: `registry.test/${service}` }] }] });
    const [before] = await test.db.$queryRaw<{ size: bigint; versions: bigint; rollouts: bigint }[]>`SELECT (SELECT size FROM ledger_head) AS size, (SELECT sum(desired_version) FROM agents) AS versions, (SELECT count(*) FROM rollouts) AS rollouts`;

    const receipt = await adopt();
    expect(receipt).toMatchObject({ services: 1, releases: 1, places: 1, targets: 2, instances: 2, leftOut: 0 });
    const [after] = await test.db.$queryRaw<{ size: bigint; versions: bigint; rollouts: bigint }[]>`SELECT (SELECT size FROM ledger_head) AS size, (SELECT sum(desired_version) FROM agents) AS versions, (SELECT count(*) FROM rollouts) AS rollouts`;
    expect(after).toEqual({ ...before, size: (before?.size ?? 0n) + 1n });
    expect(await verdicts()).toEqual({ "in-sync": 2 });
    expect(await findings()).toEqual([]);
    const [row] = await test.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries WHERE seq = ${receipt.entry}`;
    const adoption = readAdoption(parseEntry(new Uint8Array(row?.bytes ?? [])));
    expect(adoption?.releases).toMatchObject([{ service, version: `adopted-${v1.digest.slice(7, 19)}`, registered: false, components: [{ digests: [v1.digest, v1.config].sort() }] }]);
    expect(adoption?.places).toMatchObject([{ service, environment: "production", partition: "default", approves: true, instances: 2 }]);
  });

  it("stays quiet when the same is reported again, and when a new host runs it", async () => {
    const agent = await FakeAgent.make(test, "production");
    await agent.report({ key: "app", service, image: v1 });
    await adopt();
    await agent.report({ key: "app", service, image: v1 });
    const late = await FakeAgent.make(test, "production");
    await late.report({ key: "app", service, image: v1 });
    expect(await verdicts()).toEqual({ "in-sync": 2 });
    await late.report({ key: "app", service, image: v1 }, { key: "extra", service, image: v2 });
    expect(await findings()).toEqual([["unexpected", 1], ["unknown-artifact", 1]]);
  });

  it("says that nobody vouched for it, also on a protected environment that asks for two people", async () => {
    await putEnvironment({ ctx, input: { name: "guarded", protected: true, requiredApprovals: 2 } });
    const agent = await FakeAgent.make(test, "guarded");
    await agent.report({ key: "app", service, image: v1 });
    await adopt();
    expect(await verdicts()).toEqual({ "in-sync": 1 });
    const [release] = (await listReleases({ ctx, input: { service, limit: 10 } })).items;
    expect(release).toMatchObject({ adopted: true });
    expect(release?.approvals.find(({ environment }) => environment === "guarded")).toEqual({ environment: "guarded", standing: 0, required: 2, approved: true, adopted: true });
    expect(release?.approvals.find(({ environment }) => environment === "staging")).toMatchObject({ adopted: false });
    expect(await readGate({ ctx, input: { service, environment: "guarded", partition: "default", digest: v1.config } })).toMatchObject({ allowed: true, adopted: true });
    const withdrawn = await withdrawApproval({ ctx, input: { service, version: release?.version ?? "", environment: "guarded", reason: "nobody knows it" } });
    expect(withdrawn).toMatchObject({ approved: false, adopted: false });
    expect(await verdicts()).toEqual({ unapproved: 1 });
    // Four eyes hold for what comes after: who adopted it is its registrant.
    expect(await refusal(approveRelease({ ctx, input: { service, version: release?.version ?? "", environment: "guarded" } }))).toMatchObject({ type: "four-eyes" });
  });

  it("assigns the majority and leaves the rest a finding, shown before", async () => {
    const agents = [await FakeAgent.make(test, "production"), await FakeAgent.make(test, "production"), await FakeAgent.make(test, "production")];
    for (const [at, agent] of agents.entries()) await agent.report({ key: "app", service, image: at === 0 ? v2 : v1 });
    expect(await preview()).toMatchObject({ places: [{ instances: 2, leftOut: 1 }], leftOut: [{ service, reason: "minority", digest: v2.digest, instances: 1 }] });
    expect(await adopt()).toMatchObject({ instances: 3, leftOut: 1 });
    expect(await verdicts()).toEqual({ "in-sync": 2, "unknown-artifact": 1 });
    expect(await findings()).toEqual([["unknown-artifact", 1]]);
  });

  it("makes an older release of what runs further along, and tells behind from ahead by it", async () => {
    const [production, staging] = [await FakeAgent.make(test, "production"), await FakeAgent.make(test, "staging")];
    await production.report({ key: "app", service, image: v1 });
    await staging.report({ key: "app", service, image: v2 });
    expect(await preview({ environment: "production", service })).toMatchObject({ elsewhere: 1, totals: { places: 1, instances: 1 } });
    await adopt();
    expect((await listReleases({ ctx, input: { service, limit: 1 } })).items).toMatchObject([{ components: [{ digest: v2.digest }] }]);
    const first = await listReleases({ ctx, input: { service, limit: 1 } });
    expect((await listReleases({ ctx, input: { service, limit: 1, cursor: first.nextCursor ?? "" } })).items).toMatchObject([{ components: [{ digest: v1.digest }] }]);
    await staging.report({ key: "app", service, image: v1 });
    expect(await verdicts()).toMatchObject({ behind: 1 });
  });

  it("uses a registered release where that is what runs, and its approval", async () => {
    await registerVersion(ctx, service, "1.0.0");
    const agent = await FakeAgent.make(test, "production");
    await agent.report({ key: "app", service, image: v1 });
    expect(await preview()).toMatchObject({ places: [{ version: "1.0.0", registered: true }] });
    await adopt();
    expect(await verdicts()).toEqual({ "in-sync": 1 });
    expect((await listReleases({ ctx, input: { service, limit: 10 } })).items).toMatchObject([{ version: "1.0.0", adopted: false }]);
    expect(await findings()).toEqual([]);
  });

  it("names the release by its tag and keeps where its bytes come from", async () => {
    const agent = await enrolTestAgent(test);
    const image = makeImage(`registry.test/team/${service}`, randomUUID());
    await reportContainers(agent, [{ image, tag: "1.4.2", digests: [{ digest: image.index, kind: "unspecified", repository: image.repository }, { digest: image.config, kind: "config" }] }]);
    await adopt();
    expect((await listReleases({ ctx, input: { service, limit: 10 } })).items).toMatchObject([{ version: "1.4.2", components: [{ repository: image.repository, reference: `${image.repository}:1.4.2`, digest: image.index }] }]);
  });
});

type Seen = { image: TestImage; tag?: string; digests: NonNullable<InventoryReportInput["images"]>[number]["digests"]; declared?: string };

/** One container for each image, of the service of this test. */
async function reportContainers(agent: TestAgent, seen: readonly Seen[]): Promise<void> {
  const copies = seen.map(({ declared }, at) => {
    const { target, instance } = container(`c${at}`, { labels: { "plumbline.service": service }, image: at });
    return { target: { ...target, components: [{ name: "main", declared: declared ?? null }] }, instance };
  });
  await agent.report({
    images: seen.map(({ image, tag = "latest", digests }) => ({ digests, reference: `${image.repository}:${tag}` })),
    targets: copies.map(({ target }) => target),
    instances: copies.map(({ instance }) => instance),
  });
}

describe("one image under many names", () => {
  it("is in sync on hosts that name its index, its manifest or its configuration", async () => {
    const image = makeImage(`registry.test/${service}`, randomUUID());
    const index = { digest: image.index, kind: "index" as const, repository: image.repository };
    const manifest = { digest: image.manifest, kind: "manifest" as const, repository: image.repository };
    const config = { digest: image.config, kind: "config" as const };
    for (const digests of [[index, config], [manifest, index], [manifest], [config], [{ ...index, kind: "unspecified" as const }, manifest, config]]) {
      await reportContainers(await enrolTestAgent(test, { name: `host-${randomUUID().slice(0, 6)}` }), [{ image, digests, declared: image.manifest }]);
    }
    expect(await preview()).toMatchObject({ totals: { releases: 1, places: 1, instances: 5, leftOut: 0 } });
    await adopt();
    expect(await verdicts()).toEqual({ "in-sync": 5 });
    const [artifacts] = await test.db.$queryRaw<{ n: number }[]>`SELECT count(DISTINCT artifact_id)::int AS n FROM artifact_digests WHERE digest = ANY(${[image.index, image.manifest, image.config]}::text[])`;
    expect(artifacts?.n).toBe(1);
  });

  it("gets no alias from a report once its manifests are known", async () => {
    const image = makeImage(`registry.test/${service}`, randomUUID());
    const foreign = makeImage(`registry.test/${service}`, randomUUID());
    const index = { digest: image.index, kind: "index" as const, repository: image.repository };
    await registerVersion(ctx, service, "1.0.0", { components: [{ name: "main", repository: image.repository, digest: image.index, manifests: image.manifests }] });
    await reportContainers(await enrolTestAgent(test), [{ image, digests: [index, { digest: foreign.config, kind: "config" }] }]);
    await reportContainers(await enrolTestAgent(test, { environments: ["staging"] }), [{ image: foreign, digests: [{ digest: foreign.config, kind: "config" }, { digest: foreign.index, kind: "index", repository: foreign.repository }] }]);
    expect(await preview()).toMatchObject({ places: [{ environment: "production", version: "1.0.0" }], leftOut: [{ environment: "staging", reason: "linked" }] });
    await adopt();
    const rows = await test.db.$queryRaw<unknown[]>`SELECT FROM artifact_digests WHERE digest = ANY(${[foreign.config, foreign.index]}::text[])`;
    expect(rows).toEqual([]);
  });
});

describe("what is left out", () => {
  it("is a place where a rollout runs, until it has ended", async () => {
    const agents = [await FakeAgent.make(test, "staging"), await FakeAgent.make(test, "production")];
    for (const agent of agents) await agent.report({ key: "app", service, image: v1 });
    await registerVersion(ctx, service, "2.0.0");
    await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", partition: "default", version: "2.0.0", strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
    await agents[0]?.report({ key: "app", service, image: v1 }, { key: "beside", service, image: v1 });
    const seen = await preview();
    expect(seen.places.map(({ environment }) => environment)).toEqual(["production"]);
    expect(seen.leftOut).toMatchObject([{ environment: "staging", reason: "rollout-running", instances: 1 }]);
    await adopt();
    const [assigned] = await test.db.$queryRaw<{ version: string }[]>`SELECT r.version FROM assignments a JOIN releases r ON r.id = a.release_id JOIN environments e ON e.id = a.environment_id JOIN services s ON s.id = a.service_id WHERE s.name = ${service} AND e.name = 'staging'`;
    expect(assigned).toEqual({ version: "2.0.0" });
  });

  it("is what is recalled, and what nobody can name", async () => {
    await registerVersion(ctx, service, "1.0.0");
    await recallRelease({ ctx, input: { service, version: "1.0.0", reason: "leaks" } });
    const agent = await FakeAgent.make(test, "production");
    await agent.report({ key: "app", service, image: v1 });
    expect(await preview()).toMatchObject({ places: [], leftOut: [{ reason: "recalled" }], refusal: expect.stringContaining("nothing to adopt") });
    expect(await refusal(adopt())).toMatchObject({ kind: "unprocessable", type: "nothing-to-adopt" });
  });
});

describe("what rules say", () => {
  it("divides a place, and takes what nobody judges out of it", async () => {
    const agent = await FakeAgent.make(test, "production");
    const mapping = await getMapping({ ctx });
    const rules = [
      { name: "ours-eu", match: { labels: { "plumbline.service": `${service}-eu` } }, set: { service, partition: "eu" } },
      { name: "theirs", match: { labels: { "plumbline.service": `${service}-proxy` } }, ignore: "not ours" },
    ];
    await putMapping({ ctx, input: putMappingRequest.parse({ set: { rules, aliases: {} }, version: mapping.version, reason: "because" }) });
    await agent.report({ key: "app", service, image: v1 }, { key: "eu", service: `${service}-eu`, image: v2 }, { key: "proxy", service: `${service}-proxy`, image: v2 });
    const seen = await preview({ environment: "production" });
    const own = seen.places.filter((place) => place.service === service);
    expect(own.map(({ partition, components }) => [partition, components[0]?.digest])).toEqual([["default", v1.digest], ["eu", v2.digest]]);
    expect(seen.leftOut).toContainEqual(expect.objectContaining({ reason: "ignored", service: null }));
    await adopt();
    expect(await verdicts()).toEqual({ "in-sync": 2 });
    await putMapping({ ctx, input: putMappingRequest.parse({ set: { rules: [], aliases: {} }, version: mapping.version + 1, reason: "tidy" }) });
  });
});

describe("who acts in the same moment", () => {
  it.each([1, 2, 3])("reports, and is missed by nobody (%i)", async () => {
    const [early, late] = await Promise.all([0, 1].map(() => Promise.all([1, 2, 3, 4].map(() => FakeAgent.make(test, "production")))));
    for (const agent of early ?? []) await agent.report({ key: "app", service, image: v1 });
    const { revision } = await preview();
    const reports = [...(late ?? []), ...(early ?? [])].map((agent) => agent.report({ key: "app", service, image: v1 }));
    await Promise.all([adopt({ service }, ctx, revision), ...reports]);
    expect(await verdicts()).toEqual({ "in-sync": 8 });
    const [strays] = await test.db.$queryRaw<{ n: number }[]>`
      SELECT count(*)::int AS n FROM targets t LEFT JOIN target_desired d ON d.target_id = t.id WHERE t.service_name = ${service} AND (t.service_id IS NULL OR d.release_id IS NULL)`;
    expect(strays?.n).toBe(0);
  });

  it.each([1, 2, 3])("promotes: one decision stands, and the other is told or follows (%i)", async () => {
    await registerVersion(ctx, service, "1.0.0");
    await registerVersion(ctx, service, "2.0.0");
    const agent = await FakeAgent.make(test, "staging");
    await agent.report({ key: "app", service, image: v1 });
    const { revision } = await preview();
    const promoted = promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", partition: "default", version: "2.0.0", strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
    const [adopted] = await Promise.all([refusal(adopt({ service }, ctx, revision)), promoted]);
    expect(adopted === null || adopted.kind === "conflict").toBe(true);
    const rows = await test.db.$queryRaw<{ version: string; from: string | null }[]>`
      SELECT r.version, f.version AS from FROM assignments a JOIN releases r ON r.id = a.release_id JOIN services s ON s.id = a.service_id
      JOIN rollouts ro ON ro.service_id = s.id LEFT JOIN releases f ON f.id = ro.from_release_id WHERE s.name = ${service}`;
    expect(rows).toEqual([{ version: "2.0.0", from: adopted === null ? "1.0.0" : null }]);
  });
});

describe("a refusal", () => {
  it("names what changed since the preview, and writes nothing", async () => {
    const agent = await FakeAgent.make(test, "production");
    await agent.report({ key: "app", service, image: v1 });
    const { revision } = await preview();
    await agent.report({ key: "app", service, image: v2 });
    const [before] = await test.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`;
    expect(await refusal(adopt({ service }, ctx, revision))).toEqual({ kind: "conflict", type: "changed", changed: [`${service}: something else would be assigned or left out now.`] });
    expect(await test.db.$queryRaw`SELECT size FROM ledger_head`).toEqual([before]);
    expect(await verdicts()).toEqual({ "not-adopted": 1 });
  });

  it("meets the second of two who adopt at once", async () => {
    const agent = await FakeAgent.make(test, "production");
    await agent.report({ key: "app", service, image: v1 });
    const { revision } = await preview();
    const answers = await Promise.all([1, 2, 3].map(() => refusal(adopt({ service }, ctx, revision))));
    expect(answers.filter((answer) => answer === null)).toHaveLength(1);
    expect(answers.filter((answer) => answer?.kind === "conflict")).toHaveLength(2);
  });

  it("meets whoever is no approver here", async () => {
    const agent = await FakeAgent.make(test, "production");
    await agent.report({ key: "app", service, image: v1 });
    const operator = await test.ctx("operator", "admin", "promoter");
    expect(await refusal(adopt({ service }, operator))).toMatchObject({ kind: "forbidden" });
    const staging = await test.ctxWith([{ role: "approver", service: "*", environment: "staging", expiresAt: null }]);
    expect(await refusal(adopt({ service }, staging))).toMatchObject({ kind: "forbidden" });
    // Nothing of what is outside of one's scope can be told from the answer.
    const [here, nowhere] = [await preview({ service }, staging), await preview({ service: `no-${service}` }, staging)];
    expect(here).toEqual({ ...nowhere, asOf: here.asOf });
    const elsewhere = await FakeAgent.make(test, "staging");
    await elsewhere.report({ key: "app", service, image: v1 });
    const production = await test.ctxWith([{ role: "viewer", service: "*", environment: "production", expiresAt: null }]);
    expect((await preview({ service, environment: "production" })).elsewhere).toBe(1);
    expect(await preview({ service, environment: "production" }, production)).toMatchObject({ elsewhere: 0, totals: { places: 1 } });
    expect(await refusal(preview({ environment: "nowhere" }))).toMatchObject({ kind: "not-found" });
  });

  it("meets more than one adoption holds, and says how to do it in parts", async () => {
    // More than one host may make up.
    const agents = await Promise.all([0, 1, 2, 3, 4].map(() => FakeAgent.make(test, "dev")));
    const nameOf = (at: number, nth: number): string => `${service}-${at}-${nth}`;
    for (const [at, agent] of agents.entries()) await agent.report(...Array.from({ length: 401 }, (_, nth) => ({ key: nameOf(at, nth), service: nameOf(at, nth), image: v1 })));
    const seen = await preview({ environment: "dev" });
    expect(seen).toMatchObject({ refusal: expect.stringContaining("more than the 2000 that one adoption takes"), totals: { services: 2_005 } });
    expect(seen.places).toHaveLength(200);
    const [before] = await test.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`;
    expect(await refusal(adopt({ environment: "dev" }, ctx, seen.revision))).toMatchObject({ kind: "unprocessable", type: "too-many" });
    expect(await test.db.$queryRaw`SELECT size FROM ledger_head`).toEqual([before]);
    expect(await adopt({ service: nameOf(0, 0) })).toMatchObject({ services: 1 });
    for (const agent of agents) await agent.report();
  });

  it("by the database: nobody approves without four eyes who adopts nothing", async () => {
    await registerVersion(ctx, service, "1.0.0");
    await expect(
      test.db.$executeRaw`INSERT INTO approvals (release_id, environment_id, actor_id, person_id, entry_seq, adopted) SELECT r.id, e.id, ${ctx.actor.id}::uuid, ${ctx.actor.personId}::uuid, r.entry_seq, true FROM releases r JOIN services s ON s.id = r.service_id, environments e WHERE s.name = ${service} AND e.name = 'production'`,
    ).rejects.toThrow(/only an adoption/);
  });
});

describe("a rollback to what was adopted", () => {
  it("is told, verified and carried out like any other", async () => {
    const agent = await FakeAgent.make(test, "production");
    await agent.report({ key: "app", service, image: v1 });
    await adopt();
    await signCheckpoint(test.app);
    // Nobody is told to run what was only adopted.
    expect((await fetchDesired(agent))?.state.targets ?? []).toEqual([]);

    await registerVersion(ctx, service, "2.0.0");
    await approveRelease({ ctx: await test.ctx("approver"), input: { service, version: "2.0.0", environment: "production" } });
    const betweenBoth = await readClock();
    await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "production", partition: "default", version: "2.0.0", strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
    await signCheckpoint(test.app);
    const promoted = await fetchDesired(agent);
    expect(promoted?.state.targets).toMatchObject([{ target: "app", generation: 1, components: [{ digests: [v2.digest, v2.config].sort() }] }]);
    await agent.report({ key: "app", service, image: v2 });
    await advanceRollouts(test.app);

    const version = `adopted-${v1.digest.slice(7, 19)}`;
    const asOf = async (at: Date) => (await previewGroup({ ctx, input: { kind: "as-of", environment: "production", at: at.toISOString() } })).members.filter((member) => member.service === service).map(({ from, to }) => [from?.version, to?.version]);
    expect(await asOf(betweenBoth)).toEqual([["2.0.0", version]]);
    const asked = await previewRollout({ ctx, input: { kind: "rollback", service, environment: "production", partition: "default", version } });
    expect(asked).toMatchObject({ to: { version } });
    await startRollback({ ctx, input: rollbackRequest.parse({ service, environment: "production", partition: "default", version, reason: "error rate" }) });
    await signCheckpoint(test.app);
    const back = await fetchDesired(agent, promoted?.state.version ?? 0);
    expect(back?.refusedTargets).toEqual([]);
    expect(back?.state.targets).toMatchObject([{ target: "app", generation: 2, repository: `registry.test/${service}`, components: [{ digests: [v1.digest, v1.config].sort() }] }]);
    await agent.report({ key: "app", service, image: v1 });
    await advanceRollouts(test.app);
    expect(await verdicts()).toEqual({ "in-sync": 1 });
    expect(await findings()).toEqual([]);
    expect((await getService({ ctx, input: { service } })).environments.find(({ environment }) => environment.name === "production")).toMatchObject({ assigned: { version }, assignment: { revision: 3 } });
  });
});

describe("a partition that was declared after the adoption", () => {
  it("had what was adopted, as of then", async () => {
    const agent = await FakeAgent.make(test, "production");
    const hosts = (acme: FakeImage) => agent.report({ key: "acme", service, image: acme, labels: { tenant: "acme" } }, { key: "rest", service, image: v1 });
    await hosts(v1);
    await adopt();
    const after = await readClock();
    await test.db.$executeRaw`SELECT pg_sleep(0.01)`;
    await putPartitions({ ctx, input: putPartitionsRequest.parse({ service, environment: "production", partitions: [{ name: "acme", selector: { tenant: "acme" } }] }) });
    await registerVersion(ctx, service, "2.0.0");
    await approveRelease({ ctx: await test.ctx("approver"), input: { service, version: "2.0.0", environment: "production" } });
    await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "production", partition: "acme", version: "2.0.0", strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
    await hosts(v2);
    await advanceRollouts(test.app);
    const { members } = await previewGroup({ ctx, input: { kind: "as-of", environment: "production", at: after.toISOString() } });
    expect(members.filter((member) => member.service === service)).toMatchObject([{ partition: "acme", kind: "rollback", from: { version: "2.0.0" }, to: { version: `adopted-${v1.digest.slice(7, 19)}` } }]);
  });
});

describe("a fleet of 200 services", () => {
  it("is adopted in one step and is quiet; then one foreign container is found and nothing else", async () => {
    const names = Array.from({ length: 200 }, (_, at) => `fleet-${service}-${at}`);
    const images = names.map((name) => fakeImage(`${name} 1.0.0`));
    const targets = names.map((name, at) => ({ key: name, service: name, image: images[at] ?? v1 }));
    const agents: FakeAgent[] = [];
    for (let at = 0; at < AGENTS; at += 1) {
      const agent = await FakeAgent.make(test, ["dev", "staging", "production"][at % 3] ?? "dev");
      await agent.report(...targets);
      agents.push(agent);
    }
    const scope = {};
    const seen = await preview(scope);
    expect(seen.places.length).toBe(200);
    await adopt(scope, ctx, seen.revision);
    const [counts] = await test.db.$queryRaw<{ quiet: number; others: number; findings: number }[]>`
      SELECT (sum(k.instances) FILTER (WHERE c.categories = ARRAY['in-sync']))::int AS quiet, coalesce(sum(k.instances) FILTER (WHERE c.categories <> ARRAY['in-sync']), 0)::int AS others,
        (SELECT count(*)::int FROM findings WHERE service_name LIKE ${`fleet-${service}-%`} AND resolved_at IS NULL) AS findings
      FROM combinations c JOIN combination_counts k ON k.combination_id = c.id WHERE c.service_name LIKE ${`fleet-${service}-%`}`;
    expect(counts).toEqual({ quiet: AGENTS * 200, others: 0, findings: 0 });
    const foreign = fakeImage(`foreign ${service}`);
    await agents[0]?.report(...targets, { key: "stranger", service: names[0] ?? "", image: foreign });
    const found = await test.db.$queryRaw<{ target: string }[]>`SELECT DISTINCT t.key AS target FROM findings f JOIN targets t ON t.id = f.target_id WHERE f.service_name LIKE ${`fleet-${service}-%`} AND f.resolved_at IS NULL`;
    expect(found).toEqual([{ target: "stranger" }]);
  }, 300_000);
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { groupRequest, promoteRequest, reconvergeRequest, rollbackRequest, type GroupPreview } from "@/lib/contract/rollouts";
import { pinRequest, putPartitionsRequest } from "@/lib/contract/partitions";
import { parseEntry } from "@/lib/domain/ledger/entry";
import { putEnvironment } from "@/server/access/put-environment";
import type { Ctx } from "@/server/context";
import { getMatrix } from "@/server/drift/get-matrix";
import { listPartitions } from "@/server/partitions/list-partitions";
import { putPartitions } from "@/server/partitions/put-partitions";
import { pinPartition } from "@/server/policies/pin-partition";
import { placeHold } from "@/server/policies/place-hold";
import { recallRelease } from "@/server/releases/recall-release";
import { mergeService } from "@/server/services/merge-service";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent, registerVersion, type FakeImage, type FakeTarget } from "@/server/testing/fake-fleet";
import { promoteRelease } from "../promote-release";
import { startReconverge } from "../start-reconverge";
import { startRollback } from "../start-rollback";
import { getGroup } from "./get-group";
import { previewGroup } from "./preview-group";
import { startGroup } from "./start-group";

let test: TestApp;
let ctx: Ctx;
let environment: string;
let services: string[];
let images: Map<string, FakeImage>;
let agent: FakeAgent;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());

/** Three services in an environment of their own, each on 1.0.0, observed; two versions more are registered. */
beforeEach(async () => {
  const mark = randomUUID().slice(0, 8);
  environment = `env-${mark}`;
  services = ["alpha", "beta", "gamma"].map((name) => `${name}-${mark}`);
  images = new Map();
  await putEnvironment({ ctx, input: { name: environment, protected: false } });
  for (const service of services) for (const version of ["1.0.0", "2.0.0", "3.0.0"]) images.set(`${service} ${version}`, await registerVersion(ctx, service, version, { migrations: [] }));
  agent = await FakeAgent.make(test, environment);
  for (const service of services) await promote(service, "1.0.0");
  await runs("1.0.0");
});

const promote = (service: string, version: string, where = environment) =>
  promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: where, partition: "default", version, strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
/** The host reports that every service runs this version, or what `over` says. */
const runs = (version: string, over: Record<string, FakeImage> = {}) =>
  agent.report(...services.map((service) => ({ key: service, service, image: over[service] ?? images.get(`${service} ${version}`) ?? fakeImage("none") })));
/** Ends what is under way, as the passing of time would. */
const settle = async (version: string) => {
  await runs(version);
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = clock_timestamp() WHERE status IN ('planned', 'running', 'paused') AND environment_id = (SELECT id FROM environments WHERE name = ${environment})`;
};
const clock = async (): Promise<string> => {
  const [row] = await test.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  // The next decision is later than this moment, also at millisecond precision.
  await test.db.$executeRaw`SELECT pg_sleep(0.01)`;
  return (row?.now ?? new Date()).toISOString();
};
const asOf = (at: string, who = ctx) => previewGroup({ ctx: who, input: { kind: "as-of", environment, at } });
const recall = (service: string, version: string, who = ctx) => previewGroup({ ctx: who, input: { kind: "recall", service, version } });
const placesOf = (preview: GroupPreview) => preview.members.map(({ service, environment: where, partition }) => ({ service, environment: where, partition }));
const start = (preview: GroupPreview, over: Record<string, unknown> = {}, who = ctx) => {
  const subject = preview.kind === "as-of" ? { kind: "as-of", environment: preview.environment, at: preview.at } : { kind: "recall", ...preview.release };
  return startGroup({ ctx: who, input: groupRequest.parse({ ...subject, places: placesOf(preview), reason: "incident", confirm: preview.typed, revision: preview.revision, ...over }) });
};
const written = async (): Promise<number> =>
  Number((await test.db.$queryRaw<{ n: bigint }[]>`SELECT (SELECT size FROM ledger_head) + (SELECT count(*) FROM rollouts) + (SELECT count(*) FROM rollout_groups) + (SELECT count(*) FROM holds) AS n`)[0]?.n);
const [alpha, beta, gamma] = [() => services[0] ?? "", () => services[1] ?? "", () => services[2] ?? ""];

/** Alpha and beta have moved to 2.0.0 since the moment that it returns. */
async function moved(): Promise<string> {
  const before = await clock();
  for (const service of [alpha(), beta()]) await promote(service, "2.0.0");
  await settle("2.0.0");
  return before;
}

describe("an environment as it was at a moment", () => {
  it("puts back what differs, each by a rollout of its own, under one group", async () => {
    const before = await moved();
    const preview = await asOf(before);
    expect(preview).toMatchObject({ kind: "as-of", environment, typed: environment, unchanged: 1, left: 0 });
    expect(preview.members.map(({ service }) => service).toSorted()).toEqual([alpha(), beta()]);
    for (const member of preview.members) expect(member).toMatchObject({ kind: "rollback", from: { version: "2.0.0" }, to: { version: "1.0.0" }, instances: 1, allowed: true, suggested: true, reasons: [] });

    const group = await start(preview, { incident: "INC-2207" });
    expect(group).toMatchObject({ kind: "as-of", environment, at: before, incident: "INC-2207", skipped: [], counts: { total: 2 } });
    expect(group.rollouts.map(({ kind, to, group: id, incident }) => [kind, to?.version, id, incident])).toEqual([["rollback", "1.0.0", group.id, "INC-2207"], ["rollback", "1.0.0", group.id, "INC-2207"]]);
    expect(group.rollouts.every(({ holdEntry, entry }) => holdEntry === entry)).toBe(true);
    expect(group.summary).toContain("2 rollouts");
    expect(await getGroup({ ctx, input: { id: group.id } })).toEqual(group);
    const entries = await test.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries WHERE seq = ANY(${group.rollouts.map(({ entry }) => BigInt(entry))}::bigint[])`;
    for (const { bytes } of entries) expect(parseEntry(bytes).payload).toMatchObject({ group: group.id, hold: expect.any(String) });
    expect((await asOf(before)).members).toEqual([]);
  });

  it("takes only the places that were chosen, and names the others", async () => {
    const before = await moved();
    const preview = await asOf(before);
    const group = await start(preview, { places: [{ service: beta(), environment }], hold: false });
    expect(group.rollouts.map(({ service, holdEntry }) => [service, holdEntry])).toEqual([[beta(), null]]);
    expect(group.skipped).toEqual([{ service: alpha(), environment, partition: "default", sentences: ["Left out by whoever confirmed."] }]);
  });

  it("skips who is refused, with the reason, and goes on with the rest", async () => {
    const before = await moved();
    await recallRelease({ ctx, input: { service: alpha(), version: "1.0.0", reason: "CVE" } });
    const preview = await asOf(before);
    expect(preview.members.find(({ service }) => service === alpha())).toMatchObject({ allowed: false, suggested: false, reasons: [{ reason: "recalled" }] });
    const group = await start(preview);
    expect(group.rollouts.map(({ service }) => service)).toEqual([beta()]);
    expect(group.skipped).toMatchObject([{ service: alpha(), sentences: [expect.stringContaining("recalled")] }]);
    expect(group.summary).toContain(`Not in it: ${alpha()}`);
  });

  it("writes nothing when none can start", async () => {
    const before = await moved();
    for (const service of [alpha(), beta()]) await recallRelease({ ctx, input: { service, version: "1.0.0", reason: "CVE" } });
    const preview = await asOf(before);
    const size = await written();
    await expect(start(preview)).rejects.toMatchObject({ kind: "unprocessable", extras: { type: "nothing-to-start", reasons: expect.arrayContaining([{ reason: "recalled", sentence: expect.stringContaining(alpha()) }]) } });
    expect(await written()).toBe(size);
  });

  it("is refused for another list than was seen, and says what moved", async () => {
    const before = await moved();
    const preview = await asOf(before);
    await promote(alpha(), "3.0.0");
    const size = await written();
    await expect(start(preview)).rejects.toMatchObject({ kind: "conflict", extras: { type: "stale-view", changed: [`${alpha()} / ${environment} now has 3.0.0 assigned (was 2.0.0).`] } });
    await expect(start(preview, { revision: "0".repeat(32) })).rejects.toMatchObject({ extras: { type: "stale-view", changed: [expect.any(String)] } });
    expect(await written()).toBe(size);
  });

  it("is refused after a recall in between", async () => {
    const before = await moved();
    const preview = await asOf(before);
    await recallRelease({ ctx, input: { service: beta(), version: "1.0.0", reason: "CVE" } });
    await expect(start(preview)).rejects.toMatchObject({ extras: { type: "stale-view", changed: [`${beta()} / ${environment} can no longer be started.`] } });
  });

  it("takes a place that is named twice once", async () => {
    const before = await moved();
    const preview = await asOf(before);
    const twice = { service: beta(), environment, partition: "default" };
    expect((await start(preview, { places: [twice, twice] })).rollouts).toHaveLength(1);
  });

  it("asks for the name, typed, and for a moment that has been", async () => {
    const before = await moved();
    const preview = await asOf(before);
    await expect(start(preview, { confirm: "production" })).rejects.toMatchObject({ kind: "invalid", extras: { type: "not-confirmed" } });
    await expect(start(preview, { places: [{ service: gamma(), environment }] })).rejects.toMatchObject({ kind: "unprocessable", extras: { fields: [{ path: "places[0]" }] } });
    await expect(asOf(new Date(Date.now() + 3_600_000).toISOString())).rejects.toMatchObject({ kind: "invalid" });
    await expect(previewGroup({ ctx, input: { kind: "as-of", environment: "moon", at: before } })).rejects.toMatchObject({ kind: "not-found" });
    await expect(getGroup({ ctx, input: { id: randomUUID() } })).rejects.toMatchObject({ kind: "not-found" });
  });

  it("offers a stop and a way forward, and suggests neither", async () => {
    const empty = new Date(0).toISOString();
    for (const member of (await asOf(empty)).members) expect(member).toMatchObject({ kind: "stop", to: null, suggested: false, allowed: true, warnings: [{ reason: "was-not-here" }] });
    await moved();
    const ahead = await clock();
    await startRollback({ ctx, input: rollbackRequest.parse({ service: alpha(), environment, version: "1.0.0", reason: "errors" }) });
    await settle("1.0.0");
    const forward = (await asOf(ahead)).members.find(({ service }) => service === alpha());
    expect(forward).toMatchObject({ kind: "rollback", from: { version: "1.0.0" }, to: { version: "2.0.0" }, allowed: true, suggested: false, warnings: expect.arrayContaining([expect.objectContaining({ reason: "goes-forward" })]) });
  });

  it("stops what was meant to be stopped", async () => {
    const preview = await asOf(new Date(0).toISOString());
    const group = await start(preview, { places: [{ service: gamma(), environment }] });
    expect(group.rollouts).toMatchObject([{ service: gamma(), kind: "stop", to: null, holdEntry: null }]);
  });

  it("is not disturbed by a release that was put back in between", async () => {
    const before = await moved();
    await runs("2.0.0", { [alpha()]: fakeImage("by hand") });
    await startReconverge({ ctx, input: reconvergeRequest.parse({ service: alpha(), environment, reason: "by hand" }) });
    const members = (await asOf(before)).members.filter(({ service }) => service === alpha());
    expect(members).toMatchObject([{ from: { version: "2.0.0" }, to: { version: "1.0.0" }, warnings: expect.arrayContaining([expect.objectContaining({ reason: "supersedes" })]) }]);
  });
});

describe("an environment as it was before services were merged", () => {
  it("offers nothing for the one that is none any more", async () => {
    const shared = images.get(`${alpha()} 2.0.0`) ?? fakeImage("none");
    await registerVersion(ctx, beta(), "2.0.1", { components: [{ name: "main", repository: `registry.test/${beta()}`, digest: shared.digest, manifests: shared.manifests }], migrations: [] });
    const before = await clock();
    await promote(alpha(), "2.0.0");
    await promote(beta(), "2.0.1");
    await settle("2.0.0");
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = clock_timestamp() WHERE status IN ('planned', 'running', 'paused')`;
    expect((await asOf(before)).members.map(({ service }) => service)).toEqual([alpha(), beta()]);
    await mergeService({ ctx, service: alpha(), input: { into: beta(), reason: "one service" } });
    expect((await asOf(before)).members.map(({ service, from, to }) => [service, from?.version, to?.version])).toEqual([[beta(), "2.0.1", "1.0.0"]]);
  });
});

describe("who may", () => {
  it("acts where one may, and names the rest; sees what one may see", async () => {
    const before = await moved();
    const everywhere = { service: "*", environment: "*", expiresAt: null };
    const some = await test.ctxWith([{ role: "viewer", ...everywhere }, { role: "operator", service: alpha(), environment: "*", expiresAt: null }]);
    const preview = await asOf(before, some);
    expect(preview.members.find(({ service }) => service === beta())).toMatchObject({ allowed: false, reasons: [{ reason: "not-permitted" }] });
    const group = await start(preview, {}, some);
    expect(group.rollouts.map(({ service }) => service)).toEqual([alpha()]);
    expect(group.skipped).toMatchObject([{ service: beta(), sentences: [expect.stringContaining("operator")] }]);

    const blind = await test.ctxWith([{ role: "viewer", service: gamma(), environment: "*", expiresAt: null }]);
    expect((await asOf(before, blind)).members).toEqual([]);
    await expect(getGroup({ ctx: blind, input: { id: group.id } })).rejects.toMatchObject({ kind: "not-found" });
  });

  it("is refused at once without the role, and where it reaches none of the places", async () => {
    const before = await moved();
    const preview = await asOf(before);
    await expect(start(preview, {}, await test.ctx("viewer"))).rejects.toMatchObject({ kind: "forbidden" });
    const elsewhere = await test.ctxWith([{ role: "viewer", service: "*", environment: "*", expiresAt: null }, { role: "operator", service: gamma(), environment: "*", expiresAt: null }]);
    await expect(start(await asOf(before, elsewhere), {}, elsewhere)).rejects.toMatchObject({ kind: "forbidden", extras: { type: "nothing-to-start" } });
  });
});

describe("away from a recalled release", () => {
  it("leaves it where it is assigned, and puts back where it only runs", async () => {
    await promote(alpha(), "2.0.0");
    await settle("2.0.0");
    const other = `${environment}-b`;
    await putEnvironment({ ctx, input: { name: other, protected: false } });
    await promote(alpha(), "1.0.0", other);
    const host = await FakeAgent.make(test, other);
    await host.report({ key: alpha(), service: alpha(), image: images.get(`${alpha()} 2.0.0`) ?? fakeImage("none") });

    await expect(recall(alpha(), "2.0.0")).rejects.toMatchObject({ kind: "unprocessable", extras: { type: "not-recalled" } });
    await recallRelease({ ctx, input: { service: alpha(), version: "2.0.0", reason: "CVE" } });
    const preview = await recall(alpha(), "2.0.0");
    expect(preview).toMatchObject({ kind: "recall", typed: alpha(), release: { service: alpha(), version: "2.0.0" } });
    const byPlace = new Map(preview.members.map((member) => [member.environment, member]));
    expect(byPlace.get(environment)).toMatchObject({ kind: "rollback", from: { version: "2.0.0" }, to: { version: "1.0.0" }, allowed: true, suggested: true });
    expect(byPlace.get(other)).toMatchObject({ kind: "reconverge", from: { version: "1.0.0" }, to: { version: "1.0.0" }, allowed: true, suggested: true });

    const group = await start(preview);
    expect(new Map(group.rollouts.map(({ environment: where, kind, holdEntry }) => [where, [kind, holdEntry !== null]]))).toEqual(new Map([[environment, ["rollback", true]], [other, ["reconverge", false]]]));
    expect(group.summary).toContain(`Away from ${alpha()} 2.0.0`);
  });

  it("goes to an older release that may run when none proved itself, else offers a stop", async () => {
    await promote(alpha(), "3.0.0");
    await settle("3.0.0");
    for (const version of ["3.0.0", "1.0.0"]) await recallRelease({ ctx, input: { service: alpha(), version, reason: "CVE" } });
    const preview = await recall(alpha(), "3.0.0");
    expect(preview.members).toMatchObject([{ kind: "rollback", to: { version: "2.0.0" }, suggested: true, weakEvidence: true, warnings: expect.arrayContaining([expect.objectContaining({ reason: "not-proven" })]) }]);
    await recallRelease({ ctx, input: { service: alpha(), version: "2.0.0", reason: "CVE" } });
    expect((await recall(alpha(), "3.0.0")).members).toMatchObject([{ kind: "stop", to: null, suggested: false, allowed: true }]);
  });

  it("finds the same bytes under another service's name", async () => {
    const shared = images.get(`${alpha()} 3.0.0`) ?? fakeImage("none");
    await registerVersion(ctx, beta(), "9.0.0", { components: [{ name: "main", repository: `registry.test/${beta()}`, digest: shared.digest, manifests: shared.manifests }], migrations: [] });
    await promote(beta(), "9.0.0");
    await recallRelease({ ctx, input: { service: alpha(), version: "3.0.0", reason: "CVE" } });
    const preview = await recall(alpha(), "3.0.0");
    expect(preview.members).toMatchObject([{ service: beta(), from: { version: "9.0.0" }, to: { version: "1.0.0" }, kind: "rollback" }]);
  });
});

describe("races", () => {
  it("two groups over the same places: one starts, the other is told what moved; neither waits for ever", async () => {
    const before = await moved();
    const preview = await asOf(before);
    const reversed = placesOf(preview).toReversed();
    const results = await Promise.allSettled([start(preview), start(preview, { places: reversed }), start(preview), start(preview, { places: reversed })]);
    const refused = results.filter((result) => result.status === "rejected");
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const { reason } of refused) expect(reason).toMatchObject({ kind: "conflict" });
    const active = await test.db.$queryRaw<{ n: bigint }[]>`SELECT count(*) AS n FROM rollouts WHERE status = 'running' AND environment_id = (SELECT id FROM environments WHERE name = ${environment})`;
    expect(Number(active[0]?.n)).toBe(2);
  });

  it("a single rollback and a group meet at one of its places", async () => {
    const before = await moved();
    const preview = await asOf(before);
    const [single, group] = await Promise.allSettled([startRollback({ ctx, input: rollbackRequest.parse({ service: alpha(), environment, version: "1.0.0", reason: "errors" }) }), start(preview)]);
    expect(single.status).toBe("fulfilled");
    if (group.status === "rejected") expect(group.reason).toMatchObject({ kind: "conflict", extras: { changed: [expect.stringContaining(alpha())] } });
    const [place] = await test.db.$queryRaw<{ version: string }[]>`
      SELECT r.version FROM assignments a JOIN releases r ON r.id = a.release_id JOIN services s ON s.id = a.service_id WHERE s.name = ${alpha()} AND a.environment_id = (SELECT id FROM environments WHERE name = ${environment})`;
    expect(place?.version).toBe("1.0.0");
  });
});

describe("a service in its partitions", () => {
  const TENANTS = ["acme", "bolt", "core"];
  const image = (version: string): FakeImage => images.get(`${alpha()} ${version}`) ?? fakeImage("none");
  /** Each tenant's host, and one of none, on these versions; 2.0.0 unless it says otherwise. */
  const tenants = (versions: Record<string, string> = {}) =>
    agent.report(...[...TENANTS, "rest"].map((key): FakeTarget => ({ key, service: alpha(), image: image(versions[key] ?? "2.0.0"), labels: key === "rest" ? {} : { tenant: key } })));
  const settleTenants = async (versions: Record<string, string> = {}) => {
    await tenants(versions);
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = clock_timestamp() WHERE status IN ('planned', 'running', 'paused') AND environment_id = (SELECT id FROM environments WHERE name = ${environment})`;
  };
  const back = (more: Record<string, unknown> = {}) => startRollback({ ctx, input: rollbackRequest.parse({ service: alpha(), environment, reason: "it broke", ...more }) });
  const pin = (partition: string) => pinPartition({ ctx, input: pinRequest.parse({ service: alpha(), environment, partition, reason: `contract of ${partition}` }) });
  const cell = async () => (await getMatrix({ ctx })).rows.find((row) => row.service === alpha())?.cells[0];
  const assigned = async () => Object.fromEntries((await listPartitions({ ctx, input: { service: alpha(), environment } })).partitions.map(({ name, assigned: release }) => [name, release?.version]));

  /** Three tenants and the rest; everyone ran 1.0.0 for hours and runs 2.0.0. */
  beforeEach(async () => {
    await tenants({ acme: "1.0.0", bolt: "1.0.0", core: "1.0.0", rest: "1.0.0" });
    await test.db.$executeRaw`UPDATE instances SET facts_since = facts_since - interval '9 hours' WHERE target_id IN (SELECT id FROM targets WHERE service_name = ${alpha()})`;
    await promote(alpha(), "2.0.0");
    await settleTenants();
    await putPartitions({ ctx, input: putPartitionsRequest.parse({ service: alpha(), environment, partitions: TENANTS.map((tenant) => ({ name: tenant, selector: { tenant } })) }) });
  });

  it("leaves three pinned tenants where they are by default, and all is in sync", async () => {
    for (const tenant of TENANTS) await pin(tenant);
    const rollout = await back();
    expect(rollout).toMatchObject({ kind: "rollback", partition: "default", to: { version: "1.0.0" }, group: expect.any(String) });
    const group = await getGroup({ ctx, input: { id: rollout.group ?? "" } });
    expect(group).toMatchObject({ kind: "rollback", service: alpha(), environment });
    expect(group.rollouts.map(({ partition }) => partition)).toEqual(["default"]);
    expect(group.skipped.map(({ partition, sentences }) => [partition, sentences])).toEqual(TENANTS.map((tenant) => [tenant, [`${tenant} is pinned (contract of ${tenant}). Name the partition to touch it all the same, or unpin it.`]]));
    await settleTenants({ rest: "1.0.0" });
    expect(await assigned()).toEqual({ acme: "2.0.0", bolt: "2.0.0", core: "2.0.0", default: "1.0.0" });
    expect(await cell()).toMatchObject({ severity: "match", categories: [{ category: "in-sync", instances: 4 }] });
  });

  it("goes back everywhere under one receipt when nothing is pinned, each by a rollout and a hold of its own", async () => {
    const rollout = await back();
    const group = await getGroup({ ctx, input: { id: rollout.group ?? "" } });
    expect(group.rollouts.map(({ partition, to }) => [partition, to?.version]).toSorted()).toEqual([["acme", "1.0.0"], ["bolt", "1.0.0"], ["core", "1.0.0"], ["default", "1.0.0"]]);
    expect(group.rollouts.every(({ holdEntry }) => holdEntry !== null)).toBe(true);
    expect(group.skipped).toEqual([]);
  });

  it("shows each partition from what to what, chosen but for the pinned ones, which can be chosen", async () => {
    await pin("bolt");
    const preview = await previewGroup({ ctx, input: { kind: "rollback", service: alpha(), environment } });
    expect(preview).toMatchObject({ kind: "rollback", service: alpha(), environment, typed: alpha() });
    expect(preview.members.map(({ partition, from, to, allowed, suggested }) => [partition, from?.version, to?.version, allowed, suggested])).toEqual([
      ["acme", "2.0.0", "1.0.0", true, true], ["bolt", "2.0.0", "1.0.0", true, false], ["core", "2.0.0", "1.0.0", true, true], ["default", "2.0.0", "1.0.0", true, true],
    ]);
    expect(preview.members[1]?.warnings).toContainEqual({ reason: "pinned", sentence: "bolt is pinned (contract of bolt), and is touched only because you named it. The pin stays." });
    const input = groupRequest.parse({ kind: "rollback", service: alpha(), environment, places: [{ service: alpha(), environment, partition: "bolt" }, { service: alpha(), environment, partition: "core" }], reason: "both", confirm: alpha(), revision: preview.revision });
    const group = await startGroup({ ctx, input });
    expect(group.rollouts.map(({ partition }) => partition).toSorted()).toEqual(["bolt", "core"]);
    expect(group.skipped.map(({ partition, sentences }) => [partition, sentences])).toEqual([["acme", ["Left out by whoever confirmed."]], ["default", ["Left out by whoever confirmed."]]]);
  });

  it("is refused for a list that moved, because somebody pinned one meanwhile", async () => {
    const { revision } = await previewGroup({ ctx, input: { kind: "promote", service: alpha(), environment, version: "3.0.0" } });
    await pin("bolt");
    const places = [{ service: alpha(), environment, partition: "bolt" }];
    await expect(startGroup({ ctx, input: groupRequest.parse({ kind: "promote", service: alpha(), environment, version: "3.0.0", places, confirm: alpha(), revision }) })).rejects.toMatchObject({ kind: "conflict", extras: { type: "stale-view" } });
  });

  it("promotes in every partition that is not pinned or held, and names the others", async () => {
    await pin("acme");
    await placeHold({ ctx, input: { service: alpha(), environment, partition: "bolt", reason: "audit" } });
    const rollout = await promoteRelease({ ctx, input: promoteRequest.parse({ service: alpha(), environment, version: "3.0.0", strategy: "all-at-once" }) });
    const group = await getGroup({ ctx, input: { id: rollout.group ?? "" } });
    expect(group).toMatchObject({ kind: "promote", rollouts: [{ kind: "promote", to: { version: "3.0.0" } }, { kind: "promote" }] });
    expect(group.rollouts.map(({ partition }) => partition).toSorted()).toEqual(["core", "default"]);
    expect(group.skipped.map(({ partition, sentences }) => [partition, sentences.length]).toSorted()).toEqual([["acme", 1], ["bolt", 1]]);
    expect(group.summary).toContain(`${alpha()} promoted in ${environment}`);
  });

  it("starts nothing where every partition is pinned, and says why of each", async () => {
    for (const partition of [...TENANTS, "default"]) await pin(partition);
    const size = await written();
    await expect(back()).rejects.toMatchObject({ kind: "unprocessable", extras: { type: "nothing-to-start", reasons: expect.arrayContaining([{ reason: "pinned", sentence: expect.stringContaining("acme") }]) } });
    expect(await written()).toBe(size);
    await expect(back({ partition: "acme" })).resolves.toMatchObject({ partition: "acme", group: null });
  });

  it("needs no group where there is one partition, and respects a pin that nobody named", async () => {
    await runs("1.0.0");
    await promote(beta(), "2.0.0");
    await pinPartition({ ctx, input: pinRequest.parse({ service: beta(), environment, reason: "audit" }) });
    await expect(startRollback({ ctx, input: rollbackRequest.parse({ service: beta(), environment, version: "1.0.0", reason: "again" }) })).rejects.toMatchObject({ kind: "conflict", extras: { type: "pinned" } });
    await expect(startRollback({ ctx, input: rollbackRequest.parse({ service: beta(), environment, partition: "default", version: "1.0.0", reason: "again" }) })).resolves.toMatchObject({ group: null });
  });

  it("puts tenants back as they were before they were partitions", async () => {
    const moment = await clock();
    await promoteRelease({ ctx, input: promoteRequest.parse({ service: alpha(), environment, partition: "acme", version: "3.0.0", strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
    await settleTenants({ acme: "3.0.0" });
    expect((await asOf(moment)).members.map(({ partition, from, to, suggested }) => [partition, from?.version, to?.version, suggested])).toEqual([["acme", "3.0.0", "2.0.0", true]]);
    await pin("acme");
    expect((await asOf(moment)).members).toMatchObject([{ partition: "acme", allowed: true, suggested: false }]);
  });

  it("knows what came to a partition that was given up and declared again", async () => {
    const declare = (names: string[]) => putPartitions({ ctx, input: putPartitionsRequest.parse({ service: alpha(), environment, partitions: names.map((tenant) => ({ name: tenant, selector: { tenant } })) }) });
    const first = await clock();
    await declare(["bolt", "core"]);
    await promoteRelease({ ctx, input: promoteRequest.parse({ service: alpha(), environment, partition: "default", version: "3.0.0", strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
    await settleTenants({ acme: "3.0.0", rest: "3.0.0" });
    const without = await clock();
    await declare(TENANTS);
    expect(await assigned()).toEqual({ acme: "3.0.0", bolt: "2.0.0", core: "2.0.0", default: "3.0.0" });
    const members = async (at: string) => (await asOf(at)).members.map(({ partition, from, to }) => [partition, from?.version, to?.version]);
    expect(await members(await clock())).toEqual([]);
    expect(await members(without)).toEqual([]);
    expect(await members(first)).toEqual([["default", "3.0.0", "2.0.0"], ["acme", "3.0.0", "2.0.0"]]);
  });
});

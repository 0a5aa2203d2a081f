import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentPage, findingPage, findingsDto, findingsQuery, instanceDetail, instancePage, mapDto, matrixDto, serviceDto, servicePage, statusDto } from "@/lib/contract/fleet";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { Ctx } from "@/server/context";
import { recallRelease } from "@/server/releases/recall-release";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { watchSilence } from "@/server/jobs/watch-silence";
import { settleMissing } from "@/server/jobs/settle-missing";
import { getInstance } from "./get-instance";
import { getMap } from "./get-map";
import { getMatrix } from "./get-matrix";
import { getService } from "./get-service";
import { getStatus } from "./get-status";
import { listAgents } from "./list-agents";
import { listFindings, listFindingsPage } from "./list-findings";
import { listInstances } from "./list-instances";
import { listServices } from "./list-services";

let test: TestApp;
let ctx: Ctx;
let agent: TestAgent;
const image = makeImage("registry.test/acme/payments", "1");
const stranger = makeImage("registry.test/acme/payments", "strange");

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  agent = await enrolTestAgent(test, { environments: ["staging"], name: "eu-1" });
  await registerVersion(test, { service: "payments", version: "1.0.0", image });
  const copies = [1, 2, 3].map((at) => container(`payments-${at}`, { labels: { "plumbline.service": "payments" }, region: "eu-west-1" }));
  const other = container("cron", { labels: { "plumbline.service": "cron" } });
  await agent.report({
    images: [pulled(image)],
    targets: [...copies.map(({ target }) => target), other.target],
    instances: [...copies.map(({ instance }) => instance), other.instance],
  });
  await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
  await agent.report({ images: [pulled(stranger)], instances: [{ ...copies[0]!.instance, mutated: { count: 2, paths: ["/a", "/b"] }, region: "eu-west-1" }] });
});
afterAll(() => test.drop());

const query = findingsQuery.parse({});

describe("what is read", () => {
  it("answers what the contract says, all with the same numbers", async () => {
    const matrix = matrixDto.parse(await getMatrix({ ctx }));
    expect(matrix.totals).toMatchObject({ instances: 4, agents: 1, silentAgents: 0, silent: 0, deviating: 1 });
    expect(matrix.rows.map(({ service, adopted }) => [service, adopted])).toEqual([["payments", true], ["cron", false]]);
    expect(matrix.rows[0]?.cells[0]).toMatchObject({ environment: "staging", instances: 3, worst: "unknown-artifact", severity: "critical", assigned: [{ partition: "default", release: { version: "1.0.0" } }] });

    const map = mapDto.parse(await getMap({ ctx }));
    expect(map).toMatchObject({ total: 4, truncated: false, groups: [{ agent: "eu-1", region: "eu-west-1", instances: 4 }] });
    expect(Buffer.from(map.groups[0]?.cells ?? "", "base64")).toHaveLength(4);

    const findings = findingsDto.parse(await listFindings({ ctx, input: query }));
    expect(findings.groups.map(({ kind, instances }) => [kind, instances])).toEqual([["mutated", 1], ["unknown-artifact", 1]]);
    expect(findings).toMatchObject({ checkedInstances: 4, instances: matrix.totals.deviating });
    expect(findings.groups.find(({ kind }) => kind === "mutated")).toMatchObject({ title: "payments was changed in place in staging", sentence: "Files were changed after it was started: /a, /b." });
    expect(findings.groups[0]?.rows[0]).toMatchObject({ assigned: { version: "1.0.0" }, target: { key: "payments-1", agent: "eu-1" } });
    expect(findings.groups[0]?.rows[0]?.sampleInstances).toHaveLength(1);

    const page = instancePage.parse(await listInstances({ ctx, input: { limit: 2 } }));
    expect(page.items[0]).toMatchObject({ key: "payments-1-1", severity: "critical", freshness: "fresh" });
    const rest = await listInstances({ ctx, input: { limit: 10, cursor: page.nextCursor ?? "" } });
    expect([...page.items, ...rest.items].map(({ key }) => key).toSorted()).toEqual(["cron-1", "payments-1-1", "payments-2-1", "payments-3-1"]);

    const detail = instanceDetail.parse(await getInstance({ ctx, input: { id: page.items[0]?.id ?? "" } }));
    expect(detail.lane).toMatchObject([{ version: "1.0.0", endReason: "image" }, { version: null, to: null }]);
    expect(detail.findings.map(({ kind }) => kind).toSorted()).toEqual(["mutated", "unknown-artifact"]);

    const service = serviceDto.parse(await getService({ ctx, input: { service: "payments" } }));
    const staging = service.environments.find(({ environment }) => environment.name === "staging");
    expect(staging).toMatchObject({ instances: 3, assigned: { version: "1.0.0" }, rollout: { kind: "promote" } });
    expect(serviceDto.parse(await getService({ ctx, input: { service: "cron" } }))).toMatchObject({ adopted: false });
    await expect(getService({ ctx, input: { service: "nobody" } })).rejects.toMatchObject({ kind: "not-found" });

    expect(servicePage.parse(await listServices({ ctx, input: { limit: 10 } })).items.map(({ name }) => name)).toEqual(["cron", "payments"]);
    expect(statusDto.parse(await getStatus({ ctx, input: {} }))).toMatchObject({ inSync: false, instances: 4 });
    expect(await getStatus({ ctx, input: { service: "payments", environment: "dev" } })).toMatchObject({ inSync: true, cells: [] });
    await expect(getStatus({ ctx, input: { service: "paymets" } })).rejects.toMatchObject({ kind: "not-found" });
    await expect(getStatus({ ctx, input: { service: "payments", environment: "stagging" } })).rejects.toMatchObject({ kind: "not-found" });
    expect(agentPage.parse(await listAgents({ ctx, input: { limit: 10 } })).items).toMatchObject([{ name: "eu-1", instances: 4, state: "active", coverageComplete: true }]);
  });

  it("shows findings page by page, none twice", async () => {
    const first = findingPage.parse(await listFindingsPage({ ctx, input: { ...query, limit: 1 } }));
    const second = await listFindingsPage({ ctx, input: { ...query, limit: 1, cursor: first.nextCursor ?? "" } });
    expect(second.nextCursor).toBeNull();
    expect(new Set([first.items[0]?.kind, second.items[0]?.kind])).toEqual(new Set(["mutated", "unknown-artifact"]));
    await expect(listFindingsPage({ ctx, input: { ...query, cursor: "bm9uc2Vuc2U" } })).rejects.toMatchObject({ kind: "invalid" });
  });

  it("shows nobody what is not theirs", async () => {
    const foreign = await test.ctxWith([{ role: "viewer", service: "other", environment: "*", expiresAt: null }]);
    expect((await getMatrix({ ctx: foreign })).rows).toEqual([]);
    expect((await getMap({ ctx: foreign })).total).toBe(0);
    expect((await listFindings({ ctx: foreign, input: query })).total).toBe(0);
    expect((await listFindingsPage({ ctx: foreign, input: query })).items).toEqual([]);
    expect((await listInstances({ ctx: foreign, input: { limit: 10 } })).items).toEqual([]);
    await expect(getService({ ctx: foreign, input: { service: "payments" } })).rejects.toMatchObject({ kind: "forbidden" });
    const [one] = (await listInstances({ ctx, input: { limit: 1 } })).items;
    await expect(getInstance({ ctx: foreign, input: { id: one?.id ?? "" } })).rejects.toMatchObject({ kind: "not-found" });
    const nobody = await test.ctxWith([]);
    await expect(getMatrix({ ctx: nobody })).rejects.toMatchObject({ kind: "forbidden" });
  });

  it("says at once who runs what was recalled", async () => {
    await recallRelease({ ctx, input: { service: "payments", version: "1.0.0", reason: "leaks" } });
    const findings = await listFindings({ ctx, input: { ...query, kind: "recalled", service: "payments" } });
    expect(findings.groups).toMatchObject([{ kind: "recalled", instances: 2, findings: 1, service: "payments", sentence: expect.stringContaining("1.0.0 is recalled") }]);
  });
});

describe("what nobody reports", () => {
  it("counts a silent scope as unknown, until it is heard again", async () => {
    const later = new Date(Date.now() + 60_000);
    await watchSilence(test.app, later);
    const matrix = await getMatrix({ ctx });
    expect(matrix.totals).toMatchObject({ silent: 4, silentAgents: 1, inSync: 0, deviating: 0 });
    expect((await listFindings({ ctx, input: { ...query, kind: "silent" } })).groups).toMatchObject([{ title: "eu-1 is silent" }]);
    expect(await getStatus({ ctx, input: {} })).toMatchObject({ inSync: false });
    await watchSilence(test.app, later);
    await agent.report({}, later);
    expect((await getMatrix({ ctx })).totals).toMatchObject({ silent: 0, silentAgents: 0 });
    expect((await listFindings({ ctx, input: { ...query, kind: "silent" } })).groups).toEqual([]);
  });

  it("blames nobody for a time in which Plumbline did not listen", async () => {
    const now = new Date(Date.now() + 200_000);
    await agent.report({}, new Date(now.getTime() - 100_000));
    await test.db.$executeRaw`INSERT INTO gaps (started_at, ended_at, reason) VALUES (${new Date(now.getTime() - 99_000)}, ${new Date(now.getTime() - 1_000)}, 'not-listening')`;
    await watchSilence(test.app, now);
    expect((await getMatrix({ ctx })).totals.silentAgents).toBe(0);
  });

  it("finds copies missing after the settle time, not before", async () => {
    const start = Date.now() + 400_000;
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
    await test.db.$executeRaw`
      INSERT INTO target_desired (target_id, release_id, entry_seq) SELECT t.id, a.release_id, a.entry_seq FROM targets t JOIN assignments a ON a.service_id = t.service_id AND a.environment_id = t.environment_id
      ON CONFLICT (target_id) DO UPDATE SET release_id = excluded.release_id`;
    const { target } = container("payments-2", { labels: { "plumbline.service": "payments" } });
    await agent.report({ targets: [{ ...target, ready: 0 }], removed: ["payments-2-1"] }, new Date(start));
    const kinds = async (): Promise<string[]> => (await listFindings({ ctx, input: query })).groups.map(({ kind }) => kind);
    await settleMissing(test.app, new Date(start + 60_000));
    expect(await kinds()).not.toContain("missing");
    await settleMissing(test.app, new Date(start + 301_000));
    expect(await kinds()).toContain("missing");
    await agent.report({ targets: [{ ...target, ready: 1 }] }, new Date(start + 302_000));
    expect(await kinds()).not.toContain("missing");
  });
});

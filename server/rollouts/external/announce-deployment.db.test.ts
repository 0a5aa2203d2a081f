import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { putAuthorityRequest } from "@/lib/contract/authority";
import { announceRequest, type AnnouncementDto, type AnnounceRequest } from "@/lib/contract/deployments";
import { recallRequest } from "@/lib/contract/releases";
import { promoteRequest, type RolloutDto } from "@/lib/contract/rollouts";
import { putAuthority } from "@/server/authority/put-authority";
import type { Ctx } from "@/server/context";
import { placeHold } from "@/server/policies/place-hold";
import { recallRelease } from "@/server/releases/recall-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { advanceRollouts } from "../advance-rollouts";
import { getRollout } from "../get-rollout";
import { listRollouts } from "../list-rollouts";
import { promoteRelease } from "../promote-release";
import { announceDeployment } from "./announce-deployment";
import { followOnce } from "./follow-deployers";
import { listAnnouncements } from "./list-announcements";

const MIN = 60_000;
let test: TestApp;
let ctx: Ctx;
let ahead = 0;
let service = "";
let count = 0;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());
beforeEach(async () => {
  ahead = 0;
  count += 1;
  service = `shop-${count}`;
  for (const version of ["1.0.0", "2.0.0", "3.0.0"]) await registerVersion(ctx, service, version, version === "2.0.0" ? { commits: { head: "a".repeat(40), count: 3 } } : {});
  await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", version: "1.0.0" }) });
  await putAuthority({ ctx, input: putAuthorityRequest.parse({ service, environment: "staging", authority: "external" }) });
});

const say = (input: Partial<AnnounceRequest>, by: Ctx = ctx): Promise<AnnouncementDto> =>
  announceDeployment({ ctx: by, input: announceRequest.parse({ service, environment: "staging", externalId: "run-1", status: "started", tool: "Argo CD", ...(input.digest || input.commit ? {} : { version: "2.0.0" }), ...input }) });
const clock = (): Date => new Date(Date.now() + ahead);
async function later(ms: number): Promise<void> {
  ahead += ms;
  await followOnce(test.app, { now: clock() });
  await advanceRollouts(test.app, { now: clock() });
  await advanceRollouts(test.app, { now: clock() });
}
async function makeHosts(n: number): Promise<((version: string) => Promise<void>)[]> {
  const agents = await Promise.all(Array.from({ length: n }, () => FakeAgent.make(test, "staging")));
  const hosts = agents.map((agent) => async (version: string) => {
    agent.receivedAt = clock();
    await agent.report({ key: "app", service, image: fakeImage(`${service} ${version}`), canAct: false });
  });
  for (const host of hosts) await host("1.0.0");
  await later(2 * MIN);
  return hosts;
}
async function rollouts(): Promise<RolloutDto[]> {
  const { items } = await listRollouts({ ctx, input: { service, limit: 50 } });
  return items.filter(({ origin }) => origin === "external").toReversed();
}
const kinds = async (): Promise<string[]> => (await rollouts()).map(({ kind, to, status }) => `${kind} ${to?.version ?? "nothing"} ${status}`);
const sentences = async (id: string): Promise<string[]> => (await getRollout({ ctx, input: { id } })).events.map(({ sentence }) => sentence);

describe("announced", () => {
  it("before anything of it runs: the rollout is there, and done when it is seen everywhere", async () => {
    const hosts = await makeHosts(2);
    const told = await say({ by: "ada", url: "https://argo.example/app" });
    expect(told).toMatchObject({ outcome: "followed", version: "2.0.0", rollout: { status: "running" }, sentence: expect.stringMatching(/^2\.0\.0 is followed in staging as R-\d+; what runs decides\.$/) });
    const [rollout] = await rollouts();
    expect(rollout).toMatchObject({ startedBy: "test person", external: { by: "Argo CD", announced: { status: "started", by: "ada", url: "https://argo.example/app" } }, counts: { total: 2, inFlight: 2 } });
    for (const host of hosts) await host("2.0.0");
    await later(10_000);
    expect(await say({ status: "succeeded" })).toMatchObject({ outcome: "followed", status: "succeeded", rollout: { status: "succeeded" } });
    expect(await kinds()).toEqual(["promote 2.0.0 succeeded"]);
    expect(await sentences(rollout?.id ?? "")).toEqual([
      "Announced: Argo CD carries it out on 2 targets.",
      "Wave 1: open.",
      expect.stringMatching(/verified$/),
      expect.stringMatching(/verified$/),
      "Wave 1: passed.",
      "Every wave passed.",
      "Argo CD: it is done.",
    ]);
  });

  it("by a person: whose name is in no entry of the ledger", async () => {
    await makeHosts(1);
    await say({ by: "ada@example.org" });
    expect((await rollouts())[0]).toMatchObject({ external: { announced: { by: "ada@example.org" } } });
    const entries = await test.db.$queryRaw<{ text: string }[]>`SELECT convert_from(bytes, 'UTF8') AS text FROM ledger_entries WHERE type = 'observed' ORDER BY seq DESC LIMIT 1`;
    expect(entries[0]?.text).toContain('"externalId":"run-1"');
    expect(entries[0]?.text).not.toContain("ada@example.org");
  });

  it("after it was seen: it is the same rollout, and now says who", async () => {
    const hosts = await makeHosts(2);
    await hosts[0]?.("2.0.0");
    await later(5_000);
    expect((await rollouts())[0]?.external).toEqual({ by: null, stalledSince: null, announced: null });
    await say({});
    await hosts[1]?.("2.0.0");
    await later(10_000);
    await say({ status: "succeeded", externalId: "run-1" });
    expect(await kinds()).toEqual(["promote 2.0.0 succeeded"]);
    expect((await rollouts())[0]?.external).toMatchObject({ by: "Argo CD", announced: { status: "succeeded" } });
  });

  it("and never seen: it stalls, fails, and what runs is assigned again", async () => {
    await makeHosts(2);
    await say({});
    await later(16 * MIN);
    expect((await rollouts())[0]).toMatchObject({ status: "running", external: { stalledSince: expect.any(String) } });
    await later(45 * MIN);
    expect((await rollouts())[0]).toMatchObject({ status: "failed" });
    await later(MIN);
    expect(await kinds()).toEqual(["promote 2.0.0 failed", "rollback 1.0.0 succeeded"]);
  });

  it("and never seen, one after the other: what runs is assigned again, over all of them", async () => {
    await makeHosts(2);
    await say({});
    await say({ externalId: "run-2", version: "3.0.0" });
    await say({ externalId: "run-2", version: "3.0.0", status: "failed" });
    await say({ externalId: "run-3", version: "3.0.0" });
    await say({ externalId: "run-3", version: "3.0.0", status: "failed" });
    await later(MIN);
    expect(await kinds()).toEqual(["promote 2.0.0 superseded", "promote 3.0.0 failed", "promote 3.0.0 failed", "rollback 1.0.0 succeeded"]);
  });

  it("as done, and not seen: that is said, and what runs decides", async () => {
    const hosts = await makeHosts(3);
    await hosts[0]?.("2.0.0");
    await later(5_000);
    await say({ status: "succeeded" });
    // The jobs' clock is ahead of the one that said so.
    await test.db.$executeRaw`UPDATE announcements SET updated_at = ${clock()} WHERE status = 'succeeded'`;
    await later(MIN);
    expect((await rollouts())[0]).toMatchObject({ status: "running", statusReason: null });
    await later(2 * MIN);
    await later(1_000);
    expect((await rollouts())[0]).toMatchObject({ status: "running", statusReason: "Announced as done, and not seen: 2 targets did not get there." });
    expect((await sentences((await rollouts())[0]?.id ?? "")).filter((one) => one.includes("it is done, but"))).toEqual(["Argo CD: it is done, but 2 targets did not get there."]);
  });

  it("as failed: the rollout has failed, and what it left is a finding", async () => {
    const hosts = await makeHosts(2);
    await say({});
    await hosts[0]?.("2.0.0");
    await later(10_000);
    expect(await say({ status: "failed" })).toMatchObject({ rollout: { status: "failed" } });
    expect((await rollouts())[0]).toMatchObject({ statusReason: "Argo CD says that it failed.", outcome: "failed" });
    const rows = await test.db.$queryRaw<{ kind: string }[]>`SELECT kind FROM findings WHERE service_name = ${service} AND resolved_at IS NULL AND kind = 'partial-rollout'`;
    expect(rows).toHaveLength(1);
  });

  it("again after it failed: it is another rollout, which ends as what runs says", async () => {
    const hosts = await makeHosts(2);
    await say({});
    await hosts[0]?.("2.0.0");
    await later(10_000);
    await say({ status: "failed" });
    expect(await say({ externalId: "run-2" })).toMatchObject({ outcome: "followed", rollout: { status: "running" } });
    for (const host of hosts) await host("2.0.0");
    await later(20_000);
    await say({ externalId: "run-2", status: "succeeded" });
    expect(await kinds()).toEqual(["promote 2.0.0 failed", "promote 2.0.0 succeeded"]);
  });

  it("again after it was done, and failed then: what was done stays so", async () => {
    const hosts = await makeHosts(2);
    await say({});
    for (const host of hosts) await host("2.0.0");
    await later(10_000);
    await say({ status: "succeeded" });
    await test.db.$executeRaw`UPDATE rollouts SET finished_at = now() WHERE finished_at > now()`;
    // One that says that it began, one that only says that it failed.
    expect(await say({ externalId: "run-2" })).toMatchObject({ outcome: "followed" });
    expect(await say({ externalId: "run-2", status: "failed" })).toMatchObject({ outcome: "noted", rollout: null });
    expect(await say({ externalId: "run-3", status: "failed" })).toMatchObject({ outcome: "noted", rollout: null });
    expect(await kinds()).toEqual(["promote 2.0.0 succeeded"]);
    expect((await rollouts())[0]?.outcome).not.toBe("failed");
  });

  it("and listed by pages, the last first, where the actor may see it", async () => {
    await makeHosts(1);
    for (const externalId of ["run-1", "run-2", "run-3"]) await say({ externalId });
    const list = (by: Ctx, cursor?: string) => listAnnouncements({ ctx: by, input: { service, limit: 2, ...(cursor && { cursor }) } });
    const first = await list(ctx);
    const rest = await list(ctx, first.nextCursor ?? "");
    expect([first.items.map(({ externalId }) => externalId), rest.items.map(({ externalId }) => externalId), rest.nextCursor]).toEqual([["run-3", "run-2"], ["run-1"], null]);
    expect((await list(await test.ctxWith([{ role: "viewer", service: "*", environment: "dev", expiresAt: null }]))).items).toEqual([]);
  });

  it("twice, late, out of order or by ten at once: it is one deployment", async () => {
    await makeHosts(2);
    const all = await Promise.all(Array.from({ length: 10 }, () => say({})));
    expect(new Set(all.map(({ id, rollout }) => `${id} ${rollout?.id}`)).size).toBe(1);
    await say({ status: "succeeded" });
    expect(await say({ status: "started" })).toMatchObject({ status: "succeeded" });
    expect(await kinds()).toEqual(["promote 2.0.0 running"]);
  });

  it("by two at once, of two releases: one after the other, and one is followed", async () => {
    await makeHosts(2);
    await Promise.all([say({ externalId: "a", version: "2.0.0" }), say({ externalId: "b", version: "3.0.0" })]);
    const all = await kinds();
    expect(all).toHaveLength(2);
    expect(all[0]).toMatch(/superseded$/);
    expect(all[1]).toMatch(/running$/);
  });

  it("by its bytes, or by its commit", async () => {
    await makeHosts(1);
    expect(await say({ digest: fakeImage(`${service} 2.0.0`).config })).toMatchObject({ version: "2.0.0" });
    expect(await say({ externalId: "run-2", commit: "a".repeat(40) })).toMatchObject({ version: "2.0.0", outcome: "followed" });
  });

  it("of what is assigned already: no rollout", async () => {
    await makeHosts(1);
    expect(await say({ version: "1.0.0" })).toMatchObject({ outcome: "there-already", rollout: null, sentence: "1.0.0 is assigned in staging already: no rollout was opened." });
    expect(await say({ version: "3.0.0", status: "failed", externalId: "run-9" })).toMatchObject({ outcome: "noted", rollout: null });
    expect(await kinds()).toEqual([]);
  });
});

describe("refused", () => {
  it.each<[string, Partial<AnnounceRequest>, object]>([
    ["an unknown service", { service: "nothing" }, { kind: "not-found", message: expect.stringContaining("service") }],
    ["an unknown environment", { environment: "moon" }, { kind: "not-found", message: expect.stringContaining("environment") }],
    ["an unknown partition", { partition: "mars" }, { kind: "not-found", message: expect.stringContaining("partition") }],
    ["an unknown version", { version: "9.9.9" }, { kind: "not-found", extras: { type: "release-unknown" } }],
    ["unknown bytes", { digest: `sha256:${"0".repeat(64)}` }, { kind: "not-found", extras: { type: "release-unknown" } }],
    ["an unknown commit", { commit: "b".repeat(40) }, { kind: "not-found", extras: { type: "release-unknown" } }],
    ["a place where Plumbline decides", { environment: "dev" }, { kind: "conflict", extras: { type: "authority-plumbline" } }],
  ])("%s, and nothing is kept", async (_, input, error) => {
    await expect(say(input)).rejects.toMatchObject(error);
    expect((await listAnnouncements({ ctx, input: { service, limit: 50 } })).items).toEqual([]);
  });

  it("the bytes of another service", async () => {
    await registerVersion(ctx, `${service}-other`, "1.0.0");
    await expect(say({ digest: fakeImage(`${service}-other 1.0.0`).digest })).rejects.toMatchObject({ kind: "unprocessable", extras: { type: "wrong-service" } });
  });

  it("a recalled release, and that is kept; a finding when it is seen all the same", async () => {
    const hosts = await makeHosts(1);
    await recallRelease({ ctx, input: recallRequest.parse({ service, version: "2.0.0", reason: "loses money" }) });
    await expect(say({})).rejects.toMatchObject({ kind: "conflict", extras: { type: "recalled" } });
    expect((await listAnnouncements({ ctx, input: { service, limit: 50 } })).items).toMatchObject([{ outcome: "refused", sentence: "2.0.0 may not be deployed to staging: 2.0.0 is recalled and may not be assigned anywhere." }]);
    await hosts[0]?.("2.0.0");
    await later(MIN);
    expect(await kinds()).toEqual([]);
    const rows = await test.db.$queryRaw<{ kind: string }[]>`SELECT kind FROM findings WHERE service_name = ${service} AND resolved_at IS NULL AND kind = 'recalled'`;
    expect(rows).toHaveLength(1);
  });

  it("while promotions are held; the same deployment is decided anew when it is told again", async () => {
    await makeHosts(1);
    await placeHold({ ctx, input: { service, environment: "staging", partition: "default", reason: "incident" } });
    await expect(say({})).rejects.toMatchObject({ kind: "conflict", extras: { type: "held" } });
    await test.db.$executeRaw`UPDATE holds SET lifted_at = now(), lifted_seq = entry_seq WHERE lifted_at IS NULL`;
    expect(await say({})).toMatchObject({ outcome: "followed" });
    expect((await listAnnouncements({ ctx, input: { service, limit: 50 } })).items).toHaveLength(1);
  });

  it("another deployment under the same name, and whoever may not promote", async () => {
    await makeHosts(1);
    await say({});
    await expect(say({ version: "3.0.0" })).rejects.toMatchObject({ kind: "unprocessable", extras: { type: "another-deployment" } });
    await expect(say({}, await test.ctx("operator"))).rejects.toMatchObject({ kind: "forbidden" });
    // The names are the sender's own.
    expect(await say({ version: "3.0.0" }, await test.ctx("promoter"))).toMatchObject({ outcome: "followed", version: "3.0.0" });
  });
});

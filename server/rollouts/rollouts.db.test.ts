import { randomUUID } from "node:crypto";
import { afterAll, beforeEach, beforeAll, describe, expect, it } from "vitest";
import { desiredQuery, progressReport } from "@/lib/contract/agent";
import { promoteRequest, reconvergeRequest, rollbackRequest, type RollbackRequest } from "@/lib/contract/rollouts";
import { environmentStrategySchema } from "@/lib/contract/strategies";
import { verifyDesired, type DesiredTrust } from "@/lib/domain/ledger/desired-state";
import { DEFAULT_STRATEGY } from "@/lib/domain/rollout/strategy";
import type { Ctx } from "@/server/context";
import { waitDesired } from "@/server/desired/wait-desired";
import { serverVkey } from "@/server/ledger/signing-key";
import { putStrategy } from "@/server/policies/put-strategy";
import { approveRelease } from "@/server/releases/approve-release";
import { recallRelease } from "@/server/releases/recall-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { advanceRollouts } from "./advance-rollouts";
import { getRollout } from "./get-rollout";
import { liftHold } from "./lift-hold";
import { listRollouts } from "./list-rollouts";
import { previewRollout } from "./preview-rollout";
import { promoteRelease } from "./promote-release";
import { recordProgress } from "./record-progress";
import { startReconverge } from "./start-reconverge";
import { startRollback } from "./start-rollback";
import { abortRollout, pauseRollout, resumeRollout } from "./steer-rollout";

let test: TestApp;
let ctx: Ctx;
let approver: Ctx;
let service: string;
let v1: FakeImage;
let v2: FakeImage;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  approver = await test.ctx("approver");
});
afterAll(() => test.drop());
beforeEach(async () => {
  service = `svc-${randomUUID().slice(0, 8)}`;
  v1 = await registerVersion(ctx, service, "1.0.0");
  v2 = await registerVersion(ctx, service, "2.0.0");
});

const place = (environment = "staging") => ({ service, environment, partition: "default" });
const promote = (version: string, environment?: string) => promoteRelease({ ctx, input: promoteRequest.parse({ ...place(environment), version, strategy: { cut: { kind: "all-at-once" }, onFailure: "fail" } }) });
const rollback = (more: Partial<RollbackRequest> = {}, who = ctx) => startRollback({ ctx: who, input: rollbackRequest.parse({ ...place(), reason: "error rate", ...more }) });
const preview = (version?: string) => previewRollout({ ctx, input: { kind: "rollback", ...place(), version } });
const detail = (id: string) => getRollout({ ctx, input: { id } });
const written = async (): Promise<number> => Number((await test.db.$queryRaw<{ n: bigint }[]>`SELECT (SELECT size FROM ledger_head) + (SELECT count(*) FROM rollouts) + (SELECT count(*) FROM holds) AS n`)[0]?.n);

/** Fetches and verifies what an agent should run, as the agent does. */
async function fetchDesired(agent: FakeAgent, trust: Partial<DesiredTrust> = {}, after = 0) {
  const nonce = randomUUID();
  const seen = trust.checkpoint?.size ?? 0;
  const answer = await waitDesired({ ctx: agent.ctx, input: desiredQuery.parse({ after, nonce, checkpoint: seen, wait: 0 }) });
  if (!answer) return null;
  const verdict = verifyDesired({ ...answer, trust: { origin: test.app.keys.origin, vkey: serverVkey(test.app.keys), epoch: 1, agentId: agent.ctx.actor.id, nonce, lastVersion: after, checkpoint: null, obeyed: {}, ...trust } });
  if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
  return verdict;
}

const progress = (agent: FakeAgent, rollout: string, step: string, generation: number, more: Record<string, unknown> = {}) =>
  recordProgress({ ctx: agent.ctx, input: progressReport.parse({ v: 1, heldVersion: 1, targets: [{ target: "app", rollout, generation, step, at: agent.now(), ...more }] }) });

/** A host that runs version 2 of the service, which is assigned. */
async function running2(): Promise<FakeAgent> {
  const agent = await FakeAgent.make(test, "staging");
  await promote("1.0.0");
  await agent.report({ key: "app", service, image: v1 });
  const { id } = await promote("2.0.0");
  const desired = await fetchDesired(agent);
  await progress(agent, id, "done", desired?.state.targets[0]?.generation ?? 0);
  await agent.report({ key: "app", service, image: v2 });
  await advanceRollouts(test.app);
  return agent;
}

describe("promoting", () => {
  it("is an assignment alone where nothing runs yet", async () => {
    const rollout = await promote("1.0.0");
    expect(rollout).toMatchObject({ status: "succeeded", kind: "promote", counts: { total: 0 } });
    await expect(promote("1.0.0")).rejects.toMatchObject({ kind: "conflict", extras: { type: "identical" } });
  });

  it("is refused without approval where one is needed, and for what does not exist", async () => {
    const before = await written();
    await expect(promote("1.0.0", "production")).rejects.toMatchObject({ extras: { type: "not-approved" } });
    await expect(promote("9.9.9")).rejects.toMatchObject({ kind: "not-found" });
    await expect(promoteRelease({ ctx, input: promoteRequest.parse({ ...place(), service: "nobody", version: "1" }) })).rejects.toMatchObject({ kind: "not-found" });
    await expect(promoteRelease({ ctx, input: promoteRequest.parse({ ...place(), environment: "moon", version: "1.0.0" }) })).rejects.toMatchObject({ kind: "not-found" });
    await expect(promoteRelease({ ctx: approver, input: promoteRequest.parse({ ...place(), version: "1.0.0" }) })).rejects.toMatchObject({ kind: "forbidden" });
    expect(await written()).toBe(before);
    await approveRelease({ ctx: approver, input: { service, version: "1.0.0", environment: "production" } });
    expect(await promote("1.0.0", "production")).toMatchObject({ status: "succeeded" });
  });
});

describe("the whole line", () => {
  it("promotes, verifies by report, rolls back, verifies again, and holds", async () => {
    const agent = await FakeAgent.make(test, "staging");
    await promote("1.0.0");
    await agent.report({ key: "app", service, image: v1 });
    const first = await fetchDesired(agent);
    expect(first).toBeNull();

    const promoted = await promote("2.0.0");
    expect(promoted).toMatchObject({ status: "running", counts: { total: 1, inFlight: 1 } });
    const told = await fetchDesired(agent);
    expect(told?.refusedTargets).toEqual([]);
    expect(told?.state.targets).toMatchObject([{ target: "app", service, environment: "staging", generation: 1, rollout: promoted.id, repository: `registry.test/${service}`, components: [{ name: "main", digests: expect.arrayContaining([v2.digest, v2.config]) }] }]);
    expect(await fetchDesired(agent, {}, told?.state.version)).toBeNull();
    await progress(agent, promoted.id, "acknowledged", 1);
    await advanceRollouts(test.app);
    expect(await detail(promoted.id)).toMatchObject({ counts: { inFlight: 1 }, targets: [{ status: "acknowledged", step: "acknowledged" }] });
    await progress(agent, promoted.id, "done", 1);
    await advanceRollouts(test.app);
    expect(await detail(promoted.id)).toMatchObject({ status: "running" });
    await agent.report({ key: "app", service, image: v2 });
    await advanceRollouts(test.app);
    expect(await detail(promoted.id)).toMatchObject({ status: "succeeded", counts: { verified: 1, total: 1 }, waves: [{ status: "passed", cells: "v" }] });

    const shown = await preview();
    expect(shown).toMatchObject({ allowed: true, kind: "rollback", assigned: { version: "2.0.0" }, to: { version: "1.0.0" }, weakEvidence: true, targets: 1, actable: 1 });
    expect(shown.evidence).toContainEqual(expect.objectContaining({ ok: null, sentence: expect.stringContaining("not checked") }));
    const back = await rollback({ revision: shown.revision });
    expect(back).toMatchObject({ kind: "rollback", status: "running", from: { version: "2.0.0" }, to: { version: "1.0.0" }, reason: "error rate", holdEntry: back.entry });
    const order = await fetchDesired(agent, { checkpoint: told?.checkpoint ?? null, obeyed: { app: told?.state.targets[0]?.entry ?? 0 } }, told?.state.version);
    expect(order?.state.targets).toMatchObject([{ generation: 2, rollout: back.id, components: [{ digests: expect.arrayContaining([v1.digest]) }] }]);
    await progress(agent, back.id, "done", 2);
    await agent.report({ key: "app", service, image: v1, copy: "app@again" });
    await advanceRollouts(test.app);
    const ended = await detail(back.id);
    expect(ended).toMatchObject({ status: "succeeded", counts: { verified: 1 }, targets: [{ status: "verified" }] });
    expect(ended.summary).toContain("Promotions are held");
    expect((await listRollouts({ ctx, input: { service, limit: 10 } })).items.map(({ kind }) => kind)).toEqual(["rollback", "promote", "promote"]);

    await expect(promote("2.0.0")).rejects.toMatchObject({ kind: "conflict", extras: { type: "held" } });
    await liftHold({ ctx, input: { ...place(), reason: "fixed" } });
    expect(await promote("2.0.0")).toMatchObject({ status: "running" });
    // It was here before, and what ran then was judged without a rollout: nobody is found to be behind for a moment.
    expect(await test.db.$queryRaw`SELECT kind, opened_at, resolved_at FROM findings WHERE service_name = ${service} AND kind IN ('behind', 'ahead')`).toEqual([]);
  });

  it("wakes a waiting agent, which holds no connection meanwhile", async () => {
    const agent = await running2();
    const held = await fetchDesired(agent);
    const waiting = waitDesired({ ctx: agent.ctx, input: desiredQuery.parse({ after: held?.state.version, nonce: randomUUID(), wait: 20 }) });
    await rollback();
    expect(await waiting).toMatchObject({ document: expect.stringContaining(v1.digest) });
  });

  it("tells a container its own component, and verifies it by that one alone", async () => {
    const register = async (version: string) => {
      const web = fakeImage(`${service} web ${version}`);
      const jobs = fakeImage(`${service} jobs ${version}`);
      await registerVersion(ctx, service, version, {
        components: [
          { name: "web", repository: `registry.test/${service}-web`, digest: web.digest, manifests: web.manifests },
          { name: "jobs", repository: `registry.test/${service}-jobs`, digest: jobs.digest, manifests: jobs.manifests },
        ],
      });
      return { web, jobs };
    };
    const old = await register("3.0.0");
    const young = await register("3.1.0");
    const agent = await FakeAgent.make(test, "staging");
    // The containers' own names are no components; their repositories say which they are.
    const shown = (key: "web" | "jobs", image: FakeImage) => ({ key, service, image, container: `${key}-1`, repository: `${service}-${key}` });
    await promote("3.0.0");
    await agent.report(shown("web", old.web), shown("jobs", old.jobs));
    const { id } = await promote("3.1.0");
    const told = await fetchDesired(agent);
    expect(told?.refusedTargets).toEqual([]);
    expect(told?.state.targets).toMatchObject([
      { target: "jobs", repository: `registry.test/${service}-jobs`, components: [{ name: "jobs" }] },
      { target: "web", repository: `registry.test/${service}-web`, components: [{ name: "web" }] },
    ]);
    for (const target of ["web", "jobs"]) await progress(agent, id, "done", 1, { target });
    await agent.report(shown("web", young.jobs), shown("jobs", young.jobs));
    await advanceRollouts(test.app);
    const wrong = await detail(id);
    expect(new Map(wrong.targets.map(({ key, status }) => [key, status]))).toEqual(new Map([["web", "failed"], ["jobs", "verified"]]));

    const again = await startReconverge({ ctx, input: reconvergeRequest.parse({ ...place(), reason: "the wrong bytes" }) });
    await progress(agent, again.id, "done", 2, { target: "web" });
    await agent.report(shown("web", young.web), shown("jobs", young.jobs));
    await advanceRollouts(test.app);
    expect(await detail(again.id)).toMatchObject({ status: "succeeded", targets: [{ key: "web", status: "verified" }] });
  });

  it("names why a target failed, and fails with it", async () => {
    const agent = await running2();
    const back = await rollback();
    await progress(agent, back.id, "failed", 2, { reason: "start-failed", message: "port is taken", exitCode: 1 });
    await advanceRollouts(test.app);
    expect(await detail(back.id)).toMatchObject({ status: "failed", counts: { failed: 1 }, stuck: [{ reason: "start-failed", count: 1 }], targets: [{ message: "port is taken" }] });
  });

  it("opens a finding for a refused document, and resolves it when a later one is held", async () => {
    const agent = await running2();
    const open = () => test.db.$queryRaw<{ kind: string }[]>`
      SELECT f.kind FROM findings f JOIN agent_scopes s ON s.id = f.agent_scope_id WHERE s.agent_id = ${agent.ctx.actor.id}::uuid AND f.resolved_at IS NULL`;
    const refuse = () => recordProgress({ ctx: agent.ctx, input: progressReport.parse({ v: 1, refusal: { reason: "inconsistent-checkpoint", detail: "the log went back" } }) });
    await refuse();
    await refuse();
    expect(await open()).toEqual([{ kind: "ledger-refused" }]);
    const held = await fetchDesired(agent);
    await recordProgress({ ctx: agent.ctx, input: progressReport.parse({ v: 1, heldVersion: held?.state.version }) });
    expect(await open()).toEqual([]);
  });

  it("tells nobody what a row says and its entry does not", async () => {
    const agent = await running2();
    await test.db.$executeRaw`
      UPDATE target_desired d SET release_id = r.id, generation = 99 FROM releases r, targets t JOIN agent_scopes s ON s.id = t.agent_scope_id
      WHERE d.target_id = t.id AND s.agent_id = ${agent.ctx.actor.id}::uuid AND r.version = '1.0.0' AND r.service_id = t.service_id`;
    expect((await fetchDesired(agent))?.state.targets).toEqual([]);
  });
});

describe("the last known good", () => {
  it("is what proved itself by observation, and travels along as the fallback", async () => {
    const agent = await FakeAgent.make(test, "staging");
    const first = await promote("1.0.0");
    agent.receivedAt = new Date(Date.now() - 90 * 60_000);
    await agent.report({ key: "app", service, image: v1 });
    agent.receivedAt = new Date(Date.now() - 20 * 60_000);
    await agent.report({ key: "app", service, image: v1 });
    agent.receivedAt = null;
    await promote("2.0.0");
    await agent.report({ key: "app", service, image: v2 });
    const shown = await preview();
    expect(shown.to).toMatchObject({ version: "1.0.0" });
    expect(shown.evidence.filter(({ ok }) => ok === false)).toEqual([]);
    expect(shown).toMatchObject({ weakEvidence: false, confirm: "click" });
    expect((await fetchDesired(agent))?.state.targets[0]?.fallback).toEqual({ entry: first.entry, components: [{ name: "main", digests: [v1.digest, v1.config].toSorted() }] });
    await rollback();
    await agent.report({ key: "app", service, image: v1, copy: "back" });
    // Whoever comes second does not bring back what the first one left; by name it is somebody's decision.
    expect(await preview()).toMatchObject({ allowed: false, to: null, candidates: [{ version: "2.0.0", lastKnownGood: false, eligible: true }] });
    await expect(rollback()).rejects.toMatchObject({ extras: { reasons: [{ reason: "release-unknown" }] } });
  });

  it("is nothing newer that only turned up: that is a promotion, which a hold or a freeze stops", async () => {
    const agent = await FakeAgent.make(test, "staging");
    await promote("1.0.0");
    await agent.report({ key: "app", service, image: v1 });
    await agent.report({ key: "app", service, image: v2, copy: "by hand" });
    await agent.report({ key: "app", service, image: v1, copy: "again" });
    expect(await preview()).toMatchObject({ allowed: false, to: null });
    await expect(rollback()).rejects.toMatchObject({ extras: { reasons: [{ reason: "release-unknown" }] } });
    await expect(rollback({ version: "2.0.0" })).rejects.toMatchObject({ extras: { reasons: [{ reason: "newer-than-assigned" }] } });
  });

  it("is found, like what is assigned, however many builds were registered since", async () => {
    const agent = await FakeAgent.make(test, "staging");
    await promote("1.0.0");
    await agent.report({ key: "app", service, image: v1 });
    await promote("2.0.0");
    await agent.report({ key: "app", service, image: v2 });
    for (let build = 1; build <= 201; build += 1) await registerVersion(ctx, service, `3.0.${build}`);
    const shown = await preview();
    expect(shown).toMatchObject({ allowed: true, to: { version: "1.0.0" }, assigned: { version: "2.0.0", digest: v2.digest } });
    expect(shown.candidates[0]).toMatchObject({ version: "1.0.0", eligible: true });
    const again = await previewRollout({ ctx, input: { kind: "replace", service, environment: "staging", partition: "default" } });
    expect(again).toMatchObject({ to: { version: "2.0.0" }, reasons: [{ reason: "rollout-active" }] });
  });

  it("is what proved itself by the environment's own measure", async () => {
    const agent = await FakeAgent.make(test, "staging");
    const first = await promote("1.0.0");
    for (const minutes of [5, 3]) {
      agent.receivedAt = new Date(Date.now() - minutes * 60_000);
      await agent.report({ key: "app", service, image: v1 });
    }
    agent.receivedAt = null;
    await promote("2.0.0");
    await agent.report({ key: "app", service, image: v2 });
    expect(await preview()).toMatchObject({ to: { version: "1.0.0" }, weakEvidence: true, confirm: "type" });
    const strategy = environmentStrategySchema.parse(DEFAULT_STRATEGY);
    const measure = { minShare: 1, minRanForMs: 2 * 60_000, maxUnhealthyShare: 0 };
    const { version } = await putStrategy({ ctx, input: { environment: "staging", strategy: { ...strategy, lastKnownGood: measure }, version: 0, reason: "builds come and go" } });
    const shown = await preview();
    expect(shown).toMatchObject({ to: { version: "1.0.0" }, weakEvidence: false, confirm: "click" });
    expect(shown.evidence.map(({ sentence }) => sentence)).toContain("ran on 100 % of the targets, 100 % wanted");
    expect((await fetchDesired(agent))?.state.targets[0]?.fallback?.entry).toBe(first.entry);
    await putStrategy({ ctx, input: { environment: "staging", strategy, version, reason: "as it was" } });
  });
});

describe("a rollback is refused", () => {
  it("to what is unapproved, recalled, identical or unknown, and writes nothing", async () => {
    await running2();
    await registerVersion(ctx, service, "3.0.0");
    const cases: [Partial<RollbackRequest>, string, string][] = [
      [{ version: "2.0.0" }, "conflict", "identical"],
      [{ version: "3.0.0" }, "unprocessable", "newer-than-assigned"],
      [{ version: "9.9.9" }, "not-found", "release-unknown"],
    ];
    const before = await written();
    for (const [input, kind, type] of cases) await expect(rollback(input)).rejects.toMatchObject({ kind, extras: { type } });
    await expect(rollback({ service: "nobody" })).rejects.toMatchObject({ kind: "not-found" });
    await expect(rollback({ partition: "moon" })).rejects.toMatchObject({ kind: "not-found" });
    await expect(rollback({}, approver)).rejects.toMatchObject({ kind: "forbidden" });
    expect(await written()).toBe(before);

    await recallRelease({ ctx, input: { service, version: "1.0.0", reason: "CVE" } });
    await expect(rollback({ version: "1.0.0" })).rejects.toMatchObject({ kind: "conflict", extras: { type: "recalled" } });
    await expect(rollback()).rejects.toMatchObject({ extras: { type: "release-unknown" } });
    await test.db.$executeRaw`UPDATE environments SET required_approvals = 1 WHERE name = 'staging'`;
    await expect(rollback({ version: "1.0.0" })).rejects.toMatchObject({ extras: { reasons: expect.arrayContaining([expect.objectContaining({ reason: "not-approved" })]) } });
    await test.db.$executeRaw`UPDATE environments SET required_approvals = 0 WHERE name = 'staging'`;
  });

  it("for a view that has moved since, saying what changed", async () => {
    await running2();
    const shown = await preview("1.0.0");
    await rollback({ version: "1.0.0", revision: shown.revision });
    await expect(rollback({ version: "1.0.0", revision: shown.revision })).rejects.toMatchObject({ kind: "conflict", extras: { type: "stale-view", changed: expect.arrayContaining([expect.stringContaining("The assigned release is now 1.0.0")]) } });
  });

  it("where a migration cannot be undone", async () => {
    await running2();
    await registerVersion(ctx, service, "3.0.0", { migrations: [{ id: "drop-column", kind: "contract" }] });
    await promote("3.0.0");
    await expect(rollback({ version: "1.0.0" })).rejects.toMatchObject({ kind: "unprocessable", extras: { type: "needs-forward-fix" } });
  });
});

describe("races", () => {
  it("leaves one active rollout of fifty that were started at once, and loses none", async () => {
    await running2();
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => rollback({ version: "1.0.0" })));
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused).toEqual([]);
    const statuses = (await listRollouts({ ctx, input: { service, limit: 100 } })).items.filter(({ to }) => to?.version === "1.0.0");
    expect(statuses.filter(({ status }) => status === "running")).toHaveLength(1);
    expect(statuses.filter(({ status }) => status === "superseded")).toHaveLength(49);
    expect(await test.db.$queryRaw`SELECT 1 FROM holds h JOIN services s ON s.id = h.service_id WHERE s.name = ${service} AND lifted_at IS NULL`).toHaveLength(1);
  });

  it("serves a recall and a rollback one after the other", async () => {
    await running2();
    const [, back] = await Promise.allSettled([recallRelease({ ctx, input: { service, version: "1.0.0", reason: "CVE" } }), rollback({ version: "1.0.0" })]);
    const [recalled] = await test.db.$queryRaw<{ entry_seq: bigint }[]>`SELECT c.entry_seq FROM recalls c JOIN releases r ON r.id = c.release_id JOIN services s ON s.id = r.service_id WHERE s.name = ${service}`;
    if (back.status === "fulfilled") expect(BigInt(back.value.entry)).toBeLessThan(recalled?.entry_seq ?? 0n);
    else expect(back.reason).toMatchObject({ extras: { type: "recalled" } });
  });
});

describe("steering", () => {
  it("pauses, goes on, and stops with a hold and the rows as they are", async () => {
    const agent = await running2();
    const back = await rollback({ hold: false });
    expect(await pauseRollout({ ctx, input: { id: back.id } })).toMatchObject({ status: "paused" });
    await expect(pauseRollout({ ctx, input: { id: back.id } })).rejects.toMatchObject({ kind: "conflict" });
    expect(await resumeRollout({ ctx, input: { id: back.id } })).toMatchObject({ status: "running" });
    expect(await abortRollout({ ctx, input: { id: back.id, reason: "enough" } })).toMatchObject({ status: "aborted" });
    expect((await fetchDesired(agent))?.state.targets[0]?.components[0]?.digests).toContain(v1.digest);
    await expect(promote("2.0.0")).rejects.toMatchObject({ extras: { type: "held" } });
    await expect(abortRollout({ ctx: approver, input: { id: back.id } })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(abortRollout({ ctx, input: { id: randomUUID() } })).rejects.toMatchObject({ kind: "not-found" });
  });

  it("reconverges what deviates, and refuses when nothing does", async () => {
    const agent = await running2();
    const reconverge = () => startReconverge({ ctx, input: reconvergeRequest.parse({ ...place(), reason: "somebody changed it" }) });
    await expect(reconverge()).rejects.toMatchObject({ extras: { type: "identical" } });
    await agent.report({ key: "app", service, image: fakeImage("by hand") });
    const rollout = await reconverge();
    expect(rollout).toMatchObject({ kind: "reconverge", to: { version: "2.0.0" }, counts: { total: 1 } });
    expect((await fetchDesired(agent))?.state.targets).toMatchObject([{ generation: 2, entry: rollout.entry, components: [{ digests: expect.arrayContaining([v2.digest]) }] }]);
  });
});

describe("a target that leaves what was verified while the rollout is open", () => {
  it("is offered it again twice, and is contested after that", async () => {
    const [agent, other] = [await FakeAgent.make(test, "staging"), await FakeAgent.make(test, "staging")];
    await promote("1.0.0");
    for (const one of [agent, other]) await one.report({ key: "app", service, image: v1 });
    const { id } = await promote("2.0.0");
    const state = async () => {
      const [row] = await test.db.$queryRaw<{ status: string; generation: bigint }[]>`
        SELECT rt.status, rt.generation FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id
        WHERE rt.rollout_id = ${id}::uuid AND s.agent_id = ${agent.ctx.actor.id}::uuid`;
      return { status: row?.status, generation: Number(row?.generation) };
    };
    const obey = async () => {
      await progress(agent, id, "done", (await state()).generation);
      await agent.report({ key: "app", service, image: v2 });
      await advanceRollouts(test.app);
    };
    const leave = async () => {
      await agent.report({ key: "app", service, image: v1 });
      await advanceRollouts(test.app);
    };
    await obey();
    const { status, generation } = await state();
    expect(status).toBe("verified");
    for (const again of [1, 2]) {
      await leave();
      expect(await state()).toEqual({ status: "offered", generation: generation + again });
      await obey();
      expect((await state()).status).toBe("verified");
    }
    await leave();
    expect(await state()).toEqual({ status: "contested", generation: generation + 2 });
  });
});

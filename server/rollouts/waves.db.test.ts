import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { progressReport } from "@/lib/contract/agent";
import { clearRequest, promoteRequest, replaceRequest, rollbackRequest, stopRequest, type PromoteRequest, type RolloutDetail } from "@/lib/contract/rollouts";
import { environmentStrategySchema } from "@/lib/contract/strategies";
import type { Ctx } from "@/server/context";
import { lockVerdicts } from "@/server/drift/rejudge";
import { putStrategy } from "@/server/policies/put-strategy";
import { readStrategy } from "@/server/policies/read-strategy";
import { recallRelease } from "@/server/releases/recall-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { advanceRollouts } from "./advance-rollouts";
import { clearRollback } from "./clear-rollback";
import { getRollout } from "./get-rollout";
import { listRollouts } from "./list-rollouts";
import { previewRollout } from "./preview-rollout";
import { promoteRelease } from "./promote-release";
import { recordProgress } from "./record-progress";
import { startReplace } from "./start-replace";
import { startRollback } from "./start-rollback";
import { startStop } from "./start-stop";
import { abortRollout, goAhead, pauseRollout, resumeRollout } from "./steer-rollout";

let test: TestApp;
let ctx: Ctx;
let service: string;
let v1: FakeImage;
let v2: FakeImage;
let hosts: FakeAgent[];

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());
beforeEach(async () => {
  service = `svc-${randomUUID().slice(0, 8)}`;
  v1 = await registerVersion(ctx, service, "1.0.0");
  v2 = await registerVersion(ctx, service, "2.0.0");
  hosts = await Promise.all(Array.from({ length: 4 }, () => FakeAgent.make(test, "staging")));
  await Promise.all(hosts.map((host) => host.report({ key: "app", service, image: v1 })));
  // Everyone runs it already: assigned, and nothing to do.
  await promote("1.0.0", { strategy: "all-at-once" });
  await turn();
  await answer(1, hosts, v1, "again");
});

const place = () => ({ service, environment: "staging", partition: "default" });
/** One target first, one more, then the others; nothing is watched for longer than it takes. */
const IN_WAVES = { cut: { kind: "percentages" as const, steps: [25, 50, 100] }, onFailure: "rollback" as const, minUptimeMs: 0 };
const promote = (version: string, more: Partial<PromoteRequest> = {}) => promoteRelease({ ctx, input: promoteRequest.parse({ ...place(), version, strategy: IN_WAVES, ...more }) });
const turn = () => advanceRollouts(test.app);
const detail = (id: string): Promise<RolloutDetail> => getRollout({ ctx, input: { id } });
const waves = async (id: string) => (await detail(id)).waves.map(({ status, cells }) => `${status} ${cells}`);

/** These hosts did what they were told, and report it. */
async function answer(generation: number, who: readonly FakeAgent[], image: FakeImage, copy: string = randomUUID(), step = "done", more: Record<string, unknown> = {}): Promise<void> {
  const [rollout] = (await listRollouts({ ctx, input: { service, limit: 1 } })).items;
  for (const host of who) {
    await recordProgress({ ctx: host.ctx, input: progressReport.parse({ v: 1, targets: [{ target: "app", rollout: rollout?.id ?? null, generation, step, at: host.now(), ...more }] }) });
    if (step === "done") await host.report({ key: "app", service, image, copy });
  }
  await turn();
}

/** Who was told to run something by this rollout, in the order of the waves. */
async function offered(id: string): Promise<FakeAgent[]> {
  const rows = await test.db.$queryRaw<{ agent: string }[]>`
    SELECT s.agent_id AS agent FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id
    WHERE rt.rollout_id = ${id}::uuid AND rt.status IN ('offered', 'acknowledged', 'replacing') ORDER BY rt.wave, t.id`;
  return rows.flatMap(({ agent }) => hosts.find((host) => host.ctx.actor.id === agent) ?? []);
}

async function generationOf(host: FakeAgent): Promise<number> {
  const [row] = await test.db.$queryRaw<{ generation: bigint }[]>`
    SELECT d.generation FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${host.ctx.actor.id}::uuid`;
  return Number(row?.generation ?? 0);
}

async function carryOn(id: string, image: FakeImage): Promise<void> {
  for (const host of await offered(id)) await answer(await generationOf(host), [host], image);
}

describe("waves", () => {
  it("open one after the other, each when the one before has passed", async () => {
    const { id } = await promote("2.0.0");
    expect(await waves(id)).toEqual(["open f", "pending w", "pending ww"]);
    await turn();
    expect(await waves(id)).toEqual(["open f", "pending w", "pending ww"]);
    await carryOn(id, v2);
    expect(await waves(id)).toEqual(["passed v", "open f", "pending ww"]);
    await carryOn(id, v2);
    expect(await waves(id)).toEqual(["passed v", "passed v", "open ff"]);
    await carryOn(id, v2);
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 4, total: 4 }, watchedUntil: expect.any(String) });
  });

  it("are shown before the start as they will be", async () => {
    await test.db.$executeRaw`
      INSERT INTO strategies (environment_id, version, strategy, actor_id, entry_seq) SELECT id, 1, ${JSON.stringify({ promote: { ...IN_WAVES, gate: { soakMs: 60_000 } }, rollback: { cut: { kind: "all-at-once" } } })}::jsonb, ${ctx.actor.id}::uuid, 0 FROM environments WHERE name = 'dev'`;
    const shown = await previewRollout({ ctx, input: { kind: "promote", ...place(), version: "2.0.0" } });
    expect(shown).toMatchObject({ allowed: true, kind: "promote", to: { version: "2.0.0" }, assigned: { version: "1.0.0" }, targets: 4, strategy: { version: 0 } });
    expect(shown.waves.map(({ name, targets }) => [name, targets])).toEqual([["5 %", 1], ["25 %", 1], ["100 %", 2]]);
    const { id } = await promote("2.0.0", { strategy: "environment", revision: shown.revision });
    expect((await detail(id)).waves.map(({ name, counts }) => [name, counts.total])).toEqual([["5 %", 1], ["25 %", 1], ["100 %", 2]]);
    await expect(promote("2.0.0", { revision: shown.revision })).rejects.toMatchObject({ kind: "conflict", extras: { type: "stale-view" } });
  });

  it("stop at a bad canary, which goes back by itself; nobody else was touched", async () => {
    const { id } = await promote("2.0.0");
    const [canary] = await offered(id);
    if (!canary) throw new Error("nobody was offered anything");
    await answer(await generationOf(canary), [canary], v2, "", "failed", { reason: "crash-loop", message: "exit 1" });
    expect(await detail(id)).toMatchObject({ status: "failed", statusReason: expect.stringContaining("1 of 1 target of wave 25 % did not get there."), waves: [{ status: "failed" }, { status: "pending" }, { status: "pending" }] });
    const [back] = (await listRollouts({ ctx, input: { service, limit: 1 } })).items;
    expect(back).toMatchObject({ kind: "rollback", status: "running", to: { version: "1.0.0" }, from: { version: "2.0.0" }, startedBy: "Plumbline", reverts: { id }, counts: { total: 1 }, holdEntry: expect.any(Number) });
    expect((await detail(id)).revertedBy).toMatchObject({ id: back?.id });
    await carryOn(back?.id ?? "", v1);
    expect(await detail(back?.id ?? "")).toMatchObject({ status: "succeeded", counts: { verified: 1 } });
    await expect(promote("2.0.0")).rejects.toMatchObject({ extras: { type: "held" } });
  });

  it("pause past the threshold where the strategy says so; a person tries again or goes on without", async () => {
    const { id } = await promote("2.0.0", { strategy: { ...IN_WAVES, onFailure: "pause" } });
    const [canary] = await offered(id);
    if (!canary) throw new Error("nobody was offered anything");
    await answer(await generationOf(canary), [canary], v2, "", "failed", { reason: "cannot-fetch" });
    expect(await detail(id)).toMatchObject({ status: "paused", statusReason: expect.stringContaining("Paused, as the strategy says."), stuck: [{ reason: "cannot-fetch", next: expect.any(String) }] });
    await expect(resumeRollout({ ctx, input: { id } })).rejects.toMatchObject({ kind: "conflict", extras: { type: "wave-failed" } });
    const before = await generationOf(canary);
    await resumeRollout({ ctx, input: { id, failed: "retry" } });
    expect(await generationOf(canary)).toBe(before + 1);
    await answer(before + 1, [canary], v2, "", "failed", { reason: "cannot-fetch" });
    expect(await detail(id)).toMatchObject({ status: "paused" });
    await resumeRollout({ ctx, input: { id, failed: "accept" } });
    expect(await waves(id)).toEqual(["passed x", "open f", "pending ww"]);
  });

  it("are stuck after what the strategy says, not before", async () => {
    const canary = async () => (await detail((await listRollouts({ ctx, input: { service, limit: 1 } })).items[0]?.id ?? "")).stuck.map(({ reason, count }) => `${reason} ${count}`);
    const wait = (minutes: number) => test.db.$executeRaw`UPDATE rollout_targets rt SET updated_at = rt.updated_at - make_interval(mins => ${minutes}::int) FROM rollouts r JOIN services s ON s.id = r.service_id WHERE r.id = rt.rollout_id AND s.name = ${service}`;
    await promote("2.0.0", { strategy: { ...IN_WAVES, stuckAfterMs: 20 * 60_000 } });
    await answer(2, hosts, v2, "new", "pulling");
    await wait(15);
    await turn();
    expect(await canary()).toEqual([]);
    await wait(6);
    await turn();
    expect(await canary()).toEqual(["wrong-digest 1"]);
  });

  it("wait for a person, who is named in the ledger", async () => {
    const { id } = await promote("2.0.0", { strategy: { ...IN_WAVES, waves: [{ wave: 2, goAhead: true }] } });
    await carryOn(id, v2);
    expect(await waves(id)).toEqual(["passed v", "waiting w", "pending ww"]);
    expect(await detail(id)).toMatchObject({ waitingFor: "Wave 50 % waits for somebody to say go.", waves: [{}, { goAhead: { needed: true, by: null } }, {}] });
    await expect(goAhead({ ctx, input: { id, wave: 3 } })).rejects.toMatchObject({ kind: "conflict" });
    await expect(goAhead({ ctx: await test.ctx("viewer"), input: { id, wave: 2 } })).rejects.toMatchObject({ kind: "forbidden" });
    const nobody = { ...ctx, actor: { ...ctx.actor, personId: (await test.db.$queryRaw<{ id: string }[]>`INSERT INTO actors (kind, display_name) VALUES ('token', 'team') RETURNING id`)[0]?.id ?? "" } };
    await expect(goAhead({ ctx: nobody, input: { id, wave: 2 } })).rejects.toMatchObject({ extras: { type: "no-person" } });
    await goAhead({ ctx, input: { id, wave: 2, reason: "the canary looks good" } });
    expect(await waves(id)).toEqual(["passed v", "open f", "pending ww"]);
    const [entry] = await test.db.$queryRaw<{ type: string; actor_id: string }[]>`SELECT type, actor_id FROM ledger_entries ORDER BY seq DESC LIMIT 1`;
    expect(entry).toEqual({ type: "wave-approved", actor_id: ctx.actor.id });
    await expect(goAhead({ ctx, input: { id, wave: 2 } })).rejects.toMatchObject({ kind: "conflict" });
  });

  it("wait for a check: a no rolls back, silence pauses, a yes opens", async () => {
    const check = { kind: "webhook" as const, url: "https://checks.test/", timeoutMs: 1_000, everyMs: 1_000, withinMs: 5_000 };
    const start = async () => {
      const { id } = await promote("2.0.0", { strategy: { ...IN_WAVES, onFailure: "pause", waves: [{ wave: 2, check }] } });
      await carryOn(id, v2);
      return id;
    };
    const say = async (id: string, status: string) => {
      await test.db.$executeRaw`UPDATE wave_checks SET status = ${status}, detail = 'error rate 4 %', finished_at = now() WHERE rollout_id = ${id}::uuid`;
      await turn();
    };
    const id = await start();
    expect(await waves(id)).toEqual(["passed v", "waiting w", "pending ww"]);
    expect((await detail(id)).waves[1]?.check).toMatchObject({ status: "due" });
    await say(id, "unanswered");
    expect(await detail(id)).toMatchObject({ status: "paused", statusReason: "The check before wave 50 % did not answer: error rate 4 %" });
    await resumeRollout({ ctx, input: { id } });
    expect((await detail(id)).waves[1]?.check).toMatchObject({ status: "due", attempts: 0 });
    await say(id, "failed");
    expect(await detail(id)).toMatchObject({ status: "paused", statusReason: expect.stringContaining("The check before wave 50 % failed: error rate 4 %") });
    await resumeRollout({ ctx, input: { id } });
    await say(id, "passed");
    expect(await waves(id)).toEqual(["passed v", "open f", "pending ww"]);
  });

  it("make no offer while paused, and let what runs finish", async () => {
    const { id } = await promote("2.0.0");
    await pauseRollout({ ctx, input: { id, reason: "lunch" } });
    await carryOn(id, v2);
    expect(await waves(id)).toEqual(["passed v", "pending w", "pending ww"]);
    expect(await detail(id)).toMatchObject({ status: "paused", statusReason: expect.stringContaining("lunch") });
    await resumeRollout({ ctx, input: { id } });
    expect(await waves(id)).toEqual(["passed v", "open f", "pending ww"]);
  });

  it("are steered only by who has seen how they stand", async () => {
    const { id, revision } = await promote("2.0.0");
    const paused = await pauseRollout({ ctx, input: { id, reason: "lunch", revision } });
    for (const steer of [pauseRollout, resumeRollout, abortRollout]) {
      await expect(steer({ ctx, input: { id, revision } })).rejects.toMatchObject({ kind: "conflict", extras: { type: "stale-view", changed: [`The rollout is paused: Paused by ${ctx.actor.name}: lunch`] } });
    }
    expect(await resumeRollout({ ctx, input: { id, revision: paused.revision } })).toMatchObject({ status: "running" });
  });

  it("pause when their release is recalled in between", async () => {
    const { id } = await promote("2.0.0");
    await recallRelease({ ctx, input: { service, version: "2.0.0", reason: "CVE" } });
    await carryOn(id, v2);
    expect(await detail(id)).toMatchObject({ status: "paused", statusReason: "2.0.0 was recalled: it is offered to nobody any more." });
    expect(await waves(id)).toEqual(["passed v", "pending w", "pending ww"]);
  });

  it("are not told again what was recalled since, by whoever took it back", async () => {
    const { id } = await promote("2.0.0", { strategy: { ...IN_WAVES, gate: { soakMs: 600_000 } } });
    const [canary] = await offered(id);
    if (!canary) throw new Error("nobody was offered anything");
    await answer(await generationOf(canary), [canary], v2);
    expect(await waves(id)).toEqual(["soaking v", "pending w", "pending ww"]);
    await recallRelease({ ctx, input: { service, version: "2.0.0", reason: "CVE" } });
    const before = await generationOf(canary);
    await canary.report({ key: "app", service, image: v1, copy: "by hand" });
    await turn();
    expect(await generationOf(canary)).toBe(before);
    expect(await detail(id)).toMatchObject({ status: "paused", statusReason: "2.0.0 was recalled: it is offered to nobody any more." });
  });

  it("without those that failed, ask the same of the others as before", async () => {
    const { id } = await promote("2.0.0", { strategy: { cut: { kind: "all-at-once" }, onFailure: "pause", maxInFlight: 1, minUptimeMs: 0 } });
    const next = async (image: FakeImage | null) => {
      const [host] = await offered(id);
      if (!host) throw new Error("nobody was offered anything");
      await (image ? answer(await generationOf(host), [host], image) : answer(await generationOf(host), [host], v2, "", "failed", { reason: "crash-loop" }));
    };
    await next(null);
    expect(await detail(id)).toMatchObject({ status: "paused", counts: { failed: 1, waiting: 3 } });
    expect(await resumeRollout({ ctx, input: { id, failed: "accept" } })).toMatchObject({ status: "running", counts: { failed: 1, waiting: 2, inFlight: 1 } });
    await next(v2);
    await next(null);
    expect(await detail(id)).toMatchObject({ status: "paused", counts: { verified: 1, failed: 2, waiting: 1 } });
    await resumeRollout({ ctx, input: { id, failed: "accept" } });
    await next(v2);
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 2, failed: 2 } });
  });

  it("are never wider than the cap", async () => {
    const { id } = await promote("2.0.0", { strategy: { cut: { kind: "all-at-once" }, maxInFlight: 2, minUptimeMs: 0 } });
    expect(await waves(id)).toEqual(["open ffww"]);
    const [first] = await offered(id);
    if (!first) throw new Error("nobody was offered anything");
    await answer(await generationOf(first), [first], v2);
    expect(await waves(id)).toEqual(["open ffwv"]);
  });
});

describe("stopping a rollout", () => {
  it("and rolling back puts the canary back, in one decision", async () => {
    const { id } = await promote("2.0.0");
    await carryOn(id, v2);
    const back = await abortRollout({ ctx, input: { id, how: "rollback", reason: "errors" } });
    expect(back).toMatchObject({ kind: "rollback", to: { version: "1.0.0" }, supersedes: { id }, holdEntry: expect.any(Number) });
    expect(back.counts.total).toBe(2);
    expect(await detail(id)).toMatchObject({ status: "superseded" });
  });

  it("that goes back reaches everyone, one at a time, though the first one fails", async () => {
    const { id } = await promote("2.0.0", { strategy: { cut: { kind: "all-at-once" }, minUptimeMs: 0 } });
    for (const host of await offered(id)) await answer(await generationOf(host), [host], v2);
    const { strategy } = await readStrategy(test.db, (await test.db.$queryRaw<{ id: string }[]>`SELECT id::text FROM environments WHERE name = 'staging'`)[0]?.id ?? "");
    const { version } = await putStrategy({ ctx, input: { environment: "staging", strategy: environmentStrategySchema.parse({ ...strategy, rollback: { ...strategy.rollback, maxInFlight: 1, minUptimeMs: 0 } }), version: 0, reason: "one at a time" } });
    const back = await startRollback({ ctx, input: rollbackRequest.parse({ ...place(), version: "1.0.0", reason: "errors" }) });
    await putStrategy({ ctx, input: { environment: "staging", strategy: environmentStrategySchema.parse(strategy), version, reason: "as it was" } });
    const [first] = await offered(back.id);
    if (!first) throw new Error("nobody was offered anything");
    await answer(await generationOf(first), [first], v1, "", "failed", { reason: "start-failed" });
    for (let left = 3; left > 0; left -= 1) {
      const [host] = await offered(back.id);
      if (!host) throw new Error("nobody else was told");
      expect(await detail(back.id)).toMatchObject({ status: "running", counts: { failed: 1, verified: 3 - left } });
      await answer(await generationOf(host), [host], v1);
    }
    expect(await detail(back.id)).toMatchObject({ status: "failed", counts: { verified: 3, failed: 1 } });
  });

  it("here follows who was told to the end, and names the split although nobody was there yet", async () => {
    const { id } = await promote("2.0.0");
    const [canary] = await offered(id);
    if (!canary) throw new Error("nobody was offered anything");
    await abortRollout({ ctx, input: { id, reason: "enough" } });
    const findings = () => test.db.$queryRaw<{ kind: string; count: number }[]>`SELECT kind, count FROM findings WHERE rollout_id = ${id}::uuid AND resolved_at IS NULL`;
    expect(await findings()).toEqual([{ kind: "partial-rollout", count: 3 }]);
    await answer(await generationOf(canary), [canary], v2);
    expect(await detail(id)).toMatchObject({ status: "aborted", counts: { verified: 1, inFlight: 0, gone: 0, withdrawn: 3 } });
    // Who leaves it now is told nothing more.
    const before = await generationOf(canary);
    await canary.report({ key: "app", service, image: v1, copy: "by hand" });
    await turn();
    expect([await generationOf(canary), (await findings()).length]).toEqual([before, 1]);
  });

  it("here keeps nobody waiting: it holds the ledger only with all that it needs", async () => {
    const { id } = await promote("2.0.0");
    let stopping: Promise<unknown> | null = null;
    await test.db.$transaction(async (tx) => {
      await lockVerdicts(tx);
      stopping = abortRollout({ ctx, input: { id, reason: "enough" } });
      await vi.waitFor(async () => expect(await test.db.$queryRaw`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).toHaveLength(1), { timeout: 20_000 });
      await tx.$queryRaw`SELECT 1 FROM ledger_head FOR UPDATE NOWAIT`;
    }, { timeout: 60_000 });
    await stopping;
    expect(await detail(id)).toMatchObject({ status: "aborted" });
  });

  it("here leaves a split by name", async () => {
    const { id } = await promote("2.0.0");
    await carryOn(id, v2);
    expect(await abortRollout({ ctx, input: { id, reason: "enough" } })).toMatchObject({ status: "aborted" });
    const findings = await test.db.$queryRaw<{ kind: string }[]>`SELECT kind FROM findings WHERE rollout_id = ${id}::uuid AND resolved_at IS NULL`;
    expect(findings).toEqual([{ kind: "partial-rollout" }]);
  });
});

describe("newcomers", () => {
  const release = async (host: FakeAgent) =>
    (await test.db.$queryRaw<{ version: string; generation: bigint; newcomer: boolean | null }[]>`
      SELECT r.version, d.generation, rt.newcomer FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN releases r ON r.id = d.release_id
      LEFT JOIN rollout_targets rt ON rt.target_id = t.id AND rt.newcomer WHERE s.agent_id = ${host.ctx.actor.id}::uuid`)[0];

  it("of a promotion have the previous release until its last wave opens, and then take part", async () => {
    const { id } = await promote("2.0.0");
    const late = await FakeAgent.make(test, "staging");
    await late.report({ key: "app", service, image: v1 });
    expect(await release(late)).toMatchObject({ version: "1.0.0", generation: 0n, newcomer: null });
    await carryOn(id, v2);
    await carryOn(id, v2);
    expect(await release(late)).toMatchObject({ version: "2.0.0", generation: 1n, newcomer: true });
    hosts.push(late);
    expect(await detail(id)).toMatchObject({ counts: { total: 5 } });
    await carryOn(id, v2);
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 5 } });
  });

  it("of a rollback get the old release at once", async () => {
    const { id: forward } = await promote("2.0.0", { strategy: "all-at-once" });
    await carryOn(forward, v2);
    const { id } = await startRollback({ ctx, input: rollbackRequest.parse({ ...place(), version: "1.0.0", reason: "errors" }) });
    const late = await FakeAgent.make(test, "staging");
    await late.report({ key: "app", service, image: v2 });
    await turn();
    expect(await release(late)).toMatchObject({ version: "1.0.0", generation: 1n, newcomer: true });
    expect(await detail(id)).toMatchObject({ counts: { total: 5 } });
  });

  it("and those who vanish leave both sides of the fraction", async () => {
    const { id } = await promote("2.0.0");
    const [canary] = await offered(id);
    await canary?.report();
    await turn();
    // Nothing was shown yet: nobody else is told while it may come back.
    expect(await waves(id)).toEqual(["open g", "pending w", "pending ww"]);
    await advanceRollouts(test.app, { now: new Date(Date.now() + 61_000) });
    expect(await waves(id)).toEqual(["passed g", "open f", "pending ww"]);
    expect(await detail(id)).toMatchObject({ counts: { total: 3, gone: 1 } });
  });
});

describe("other kinds", () => {
  it("replaces: done when none of the copies of before is left", async () => {
    const { id } = await startReplace({ ctx, input: replaceRequest.parse({ ...place(), reason: "a leak" }) });
    expect((await detail(id)).waves.length).toBeGreaterThan(1);
    const [first] = await offered(id);
    if (!first) throw new Error("nobody was offered anything");
    const generation = await generationOf(first);
    await answer(generation, [first], v1, "again");
    expect((await detail(id)).counts.verified).toBe(0);
    await first.report({ key: "app", service, image: v1, copy: "a new one" });
    await turn();
    expect((await detail(id)).counts.verified).toBe(1);
  });

  it("stops: assigns nothing, and is done when nothing runs", async () => {
    await expect(startStop({ ctx, input: stopRequest.parse({ ...place(), reason: "retired", confirm: "another" }) })).rejects.toMatchObject({ extras: { type: "not-confirmed" } });
    const { id } = await startStop({ ctx, input: stopRequest.parse({ ...place(), reason: "retired", confirm: service }) });
    expect(await detail(id)).toMatchObject({ kind: "stop", to: null, from: { version: "1.0.0" }, counts: { inFlight: 4 } });
    for (const host of hosts) await host.report();
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 4 } });
    await expect(startStop({ ctx, input: stopRequest.parse({ ...place(), reason: "again", confirm: service }) })).rejects.toMatchObject({ extras: { type: "nothing-assigned" } });
    expect(await promote("1.0.0", { strategy: "all-at-once" })).toMatchObject({ kind: "promote", from: null });
  });
});

describe("afterwards", () => {
  it.each([
    ["in place", false],
    ["by being removed and created again", true],
  ])("who leaves what it was verified on, %s, is told again twice, then it is contested, by name", async (_, vanishes) => {
    const { id } = await promote("2.0.0", { strategy: "all-at-once" });
    await carryOn(id, v2);
    expect(await detail(id)).toMatchObject({ status: "succeeded" });
    const [host] = hosts;
    if (!host) throw new Error("no host");
    const leave = async () => {
      if (vanishes) await host.report();
      await host.report({ key: "app", service, image: v1, copy: randomUUID() });
      await turn();
    };
    for (const time of [1, 2]) {
      const before = await generationOf(host);
      await leave();
      expect(await generationOf(host), `the ${time}. time`).toBe(before + 1);
      await answer(before + 1, [host], v2);
    }
    const before = await generationOf(host);
    await leave();
    expect(await generationOf(host)).toBe(before);
    expect((await detail(id)).counts).toMatchObject({ verified: 3, failed: 1 });
    const open = () => test.db.$queryRaw<{ kind: string }[]>`SELECT kind FROM findings f JOIN services s ON s.id = f.service_id WHERE s.name = ${service} AND kind = 'contested' AND resolved_at IS NULL`;
    expect(await open()).toHaveLength(1);
    await host.report({ key: "app", service, image: v2, copy: randomUUID() });
    await turn();
    expect(await open()).toEqual([]);
  });

  it("an approver says that a rollback was a mistake, once", async () => {
    const { id: forward } = await promote("2.0.0", { strategy: "all-at-once" });
    await carryOn(forward, v2);
    const { id } = await startRollback({ ctx, input: rollbackRequest.parse({ ...place(), version: "1.0.0", reason: "errors" }) });
    await carryOn(id, v1);
    const evidence = async () => (await previewRollout({ ctx, input: { kind: "rollback", ...place(), version: "2.0.0" } })).evidence.find(({ check }) => check === "No rollback left it");
    expect(await evidence()).toMatchObject({ ok: false });
    await expect(clearRollback({ ctx: await test.ctx("operator"), input: { id, reason: "it was the proxy" } })).rejects.toMatchObject({ kind: "forbidden" });
    // As the page sends it: with the revision that was looked at.
    const { revision } = await detail(id);
    await expect(clearRollback({ ctx, input: { id, ...clearRequest.parse({ reason: "it was the proxy", revision: revision + 1 }) } })).rejects.toMatchObject({ extras: { type: "stale-view" } });
    expect(await clearRollback({ ctx, input: { id, ...clearRequest.parse({ reason: "it was the proxy", revision }) } })).toMatchObject({ cleared: true });
    expect(await evidence()).toMatchObject({ ok: true, sentence: "a rollback left it, cleared as a mistake" });
    await expect(clearRollback({ ctx, input: { id, reason: "again" } })).rejects.toMatchObject({ extras: { type: "cleared" } });
    await expect(clearRollback({ ctx, input: { id: forward, reason: "no rollback" } })).rejects.toMatchObject({ extras: { type: "no-rollback" } });
  });
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { progressReport } from "@/lib/contract/agent";
import { placeFreezeRequest } from "@/lib/contract/freezes";
import { promoteRequest, replaceRequest, rollbackRequest, type RolloutDto, type RollbackRequest } from "@/lib/contract/rollouts";
import { putStrategyRequest, type strategySchema } from "@/lib/contract/strategies";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import type { Ctx } from "@/server/context";
import { watchSilence } from "@/server/jobs/watch-silence";
import { liftFreeze } from "@/server/policies/lift-freeze";
import { placeFreeze } from "@/server/policies/place-freeze";
import { placeHold } from "@/server/policies/place-hold";
import { putStrategy } from "@/server/policies/put-strategy";
import { recallRelease } from "@/server/releases/recall-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion, type FakeImage, type FakeTarget } from "@/server/testing/fake-fleet";
import type { z } from "zod";
import { advanceRollouts } from "./advance-rollouts";
import { getRollout } from "./get-rollout";
import { listRollouts } from "./list-rollouts";
import { previewRollout } from "./preview-rollout";
import { promoteRelease } from "./promote-release";
import { recordProgress } from "./record-progress";
import { startReplace } from "./start-replace";
import { startRollback } from "./start-rollback";
import { abortRollout, goAhead, pauseRollout, resumeRollout } from "./steer-rollout";

type StrategyInput = z.input<typeof strategySchema>;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let test: TestApp;
let ctx: Ctx;
let service: string;
let images: Record<string, FakeImage>;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());
beforeEach(async () => {
  service = `svc-${randomUUID().slice(0, 8)}`;
  images = {};
  for (const version of ["1.0.0", "2.0.0", "3.0.0"]) images[version] = await registerVersion(ctx, service, version);
});

const place = (environment = "staging") => ({ service, environment, partition: "default" });
const imageOf = (version: string): FakeImage => images[version] ?? fakeImage(version);
const app = (version: string, more: Partial<FakeTarget> = {}): FakeTarget => ({ key: "app", service, image: imageOf(version), ...more });
const promote = (version: string, more: Partial<z.input<typeof promoteRequest>> = {}) => promoteRelease({ ctx, input: promoteRequest.parse({ ...place(), version, ...more }) });
const rollback = (more: Partial<RollbackRequest> = {}) => startRollback({ ctx, input: rollbackRequest.parse({ ...place(), version: "1.0.0", reason: "error rate", ...more }) });
const preview = (kind: RolloutKind, version: string, environment = "staging") => previewRollout({ ctx, input: { ...place(environment), kind, version } });
const detail = (id: string) => getRollout({ ctx, input: { id } });
const turn = () => advanceRollouts(test.app);
const rollouts = async () => (await listRollouts({ ctx, input: { service, limit: 100 } })).items;
const inWaves = (steps: number[], more: Partial<StrategyInput> = {}): StrategyInput => ({ cut: { kind: "percentages", steps }, ...more });
const freeze = (name: string) => placeFreeze({ ctx, input: placeFreezeRequest.parse({ environment: "staging", service, name, reason: "sale", endsAt: new Date(Date.now() + HOUR).toISOString() }) });

/** So many hosts that run version 1, which is assigned. */
async function fleet(count: number, environment = "staging"): Promise<FakeAgent[]> {
  await promote("1.0.0", { environment });
  const agents = [];
  for (let at = 0; at < count; at += 1) agents.push(await FakeAgent.make(test, environment));
  for (const agent of agents) await agent.report(app("1.0.0"));
  return agents;
}

/** From now on promotions in an environment go by this strategy. */
async function follow(environment: string, promotions: StrategyInput): Promise<void> {
  const { version } = (await preview("promote", "2.0.0", environment)).strategy;
  await putStrategy({ ctx, input: putStrategyRequest.parse({ environment, version, reason: "as tested", strategy: { promote: promotions, rollback: { cut: { kind: "all-at-once" } } } }) });
}

/** Where the target of an agent stands in a rollout; null for one that takes no part. */
async function standing(agent: FakeAgent, id: string): Promise<{ status: string; reason: string | null; wave: number; generation: number; newcomer: boolean } | null> {
  const [row] = await test.db.$queryRaw<{ status: string; reason: string | null; wave: number; generation: bigint | null; newcomer: boolean }[]>`
    SELECT rt.status, rt.reason, rt.wave, rt.generation, rt.newcomer FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id
    WHERE rt.rollout_id = ${id}::uuid AND s.agent_id = ${agent.ctx.actor.id}::uuid`;
  return row ? { ...row, generation: Number(row.generation ?? 0) } : null;
}

/** What a host is to run now, and in which generation. */
async function desired(agent: FakeAgent): Promise<{ version: string | null; generation: number } | null> {
  const [row] = await test.db.$queryRaw<{ version: string | null; generation: bigint }[]>`
    SELECT r.version, d.generation FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id LEFT JOIN releases r ON r.id = d.release_id
    WHERE s.agent_id = ${agent.ctx.actor.id}::uuid`;
  return row ? { version: row.version, generation: Number(row.generation) } : null;
}

const say = async (agent: FakeAgent, id: string, step: string, more: Record<string, unknown> = {}) =>
  recordProgress({ ctx: agent.ctx, input: progressReport.parse({ v: 1, heldVersion: 1, targets: [{ target: "app", rollout: id, generation: (await desired(agent))?.generation ?? 0, step, at: agent.now(), ...more }] }) });

/** An agent does what it is told, and reports it. */
async function obey(agent: FakeAgent, id: string): Promise<void> {
  const wanted = await desired(agent);
  await say(agent, id, "done");
  await agent.report(app(wanted?.version ?? "1.0.0", { copy: `app@${id}-${wanted?.generation ?? 0}` }));
}

/** Those whose turn it is, in the plan's order. */
async function offered(agents: readonly FakeAgent[], id: string): Promise<FakeAgent[]> {
  const stand = await Promise.all(agents.map(async (agent) => ({ agent, status: (await standing(agent, id))?.status })));
  return stand.filter(({ status }) => status === "offered").map(({ agent }) => agent);
}

/** What holds of a place whatever raced: one active rollout at most, and the assignment is the last decision's. */
async function expectOneTruth(): Promise<void> {
  const list = await rollouts();
  expect(list.filter(({ status }) => ["planned", "running", "paused"].includes(status)).length).toBeLessThanOrEqual(1);
  // What only carries the assigned release out again decides nothing new.
  const last = list.filter(({ kind }) => kind === "promote" || kind === "rollback").reduce((one, other) => (other.entry > one.entry ? other : one));
  const [assigned] = await test.db.$queryRaw<{ version: string; entry: number }[]>`
    SELECT r.version, a.entry_seq::int AS entry FROM assignments a JOIN releases r ON r.id = a.release_id JOIN services s ON s.id = a.service_id WHERE s.name = ${service}`;
  expect(assigned).toEqual({ version: last.to?.version, entry: last.entry });
}

const sentencesOf = (error: unknown): { kind: string; type: string; sentences: string[] } => {
  if (typeof error !== "object" || error === null || !("extras" in error) || !("kind" in error)) throw error;
  const { extras, kind } = error;
  const reasons = typeof extras === "object" && extras !== null && "reasons" in extras && Array.isArray(extras.reasons) ? extras.reasons : [];
  return { kind: String(kind), type: typeof extras === "object" && extras !== null && "type" in extras ? String(extras.type) : "", sentences: reasons.map(({ sentence }) => String(sentence)) };
};
const refused = async (work: Promise<RolloutDto>) => sentencesOf(await work.then((rollout) => Promise.reject(new Error(`was not refused: ${rollout.id}`)), (error: unknown) => error));

describe("races", () => {
  it("let one of twenty promotions win, and tell each other why not", async () => {
    await fleet(2);
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => promote(at % 2 === 0 ? "2.0.0" : "3.0.0")));
    const won = results.filter((result) => result.status === "fulfilled");
    expect(won).toHaveLength(1);
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      const { kind, sentences, type } = sentencesOf(result.reason);
      expect(kind).toBe("conflict");
      expect(["rollout-active", "identical"]).toContain(type);
      expect(sentences.every((sentence) => sentence.endsWith("."))).toBe(true);
    }
    await expectOneTruth();
  });

  it("between promotions and rollbacks end in one truth, held when anything went back", async () => {
    const agents = await fleet(2);
    const first = await promote("2.0.0", { strategy: "all-at-once" });
    for (const agent of agents) await obey(agent, first.id);
    await turn();
    expect((await detail(first.id)).status).toBe("succeeded");
    const results = await Promise.allSettled(Array.from({ length: 16 }, (_, at) => (at % 2 === 0 ? promote("3.0.0") : rollback())));
    const reasons = results.flatMap((result) => (result.status === "rejected" ? [sentencesOf(result.reason)] : []));
    for (const { kind, type } of reasons) expect([kind, ["rollout-active", "held", "identical"].includes(type) ? "known" : type]).toEqual(["conflict", "known"]);
    // A rollback is never refused by another one or by a promotion.
    expect(results.filter((_, at) => at % 2 === 1).every(({ status }) => status === "fulfilled")).toBe(true);
    await expectOneTruth();
    expect((await rollouts())[0]).toMatchObject({ kind: expect.stringMatching(/rollback|reconverge/), status: "running", to: { version: "1.0.0" } });
    expect(await test.db.$queryRaw`SELECT 1 FROM holds h JOIN services s ON s.id = h.service_id WHERE s.name = ${service} AND lifted_at IS NULL`).toHaveLength(1);
    const left = await test.db.$queryRaw<{ n: bigint }[]>`
      SELECT count(*) AS n FROM rollout_targets rt JOIN rollouts r ON r.id = rt.rollout_id JOIN services s ON s.id = r.service_id
      WHERE s.name = ${service} AND r.status = 'superseded' AND rt.status IN ('pending', 'offered', 'acknowledged', 'replacing')`;
    expect(left).toEqual([{ n: 0n }]);
  });

  it("between a turn of the job and people leave no wave half-open", async () => {
    const agents = await fleet(4);
    const { id } = await promote("2.0.0", { strategy: inWaves([25, 50, 100]) });
    for (let round = 0; round < 4; round += 1) {
      for (const agent of await offered(agents, id)) await obey(agent, id);
      await Promise.allSettled([turn(), turn(), pauseRollout({ ctx, input: { id } }), turn(), resumeRollout({ ctx, input: { id } })]);
      if ((await detail(id)).status === "paused") await resumeRollout({ ctx, input: { id } });
      await turn();
    }
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 4, total: 4 }, waves: [{ status: "passed" }, { status: "passed" }, { status: "passed" }] });
    const generations = await Promise.all(agents.map(async (agent) => (await desired(agent))?.generation));
    expect(generations).toEqual([1, 1, 1, 1]);
  });
});

describe("what changed between the preview and the click", () => {
  it("another decision", async () => {
    await fleet(1);
    const { revision } = await preview("promote", "2.0.0");
    await promote("3.0.0");
    await abortRollout({ ctx, input: { id: (await rollouts())[0]?.id ?? "", how: "rollback" } });
    const answer = await refused(promote("2.0.0", { revision }));
    expect(answer).toMatchObject({ kind: "conflict", sentences: expect.arrayContaining([expect.stringMatching(/^Something changed since you looked\. /)]) });
    expect(answer.sentences).toEqual(expect.arrayContaining([expect.stringMatching(/^Promotions are held/)]));
  });

  it("the release was recalled", async () => {
    await fleet(1);
    const shown = await preview("promote", "2.0.0");
    expect(shown).toMatchObject({ allowed: true });
    await recallRelease({ ctx, input: { service, version: "2.0.0", reason: "CVE" } });
    const answer = await refused(promote("2.0.0", { revision: shown.revision }));
    // The view that moved leads, and what it comes from is said as well.
    expect(answer).toMatchObject({ kind: "conflict", type: "stale-view", sentences: ["2.0.0 is recalled and may not be assigned anywhere.", expect.stringContaining('The rule "recalled" is now true (was false).')] });
    expect(await refused(promote("2.0.0"))).toMatchObject({ kind: "conflict", type: "recalled" });
    expect(await desired(await FakeAgent.make(test, "staging"))).toBeNull();
    expect((await rollouts()).map(({ to }) => to?.version)).toEqual(["1.0.0"]);
  });

  it("the release to go back to was recalled", async () => {
    const [agent] = await fleet(1);
    const first = await promote("2.0.0", { strategy: "all-at-once" });
    if (agent) await obey(agent, first.id);
    await turn();
    const { revision } = await preview("rollback", "1.0.0");
    await recallRelease({ ctx, input: { service, version: "1.0.0", reason: "CVE" } });
    expect(await refused(rollback({ revision }))).toMatchObject({ kind: "conflict", type: "stale-view", sentences: [expect.stringMatching(/^1\.0\.0 is recalled/), expect.any(String)] });
    expect(await refused(rollback())).toMatchObject({ kind: "conflict", type: "recalled" });
  });

  it("not how many run what: a rollout that goes on refuses no rollback", async () => {
    const agents = await fleet(4);
    const { id } = await promote("2.0.0", { strategy: inWaves([25, 50, 100]) });
    for (const agent of await offered(agents, id)) await obey(agent, id);
    const { revision } = await preview("rollback", "1.0.0");
    await turn();
    for (const agent of await offered(agents, id)) await obey(agent, id);
    await turn();
    // Those that were told and have not done it yet go back as well.
    expect(await rollback({ revision })).toMatchObject({ kind: "rollback", status: "running", counts: { total: 4 } });
  });
});

describe("a release that is recalled between waves", () => {
  it("pauses before anybody else gets it, says so whenever somebody goes on, and can be taken back", async () => {
    const agents = await fleet(3);
    const { id } = await promote("2.0.0", { strategy: inWaves([30, 100]) });
    const [canary, ...others] = await offered(agents, id);
    expect(others).toEqual([]);
    await recallRelease({ ctx, input: { service, version: "2.0.0", reason: "CVE" } });
    if (canary) await obey(canary, id);
    await turn();
    const sentence = "2.0.0 was recalled: it is offered to nobody any more.";
    expect(await detail(id)).toMatchObject({ status: "paused", statusReason: sentence, waves: [{ status: "passed" }, { status: "pending" }] });
    expect(await resumeRollout({ ctx, input: { id } })).toMatchObject({ status: "paused", statusReason: sentence });
    for (const agent of agents) if (agent !== canary) expect(await desired(agent)).toMatchObject({ version: "1.0.0" });
    const back = await abortRollout({ ctx, input: { id, how: "rollback" } });
    // Only the canary had it: only the canary goes back.
    expect(back).toMatchObject({ kind: "rollback", to: { version: "1.0.0" }, counts: { total: 1 } });
    expect(await detail(id)).toMatchObject({ status: "superseded" });
  });
});

describe("a frozen or held environment", () => {
  it("refuses promotions in words, and never a rollback", async () => {
    const [agent] = await fleet(1);
    const first = await promote("2.0.0", { strategy: "all-at-once" });
    if (agent) await obey(agent, first.id);
    await turn();
    await freeze("Black Friday");
    const frozen = await refused(promote("3.0.0"));
    expect(frozen).toMatchObject({ kind: "conflict", type: "frozen" });
    expect(frozen.sentences[0]).toMatch(/^Promotions are frozen by Black Friday until 20.*Z\.$/);
    await placeHold({ ctx, input: { ...place(), reason: "looking into it" } });
    const held = await refused(promote("3.0.0"));
    expect(held.sentences).toHaveLength(2);
    expect(held.sentences[0]).toMatch(/^Promotions are held/);
    // An overridden freeze lifts no hold, and needs a reason.
    expect(await refused(promote("3.0.0", { overrideFreeze: true, reason: "urgent" }))).toMatchObject({ type: "held", sentences: [expect.stringMatching(/^Promotions are held/)] });
    await expect(promote("3.0.0", { overrideFreeze: true })).rejects.toMatchObject({ kind: "unprocessable", extras: { fields: [{ path: "reason" }] } });
    expect(await rollback()).toMatchObject({ kind: "rollback", status: "running", to: { version: "1.0.0" } });
  });

  it("that freezes between waves holds the next one back until it ends, and stops nothing that is open", async () => {
    const agents = await fleet(3);
    const { id } = await promote("2.0.0", { strategy: inWaves([30, 100]) });
    const { id: frozen } = await freeze("Black Friday");
    await placeHold({ ctx, input: { ...place(), reason: "looking into it" } });
    for (const agent of await offered(agents, id)) await obey(agent, id);
    await turn();
    const waits = await detail(id);
    expect(waits).toMatchObject({ status: "running", waves: [{ status: "passed" }, { status: "waiting", statusReason: expect.stringMatching(/^Wave 100 % waits for the end of Black Friday, 20/) }] });
    expect(waits.waitingFor).toMatch(/Black Friday/);
    await turn();
    expect(await offered(agents, id)).toEqual([]);
    await liftFreeze({ ctx, input: { freeze: frozen, reason: "over" } });
    await turn();
    // What is under way goes on though promotions are held.
    for (const agent of await offered(agents, id)) await obey(agent, id);
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 3 } });
  });

  it("that is frozen when it is overridden at the start does not wait between waves", async () => {
    const agents = await fleet(2);
    await freeze("Black Friday");
    const { id } = await promote("2.0.0", { strategy: inWaves([50, 100]), overrideFreeze: true, reason: "urgent" });
    for (let wave = 0; wave < 2; wave += 1) {
      for (const agent of await offered(agents, id)) await obey(agent, id);
      await turn();
    }
    expect(await detail(id)).toMatchObject({ status: "succeeded" });
  });
});

describe("a plan that does not fit", () => {
  it("with fewer targets than waves says what is left, and carries that out", async () => {
    const agents = await fleet(2, "dev");
    await follow("dev", inWaves([1, 10, 50, 100]));
    const shown = await preview("promote", "2.0.0", "dev");
    expect(shown.planNotes).toEqual(["There are fewer targets (2) than waves (4): 2 are left."]);
    expect(shown.waves.map(({ name, targets }) => [name, targets])).toEqual([["1 %", 1], ["100 %", 1]]);
    const { id } = await promote("2.0.0", { environment: "dev" });
    for (let wave = 0; wave < 2; wave += 1) {
      const turnOf = await offered(agents, id);
      expect(turnOf).toHaveLength(1);
      for (const agent of turnOf) await obey(agent, id);
      await turn();
    }
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 2 } });
  });

  it("with a wave of nobody leaves it out, and says who is not here", async () => {
    const agents = await fleet(1, "dev");
    await follow("dev", { cut: { kind: "targets", waves: [{ name: "canary", targets: ["nobody", "host/nothing"] }, { name: "first", targets: ["app"] }] } });
    const shown = await preview("promote", "2.0.0", "dev");
    expect(shown.planNotes).toEqual(["No target is in canary: that wave is left out.", "Not here: nobody, host/nothing."]);
    const { id } = await promote("2.0.0", { environment: "dev" });
    for (const agent of agents) await obey(agent, id);
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded", waves: [{ ordinal: 1, name: "first" }] });
  });

  it("whose later wave vanished passes it, without anybody", async () => {
    const agents = await fleet(2);
    const { id } = await promote("2.0.0", { strategy: inWaves([50, 100]) });
    const [canary] = await offered(agents, id);
    const other = agents.find((agent) => agent !== canary);
    await other?.report();
    if (canary) await obey(canary, id);
    await turn();
    // It may come back.
    expect(await detail(id)).toMatchObject({ status: "running", waves: [{ status: "passed" }, { status: "open" }] });
    await advanceRollouts(test.app, { now: new Date(Date.now() + 61_000) });
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { total: 1, verified: 1, gone: 1 }, waves: [{ cells: "v" }, { status: "passed", cells: "g" }] });
  });

  it("for targets that are not here is refused by its field", async () => {
    await fleet(1);
    const replace = startReplace({ ctx, input: replaceRequest.parse({ ...place(), reason: "fresh copies", targets: ["1"] }) });
    await expect(replace).rejects.toMatchObject({ kind: "unprocessable", extras: { fields: [{ path: "targets[0]", message: "is not a target of this service here" }] } });
  });
});

describe("a person who says something that does not fit", () => {
  it("is told so, and nothing moves", async () => {
    const agents = await fleet(2);
    const { id } = await promote("2.0.0", { strategy: inWaves([50, 100], { gate: { goAhead: true }, onFailure: "pause" }) });
    await expect(goAhead({ ctx, input: { id, wave: 7 } })).rejects.toMatchObject({ kind: "not-found" });
    await expect(goAhead({ ctx, input: { id, wave: 1 } })).rejects.toMatchObject({ kind: "conflict", message: "Wave 1 waits for no go-ahead: it asks for none." });
    await expect(resumeRollout({ ctx, input: { id, failed: "accept" } })).rejects.toMatchObject({ kind: "conflict", message: "This rollout is running; it cannot become running." });
    const [canary] = await offered(agents, id);
    if (canary) await say(canary, id, "failed", { reason: "start-failed", message: "port is taken" });
    await turn();
    expect(await detail(id)).toMatchObject({ status: "paused", waves: [{ status: "failed", statusReason: "1 of 1 target of wave 50 % did not get there." }, { status: "pending" }] });
    await expect(resumeRollout({ ctx, input: { id } })).rejects.toMatchObject({ kind: "conflict", extras: { type: "wave-failed" } });
    await resumeRollout({ ctx, input: { id, failed: "retry" } });
    // Offered once more, one generation up.
    expect(canary && (await standing(canary, id))).toMatchObject({ status: "offered", generation: 2 });
    if (canary) await obey(canary, id);
    await turn();
    expect(await detail(id)).toMatchObject({ status: "running", waves: [{ status: "passed" }, { status: "waiting", statusReason: "Wave 100 % waits for somebody to say go." }] });
    await goAhead({ ctx, input: { id, wave: 2 } });
    await expect(goAhead({ ctx, input: { id, wave: 2 } })).rejects.toMatchObject({ message: "Wave 2 waits for no go-ahead: somebody said go already." });
    for (const agent of await offered(agents, id)) await obey(agent, id);
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded" });
    await expect(pauseRollout({ ctx, input: { id } })).rejects.toMatchObject({ kind: "conflict", message: "This rollout is over: it is succeeded." });
  });
});

describe("a fleet that changes half-way", () => {
  it("leaves who vanishes out of the count, and takes who comes back in again", async () => {
    const agents = await fleet(3);
    const { id } = await promote("2.0.0", { strategy: "all-at-once" });
    const [first, second, third] = agents;
    if (!first || !second || !third) throw new Error("no fleet");
    await obey(first, id);
    await second.report();
    await turn();
    expect(await standing(second, id)).toMatchObject({ status: "gone" });
    expect(await detail(id)).toMatchObject({ status: "running", counts: { total: 2, verified: 1, inFlight: 1, gone: 1 } });
    await second.report(app("1.0.0"));
    await turn();
    expect(await standing(second, id)).toMatchObject({ status: "offered", generation: 1 });
    for (const agent of [second, third]) await obey(agent, id);
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { total: 3, verified: 3 } });
  });

  it("lets who vanished before its turn wait for it again", async () => {
    const agents = await fleet(3);
    const { id } = await promote("2.0.0", { strategy: inWaves([30, 100]) });
    const [canary] = await offered(agents, id);
    const later = agents.find((agent) => agent !== canary);
    if (!canary || !later) throw new Error("no fleet");
    await later.report();
    await turn();
    expect(await standing(later, id)).toMatchObject({ status: "gone" });
    await later.report(app("1.0.0"));
    await turn();
    expect(await standing(later, id)).toMatchObject({ status: "pending", generation: 0 });
    expect(await desired(later)).toMatchObject({ version: "1.0.0" });
    await obey(canary, id);
    await turn();
    expect(await standing(later, id)).toMatchObject({ status: "offered", generation: 1 });
  });

  it("gives a newcomer the previous release in a promotion until its last wave is open", async () => {
    const agents = await fleet(2);
    const { id } = await promote("2.0.0", { strategy: inWaves([50, 100]) });
    const newcomer = await FakeAgent.make(test, "staging");
    await newcomer.report(app("1.0.0"));
    expect(await standing(newcomer, id)).toBeNull();
    expect(await desired(newcomer)).toEqual({ version: "1.0.0", generation: 0 });
    await turn();
    expect(await desired(newcomer)).toEqual({ version: "1.0.0", generation: 0 });
    for (const agent of await offered(agents, id)) await obey(agent, id);
    await turn();
    expect(await standing(newcomer, id)).toMatchObject({ status: "offered", wave: 2, newcomer: true, generation: 1 });
    expect(await desired(newcomer)).toMatchObject({ version: "2.0.0" });
    // Whoever comes while the last wave is open belongs to it as well.
    const late = await FakeAgent.make(test, "staging");
    await late.report(app("1.0.0"));
    await turn();
    expect(await standing(late, id)).toMatchObject({ status: "offered", wave: 2, newcomer: true });
    for (const agent of await offered([...agents, newcomer, late], id)) await obey(agent, id);
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 4, total: 4 } });
  });

  it("gives a newcomer the new release at once in a rollback", async () => {
    const agents = await fleet(2);
    const first = await promote("2.0.0", { strategy: "all-at-once" });
    for (const agent of agents) await obey(agent, first.id);
    await turn();
    const { id } = await rollback();
    const newcomer = await FakeAgent.make(test, "staging");
    await newcomer.report(app("2.0.0"));
    await turn();
    expect(await standing(newcomer, id)).toMatchObject({ status: "offered", newcomer: true });
    expect(await desired(newcomer)).toMatchObject({ version: "1.0.0" });
    for (const agent of [...agents, newcomer]) await obey(agent, id);
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 3, total: 3 } });
  });
});

describe("an agent that was away for three days", () => {
  it("is stuck while it is silent, says why, and gets there when it is back", async () => {
    const agents = await fleet(1);
    const away = await FakeAgent.make(test, "staging");
    away.receivedAt = new Date(Date.now() - 3 * DAY);
    await away.report(app("1.0.0"));
    await watchSilence(test.app);
    const shown = await preview("promote", "2.0.0");
    expect(shown.warnings.map(({ sentence }) => sentence)).toEqual(expect.arrayContaining(["1 of 2 targets are silent and follow when they report again."]));
    const { id } = await promote("2.0.0", { strategy: "all-at-once" });
    for (const agent of agents) await obey(agent, id);
    await turn();
    expect(await standing(away, id)).toMatchObject({ status: "stuck", reason: "agent-silent" });
    expect(await detail(id)).toMatchObject({ status: "running", counts: { verified: 1, stuck: 1 }, stuck: [{ reason: "agent-silent", sentence: "Its agent does not report.", count: 1 }] });
    away.receivedAt = null;
    await obey(away, id);
    await turn();
    expect(await standing(away, id)).toMatchObject({ status: "verified" });
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 2 } });
  });
});

describe("clocks that are off by an hour", () => {
  it.each([HOUR, -HOUR])("(%d ms) change nothing: uptime is told by two readings of one clock", async (clockMs) => {
    const [agent] = await fleet(1);
    if (!agent) throw new Error("no fleet");
    agent.clockMs = clockMs;
    await agent.report(app("1.0.0"));
    const { id } = await promote("2.0.0", { strategy: { cut: { kind: "all-at-once" }, minUptimeMs: 60_000 } });
    await say(agent, id, "done");
    await agent.report(app("2.0.0", { upMs: 30_000 }));
    await turn();
    expect(await standing(agent, id)).toMatchObject({ status: "replacing" });
    await agent.report(app("2.0.0", { upMs: 61_000, copy: "app@again" }));
    await turn();
    expect(await detail(id)).toMatchObject({ status: "succeeded", counts: { verified: 1 } });
  });
});

describe("a verified target that crashed once", () => {
  it("is unhealthy until a report has seen it up for long enough, without anything else new", async () => {
    const agents = await fleet(2);
    const { id } = await promote("2.0.0", { strategy: { cut: { kind: "all-at-once" }, gate: { maxFailures: 1 }, minUptimeMs: 30_000 } });
    const [first, second] = agents;
    if (!first || !second) throw new Error("no fleet");
    await obey(first, id);
    await turn();
    await first.report(app("2.0.0", { copy: "app@again", restarts: 1, upMs: 1_000 }));
    const unhealthy = async () => (await test.db.$queryRaw<{ unhealthy: boolean }[]>`SELECT (detail->>'unhealthy')::boolean AS unhealthy FROM rollout_targets WHERE rollout_id = ${id}::uuid AND status = 'verified'`)[0]?.unhealthy;
    expect(await unhealthy()).toBe(true);
    // A minute later it reports nothing new.
    await test.db.$executeRaw`UPDATE agent_scopes SET observed_at = observed_at + interval '1 minute' WHERE agent_id = ${first.ctx.actor.id}::uuid`;
    await turn();
    expect(await unhealthy()).toBe(false);
  });
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { desiredQuery } from "@/lib/contract/agent";
import { putAuthorityRequest } from "@/lib/contract/authority";
import { approveRequest, recallRequest } from "@/lib/contract/releases";
import { promoteRequest, rollbackRequest, type RolloutDto } from "@/lib/contract/rollouts";
import type { DesiredState, DesiredTarget } from "@/lib/domain/ledger/desired-state";
import { putAuthority } from "@/server/authority/put-authority";
import type { Ctx } from "@/server/context";
import { waitDesired } from "@/server/desired/wait-desired";
import { approveRelease } from "@/server/releases/approve-release";
import { recallRelease } from "@/server/releases/recall-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { advanceRollouts } from "../advance-rollouts";
import { getRollout } from "../get-rollout";
import { listRollouts } from "../list-rollouts";
import { promoteRelease } from "../promote-release";
import { abortRollout, pauseRollout, resumeRollout } from "../steer-rollout";
import { startRollback } from "../start-rollback";
import { followOnce } from "./follow-deployers";

const MIN = 60_000;
let test: TestApp;
let ctx: Ctx;
/** How far the jobs' clock is ahead of the database's. */
let ahead = 0;
let service = "";
let count = 0;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());
beforeEach(() => {
  ahead = 0;
  count += 1;
  service = `shop-${count}`;
});

async function clock(): Promise<Date> {
  const [row] = await test.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  return new Date((row?.now ?? new Date(0)).getTime() + ahead);
}

/** What the jobs do, after so much time. */
async function later(ms: number): Promise<void> {
  ahead += ms;
  await followOnce(test.app, { now: await clock() });
  await advanceRollouts(test.app, { now: await clock() });
  await advanceRollouts(test.app, { now: await clock() });
}

/** A host with one target of the service; its reports are received by the jobs' clock. */
async function makeHost(environment = "staging"): Promise<(version: string | null, more?: Partial<Parameters<FakeAgent["report"]>[0]>) => Promise<void>> {
  const agent = await FakeAgent.make(test, environment);
  return async (version, more = {}) => {
    agent.receivedAt = await clock();
    await agent.report(...(version === null ? [] : [{ key: "app", service, image: fakeImage(`${service} ${version}`), canAct: false, ...more }]));
  };
}

type Host = Awaited<ReturnType<typeof makeHost>>;

/** A place with so many hosts that run 1.0.0 as assigned, while others decide; 2.0.0 and 3.0.0 may run too. */
async function makeFleet(hosts: number, { authority = "external" }: { authority?: "external" | "plumbline" } = {}): Promise<Host[]> {
  for (const version of ["0.9.0", "1.0.0", "2.0.0", "3.0.0"]) await registerVersion(ctx, service, version);
  await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", version: "0.9.0" }) });
  await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", version: "1.0.0" }) });
  const fleet = await Promise.all(Array.from({ length: hosts }, () => makeHost()));
  for (const host of fleet) await host("1.0.0");
  await putAuthority({ ctx, input: putAuthorityRequest.parse({ service, environment: "staging", authority, reason: "Argo CD deploys it" }) });
  await later(2 * MIN);
  return fleet;
}

async function rollouts(): Promise<RolloutDto[]> {
  const { items } = await listRollouts({ ctx, input: { service, limit: 50 } });
  return items.filter(({ origin }) => origin === "external").toReversed();
}
const kinds = async (): Promise<string[]> => (await rollouts()).map(({ kind, from, to, status }) => `${kind} ${from?.version ?? "nothing"} → ${to?.version ?? "nothing"} ${status}`);
async function findings(): Promise<string[]> {
  const rows = await test.db.$queryRaw<{ kind: string; resolved: boolean }[]>`SELECT kind, resolved_at IS NOT NULL AS resolved FROM findings WHERE service_name = ${service} ORDER BY opened_at, kind`;
  return rows.map(({ kind, resolved }) => (resolved ? `${kind}, resolved` : kind));
}
async function assigned(): Promise<{ version: string | null; type: string; generation: number }> {
  const [row] = await test.db.$queryRaw<{ version: string | null; type: string; generation: number }[]>`
    SELECT r.version, l.type, (SELECT coalesce(max(d.generation), 0)::int FROM target_desired d JOIN targets t ON t.id = d.target_id WHERE t.service_id = s.id) AS generation
    FROM services s JOIN assignments a ON a.service_id = s.id LEFT JOIN releases r ON r.id = a.release_id JOIN ledger_entries l ON l.seq = a.entry_seq WHERE s.name = ${service}`;
  if (!row) throw new Error("nothing is assigned");
  return row;
}

/** The targets of the document that an agent gets now; none without a document. */
async function told(agent: FakeAgent): Promise<DesiredTarget[]> {
  const answer = await waitDesired({ ctx: agent.ctx, input: desiredQuery.parse({ nonce: randomUUID() }) });
  return answer ? (JSON.parse(answer.document) as DesiredState).targets : [];
}

describe("a deployer that Plumbline watches", () => {
  it("rolls a service host by host: one rollout, done when all are seen there, nobody told to act, no drift", async () => {
    const hosts = await makeFleet(4);
    for (const host of hosts) {
      await host("2.0.0", { upMs: 1_000 });
      await later(5_000);
      await host("2.0.0");
      await later(5_000);
    }
    await later(10_000);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 succeeded"]);
    const [rollout] = await rollouts();
    expect(rollout).toMatchObject({ startedBy: "Plumbline", counts: { total: 4, verified: 4 }, watchedUntil: null });
    expect(await assigned()).toEqual({ version: "2.0.0", type: "observed", generation: 0 });
    expect(await findings()).toEqual([]);
    const { events } = await getRollout({ ctx, input: { id: rollout?.id ?? "" } });
    expect(events[0]?.sentence).toBe("Seen by what runs: somebody else carries it out on 4 targets.");
  });

  it("is not steered from here, and can be rolled back from here where hosts allow it", async () => {
    const hosts = await makeFleet(2);
    await hosts[0]?.("2.0.0", { canAct: true });
    await later(5_000);
    const [rollout] = await rollouts();
    const id = rollout?.id ?? "";
    for (const steer of [pauseRollout, resumeRollout, abortRollout]) {
      await expect(steer({ ctx, input: { id } })).rejects.toMatchObject({ kind: "conflict", message: "Another tool carries this out and Plumbline follows it. Pause or stop it there, or roll back here." });
    }
    expect(await abortRollout({ ctx, input: { id, how: "rollback", reason: "errors" } })).toMatchObject({ kind: "rollback", origin: "plumbline", supersedes: { id }, to: { version: "1.0.0" } });
  });

  it("makes no agent act, neither one that never began what it was told before nor a newcomer", async () => {
    for (const version of ["1.0.0", "2.0.0", "3.0.0"]) await registerVersion(ctx, service, version);
    const promote = (version: string) => promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", version, strategy: "all-at-once" }) });
    await promote("1.0.0");
    const [behind, first, second, newcomer] = await Promise.all([FakeAgent.make(test, "staging"), FakeAgent.make(test, "staging"), FakeAgent.make(test, "staging"), FakeAgent.make(test, "staging")]);
    const show = async (agent: FakeAgent, version: string) => {
      agent.receivedAt = await clock();
      await agent.report({ key: "app", service, image: fakeImage(`${service} ${version}`), canAct: true });
    };
    for (const agent of [behind, first, second]) await show(agent, "1.0.0");
    const own = await promote("2.0.0");
    expect(await told(behind)).toMatchObject([{ target: "app", generation: 1 }]);
    await abortRollout({ ctx, input: { id: own.id, how: "stop" } });
    await test.db.$executeRaw`UPDATE holds SET lifted_at = now(), lifted_seq = entry_seq WHERE lifted_at IS NULL`;
    await putAuthority({ ctx, input: putAuthorityRequest.parse({ service, environment: "staging", authority: "external" }) });
    for (const agent of [first, second]) await show(agent, "3.0.0");
    await later(5_000);
    await show(newcomer, "1.0.0");
    expect(await kinds()).toEqual(["promote 2.0.0 → 3.0.0 running"]);
    expect((await rollouts())[0]?.counts).toMatchObject({ total: 4 });
    for (const agent of [behind, first, second, newcomer]) expect(await told(agent)).toEqual([]);
    // What Plumbline orders after that is begun: its generation is above all that anybody was told.
    await abortRollout({ ctx, input: { id: (await rollouts())[0]?.id ?? "", how: "rollback", reason: "errors" } });
    expect(await told(behind)).toMatchObject([{ target: "app", generation: 2 }]);
  });

  it("opens one rollout, however many hosts changed at once and however many look", async () => {
    const hosts = await makeFleet(5);
    await Promise.all(hosts.map((host) => host("2.0.0")));
    ahead += 5_000;
    const now = await clock();
    await Promise.all([followOnce(test.app, { now }), followOnce(test.app, { now }), followOnce(test.app, { now })]);
    await followOnce(test.app, { now });
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 running"]);
  });

  it("opens nothing for a copy that comes and goes, and no finding stays", async () => {
    const [first] = await makeFleet(3);
    await first?.("2.0.0");
    await later(1_000);
    await first?.("1.0.0");
    await later(2 * MIN);
    expect(await kinds()).toEqual([]);
    expect(await findings()).toEqual([]);
  });

  it("goes back when the canary that it followed is taken away again", async () => {
    await makeFleet(3);
    const canary = await makeHost();
    await canary("2.0.0");
    await later(5_000);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 running"]);
    await later(10_000);
    await canary(null);
    await later(30_000);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 running"]);
    await later(MIN);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 superseded", "rollback 2.0.0 → 1.0.0 succeeded"]);
    expect(await assigned()).toMatchObject({ version: "1.0.0", type: "observed" });
    expect(await findings()).toEqual([]);
  });

  it("is followed back half-way: another rollout takes the place of the first", async () => {
    const hosts = await makeFleet(4);
    for (const host of hosts.slice(0, 2)) await host("2.0.0");
    await later(5_000);
    await later(5_000);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 running"]);
    // One of two that were reached, and then both.
    await hosts[0]?.("1.0.0");
    await later(5_000);
    await hosts[1]?.("1.0.0");
    await later(5_000);
    await later(5_000);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 superseded", "rollback 2.0.0 → 1.0.0 succeeded"]);
    expect(await findings()).toEqual([]);
  });

  it("takes no restart of a host that still waits for its turn for a way back", async () => {
    const hosts = await makeFleet(3);
    await hosts[0]?.("2.0.0");
    await later(5_000);
    await hosts[2]?.("1.0.0", { copy: "app@started-anew" });
    await later(MIN);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 running"]);
  });

  it("goes on to a yet newer release before the last one was everywhere", async () => {
    const hosts = await makeFleet(2);
    await hosts[0]?.("2.0.0");
    await later(5_000);
    for (const host of hosts) await host("3.0.0");
    await later(5_000);
    await later(5_000);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 superseded", "promote 2.0.0 → 3.0.0 succeeded"]);
  });

  it("stalls when nothing moves, moves again, and fails after an hour of nothing", async () => {
    const hosts = await makeFleet(3);
    await hosts[0]?.("2.0.0");
    await later(5_000);
    await later(16 * MIN);
    const [stalled] = await rollouts();
    expect(stalled).toMatchObject({ status: "running", statusReason: expect.stringMatching(/^Nothing has moved since .* UTC\.$/), counts: { total: 3, verified: 1 } });
    await hosts[1]?.("2.0.0");
    await later(5_000);
    expect((await rollouts())[0]).toMatchObject({ status: "running", statusReason: null, counts: { verified: 2 } });
    await later(16 * MIN);
    await later(46 * MIN);
    const [failed] = await rollouts();
    expect(failed).toMatchObject({ status: "failed", statusReason: "Nothing moved for 60 min: 1 of 3 targets did not get there." });
    const { events } = await getRollout({ ctx, input: { id: failed?.id ?? "" } });
    expect(events.map(({ kind }) => kind).filter((kind) => kind === "stalled" || kind === "moving")).toEqual(["stalled", "moving", "stalled"]);
    expect(await findings()).toContain("partial-rollout");
  });

  it("stands still until a copy more is seen, for which is looked every ten seconds", async () => {
    const hosts = await makeFleet(3);
    await hosts[0]?.("2.0.0");
    await later(5_000);
    await later(16 * MIN);
    const stalled = async () => (await rollouts())[0]?.external?.stalledSince ?? null;
    expect(await stalled()).not.toBeNull();
    await test.db.$executeRaw`UPDATE instances i SET first_seen_at = ${await clock()} FROM combinations c WHERE c.id = i.combination_id AND c.service_name = ${service} AND i.key = ${`app@${fakeImage(`${service} 2.0.0`).digest.slice(7, 15)}`}`;
    await later(1_000);
    expect(await stalled()).not.toBeNull();
    await later(10_000);
    expect(await stalled()).toBeNull();
  });

  it("has failed when what it brought keeps crashing", async () => {
    const hosts = await makeFleet(2);
    await hosts[0]?.("2.0.0", { restarts: 3, upMs: 100 });
    await later(5_000);
    await hosts[0]?.("2.0.0", { restarts: 9, upMs: 100 });
    await later(2 * MIN);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 failed"]);
  });
});

describe("what a deployer may not bring", () => {
  it("is a finding and no rollout when it is not approved, until it is", async () => {
    const hosts = await makeFleet(2);
    await test.db.$executeRaw`UPDATE environments SET required_approvals = 1 WHERE name = 'production'`;
    const host = await makeHost("production");
    await putAuthority({ ctx, input: putAuthorityRequest.parse({ service, environment: "production", authority: "external" }) });
    await host("2.0.0");
    await later(MIN);
    expect(await kinds()).toEqual([]);
    expect(await findings()).toEqual(["unapproved", "unexpected"]);
    await approveRelease({ ctx: await test.ctx("approver"), input: approveRequest.parse({ service, environment: "production", version: "2.0.0" }) });
    await later(MIN);
    await later(MIN);
    expect(await kinds()).toEqual(["promote nothing → 2.0.0 succeeded"]);
    expect((await findings()).every((one) => one.endsWith("resolved"))).toBe(true);
    await hosts[0]?.("1.0.0");
  });

  it("is a finding and no rollout when it was recalled", async () => {
    const hosts = await makeFleet(2);
    await recallRelease({ ctx, input: recallRequest.parse({ service, version: "2.0.0", reason: "it loses money" }) });
    await hosts[0]?.("2.0.0");
    await later(MIN);
    expect(await kinds()).toEqual([]);
    expect(await findings()).toEqual(["ahead", "recalled"]);
  });

  it("is drift while promotions are held, as after a rollback by a person", async () => {
    const hosts = await makeFleet(2);
    for (const host of hosts) await host("2.0.0", { canAct: true });
    await later(5_000);
    await later(5_000);
    await startRollback({ ctx, input: rollbackRequest.parse({ service, environment: "staging", version: "1.0.0", reason: "errors" }) });
    for (const host of hosts) await host("1.0.0");
    await later(10_000);
    await hosts[0]?.("2.0.0");
    await later(MIN);
    expect(await kinds()).toEqual(["promote 1.0.0 → 2.0.0 succeeded"]);
    expect(await findings()).toContain("ahead");
    expect(await assigned()).toMatchObject({ version: "1.0.0" });
  });

  it("is drift at once where Plumbline decides", async () => {
    const hosts = await makeFleet(2, { authority: "plumbline" });
    await hosts[0]?.("2.0.0");
    expect(await findings()).toEqual(["ahead"]);
    await later(MIN);
    expect(await kinds()).toEqual([]);
  });
});

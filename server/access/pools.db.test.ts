import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPoolRequest } from "@/lib/contract/access";
import { enrolRequest, inventoryReport, type EnrolResponse } from "@/lib/contract/agent";
import { instanceDetail } from "@/lib/contract/fleet";
import type { Ctx } from "@/server/context";
import { getInstance } from "@/server/drift/get-instance";
import { noteSurvivor } from "@/server/inventory/note-survivor";
import { enrolAgent } from "@/server/inventory/enrol-agent";
import { leaveFleet } from "@/server/inventory/leave-fleet";
import { recordInventory } from "@/server/inventory/record-inventory";
import { watchSilence } from "@/server/jobs/watch-silence";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, makeImage, pulled } from "@/server/testing/inventory";
import { changePool } from "./change-pool";
import { closePool } from "./close-pool";
import { createEnrolment } from "./create-enrolment";
import { createPool } from "./create-pool";
import { listPools } from "./list-pools";
import { hashSecret } from "./secret-token";

let test: TestApp;
let admin: Ctx;
const image = makeImage("registry.test/acme/web", "1");
beforeAll(async () => {
  test = await createTestApp();
  admin = await test.ctx();
});
afterAll(() => test.drop());

let pools = 0;
/** A pool with a token for any number of hosts. */
async function openPool(more: Record<string, unknown> = {}): Promise<{ pool: string; token: string }> {
  pools += 1;
  const pool = `pool-${pools}`;
  await createPool({ ctx: admin, input: createPoolRequest.parse({ name: pool, environments: ["dev"], ...more }) });
  const { token } = await createEnrolment({ ctx: admin, input: { pool, expiresInHours: 1, maxUses: null } });
  return { pool, token };
}

type Host = { name?: string; machineId?: string; peer?: string | null; runtime?: "docker" | "exec"; now?: Date };
const enrol = (token: string, { peer = "10.1.2.3", now, ...host }: Host = {}): Promise<EnrolResponse> =>
  enrolAgent({ ctx: admin, input: enrolRequest.parse({ v: 1, token, name: "host", runtime: "docker", agentVersion: "1", ...host }), peer, ...(now && { now }) });
const asAgent = (id: string): Ctx => ({ ...test.app, actor: { id, kind: "agent", name: "host", personId: id, roles: [] }, requestId: "test" });

let boots = 0;
/** One container, reported as the first thing that this agent says. */
async function report(id: string, at = new Date()): Promise<void> {
  const { target, instance } = container("web");
  boots += 1;
  await recordInventory({ ctx: asAgent(id), now: at, input: inventoryReport.parse({ v: 1, bootId: `boot-${String(boots).padStart(4, "0")}`, seq: 1, observedAt: at.toISOString(), scope: "engine", kind: "full", coverage: { complete: true, errors: [] }, images: [pulled(image)], targets: [target], instances: [instance] }) });
}

async function agentRow(id: string) {
  const [row] = await test.db.$queryRaw<{ state: string; reason: string | null; successor: string | null; instances: number; spans: string[]; ends: Date[]; targets: number; findings: number }[]>`
    SELECT a.state, a.retired_reason AS reason, a.successor_id::text AS successor,
      (SELECT count(*)::int FROM instances i JOIN agent_scopes s ON s.id = i.agent_scope_id WHERE s.agent_id = a.id) AS instances,
      ARRAY(SELECT p.end_reason FROM spans p WHERE p.agent_id = a.id ORDER BY p.id) AS spans, ARRAY(SELECT p.ended_at FROM spans p WHERE p.agent_id = a.id ORDER BY p.id) AS ends,
      (SELECT count(*)::int FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = a.id AND t.gone_at IS NULL) AS targets,
      (SELECT count(*)::int FROM findings f JOIN agent_scopes s ON s.id = f.agent_scope_id WHERE s.agent_id = a.id AND f.resolved_at IS NULL) AS findings
    FROM agents a WHERE a.id = ${id}::uuid`;
  if (!row) throw new Error("no agent");
  return row;
}

describe("who is admitted", () => {
  it.each([
    ["10.1.2.3", true],
    ["::ffff:10.1.2.3", true],
    ["fd00::1", true],
    ["fe80::1%eth0", false],
    ["11.1.2.3", false],
    [null, false],
  ])("from %s: %s", async (peer, admitted) => {
    const { token } = await openPool({ networks: ["10.0.0.0/8", "fd00::/8"] });
    if (admitted) await expect(enrol(token, { peer })).resolves.toMatchObject({ ephemeral: false });
    else await expect(enrol(token, { peer })).rejects.toMatchObject({ kind: "forbidden", extras: { type: "network-not-allowed" } });
  });

  it("keeps networks as networks, and refuses what is none", async () => {
    const { pool } = await openPool({ networks: ["10.9.8.7/8", "10.0.0.0/8"] });
    expect((await listPools({ ctx: admin })).items.find(({ name }) => name === pool)?.networks).toEqual(["10.0.0.0/8"]);
    expect(createPoolRequest.safeParse({ name: "x", environments: ["dev"], networks: ["everywhere"] }).success).toBe(false);
  });

  it("gives the last place to one of those that want it at the same time", async () => {
    const { token } = await openPool({ maxAgents: 3 });
    const results = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => enrol(token, { name: `host-${at}` })));
    expect(results.filter(({ status }) => status === "fulfilled").length).toBe(3);
    for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ kind: "conflict", extras: { type: "pool-full" } });
  });

  it("frees a place when somebody leaves, and in an ephemeral pool when somebody is silent", async () => {
    const { token } = await openPool({ maxAgents: 1, ephemeral: true });
    const first = await enrol(token, { name: "one" });
    await leaveFleet({ ctx: asAgent(first.agent), input: { v: 1, reason: "left" } });
    const second = await enrol(token, { name: "two" });
    await expect(enrol(token, { name: "three" })).rejects.toThrow(/has all of its 1 agents/);
    await test.db.$executeRaw`UPDATE agents SET state = 'silent' WHERE id = ${second.agent}::uuid`;
    await expect(enrol(token, { name: "three" })).resolves.toMatchObject({ ephemeral: true });
  });

  it("admits nobody once it is closed, whatever the token says, and cannot be changed", async () => {
    const { pool, token } = await openPool();
    expect(await closePool({ ctx: admin, input: { pool, reason: "moved away" } })).toMatchObject({ closed: true });
    await expect(enrol(token)).rejects.toMatchObject({ kind: "unauthenticated" });
    await expect(closePool({ ctx: admin, input: { pool, reason: "again" } })).rejects.toMatchObject({ kind: "conflict", extras: { type: "pool-closed" } });
    await expect(changePool({ ctx: admin, input: { pool, maxAgents: 5 } })).rejects.toMatchObject({ kind: "conflict" });
    const entries = await test.db.$queryRaw<{ type: string }[]>`SELECT type FROM ledger_entries ORDER BY seq DESC LIMIT 1`;
    expect(entries).toEqual([{ type: "pool-closed" }]);
  });
});

describe("limits", () => {
  it("are changed one by one, with an entry each, and taken away by null", async () => {
    const { pool } = await openPool({ ephemeral: true, ttlMinutes: 5, maxAgents: 10 });
    expect(await changePool({ ctx: admin, input: { pool, minAgents: 2 } })).toMatchObject({ minAgents: 2, maxAgents: 10, ttlMinutes: 5, ephemeral: true });
    expect(await changePool({ ctx: admin, input: { pool, maxAgents: null, ephemeral: false } })).toMatchObject({ minAgents: 2, maxAgents: null, ttlMinutes: null, ephemeral: false });
    const size = async () => (await test.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`)[0]?.size;
    const before = await size();
    await changePool({ ctx: admin, input: { pool, minAgents: 2 } });
    expect(await size()).toBe(before);
  });

  it.each([
    [{ minAgents: 3, maxAgents: 2 }, "minAgents"],
    [{ ttlMinutes: 5 }, "ttlMinutes"],
  ])("%j contradict each other", async (more, path) => {
    await expect(openPool(more)).rejects.toMatchObject({ kind: "invalid", extras: { fields: [{ path }] } });
  });

  it("need the right for every environment of the pool", async () => {
    const { pool } = await openPool({ environments: ["dev", "production"] });
    const half = await test.ctxWith([{ role: "admin", service: "*", environment: "dev", expiresAt: null }]);
    await expect(changePool({ ctx: half, input: { pool, maxAgents: 1 } })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(closePool({ ctx: half, input: { pool, reason: "no" } })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(changePool({ ctx: admin, input: { pool: "nowhere", maxAgents: 1 } })).rejects.toMatchObject({ kind: "not-found" });
  });
});

describe("the end of an agent", () => {
  it("ends what it showed at that moment when it says good-bye, and is no finding", async () => {
    const { token } = await openPool({ ephemeral: true });
    const { agent } = await enrol(token);
    const at = new Date(Date.now() + 5_000);
    await report(agent);
    await leaveFleet({ ctx: asAgent(agent), input: { v: 1, reason: "scaled in" }, now: at });
    expect(await agentRow(agent)).toEqual({ state: "retired", reason: "scaled in", successor: null, instances: 0, spans: ["left"], ends: [at], targets: 0, findings: 0 });
    await watchSilence(test.app, new Date(Date.now() + 3_600_000));
    expect(await agentRow(agent)).toMatchObject({ findings: 0, spans: ["left"] });
    const [span] = await test.db.$queryRaw<{ id: string }[]>`SELECT instance_id::text AS id FROM spans WHERE agent_id = ${agent}::uuid`;
    const instance = await getInstance({ ctx: admin, input: { id: span?.id ?? "" } });
    expect(instanceDetail.parse(instance)).toMatchObject({ key: "web-1", ended: { at: at.toISOString(), reason: "left" }, agent: { id: agent }, lane: [{ endReason: "left" }] });
  });

  it("comes after ten minutes of silence in an ephemeral pool, and is dated to when it was last seen", async () => {
    const { token } = await openPool({ ephemeral: true });
    const { agent } = await enrol(token, { name: "spot" });
    const seen = new Date();
    await report(agent, seen);
    const after = (seconds: number) => new Date(seen.getTime() + seconds * 1_000);
    await watchSilence(test.app, after(60));
    expect(await agentRow(agent)).toMatchObject({ state: "silent", findings: 1, instances: 1 });
    await watchSilence(test.app, after(640));
    expect(await agentRow(agent)).toMatchObject({ state: "silent" });
    await watchSilence(test.app, after(646));
    expect(await agentRow(agent)).toEqual({ state: "retired", reason: "silent for its time to live", successor: null, instances: 0, spans: ["vanished"], ends: [seen], targets: 0, findings: 0 });
  });

  it("does not come for one whose report is being taken while it is decided", async () => {
    const { token } = await openPool({ ephemeral: true });
    const { agent, token: own } = await enrol(token, { name: "cut-off" });
    const seen = new Date();
    await report(agent, seen);
    const after = (seconds: number) => new Date(seen.getTime() + seconds * 1_000);
    await watchSilence(test.app, after(60));
    let watching: Promise<void> | undefined;
    await test.db.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`plumbline.report:${agent}:engine`}, 0))`;
      watching = watchSilence(test.app, after(646));
      await expect.poll(async () => (await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)[0]?.n).toBe(1);
      await tx.$executeRaw`UPDATE agent_scopes SET last_report_at = ${after(645)} WHERE agent_id = ${agent}::uuid`;
    });
    await watching;
    expect(await agentRow(agent)).toMatchObject({ reason: null, instances: 1 });
    expect(await noteSurvivor(test.app, hashSecret(own))).toBeNull();
    await watchSilence(test.app, after(1_400));
    expect(await agentRow(agent)).toMatchObject({ state: "retired" });
    expect(await noteSurvivor(test.app, hashSecret(own))).toMatchObject({ type: "agent-retired", message: expect.stringContaining("silent for its time to live") });
  });

  it("does not keep silence elsewhere from being noticed when thousands wait for theirs", async () => {
    const { token } = await openPool({ ephemeral: true, ttlMinutes: 60 });
    const { agent } = await enrol(token, { name: "late-one" });
    const seen = new Date();
    await report(agent, seen);
    const { pool } = await openPool({ ephemeral: true, ttlMinutes: 60 });
    await test.db.$executeRaw`
      WITH actor AS (INSERT INTO actors (id, kind, display_name) SELECT ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, 'agent', 'gone' FROM generate_series(1, 2500) n RETURNING id)
      INSERT INTO agents (id, pool_id, name, runtime, agent_version, token_hash, state, enrolled_at)
      SELECT actor.id, p.id, 'gone', 'docker', '1', sha256(actor.id::text::bytea), 'silent', ${seen} FROM actor, pools p WHERE p.name = ${pool}`;
    await watchSilence(test.app, new Date(seen.getTime() + 60_000));
    expect(await agentRow(agent)).toMatchObject({ state: "silent" });
    await test.db.$executeRaw`UPDATE agents SET state = 'retired', retired_at = now() WHERE name = 'gone'`;
  });
});

describe("a host that enrols again", () => {
  it("succeeds the agent that it was, whose open rows end", async () => {
    const { token } = await openPool();
    const before = await enrol(token, { name: "web-1", machineId: "machine-1" });
    await report(before.agent);
    const next = await enrol(token, { name: "web-1", machineId: "machine-1" });
    expect(await agentRow(before.agent)).toMatchObject({ state: "retired", successor: next.agent, instances: 0, targets: 0, spans: ["re-enrolled"] });
    expect(await agentRow(next.agent)).toMatchObject({ state: "active", successor: null });
  });

  it.each<[string, Host, Host]>([
    ["another machine", { name: "a", machineId: "m1" }, { name: "a", machineId: "m2" }],
    ["another name on a host that stays", { name: "a", machineId: "m3" }, { name: "b", machineId: "m3" }],
    ["another runtime", { name: "a", machineId: "m4" }, { name: "a", machineId: "m4", runtime: "exec" }],
    ["a host without an id", { name: "a" }, { name: "a" }],
  ])("leaves %s alone", async (_, one, other) => {
    const { token } = await openPool();
    const before = await enrol(token, one);
    await enrol(token, other);
    expect(await agentRow(before.agent)).toMatchObject({ state: "active" });
  });

  it("takes the place that it had in a full pool", async () => {
    const { token } = await openPool({ maxAgents: 1 });
    await enrol(token, { name: "only", machineId: "m-only" });
    await expect(enrol(token, { name: "only", machineId: "m-only" })).resolves.toBeDefined();
  });

  it("is refused where a clone of it was just heard, and replaces it once that is silent", async () => {
    const { token } = await openPool({ ephemeral: true });
    const first = await enrol(token, { name: "ip-10-0-0-1", machineId: "golden" });
    await report(first.agent);
    await expect(enrol(token, { name: "ip-10-0-0-2", machineId: "golden" })).rejects.toMatchObject({ kind: "conflict", extras: { type: "duplicate-machine" }, message: expect.stringContaining("ip-10-0-0-1 has this host's machine id") });
    expect(await agentRow(first.agent)).toMatchObject({ state: "active" });
    const next = await enrol(token, { name: "ip-10-0-0-2", machineId: "golden", now: new Date(Date.now() + 60_000) });
    expect(await agentRow(first.agent)).toMatchObject({ state: "retired", successor: next.agent });
  });

  it("is a duplicate when the one that it succeeds goes on: told in words, noted once, over when that stops", async () => {
    const { token } = await openPool();
    const before = await enrol(token, { name: "twice", machineId: "m-twice" });
    const next = await enrol(token, { name: "twice", machineId: "m-twice" });
    await report(next.agent);
    const hash = hashSecret(before.token);
    const later = (seconds: number) => new Date(Date.now() + seconds * 1_000);
    expect(await noteSurvivor(test.app, hash, later(10))).toMatchObject({ type: "agent-succeeded", message: expect.stringContaining("twice reports for it now") });
    expect(await agentRow(next.agent)).toMatchObject({ findings: 0 });
    await noteSurvivor(test.app, hash, later(70));
    await noteSurvivor(test.app, hash, later(80));
    expect(await agentRow(next.agent)).toMatchObject({ findings: 1, state: "active" });
    expect(await noteSurvivor(test.app, hashSecret(next.token), later(70))).toBeNull();
    await report(next.agent, later(239));
    await watchSilence(test.app, later(240));
    expect(await agentRow(next.agent)).toMatchObject({ findings: 0 });
  });
});

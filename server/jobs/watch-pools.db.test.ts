import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { findingsQuery } from "@/lib/contract/fleet";
import { createPoolRequest } from "@/lib/contract/access";
import { closePool } from "@/server/access/close-pool";
import { createPool } from "@/server/access/create-pool";
import type { Ctx } from "@/server/context";
import { getStatus } from "@/server/drift/get-status";
import { listFindings } from "@/server/drift/list-findings";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { watchPools } from "./watch-pools";

let test: TestApp;
let admin: Ctx;
const start = new Date("2026-11-20T02:00:00Z");
const after = (seconds: number) => new Date(start.getTime() + seconds * 1_000);
beforeAll(async () => {
  test = await createTestApp();
  admin = await test.ctx();
});
afterAll(() => test.drop());

let pools = 0;
let pool = "";
beforeEach(async () => {
  await test.db.$executeRaw`UPDATE pools SET closed_at = now() WHERE closed_at IS NULL`;
  await test.db.$executeRaw`UPDATE findings SET resolved_at = now(), resolved_reason = 'another test' WHERE resolved_at IS NULL`;
  pools += 1;
  pool = `asg-${pools}`;
});

const open = (more: Record<string, unknown> = {}) => createPool({ ctx: admin, input: createPoolRequest.parse({ name: pool, environments: ["dev"], ephemeral: true, ...more }) });

/** Agents that were heard for the last time at a moment, in a state of now. */
async function add(count: number, { enrolled = after(-3_600), heard, state = "active", retired = null }: { enrolled?: Date; heard: Date; state?: string; retired?: Date | null }): Promise<void> {
  await test.db.$executeRaw`
    WITH actor AS (INSERT INTO actors (kind, display_name) SELECT 'agent', 'host' FROM generate_series(1, ${count}::int) RETURNING id),
      agent AS (INSERT INTO agents (id, pool_id, name, runtime, agent_version, token_hash, state, enrolled_at, retired_at)
        SELECT actor.id, p.id, 'host', 'docker', '1', sha256(actor.id::text::bytea), ${state}, ${enrolled}, ${retired} FROM actor, pools p WHERE p.name = ${pool} RETURNING id)
    INSERT INTO agent_scopes (agent_id, scope, boot_id, seq, last_report_at, observed_at) SELECT id, 'engine', 'boot-0001', 1, ${heard}, ${heard} FROM agent`;
}

async function findings() {
  const { groups } = await listFindings({ ctx: admin, input: findingsQuery.parse({}) });
  return groups.map(({ kind, title, sentence, instances, severity }) => ({ kind, title, sentence, instances, severity }));
}

it("says once that half is gone within five minutes, keeps it up to date, and is over when most are back", async () => {
  await open();
  await add(4, { heard: start });
  await add(3, { heard: after(-60), state: "silent" });
  await add(3, { heard: after(-100), state: "retired", retired: after(-95) });
  await watchPools(test.app, start);
  expect(await findings()).toEqual([{ kind: "pool-shrunk", severity: "warning", instances: 6, title: `The pool ${pool} lost half of its agents`, sentence: "Half of its agents stopped reporting within five minutes: 4 are left of 10; 3 said good-bye." }]);
  await add(1, { enrolled: after(5), heard: after(10) });
  await watchPools(test.app, after(30));
  expect(await findings()).toMatchObject([{ kind: "pool-shrunk", instances: 5 }]);
  await add(3, { enrolled: after(40), heard: after(50) });
  await watchPools(test.app, after(60));
  expect(await findings()).toEqual([]);
  const rows = await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM findings f JOIN pools p ON p.id = f.pool_id WHERE p.name = ${pool}`;
  expect(rows[0]?.n).toBe(1);
});

it.each<[string, () => Promise<void>]>([
  ["was replaced one by one", async () => {
    await add(6, { heard: after(-60), state: "retired", retired: after(-55) });
    await add(6, { enrolled: after(-50), heard: start });
    await add(4, { heard: start });
  }],
  ["lost its agents long ago", async () => {
    await add(9, { heard: after(-900), state: "silent" });
    await add(1, { heard: start });
  }],
  ["is new", async () => add(3, { enrolled: after(-10), heard: start })],
])("says nothing of a pool that %s", async (_, arrange) => {
  await open();
  await arrange();
  await watchPools(test.app, start);
  expect(await findings()).toEqual([]);
});

it("says that fewer than the minimum report when that lasts, is no drift, and ends with enough or with the pool", async () => {
  await open({ minAgents: 3 });
  await add(1, { heard: start });
  await watchPools(test.app, start);
  await watchPools(test.app, after(119));
  expect(await findings()).toEqual([]);
  await watchPools(test.app, after(120));
  expect(await findings()).toMatchObject([{ kind: "pool-below-minimum", severity: "drift", instances: 2, title: `The pool ${pool} has too few agents`, sentence: expect.stringContaining("1 of at least 3") }]);
  const { total, instances } = await listFindings({ ctx: admin, input: findingsQuery.parse({}) });
  expect({ total, instances, inSync: (await getStatus({ ctx: admin, input: {} })).inSync }).toEqual({ total: 1, instances: 0, inSync: true });
  await add(2, { enrolled: after(130), heard: after(140) });
  await watchPools(test.app, after(150));
  expect(await findings()).toEqual([]);

  await test.db.$executeRaw`UPDATE agents SET state = 'silent' WHERE pool_id = (SELECT id FROM pools WHERE name = ${pool})`;
  await watchPools(test.app, after(160));
  await watchPools(test.app, after(280));
  expect((await findings()).map(({ kind }) => kind)).toContain("pool-below-minimum");
  await closePool({ ctx: admin, input: { pool, reason: "gone" } });
  await watchPools(test.app, after(290));
  expect(await findings()).toEqual([]);
});

import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { settleMissing } from "./settle-missing";
import { watchSilence } from "./watch-silence";

let test: TestApp;
let agent: TestAgent;
const image = makeImage("registry.test/acme/quiet", "1.0.0");
const start = new Date("2026-11-20T02:00:00Z");
const after = (seconds: number) => new Date(start.getTime() + seconds * 1_000);

beforeAll(async () => {
  test = await createTestApp();
  await registerVersion(test, { service: "quiet", version: "1.0.0", image });
  agent = await enrolTestAgent(test, { environments: ["dev"] });
  await test.db.$executeRaw`UPDATE agents SET enrolled_at = ${start}`;
  const { target, instance } = container("quiet", { labels: { "plumbline.service": "quiet" } });
  await agent.report({ images: [pulled(image)], targets: [{ ...target, desired: 2, ready: 2 }], instances: [instance] }, start);
});
afterAll(() => test.drop());

async function state(): Promise<{ freshness: string; state: string; open: number }> {
  const [row] = await test.db.$queryRaw<{ freshness: string; state: string; open: number }[]>`
    SELECT s.freshness, a.state, (SELECT count(*)::int FROM findings f WHERE f.kind = 'silent' AND f.agent_scope_id = s.id AND f.resolved_at IS NULL) AS open
    FROM agent_scopes s JOIN agents a ON a.id = s.agent_id WHERE a.id = ${agent.id}::uuid`;
  if (!row) throw new Error("no scope");
  return row;
}

it("says late from two intervals on, silent from three, once, and nothing before", async () => {
  await watchSilence(test.app, after(29));
  expect(await state()).toEqual({ freshness: "fresh", state: "active", open: 0 });
  await watchSilence(test.app, after(31));
  expect(await state()).toEqual({ freshness: "late", state: "late", open: 0 });
  await watchSilence(test.app, after(46));
  await watchSilence(test.app, after(50));
  expect(await state()).toEqual({ freshness: "silent", state: "silent", open: 1 });
});

it("is over with the next report", async () => {
  await agent.report({}, after(60));
  expect(await state()).toEqual({ freshness: "fresh", state: "active", open: 0 });
});

it("blames nobody for the time in which Plumbline did not listen", async () => {
  await test.db.$executeRaw`INSERT INTO gaps (started_at, ended_at, reason) VALUES (${after(70)}, ${after(300)}, 'not-listening')`;
  await watchSilence(test.app, after(310));
  expect((await state()).open).toBe(0);
  await watchSilence(test.app, after(346));
  expect(await state()).toEqual({ freshness: "silent", state: "silent", open: 1 });
});

it("blames nobody while the web is not up yet, though the worker is", async () => {
  await agent.report({}, after(380));
  await test.db.$executeRaw`INSERT INTO heartbeats (role, at) VALUES ('web', ${after(385)}) ON CONFLICT (role) DO UPDATE SET at = excluded.at`;
  await watchSilence(test.app, after(3_600));
  expect(await state()).toEqual({ freshness: "fresh", state: "active", open: 0 });
  await test.db.$executeRaw`DELETE FROM heartbeats WHERE role = 'web'`;
});

it("opens `missing` when the settle time is over, though nothing new was reported", async () => {
  await test.db.$executeRaw`INSERT INTO target_desired (target_id, release_id, entry_seq) SELECT t.id, r.id, r.entry_seq FROM targets t, releases r ON CONFLICT (target_id) DO UPDATE SET release_id = excluded.release_id`;
  const { target } = container("quiet", { labels: { "plumbline.service": "quiet" } });
  await agent.report({ targets: [{ ...target, desired: 2, ready: 1 }] }, after(400));
  const missing = async () => (await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM findings WHERE kind = 'missing' AND resolved_at IS NULL`)[0]?.n;
  await settleMissing(test.app, after(400 + 299));
  expect(await missing()).toBe(0);
  await settleMissing(test.app, after(400 + 300));
  expect(await missing()).toBe(1);
  await agent.report({ targets: [{ ...target, desired: 2, ready: 2 }] }, after(720));
  expect(await missing()).toBe(0);
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { desiredQuery } from "@/lib/contract/agent";
import { promoteRequest } from "@/lib/contract/rollouts";
import { verifyDesired } from "@/lib/domain/ledger/desired-state";
import type { Ctx } from "@/server/context";
import { getMatrix } from "@/server/drift/get-matrix";
import { serverVkey } from "@/server/ledger/signing-key";
import { recallRelease } from "@/server/releases/recall-release";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { waitDesired } from "./wait-desired";

let test: TestApp;
let ctx: Ctx;
let v1: FakeImage;
const agents: FakeAgent[] = [];

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  v1 = await registerVersion(ctx, "payments", "1.0.0");
  for (let n = 0; n < 12; n += 1) {
    const agent = await FakeAgent.make(test, "staging");
    await agent.report({ key: "app", service: "payments", image: v1 });
    agents.push(agent);
  }
});
afterAll(() => test.drop());

const ask = (agent: FakeAgent, more: Record<string, unknown> = {}) => waitDesired({ ctx: { ...agent.ctx }, input: desiredQuery.parse({ nonce: randomUUID(), ...more }) });

it("says nothing before anything was decided, and gives each agent its own document afterwards", async () => {
  const [first] = agents;
  if (!first) throw new Error("no agent");
  expect(await ask(first)).toBeNull();
  const waiting = agents.map((agent) => ask(agent, { wait: 20 }));
  await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", version: "1.0.0" }) });
  const answers = await Promise.all(waiting);
  expect(answers.map((answer) => JSON.parse(answer?.document ?? "{}").agent)).toEqual(agents.map(({ ctx: { actor } }) => actor.id));
});

it("refuses by its own rules: another nonce, another key, a rewritten history", async () => {
  const [agent] = agents;
  if (!agent) throw new Error("no agent");
  const nonce = randomUUID();
  const answer = await waitDesired({ ctx: agent.ctx, input: desiredQuery.parse({ nonce }) });
  if (!answer) throw new Error("no document");
  const trust = { origin: test.app.keys.origin, vkey: serverVkey(test.app.keys), epoch: 1, agentId: agent.ctx.actor.id, nonce, lastVersion: 0, checkpoint: null, obeyed: {} };
  expect(verifyDesired({ ...answer, trust })).toMatchObject({ ok: true, refusedTargets: [] });
  expect(verifyDesired({ ...answer, trust: { ...trust, nonce: "another" } })).toMatchObject({ ok: false, reason: "stale-nonce" });
  expect(verifyDesired({ ...answer, document: answer.document.replace("payments", "paymentz"), trust })).toMatchObject({ ok: false, reason: "bad-signature" });
  expect(verifyDesired({ ...answer, trust: { ...trust, checkpoint: { size: 2, root: Buffer.alloc(32).toString("base64") } } })).toMatchObject({ ok: false, reason: "inconsistent-checkpoint" });
});

it("carries what is recalled, which the agent then refuses", async () => {
  const [agent] = agents;
  if (!agent) throw new Error("no agent");
  await recallRelease({ ctx, input: { service: "payments", version: "1.0.0", reason: "CVE" } });
  const nonce = randomUUID();
  const answer = await waitDesired({ ctx: agent.ctx, input: desiredQuery.parse({ nonce, after: 1 }) });
  if (!answer) throw new Error("no document");
  const verdict = verifyDesired({ ...answer, trust: { origin: test.app.keys.origin, vkey: serverVkey(test.app.keys), epoch: 1, agentId: agent.ctx.actor.id, nonce, lastVersion: 1, checkpoint: null, obeyed: {} } });
  expect(verdict).toMatchObject({ ok: true, state: { recalled: [v1.digest, v1.config].toSorted(), targets: [] }, refusedTargets: [{ target: "app", reason: "recalled-digest" }] });
});

it("keeps the largest checkpoint that an agent says it holds, and believes no more than there is", async () => {
  const [, agent, other] = agents;
  if (!agent || !other) throw new Error("no agent");
  const kept = async (of: FakeAgent) => (await test.db.$queryRaw<{ size: number }[]>`SELECT checkpoint_size::int AS size FROM agents WHERE id = ${of.ctx.actor.id}::uuid`)[0]?.size;
  await ask(agent, { checkpoint: 3 });
  await expect.poll(() => kept(agent)).toBe(3);
  await ask(other, { checkpoint: 1_000_000 });
  const [head] = await test.db.$queryRaw<{ size: number }[]>`SELECT size::int FROM ledger_head`;
  await expect.poll(() => kept(other)).toBe(head?.size);
  await ask(agent, { checkpoint: 2 });
  expect(await kept(agent)).toBe(3);
  expect((await getMatrix({ ctx })).ledger).toMatchObject({ heldBy: 2, agents: agents.length, fault: null });
});

it("tells a retired agent nothing", async () => {
  const [agent] = agents;
  if (!agent) throw new Error("no agent");
  await test.db.$executeRaw`UPDATE agents SET state = 'retired', retired_at = now() WHERE id = ${agent.ctx.actor.id}::uuid`;
  await expect(ask(agent)).rejects.toMatchObject({ kind: "not-found" });
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { desiredQuery, progressReport } from "@/lib/contract/agent";
import { promoteRequest } from "@/lib/contract/rollouts";
import { verifyDesired } from "@/lib/domain/ledger/desired-state";
import { serverVkey } from "@/server/ledger/signing-key";
import { recallRelease } from "@/server/releases/recall-release";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { recordProgress } from "@/server/rollouts/record-progress";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { raiseDesired } from "./raise-desired";
import { waitDesired } from "./wait-desired";

let test: TestApp;
let agent: FakeAgent;
let other: FakeAgent;
let rollout: string;
const images: FakeImage[] = [];

/** A rollout that is under way, of which one host's wave is still to open. */
beforeAll(async () => {
  test = await createTestApp();
  const ctx = await test.ctx();
  for (const version of ["1.0.0", "2.0.0"]) images.push(await registerVersion(ctx, "payments", version));
  const promote = (version: string) => promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", version }) });
  await promote("1.0.0");
  agent = await FakeAgent.make(test, "staging");
  other = await FakeAgent.make(test, "staging");
  const [v1] = images;
  if (!v1) throw new Error("no image");
  for (const each of [agent, other]) await each.report({ key: "app", service: "payments", image: v1 });
  rollout = (await promote("2.0.0")).id;
  await test.db.$executeRaw`UPDATE rollouts SET status = 'running' WHERE id = ${rollout}::uuid`;
  await test.db.$executeRaw`
    UPDATE rollout_targets rt SET status = CASE WHEN s.agent_id = ${agent.ctx.actor.id}::uuid THEN 'pending' ELSE 'offered' END, step = NULL
    FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE t.id = rt.target_id AND rt.rollout_id = ${rollout}::uuid`;
  await test.db.$transaction((tx) => raiseDesired(tx, [agent, other].map((each) => each.ctx.actor.id)));
});
afterAll(() => test.drop());

async function toldAhead(to: FakeAgent) {
  const nonce = randomUUID();
  const answer = await waitDesired({ ctx: to.ctx, input: desiredQuery.parse({ nonce }) });
  if (!answer) throw new Error("no document");
  const verdict = verifyDesired({ ...answer, trust: { origin: test.app.keys.origin, vkey: serverVkey(test.app.keys), epoch: 1, agentId: to.ctx.actor.id, nonce, lastVersion: 0, checkpoint: null, obeyed: {} } });
  if (!verdict.ok) throw new Error(verdict.detail);
  return verdict;
}
const word = (step: string, more: Record<string, unknown> = {}, from = agent) =>
  recordProgress({ ctx: from.ctx, input: progressReport.parse({ v: 1, targets: [{ target: "app", rollout, generation: 0, step, at: new Date().toISOString(), ...more }] }) });
const stored = () => test.db.$queryRaw<{ status: string; prefetch: string | null; message: string | null; step: string | null }[]>`
  SELECT rt.status, rt.prefetch, rt.detail->>'prefetchMessage' AS message, rt.step FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id
  WHERE rt.rollout_id = ${rollout}::uuid AND s.agent_id = ${agent.ctx.actor.id}::uuid`;
const pointers = async () => Number((await test.db.$queryRaw<{ n: bigint }[]>`SELECT count(*) AS n FROM changes WHERE topic = 'rollout' AND key = ${rollout}`)[0]?.n);

it("tells the hosts of a later wave what to fetch, in the entry's own words, and nobody else", async () => {
  const told = await toldAhead(agent);
  expect([told.refusedPrefetch, told.refusedTargets]).toEqual([[], []]);
  expect(told.state.prefetch).toMatchObject([{ target: "app", service: "payments", environment: "staging", partition: "default", repository: "registry.test/payments", rollout, components: [{ name: "main", digests: expect.arrayContaining([images[1]?.digest]) }] }]);
  expect((await toldAhead(other)).state.prefetch).toEqual([]);
});

it("keeps what a host says about it, wakes the page once, and moves no target", async () => {
  const before = await pointers();
  await word("prefetch-failed", { message: "no such host" });
  expect(await stored()).toEqual([{ status: "pending", prefetch: "failed", message: "no such host", step: null }]);
  await word("prefetch-failed", { message: "no such host" });
  expect(await pointers()).toBe(before + 1);
  await word("prefetched");
  expect(await stored()).toEqual([{ status: "pending", prefetch: "done", message: null, step: null }]);
  expect(await pointers()).toBe(before + 2);
});

it("believes no host about another's target, nor about a rollout that is none", async () => {
  const before = await pointers();
  await word("prefetch-failed", { target: "nobody" });
  await word("prefetch-failed", { rollout: randomUUID() });
  await word("prefetch-failed", { rollout: null });
  expect([await pointers(), (await stored())[0]?.prefetch]).toEqual([before, "done"]);
});

it("asks nobody to fetch for a rollout that another system carries out, or that has ended", async () => {
  const set = (status: string) => test.db.$executeRaw`UPDATE rollouts SET status = ${status}, finished_at = CASE WHEN ${status} = 'aborted' THEN now() END WHERE id = ${rollout}::uuid`;
  await set("paused");
  expect((await toldAhead(agent)).state.prefetch).toHaveLength(1);
  await set("aborted");
  expect((await toldAhead(agent)).state.prefetch).toEqual([]);
  await set("running");
  await test.db.$executeRaw`
    WITH made AS (INSERT INTO executors (name, kind, config, actor_id, entry_seq) SELECT 'ci', 'webhook', '{}', actor_id, 0 FROM rollouts WHERE id = ${rollout}::uuid RETURNING id)
    UPDATE rollouts SET executor_id = made.id FROM made WHERE rollouts.id = ${rollout}::uuid`;
  expect((await toldAhead(agent)).state.prefetch).toEqual([]);
  await test.db.$executeRaw`UPDATE rollouts SET executor_id = NULL WHERE id = ${rollout}::uuid`;
});

it("carries a recall along, so that nothing recalled is fetched", async () => {
  await recallRelease({ ctx: await test.ctx(), input: { service: "payments", version: "2.0.0", reason: "CVE" } });
  await test.db.$executeRaw`UPDATE rollouts SET status = 'running', finished_at = NULL WHERE id = ${rollout}::uuid`;
  await test.db.$executeRaw`UPDATE rollout_targets SET status = 'pending' WHERE rollout_id = ${rollout}::uuid AND prefetch = 'done'`;
  const told = await toldAhead(agent);
  expect([told.state.prefetch, told.refusedPrefetch]).toMatchObject([[], [{ target: "app", reason: "recalled-digest" }]]);
});

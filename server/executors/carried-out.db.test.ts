import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { desiredQuery } from "@/lib/contract/agent";
import { createExecutorRequest, waveMessage } from "@/lib/contract/executors";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { DesiredState } from "@/lib/domain/ledger/desired-state";
import { waitDesired } from "@/server/desired/wait-desired";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { resendDelivery } from "@/server/notifications/resend-delivery";
import { sendDeliveries } from "@/server/outbound/deliver";
import { advanceRollouts } from "@/server/rollouts/advance-rollouts";
import { getRollout } from "@/server/rollouts/get-rollout";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { abortRollout } from "@/server/rollouts/steer-rollout";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { startLocalServer, type LocalServer } from "@/server/testing/local-server";
import { createExecutor } from "./create-executor";

let test: TestApp;
let server: LocalServer;
beforeAll(async () => {
  test = await createTestApp({ outboundAllow: "127.0.0.1" });
  server = await startLocalServer();
});
afterAll(async () => {
  await server.close();
  await test.drop();
});

it("is told once, and done when the digests are seen to run, whatever the executor answers", async () => {
  const ctx = await test.ctx();
  const place = { service: "payments", environment: "staging" };
  for (const version of ["1.0.0", "2.0.0"]) await registerVersion(ctx, "payments", version);
  await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "1.0.0" }) });
  const agent = await FakeAgent.make(test, "staging");
  const runs = (version: string) => agent.report({ key: "app", service: "payments", image: fakeImage(`payments ${version}`), canAct: false });
  await runs("1.0.0");
  await createExecutor({ ctx, input: createExecutorRequest.parse({ name: "deployer", ...place, config: { kind: "webhook", url: `${server.url}/hook` } }) });

  const { id } = await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0", strategy: "all-at-once" }) });
  await advanceRollouts(test.app);
  await signCheckpoint(test.app);
  // It says that all is done, at once and with emphasis.
  server.answer((_, response) => response.end('{"done": true, "status": "succeeded"}'));
  await sendDeliveries(test.app);
  await advanceRollouts(test.app);
  await sendDeliveries(test.app);
  expect(server.received).toHaveLength(1);
  expect(waveMessage.parse(JSON.parse(server.received[0]?.body ?? "")).data).toMatchObject({ rollout: { id }, to: { version: "2.0.0" }, targets: { count: 1, items: [{ key: "app" }] } });
  expect(await getRollout({ ctx, input: { id } })).toMatchObject({ status: "running", counts: { total: 1, verified: 0 } });

  await runs("2.0.0");
  await expect.poll(async () => {
    await advanceRollouts(test.app);
    return (await getRollout({ ctx, input: { id } })).status;
  }, { timeout: 15_000 }).toBe("succeeded");
  expect(server.received).toHaveLength(1);
});

it("makes no agent act beside the executor, neither for what it was told before and never began", async () => {
  const ctx = await test.ctx();
  const place = { service: "orders", environment: "staging" };
  for (const version of ["1.0.0", "2.0.0", "3.0.0"]) await registerVersion(ctx, "orders", version);
  const promote = (version: string) => promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version, strategy: "all-at-once" }) });
  await promote("1.0.0");
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "app", service: "orders", image: fakeImage("orders 1.0.0") });
  const told = async () => {
    const answer = await waitDesired({ ctx: agent.ctx, input: desiredQuery.parse({ nonce: randomUUID() }) });
    const { targets } = JSON.parse(answer?.document ?? "{}") as DesiredState;
    return targets.map(({ generation, components }) => ({ generation, digests: components[0]?.digests }));
  };
  const { id } = await promote("2.0.0");
  expect(await told()).toEqual([{ generation: 1, digests: expect.arrayContaining([fakeImage("orders 2.0.0").digest]) }]);
  await createExecutor({ ctx, input: createExecutorRequest.parse({ name: "deployer-of-orders", ...place, config: { kind: "webhook", url: `${server.url}/hook` } }) });
  await abortRollout({ ctx, input: { id } });
  await test.db.$executeRaw`UPDATE holds SET lifted_at = now(), lifted_seq = entry_seq WHERE lifted_at IS NULL`;
  await promote("3.0.0");
  expect(await told()).toEqual([{ generation: 0, digests: expect.arrayContaining([fakeImage("orders 3.0.0").digest]) }]);
});

it("refuses the order: its targets are stuck for that, at once, until it is sent again and taken", async () => {
  const ctx = await test.ctx();
  const place = { service: "basket", environment: "staging" };
  for (const version of ["1.0.0", "2.0.0"]) await registerVersion(ctx, "basket", version);
  await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "1.0.0" }) });
  const agent = await FakeAgent.make(test, "staging");
  const runs = (version: string) => agent.report({ key: "app", service: "basket", image: fakeImage(`basket ${version}`), canAct: false });
  await runs("1.0.0");
  await createExecutor({ ctx, input: createExecutorRequest.parse({ name: "refuser", ...place, config: { kind: "webhook", url: `${server.url}/hook` } }) });
  const { id } = await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0", strategy: "all-at-once" }) });
  const turn = async () => {
    await signCheckpoint(test.app);
    await sendDeliveries(test.app);
    await advanceRollouts(test.app);
    return getRollout({ ctx, input: { id } });
  };
  server.answer((_, response) => response.writeHead(302, { location: "/elsewhere" }).end());
  expect(await turn()).toMatchObject({ counts: { stuck: 1, inFlight: 0 }, stuck: [{ reason: "not-told", sentence: "The executor did not take the order.", count: 1 }] });
  const [delivery] = await test.db.$queryRaw<{ id: string }[]>`SELECT id::text FROM deliveries WHERE rollout_id = ${id}::uuid AND executor_id IS NOT NULL`;
  server.answer((_, response) => response.end("{}"));
  await resendDelivery({ ctx, input: { id: delivery?.id ?? "" } });
  expect(await turn()).toMatchObject({ counts: { stuck: 0, inFlight: 1 }, stuck: [] });
  await runs("2.0.0");
  await expect.poll(async () => (await turn()).status, { timeout: 15_000 }).toBe("succeeded");
});

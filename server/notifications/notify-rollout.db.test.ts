import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Notice } from "@/lib/domain/notifications/notice";
import type { RolloutNotice } from "@/lib/domain/rollout/notices";
import type { Ctx } from "@/server/context";
import { promoteRequest, rollbackRequest } from "@/lib/contract/rollouts";
import { transact } from "@/server/db";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { startRollback } from "@/server/rollouts/start-rollback";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent, registerVersion } from "@/server/testing/fake-fleet";
import { notifyRollout } from "./notify-rollout";

let test: TestApp;
let ctx: Ctx;
let first: string;
const at = new Date("2026-11-20T02:03:00.000Z");
const place = { service: "pay_ments", environment: "staging", partition: "default" };

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  for (const version of ["1.0.0", "2.0.0"]) await registerVersion(ctx, place.service, version);
  const agent = await FakeAgent.make(test, place.environment);
  await agent.report({ key: "app", service: place.service, image: fakeImage(`${place.service} 1.0.0`) });
  first = (await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0", reason: "the new basket", strategy: "all-at-once" }) })).id;
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.$executeRaw`DELETE FROM deliveries`;
  await test.db.$executeRaw`UPDATE channels SET removed_at = now() WHERE removed_at IS NULL`;
});

async function makeChannel(name: string, { service = "*", environment = "*", events = ["paused"], enabled = true }: { service?: string; environment?: string; events?: RolloutNotice[]; enabled?: boolean } = {}): Promise<void> {
  await test.db.$executeRaw`
    INSERT INTO channels (name, kind, service_pattern, environment_pattern, events, config, enabled, actor_id, entry_seq)
    VALUES (${name}, 'slack', ${service}, ${environment}, ${events}, '{}', ${enabled}, ${ctx.actor.id}::uuid, 0)`;
}
const told = (): Promise<{ name: string; body: Notice }[]> =>
  test.db.$queryRaw<{ name: string; body: Notice }[]>`SELECT c.name::text, d.body FROM deliveries d JOIN channels c ON c.id = d.channel_id ORDER BY d.seq`;
const notify = (event: RolloutNotice, rolloutId = first, more: { wave?: number; reason?: string } = {}): Promise<void> => transact(test.db, (tx) => notifyRollout(tx, { rolloutId, event, at, ...more }));

it("asks the channels by pattern, event and switch", async () => {
  await makeChannel("all");
  await makeChannel("exact", { service: "pay_ments", environment: "staging" });
  await makeChannel("begins", { service: "pay*", environment: "st*g" });
  await makeChannel("any-letter", { service: "pay-ments" });
  await makeChannel("other-service", { service: "search" });
  await makeChannel("other-environment", { environment: "production" });
  await makeChannel("other-event", { events: ["failed", "succeeded"] });
  await makeChannel("off", { enabled: false });
  await notify("paused");
  expect((await told()).map(({ name }) => name).sort()).toEqual(["all", "begins", "exact"]);
});

it("holds all that a message is written from", async () => {
  await makeChannel("all");
  await notify("paused", first, { wave: 1, reason: "3 of 4 targets failed." });
  const [row] = await told();
  expect(row?.body).toMatchObject({
    v: 1,
    event: "paused",
    at: at.toISOString(),
    reason: "3 of 4 targets failed.",
    wave: { number: 1, of: 1, name: expect.any(String) },
    settles: [],
    rollout: { id: first, kind: "promote", service: "pay_ments", environment: "staging", protected: false, partition: "default", from: null, to: { version: "2.0.0", artifact: { digest: expect.stringContaining("sha256:") } }, startedBy: "test person", reason: "the new basket", incident: null },
  });
  expect(row?.body.rollout?.counts.total).toBe(1);
});

it("tells nothing that did not come true", async () => {
  await makeChannel("all");
  await expect(
    transact(test.db, async (tx) => {
      await notifyRollout(tx, { rolloutId: first, event: "paused", at });
      throw new Error("changed its mind");
    }),
  ).rejects.toThrow("changed its mind");
  expect(await told()).toEqual([]);
});

it("names the earlier trouble of the place that a good end settles", async () => {
  await makeChannel("all", { events: ["failed", "succeeded"] });
  await notify("failed");
  const second = await startRollback({ ctx, input: rollbackRequest.parse({ ...place, version: "1.0.0", reason: "back", hold: false }) });
  await notify("failed", second.id);
  await notify("succeeded", second.id);
  expect((await told()).map(({ body }) => body.settles)).toEqual([[], [], [first]]);
});

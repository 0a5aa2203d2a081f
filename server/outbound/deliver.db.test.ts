import { createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import { createChannelRequest, type ChannelWritten } from "@/lib/contract/notifications";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { RolloutNotice } from "@/lib/domain/rollout/notices";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { prune } from "@/server/jobs/prune";
import { createChannel } from "@/server/notifications/create-channel";
import { tellFindings } from "@/server/notifications/notify-findings";
import { notifyRollout } from "@/server/notifications/notify-rollout";
import { resendDelivery } from "@/server/notifications/resend-delivery";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent, registerVersion } from "@/server/testing/fake-fleet";
import { startReceiver, type Received, type Receiver } from "@/server/testing/receiver";
import { sendDeliveries, type DeliverOptions } from "./deliver";
import type { Sender } from "./sender";
import { CHANNEL_SENDERS } from "./senders";
import { makeWebhookSecret } from "./standard-webhook";

let test: TestApp;
let ctx: Ctx;
let rollout: string;
const receivers: Receiver[] = [];
const start = Date.parse("2026-11-20T02:00:00.000Z");
const at = (seconds: number): Date => new Date(start + seconds * 1_000);

beforeAll(async () => {
  test = await createTestApp({ outboundAllow: "127.0.0.1" });
  ctx = await test.ctx();
  for (const version of ["1.0.0", "2.0.0"]) await registerVersion(ctx, "payments", version);
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "app", service: "payments", image: fakeImage("payments 1.0.0") });
  rollout = (await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", version: "2.0.0" }) })).id;
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.$executeRaw`DELETE FROM deliveries`;
  await test.db.$executeRaw`UPDATE channels SET removed_at = now() WHERE removed_at IS NULL`;
});
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function receive(answer: (request: Received, response: ServerResponse) => void): Promise<Receiver> {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
}
const answering = (status: number, headers: Record<string, string> = {}, body = ""): Promise<Receiver> => receive((_, response) => response.writeHead(status, headers).end(body));
const make = (name: string, destination: z.input<typeof createChannelRequest>["destination"], events: RolloutNotice[] = ["started", "wave-passed", "paused", "failed", "succeeded"]): Promise<ChannelWritten> =>
  createChannel({ ctx, input: createChannelRequest.parse({ name, events, destination }) });
const webhook = (name: string, url: string): Promise<ChannelWritten> => make(name, { kind: "webhook", url });
const notify = (event: RolloutNotice, when = at(0)): Promise<void> => transact(test.db, (tx) => notifyRollout(tx, { rolloutId: rollout, event, at: when }));
const deliver = (seconds: number, more: DeliverOptions = {}): Promise<number> => sendDeliveries(test.app, { now: at(seconds), random: () => 0, ...more });
type Row = { event: string; status: string; attempts: number; last_status: number | null; last_error: string | null; next_attempt_at: Date; sent_at: Date | null };
const rows = (): Promise<Row[]> => test.db.$queryRaw<Row[]>`SELECT event, status, attempts, last_status, last_error, next_attempt_at, sent_at FROM deliveries ORDER BY seq`;
const one = async (): Promise<Row> => {
  const [row, ...others] = await rows();
  if (!row || others.length > 0) throw new Error("not one delivery");
  return row;
};

describe("what arrives", () => {
  it("a webhook: signed by the specification, a CDEvent in a CloudEvent", async () => {
    const receiver = await answering(204);
    const secret = makeWebhookSecret();
    await make("hook", { kind: "webhook", url: `${receiver.url}/in?token=path-secret`, signingSecret: secret });
    await notify("paused");
    expect(await deliver(1)).toBe(1);
    const [got] = receiver.received;
    const id = String(got?.headers["webhook-id"]);
    const stamp = String(got?.headers["webhook-timestamp"]);
    expect(got?.path).toBe("/in?token=path-secret");
    expect(stamp).toBe(String(start / 1_000 + 1));
    const expected = createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64")).update(`${id}.${stamp}.${got?.body}`).digest("base64");
    expect(got?.headers["webhook-signature"]).toBe(`v1,${expected}`);
    expect(JSON.parse(got?.body ?? "")).toMatchObject({ id, type: "dev.cdeventsx.plumbline-rollout.paused.0.1.0", source: test.app.config.url, data: { customData: { rollout: { id: rollout, service: "payments" } } } });
    expect(await one()).toMatchObject({ status: "sent", attempts: 1, last_status: 204, last_error: null, sent_at: at(1) });
  });

  it("Slack and PagerDuty", async () => {
    const receiver = await answering(202);
    await make("slack", { kind: "slack", url: `${receiver.url}/services/T/B/x` });
    await make("duty", { kind: "pagerduty", routingKey: "R0UTINGKEY0123456789", url: `${receiver.url}/v2/enqueue` }, ["failed", "succeeded"]);
    await notify("failed");
    await deliver(1);
    const byPath = new Map(receiver.received.map(({ path, body }) => [path, JSON.parse(body)]));
    expect(byPath.get("/services/T/B/x")).toMatchObject({ text: expect.stringContaining("payments in staging: the promotion to 2.0.0 has failed") });
    expect(byPath.get("/v2/enqueue")).toMatchObject({ routing_key: "R0UTINGKEY0123456789", event_action: "trigger", dedup_key: `plumbline/rollout/${rollout}` });
  });
});

describe("when it does not arrive", () => {
  it("500 and then 200: again after five seconds, under the same id", async () => {
    let status = 500;
    const receiver = await receive((_, response) => response.writeHead(status).end("try later"));
    await webhook("hook", receiver.url);
    await notify("paused");
    await deliver(0);
    expect(await one()).toMatchObject({ status: "pending", attempts: 1, last_status: 500, last_error: `127.0.0.1 answered 500: try later`, next_attempt_at: at(5) });
    status = 200;
    expect(await deliver(4.999)).toBe(0);
    expect(await deliver(5)).toBe(1);
    expect(await one()).toMatchObject({ status: "sent", attempts: 2, last_error: null });
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    expect(ids).toEqual([ids[0], ids[0]]);
    // Each attempt has a time, and so a signature, of its own.
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-signature"])).size).toBe(2);
  });

  it("goes on for hours and gives up after the seventh attempt", async () => {
    const receiver = await answering(503);
    await webhook("hook", receiver.url);
    await notify("paused");
    let seconds = 0;
    const waits: number[] = [];
    for (;;) {
      expect(await deliver(seconds)).toBe(1);
      const row = await one();
      if (row.status !== "pending") break;
      const due = (row.next_attempt_at.getTime() - start) / 1_000;
      waits.push(due - seconds);
      seconds = due;
    }
    expect(waits).toEqual([5, 30, 120, 600, 3_600, 21_600]);
    expect(await one()).toMatchObject({ status: "failed", attempts: 7 });
    expect(receiver.received).toHaveLength(7);
    expect(await deliver(seconds + 1_000_000)).toBe(0);
  });

  it("waits as long as it is asked to", async () => {
    const receiver = await answering(429, { "retry-after": "90" });
    await webhook("hook", receiver.url);
    await notify("paused");
    await deliver(0);
    expect(await one()).toMatchObject({ status: "pending", next_attempt_at: at(90) });
  });

  it.each([
    ["410", 410, {}, "127.0.0.1 answered 410: gone"],
    ["a redirect", 302, { location: "/elsewhere" }, "127.0.0.1 answered with a redirect (302), which is not followed. Use the URL that it leads to."],
  ])("%s: gives up at once", async (_, status, headers, error) => {
    const receiver = await answering(status, headers, "gone");
    await webhook("hook", receiver.url);
    await notify("paused");
    await deliver(0);
    expect(await one()).toMatchObject({ status: "failed", attempts: 1, last_status: status, last_error: error });
    expect(receiver.received).toHaveLength(1);
  });

  it("counts a long answer by its status", async () => {
    const receiver = await answering(200, {}, "x".repeat(200_000));
    await webhook("hook", receiver.url);
    await notify("paused");
    await deliver(0);
    expect(await one()).toMatchObject({ status: "sent", last_status: 200 });
  });

  it("gives up at once on an address that is refused, without telling the path", async () => {
    await webhook("hook", "https://10.0.0.1/secret-path");
    await notify("paused");
    await deliver(0);
    const row = await one();
    expect(row).toMatchObject({ status: "failed", last_error: expect.stringContaining("10.0.0.1 is a private network") });
    expect(row.last_error).not.toContain("secret-path");
  });

  it("fails what waits for a channel that was switched off, removed, or sealed with other keys", async () => {
    const receiver = await answering(200);
    for (const name of ["off", "gone", "foreign"]) await webhook(name, receiver.url);
    await notify("paused");
    await test.db.$executeRaw`UPDATE channels SET enabled = false WHERE name = 'off'`;
    await test.db.$executeRaw`UPDATE channels SET removed_at = now() WHERE name = 'gone' AND removed_at IS NULL`;
    await test.db.$executeRaw`UPDATE channels SET secret = (SELECT secret FROM channels WHERE name = 'off' AND removed_at IS NULL) WHERE name = 'foreign' AND removed_at IS NULL`;
    await deliver(0);
    expect((await rows()).map(({ last_error }) => last_error).sort()).toEqual(["The channel gone was removed before this was sent.", "The channel off was switched off before this was sent.", "The secret does not open with the keys of this installation. Set it again."]);
    expect(receiver.received).toEqual([]);
  });

  it("an executor of a kind that nobody sends to fails visibly; one of a known kind is sent to", async () => {
    const [executor] = await test.db.$queryRaw<{ id: string }[]>`
      INSERT INTO executors (name, kind, config, actor_id, entry_seq) VALUES ('pipeline', 'gitlab', '{"project": 7}', ${ctx.actor.id}::uuid, 0) RETURNING id::text`;
    const order = () => test.db.$executeRaw`INSERT INTO deliveries (executor_id, rollout_id, wave, event, body, next_attempt_at) VALUES (${executor?.id}::uuid, ${rollout}::uuid, 1, 'wave-opened', '{"a": 1}', ${at(0)})`;
    await order();
    await deliver(0, { executorSenders: {} });
    expect(await one()).toMatchObject({ status: "failed", last_error: "This version of Plumbline cannot send to an executor of the kind gitlab." });
    await test.db.$executeRaw`DELETE FROM deliveries`;
    await order();
    const calls: unknown[] = [];
    await deliver(0, {
      executorSenders: {
        gitlab: async (_, call) => {
          calls.push([call.destination.config, call.delivery.body, call.delivery.wave, call.delivery.rolloutId, call.now]);
          return { ok: true, status: 201 };
        },
      },
    });
    expect(calls).toEqual([[{ project: 7 }, { a: 1 }, 1, rollout, at(0)]]);
    expect(await one()).toMatchObject({ status: "sent", last_status: 201 });
  });
});

describe("several at once", () => {
  it("one that hangs holds up nobody else", async () => {
    const hanging = await receive(() => undefined);
    const healthy = await answering(200);
    await webhook("hanging", hanging.url);
    await notify("started");
    const stuck = deliver(0);
    await hanging.arrived(1);
    await webhook("healthy", healthy.url);
    await notify("paused");
    // Both events wait: one for the healthy channel, one for the hanging one, which is not tried twice at the same time.
    expect(await deliver(0)).toBe(1);
    expect(healthy.received).toHaveLength(1);
    expect(hanging.received).toHaveLength(1);
    await hanging.close();
    await stuck;
  });

  it("two workers, each delivery once", async () => {
    const receiver = await answering(200);
    for (let index = 0; index < 5; index += 1) await webhook(`hook-${index}`, `${receiver.url}/${index}`);
    const events: RolloutNotice[] = ["started", "wave-passed", "paused", "failed", "succeeded"];
    for (const event of events) await notify(event);
    const total = 25;
    let tried = 0;
    while (tried < total) tried += (await Promise.all([deliver(0), deliver(0), deliver(0), deliver(0)])).reduce((sum, count) => sum + count, 0);
    expect(tried).toBe(total);
    expect(receiver.received).toHaveLength(total);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(total);
    // In order, each channel's.
    for (let index = 0; index < 5; index += 1) {
      const order = receiver.received.filter(({ path }) => path === `/${index}`).map(({ body }) => JSON.parse(body).data.customData.event);
      expect(order).toEqual(events);
    }
  });

  it("keeps the order of a rollout while the first is tried again, for a few attempts", async () => {
    let well = false;
    const receiver = await receive((_, response) => response.writeHead(well ? 200 : 500).end());
    await webhook("hook", receiver.url);
    await notify("started");
    await notify("paused");
    await deliver(0);
    well = true;
    expect(await deliver(1)).toBe(0);
    expect(await deliver(5)).toBe(2);
    expect(receiver.received.map(({ body }) => JSON.parse(body).data.customData.event)).toEqual(["started", "started", "paused"]);
  });

  it("lets the next pass when the first has failed four times", async () => {
    const receiver = await receive(({ body }, response) => response.writeHead(body.includes('"event":"started"') ? 500 : 200).end());
    await webhook("hook", receiver.url);
    await notify("started");
    await notify("paused");
    for (const seconds of [0, 5, 35]) expect(await deliver(seconds)).toBe(1);
    expect(await deliver(155)).toBe(2);
    expect((await rows()).map(({ event, status }) => [event, status])).toEqual([["started", "pending"], ["paused", "sent"]]);
  });

  it("keeps the order of what is told about one cause of findings, and holds up no other cause", async () => {
    let well = false;
    const receiver = await receive(({ body }, response) => response.writeHead(well || !body.includes("/contested") ? 202 : 500).end());
    await createChannel({ ctx, input: createChannelRequest.parse({ name: "duty", events: ["finding-opened", "finding-resolved"], destination: { kind: "pagerduty", routingKey: "R0UTINGKEY0123456789", url: receiver.url } }) });
    await test.db.$executeRaw`UPDATE environments SET mode = 'enforce' WHERE name = 'staging'`;
    const opened = (kind: string, when: Date) => test.db.$executeRaw`
      INSERT INTO findings (kind, service_name, service_id, environment_id, partition, target_id, count, since, opened_at)
      SELECT ${kind}, t.service_name, t.service_id, t.environment_id, t.partition, t.id, 1, ${when}, ${when} FROM targets t`;
    await opened("contested", at(0));
    await tellFindings(test.app, { now: at(0) });
    for (const seconds of [0, 5, 35]) expect(await deliver(seconds)).toBe(1);
    await test.db.$executeRaw`UPDATE findings SET resolved_at = ${at(36)}, resolved_reason = 'it ended' WHERE kind = 'contested'`;
    await opened("missing", at(100));
    await tellFindings(test.app, { now: at(100) });
    expect(await rows()).toHaveLength(3);
    well = true;
    expect(await deliver(100)).toBe(1);
    expect(await deliver(155)).toBe(2);
    const told = receiver.received.map(({ body }) => JSON.parse(body)).map((body) => `${body.event_action} ${body.dedup_key.split("/").at(-1)}`);
    expect(told.slice(3)).toEqual(["trigger missing", "trigger contested", "resolve contested"]);
    await test.db.$executeRaw`UPDATE environments SET mode = 'observe' WHERE name = 'staging'`;
  });

  it("sends again in the order of what it is about", async () => {
    await webhook("hook", (await answering(500)).url);
    await notify("paused");
    await test.db.$executeRaw`UPDATE deliveries SET status = 'failed'`;
    const [row] = await test.db.$queryRaw<{ id: string }[]>`SELECT id::text FROM deliveries`;
    await resendDelivery({ ctx, input: { id: row?.id ?? "" } });
    expect(await test.db.$queryRaw`SELECT DISTINCT order_key FROM deliveries`).toEqual([{ order_key: rollout }]);
  });

  it("a worker that dies between sending and noting it: sent again when its lease has ended, under the same id", async () => {
    const receiver = await answering(200);
    await webhook("hook", receiver.url);
    await notify("paused");
    // What a dead worker leaves behind: taken, sent, not noted.
    const dying: Sender = async (app, call) => {
      await CHANNEL_SENDERS.webhook(app, call);
      return new Promise(() => undefined);
    };
    void deliver(0, { channelSenders: { webhook: dying } });
    await receiver.arrived(1);
    expect(await deliver(60)).toBe(0);
    expect(await deliver(90)).toBe(1);
    expect(await one()).toMatchObject({ status: "sent", attempts: 2 });
    const [row] = await test.db.$queryRaw<{ id: string }[]>`SELECT 'msg_' || replace(id::text, '-', '') AS id FROM deliveries`;
    expect(receiver.received.map(({ headers }) => headers["webhook-id"])).toEqual([row?.id, row?.id]);
  });

  it("a worker that was thought dead does not undo what the other noted", async () => {
    await webhook("hook", "http://127.0.0.1:1/");
    await notify("paused");
    let finish = (): void => undefined;
    const slow = deliver(0, { channelSenders: { webhook: () => new Promise((resolve) => (finish = () => resolve({ ok: false, status: 500, error: "late", permanent: true, retryAfterMs: null }))) } });
    await expect.poll(async () => (await one()).attempts).toBe(1);
    await deliver(90, { channelSenders: { webhook: async () => ({ ok: true, status: 200 }) } });
    finish();
    await slow;
    expect(await one()).toMatchObject({ status: "sent", attempts: 2, last_error: null });
  });
});

it("tells the readers of the outbox, and them alone", async () => {
  const receiver = await answering(200);
  await webhook("hook", receiver.url);
  await test.db.$executeRaw`DELETE FROM changes`;
  await notify("paused");
  await deliver(0);
  const changes = await test.db.$queryRaw<{ topic: string; key: string; service: string }[]>`SELECT topic, key, service_name AS service FROM changes`;
  expect(changes).toEqual([
    { topic: "delivery", key: rollout, service: "payments" },
    { topic: "delivery", key: rollout, service: "payments" },
  ]);
});

it("forgets after thirty days what is done, and not what waits or was sent again since", async () => {
  await webhook("hook", "http://127.0.0.1:1/");
  for (const event of ["started", "wave-passed", "paused", "failed"] as const) await notify(event);
  await test.db.$executeRaw`UPDATE deliveries SET created_at = now() - interval '31 days', status = CASE WHEN event = 'started' THEN 'pending' ELSE 'failed' END`;
  await test.db.$executeRaw`
    INSERT INTO deliveries (channel_id, rollout_id, event, body, status, resend_of) SELECT channel_id, rollout_id, 'resent', body, 'failed', id FROM deliveries WHERE event = 'paused'`;
  await prune(test.app);
  expect((await rows()).map(({ event }) => event)).toEqual(["started", "paused", "resent"]);
});

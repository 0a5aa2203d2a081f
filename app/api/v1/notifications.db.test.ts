import { Writable } from "node:stream";
import pino from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { channelDto, channelWritten, deliveryDto, deliveryPage } from "@/lib/contract/notifications";
import { page } from "@/lib/contract/primitives";
import { problem } from "@/lib/contract/problem";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { RouteHandler } from "@/server/http/handle";
import { transact } from "@/server/db";
import { sendDeliveries } from "@/server/outbound/deliver";
import { changeChannel } from "@/server/notifications/change-channel";
import { createChannel } from "@/server/notifications/create-channel";
import { listChannels } from "@/server/notifications/list-channels";
import { listDeliveries } from "@/server/notifications/list-deliveries";
import { notifyRollout } from "@/server/notifications/notify-rollout";
import { resendDelivery } from "@/server/notifications/resend-delivery";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { registerVersion, FakeAgent, fakeImage } from "@/server/testing/fake-fleet";
import { startReceiver, type Receiver } from "@/server/testing/receiver";
import * as channels from "./channels/route";
import * as channelsId from "./channels/[id]/route";
import * as channelsIdTest from "./channels/[id]/test/route";
import * as deliveries from "./deliveries/route";
import * as deliveriesIdResend from "./deliveries/[id]/resend/route";

let test: TestApp;
let admin: Record<string, string>;
let rollout: string;
let receiver: Receiver;
let status = 200;
const logged: string[] = [];

beforeAll(async () => {
  test = await createTestApp({ outboundAllow: "127.0.0.1" });
  test.app.log = pino({ level: "trace" }, new Writable({ write: (chunk, _, done) => (logged.push(String(chunk)), done()) }));
  const ctx = await test.ctx();
  await registerVersion(ctx, "payments", "2.0.0");
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "app", service: "payments", image: fakeImage("payments 2.0.0") });
  rollout = (await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", version: "2.0.0" }) })).id;
  admin = await test.bearer("admin");
});
afterAll(() => test.drop());
beforeEach(async () => {
  status = 200;
  // It says back whatever it was told, as a careless endpoint would.
  receiver = await startReceiver((request, response) => response.writeHead(status).end(`${request.path} ${JSON.stringify(request.headers)} ${request.body}`));
  await test.db.$executeRaw`DELETE FROM deliveries`;
  await test.db.$executeRaw`UPDATE channels SET removed_at = now() WHERE removed_at IS NULL`;
});
afterEach(() => receiver.close());

const answers: string[] = [];
async function call(handler: RouteHandler | undefined, { method = "POST", id = "", query = "", body, as = admin }: { method?: string; id?: string; query?: string; body?: unknown; as?: Record<string, string> } = {}): Promise<{ status: number; json: unknown }> {
  if (!handler) throw new Error("no such handler");
  const response = await handler(new Request(`http://127.0.0.1:4600/api/v1/x?${query}`, { method, headers: { ...as, "x-plumbline-peer": "10.0.0.1", ...(body !== undefined && { "content-type": "application/json" }) }, ...(body !== undefined && { body: JSON.stringify(body) }) }), { params: Promise.resolve({ id }) });
  const text = await response.text();
  answers.push(text);
  return { status: response.status, json: JSON.parse(text) };
}
const make = async (name: string, destination: unknown, more: Record<string, unknown> = {}) => channelWritten.parse((await call(channels.POST, { body: { name, events: ["paused"], destination, ...more } })).json);
const list = async () => page(channelDto).parse((await call(channels.GET, { method: "GET" })).json).items;
const outbox = async (query = "", as = admin) => deliveryPage.parse((await call(deliveries.GET, { method: "GET", query, as })).json);
const notify = (): Promise<void> => transact(test.db, (tx) => notifyRollout(tx, { rolloutId: rollout, event: "paused", at: new Date() }));

describe("a channel", () => {
  it("is made, changed, switched off and removed, each with an entry", async () => {
    const made = await make("ops", { kind: "webhook", url: `${receiver.url}/hook` }, { service: "pay*" });
    expect(made).toMatchObject({ name: "ops", service: "pay*", environment: "*", events: ["paused"], enabled: true, destination: { kind: "webhook", host: receiver.host }, secret: "set", signingSecret: expect.stringMatching(/^whsec_/), last: null });
    const changed = channelWritten.parse((await call(channelsId.PATCH, { method: "PATCH", id: made.id, body: { name: "on-call", events: ["failed", "failed"], enabled: false } })).json);
    expect(changed).toMatchObject({ id: made.id, name: "on-call", service: "pay*", events: ["failed"], enabled: false, signingSecret: null });
    expect(await list()).toMatchObject([{ name: "on-call", enabled: false }]);
    expect((await call(channelsId.DELETE, { method: "DELETE", id: made.id })).status).toBe(200);
    expect(await list()).toEqual([]);
    expect((await call(channelsId.DELETE, { method: "DELETE", id: made.id })).status).toBe(404);
    const entries = await test.db.$queryRaw<{ payload: Record<string, unknown> }[]>`
      SELECT convert_from(bytes, 'UTF8')::jsonb->'payload' AS payload FROM ledger_entries WHERE type = 'channel-changed' ORDER BY seq DESC LIMIT 3`;
    expect(entries.map(({ payload }) => [payload.change, payload.name, payload.host])).toEqual([["removed", "on-call", receiver.host], ["changed", "on-call", receiver.host], ["created", "ops", receiver.host]]);
  });

  it("keeps its signing secret when its URL changes, and takes a new one", async () => {
    const made = await make("hook", { kind: "webhook", url: `${receiver.url}/one` });
    const moved = channelWritten.parse((await call(channelsId.PATCH, { method: "PATCH", id: made.id, body: { destination: { kind: "webhook", url: `${receiver.url}/two` } } })).json);
    expect(moved.signingSecret).toBeNull();
    await notify();
    await sendDeliveries(test.app);
    expect(receiver.received.map(({ path }) => path)).toEqual(["/two"]);
    expect((await call(channelsId.PATCH, { method: "PATCH", id: made.id, body: { destination: { kind: "slack", url: receiver.url } } })).status).toBe(422);
  });

  it.each([
    ["a name that is taken", { name: "taken", events: ["paused"], destination: { kind: "slack", url: "https://hooks.example/x" } }, 409, "name"],
    ["a URL with a password", { name: "a", events: ["paused"], destination: { kind: "slack", url: "https://u:p@hooks.example/x" } }, 422, "destination.url"],
    ["an address in an odd form", { name: "a", events: ["paused"], destination: { kind: "webhook", url: "https://0x7f000001/x" } }, 422, "destination.url"],
    ["a signing secret that is none", { name: "a", events: ["paused"], destination: { kind: "webhook", url: "https://hooks.example/x", signingSecret: "short" } }, 422, "destination.signingSecret"],
    ["progress for PagerDuty", { name: "a", events: ["started"], destination: { kind: "pagerduty", routingKey: "R0UTINGKEY0123456789" } }, 422, "events"],
    ["a user without a password", { name: "a", events: ["paused"], destination: { kind: "email", host: "mail.example", user: "x", from: "a@b.example", to: ["c@d.example"] } }, 422, "destination.password"],
    ["a sender with a line break", { name: "a", events: ["paused"], destination: { kind: "email", host: "mail.example", from: "a@b.example\nBcc: x@y.example", to: ["c@d.example"] } }, 400, "destination.from"],
    ["no event", { name: "a", events: [], destination: { kind: "slack", url: "https://hooks.example/x" } }, 400, "events"],
    ["another kind", { name: "a", events: ["paused"], destination: { kind: "fax", url: "https://hooks.example/x" } }, 400, "destination.kind"],
  ])("refuses %s", async (_, body, code, path) => {
    await make("taken", { kind: "slack", url: "https://hooks.example/x" });
    const { status, json } = await call(channels.POST, { body });
    expect([status, problem.parse(json).fields?.map((field) => field.path)]).toEqual([code, [path]]);
  });

  it("belongs to who may write all that it covers", async () => {
    const scoped = await test.ctxWith([{ role: "admin", service: "payments", environment: "*", expiresAt: null }]);
    const destination = { kind: "slack", url: "https://hooks.example/x" } as const;
    const everything = await make("everything", destination);
    await expect(createChannel({ ctx: scoped, input: { name: "mine", service: "*", environment: "*", events: ["paused"], enabled: true, destination } })).rejects.toMatchObject({ kind: "forbidden" });
    const mine = await createChannel({ ctx: scoped, input: { name: "mine", service: "payments", environment: "*", events: ["paused"], enabled: true, destination } });
    await expect(changeChannel({ ctx: scoped, input: { id: mine.id, service: "*" } })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(changeChannel({ ctx: scoped, input: { id: everything.id, enabled: false } })).rejects.toMatchObject({ kind: "forbidden" });
    expect((await listChannels({ ctx: scoped })).items.map(({ name }) => name)).toEqual(["mine"]);
  });
});

describe("a delivery", () => {
  it("of a test goes out though the channel is off, and says what came of it", async () => {
    const { id } = await make("hook", { kind: "slack", url: `${receiver.url}/x` }, { enabled: false });
    const queued = deliveryDto.parse((await call(channelsIdTest.POST, { id, body: {} })).json);
    expect(queued).toMatchObject({ status: "pending", event: "test", rollout: null, channel: { id, name: "hook", kind: "slack" }, nextAttemptAt: expect.any(String) });
    await sendDeliveries(test.app);
    expect((await outbox()).items).toMatchObject([{ id: queued.id, status: "sent", attempts: 1, lastStatus: 200, nextAttemptAt: null, sentAt: expect.any(String) }]);
    expect(await list()).toMatchObject([{ last: { status: "sent", error: null } }]);
  });

  it("is found by rollout, channel and state, page by page", async () => {
    const hook = await make("hook", { kind: "slack", url: `${receiver.url}/x` });
    for (let count = 0; count < 3; count += 1) await notify();
    await call(channelsIdTest.POST, { id: hook.id, body: {} });
    expect((await outbox(`rollout=${rollout}`)).items).toHaveLength(3);
    expect((await outbox(`channel=${hook.id}`)).items).toHaveLength(4);
    expect((await outbox("status=sent")).items).toEqual([]);
    const first = await outbox("limit=3");
    const second = await outbox(`limit=3&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map(({ event }) => event)).toEqual(["test", "paused", "paused", "paused"]);
    expect(second.nextCursor).toBeNull();
    expect(first.items[1]).toMatchObject({ sentence: "payments in staging: the promotion to 2.0.0 is paused", rollout: { id: rollout, service: "payments", environment: "staging" } });
  });

  it("is sent once more under the same id, unless it is on its way or its channel is gone", async () => {
    const hook = await make("hook", { kind: "webhook", url: `${receiver.url}/x` });
    status = 410;
    await notify();
    const [waiting] = (await outbox()).items;
    expect((await call(deliveriesIdResend.POST, { id: waiting?.id ?? "", body: {} })).status).toBe(409);
    await sendDeliveries(test.app);
    expect((await outbox()).items).toMatchObject([{ status: "failed" }]);
    status = 200;
    const again = deliveryDto.parse((await call(deliveriesIdResend.POST, { id: waiting?.id ?? "", body: {} })).json);
    expect(again).toMatchObject({ status: "pending", attempts: 0, resendOf: waiting?.id });
    await sendDeliveries(test.app);
    // Of a repetition too: it is the first one that is repeated.
    expect(deliveryDto.parse((await call(deliveriesIdResend.POST, { id: again.id, body: {} })).json).resendOf).toBe(waiting?.id);
    await sendDeliveries(test.app);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(receiver.received).toHaveLength(3);
    await call(channelsId.DELETE, { method: "DELETE", id: hook.id });
    expect((await call(deliveriesIdResend.POST, { id: again.id, body: {} })).status).toBe(409);
  });

  it("is seen and sent again by who may, where he may", async () => {
    await make("hook", { kind: "slack", url: `${receiver.url}/x` });
    await notify();
    await sendDeliveries(test.app);
    const [delivery] = (await outbox()).items;
    const elsewhere = await test.ctxWith([{ role: "operator", service: "search", environment: "*", expiresAt: null }]);
    const here = await test.ctxWith([{ role: "operator", service: "payments", environment: "staging", expiresAt: null }]);
    expect((await listDeliveries({ ctx: elsewhere, input: { limit: 10 } })).items).toEqual([]);
    expect((await listDeliveries({ ctx: here, input: { limit: 10 } })).items).toHaveLength(1);
    await expect(resendDelivery({ ctx: elsewhere, input: { id: delivery?.id ?? "" } })).rejects.toMatchObject({ kind: "forbidden" });
    expect(await resendDelivery({ ctx: here, input: { id: delivery?.id ?? "" } })).toMatchObject({ status: "pending" });
  });
});

it("shows no secret anywhere: not in answers, logs, errors, the ledger or the database", async () => {
  const signing = `whsec_${Buffer.from("canary-signing-canary-signing").toString("base64")}`;
  const canaries = ["canary-path", "canary-query", "canaryroutingkey0123", "canary-password", signing, signing.slice("whsec_".length)];
  await make("c-hook", { kind: "webhook", url: `${receiver.url}/canary-path?token=canary-query`, signingSecret: signing });
  await make("c-slack", { kind: "slack", url: `${receiver.url}/services/canary-path` });
  await make("c-duty", { kind: "pagerduty", routingKey: "canaryroutingkey0123", url: `${receiver.url}/enqueue` });
  const mail = await make("c-mail", { kind: "email", host: "127.0.0.1", port: 1, security: "none", user: "robot", password: "canary-password", from: "a@b.example", to: ["c@d.example"] });
  expect(mail.destination).toEqual({ kind: "email", host: "127.0.0.1", port: 1, security: "none", user: "robot", from: "a@b.example", to: ["c@d.example"] });
  // Every destination quotes what it was sent, in an error that is kept.
  status = 500;
  await notify();
  await sendDeliveries(test.app);
  await outbox();
  await list();
  expect(receiver.received.map(({ path }) => path).sort()).toEqual(["/canary-path?token=canary-query", "/enqueue", "/services/canary-path"]);
  const owner = await test.asOwner();
  const { rows } = await owner.query<{ text: string }>("SELECT coalesce(string_agg(c::text, ''), '') || (SELECT coalesce(string_agg(d::text, ''), '') FROM deliveries d) || (SELECT string_agg(convert_from(bytes, 'UTF8'), '') FROM ledger_entries) || (SELECT coalesce(string_agg(i::text, ''), '') FROM idempotency_keys i) AS text FROM channels c");
  await owner.end();
  expect(rows[0]?.text).toContain("c-slack");
  for (const canary of canaries) {
    for (const [where, text] of [["answers", answers.join("\n")], ["log", logged.join("\n")], ["database", rows[0]?.text ?? ""]]) expect(text, `${canary} in the ${where}`).not.toContain(canary);
  }
});

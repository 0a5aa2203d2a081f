import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { promoteRequest } from "@/lib/contract/rollouts";
import { DEMO_PERSON_ID } from "@/server/auth/demo-person";
import { makeFormToken } from "@/server/auth/form-token";
import type { Ctx } from "@/server/context";
import { previewRollout } from "@/server/rollouts/preview-rollout";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion } from "@/server/testing/fake-fleet";
import { PEER_HEADER } from "./peer";
import { postRollbackForm } from "./rollback-form";

let test: TestApp;
let ctx: Ctx;
const place = { service: "payments", environment: "staging", partition: "default" };

beforeAll(async () => {
  test = await createTestApp({ demo: true });
  ctx = await test.ctx();
  await test.db.$executeRaw`INSERT INTO actors (id, kind, display_name) VALUES (${DEMO_PERSON_ID}::uuid, 'person', 'Demo') ON CONFLICT DO NOTHING`;
  await test.db.$executeRaw`INSERT INTO role_bindings (actor_id, role, entry_seq) VALUES (${DEMO_PERSON_ID}::uuid, 'operator', 0) ON CONFLICT DO NOTHING`;
  const agent = await FakeAgent.make(test, "staging");
  const v1 = await registerVersion(ctx, "payments", "1.0.0");
  await registerVersion(ctx, "payments", "2.0.0");
  await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "1.0.0" }) });
  await agent.report({ key: "app", service: "payments", image: v1 });
  await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0" }) });
});
afterAll(() => test.drop());

const origin = (): string => new URL(test.app.config.url).origin;
function send(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  const all = { host: "127.0.0.1", origin: origin(), [PEER_HEADER]: "127.0.0.1", "content-type": "application/x-www-form-urlencoded", ...headers };
  return postRollbackForm(new Request(`${origin()}/api/v1/rollbacks/form`, { method: "POST", body: new URLSearchParams(fields), headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "")) }));
}
const rollouts = async (): Promise<number> => (await test.db.$queryRaw<unknown[]>`SELECT 1 FROM rollouts`).length;

it("starts a rollback once, however often the form is sent, and only from its own page", async () => {
  const { revision } = await previewRollout({ ctx, input: { kind: "rollback", ...place } });
  const form = { ...place, reason: "error rate", incident: "", version: "", hold: "on", confirm: "payments", revision, idempotencyKey: randomUUID(), formToken: makeFormToken(test.app.keys, new Headers()) };
  const before = await rollouts();
  const foreign: Record<string, string>[] = [{ origin: "" }, { origin: "null" }, { origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }];
  for (const headers of foreign) expect((await send(form, headers)).status).toBe(403);
  expect((await send({ ...form, formToken: "x".repeat(43) })).status).toBe(403);
  expect((await send({ ...form, reason: "" })).status).toBe(400);
  expect((await send(form, { "content-type": "application/json" })).status).toBe(415);
  expect((await send(form, { host: "elsewhere.example" })).headers.get("location")).toBe("/sign-in");
  expect(await rollouts()).toBe(before);

  const answers = await Promise.all([send(form), send(form)]);
  expect(answers.map(({ status }) => status)).toEqual([303, 303]);
  expect(new Set(answers.map((answer) => answer.headers.get("location"))).size).toBe(1);
  expect(answers[0]?.headers.get("location")).toMatch(/^\/rollouts\/[0-9a-f-]{36}$/);
  expect(await rollouts()).toBe(before + 1);

  const stale = await send({ ...form, idempotencyKey: randomUUID() });
  expect(stale.status).toBe(409);
  expect(await stale.text()).toContain("The assigned release is now 1.0.0");
});

import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POST as argocd } from "./argocd/route";
import { POST as cdevents } from "./cdevents/route";
import { POST as github } from "./github/[id]/route";
import { putAuthorityRequest } from "@/lib/contract/authority";
import { createHookRequest, type CreatedHook } from "@/lib/contract/hooks";
import { promoteRequest } from "@/lib/contract/rollouts";
import { putAuthority } from "@/server/authority/put-authority";
import type { Ctx } from "@/server/context";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { createHook } from "@/server/hooks/create-hook";
import { listHooks } from "@/server/hooks/list-hooks";
import { removeHook } from "@/server/hooks/remove-hook";

const SHA = "b".repeat(40);
let test: TestApp;
let ctx: Ctx;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  for (const service of ["payments", "billing", "orders"]) {
    await registerVersion(ctx, service, "1.0.0");
    await registerVersion(ctx, service, "2.0.0", { commits: { head: SHA, count: 1 } });
    await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "staging", version: "1.0.0" }) });
    await putAuthority({ ctx, input: putAuthorityRequest.parse({ service, environment: "staging", authority: "external" }) });
    const agent = await FakeAgent.make(test, "staging");
    await agent.report({ key: "app", service, image: fakeImage(`${service} 1.0.0`), canAct: false });
  }
});
afterAll(() => test.drop());

async function post(handler: typeof github, path: string, body: unknown, { headers = {}, id }: { headers?: Record<string, string>; id?: string } = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await handler(new Request(`http://127.0.0.1:4600/api/v1/hooks/${path}`, { method: "POST", body: text, headers: { "content-type": "application/json", ...headers } }), { params: Promise.resolve(id === undefined ? {} : { id }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const make = (name: string, more: object = {}): Promise<CreatedHook> => createHook({ ctx, input: createHookRequest.parse({ name, kind: "github", ...more }) });
const deployment = (state: string, service = "payments"): string =>
  JSON.stringify({ deployment_status: { state, environment: "staging" }, deployment: { id: 7, sha: SHA, environment: "staging", payload: {}, creator: { login: "ada" } }, repository: { name: service, full_name: `acme/${service}`, html_url: null } });
const sign = (secret: string, body: string): Record<string, string> => ({ "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`, "x-github-event": "deployment_status" });

describe("a hook of GitHub", () => {
  it("announces what is signed with its secret, in its own name", async () => {
    const hook = await make("github");
    expect(hook).toMatchObject({ url: `${test.app.config.url}/api/v1/hooks/github/${hook.id}`, secret: expect.stringMatching(/^[\w-]{43}$/), lastCalledAt: null });
    const body = deployment("in_progress");
    const answer = await post(github, `github/${hook.id}`, body, { id: hook.id, headers: sign(hook.secret, body) });
    expect(answer).toMatchObject({ status: 200, body: { announcement: { service: "payments", version: "2.0.0", outcome: "followed", tool: "GitHub", by: "ada", rollout: { status: "running" } } } });
    const [rollout] = await test.db.$queryRaw<{ actor: string; carried_out_by: string }[]>`SELECT a.display_name AS actor, r.carried_out_by FROM rollouts r JOIN actors a ON a.id = r.actor_id WHERE r.origin = 'external'`;
    expect(rollout).toEqual({ actor: "hook github", carried_out_by: "GitHub" });
    const { items } = await listHooks({ ctx });
    expect(items).toMatchObject([{ name: "github", lastCalledAt: expect.any(String) }]);
    expect(JSON.stringify(items)).not.toContain(hook.secret);
    const [kept] = await test.db.$queryRaw<{ secret: Uint8Array }[]>`SELECT secret FROM hooks WHERE id = ${hook.id}::uuid`;
    expect(Buffer.from(kept?.secret ?? []).toString("latin1")).not.toContain(hook.secret.slice(0, 12));
  });

  it("takes nothing else, and says the same to whoever guesses", async () => {
    const hook = await make("other");
    const body = deployment("in_progress");
    const wrong: [string, Record<string, string>][] = [
      [hook.id, {}],
      [hook.id, sign("guess", body)],
      [hook.id, { "x-hub-signature-256": "sha256=00" }],
      [hook.id, sign(hook.secret, `${body} `)],
      ["8a1c2b34-0000-4000-8000-000000000001", sign(hook.secret, body)],
    ];
    for (const [id, headers] of wrong) {
      expect(await post(github, `github/${id}`, body, { id, headers: { "x-github-event": "deployment_status", ...headers } })).toMatchObject({ status: 401, body: { type: "/problems/bad-signature" } });
    }
  });

  it("reaches no further than its patterns, and nothing once it is closed", async () => {
    const hook = await make("narrow", { service: "pay*" });
    const body = deployment("in_progress", "billing");
    expect(await post(github, `github/${hook.id}`, body, { id: hook.id, headers: sign(hook.secret, body) })).toMatchObject({ status: 403 });
    await expect(make("narrow")).rejects.toMatchObject({ kind: "conflict" });
    await removeHook({ ctx, input: { id: hook.id } });
    expect(await removeHook({ ctx, input: { id: hook.id } })).toEqual({ id: hook.id, removedAt: expect.any(String) });
    const own = deployment("in_progress");
    expect(await post(github, `github/${hook.id}`, own, { id: hook.id, headers: sign(hook.secret, own) })).toMatchObject({ status: 401 });
    await expect(createHook({ ctx: await test.ctx("promoter"), input: createHookRequest.parse({ name: "mine", kind: "github" }) })).rejects.toMatchObject({ kind: "forbidden" });
  });
});

describe("with a token", () => {
  it("takes a CDEvent, bare or as a CloudEvent, once", async () => {
    const event = { context: { id: "1", source: "/tekton", type: "dev.cdevents.service.deployed.0.2.0" }, subject: { id: "billing", content: { environment: { id: "staging" }, artifactId: `pkg:oci/billing@${encodeURIComponent(fakeImage("billing 2.0.0").digest)}` } } };
    const bearer = await test.bearer("promoter");
    const bare = await post(cdevents, "cdevents", event, { headers: { ...bearer, "ce-specversion": "1.0", "ce-id": "1" } });
    expect(bare).toMatchObject({ status: 200, body: { announcement: { version: "2.0.0", status: "succeeded", outcome: "followed" } } });
    const wrapped = await post(cdevents, "cdevents", { specversion: "1.0", id: "1", source: "/tekton", type: event.context.type, data: event }, { headers: { ...bearer, "content-type": "application/cloudevents+json; charset=utf-8" } });
    expect(wrapped.body).toMatchObject({ announcement: { id: (bare.body.announcement as { id: string }).id } });
    expect(await post(cdevents, "cdevents", { ...event, context: { ...event.context, type: "dev.cdevents.environment.created.0.2.0" } }, { headers: bearer })).toMatchObject({ status: 200, body: { announcement: null, sentence: expect.stringContaining("Environments") } });
    expect(await post(cdevents, "cdevents", { hello: "world" }, { headers: bearer })).toMatchObject({ status: 400, body: { fields: expect.any(Array) } });
    expect(await post(cdevents, "cdevents", "not json", { headers: bearer })).toMatchObject({ status: 400 });
    expect(await post(cdevents, "cdevents", event, { headers: { ...bearer, "content-type": "text/plain" } })).toMatchObject({ status: 415 });
    expect(await post(cdevents, "cdevents", event, { headers: await test.bearer("viewer") })).toMatchObject({ status: 403 });
    expect((await post(cdevents, "cdevents", event)).status).toBe(401);
  });

  it("takes a sync of Argo CD, from its start to its end", async () => {
    const bearer = await test.bearer("promoter");
    const sync = (phase: string): object => ({ app: "orders", environment: "staging", phase, startedAt: "2026-11-26T02:00:00Z", images: [`registry.test/orders@${fakeImage("orders 2.0.0").digest}`] });
    const started = await post(argocd, "argocd", sync("Running"), { headers: bearer });
    expect(started).toMatchObject({ status: 200, body: { announcement: { status: "started", tool: "Argo CD", outcome: "followed" } } });
    expect(await post(argocd, "argocd", sync("Failed"), { headers: bearer })).toMatchObject({ status: 200, body: { announcement: { id: (started.body.announcement as { id: string }).id, status: "failed", rollout: { status: "failed" } } } });
    expect(await post(argocd, "argocd", { ...sync("Running"), environment: "moon" }, { headers: bearer })).toMatchObject({ status: 404 });
  });
});

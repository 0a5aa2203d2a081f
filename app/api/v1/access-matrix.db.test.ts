import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { problem } from "@/lib/contract/problem";
import { rolesFor, type Verb } from "@/lib/domain/access/permissions";
import { ROLES, type Role } from "@/lib/domain/access/roles";
import { DEFAULT_STRATEGY } from "@/lib/domain/rollout/strategy";
import { hashSecret, makeSecret } from "@/server/access/secret-token";
import type { RouteHandler } from "@/server/http/handle";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, FakeAgent, registerVersion } from "@/server/testing/fake-fleet";
import { promoteRequest } from "@/lib/contract/rollouts";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { routes } from "./openapi.json/routes";

/** What each route asks of the one table: a verb; `signed-in` for whoever has a token; `open`; `agent`. */
type Ask = Verb | "signed-in" | "open" | "agent";
type Call = { ask: Ask; body?: unknown; query?: string };

const place = { service: "payments", environment: "staging" };
const version = { service: "payments", version: "1.0.0" };
const reason = "because";
const unknown = randomUUID();
/** The id of a freeze, of a waiver and of a pin that stand. */
const standing = randomUUID();
const soon = new Date(Date.now() + 3_600_000).toISOString();
const image = fakeImage("another");

const CALLS: Record<string, Call> = {
  "GET /api/v1/adoption": { ask: "fleet.read" },
  "POST /api/v1/adoption": { ask: "fleet.adopt", body: { revision: "none" } },
  "GET /api/v1/agents": { ask: "fleet.read" },
  "POST /api/v1/agents/revoke": { ask: "agents.revoke", body: { agent: unknown, reason } },
  "POST /api/v1/approvals": { ask: "releases.approve", body: { ...version, environment: "staging" } },
  "POST /api/v1/approvals/withdraw": { ask: "releases.withdraw", body: { ...version, environment: "staging", reason } },
  "PUT /api/v1/authority": { ask: "authority.write", body: { ...place, authority: "external" } },
  "GET /api/v1/channels": { ask: "channels.read" },
  "POST /api/v1/channels": { ask: "channels.write", body: { name: "ops", events: ["failed"], destination: { kind: "slack", url: "https://hooks.slack.example/services/T/B/x" } } },
  "PATCH /api/v1/channels/{id}": { ask: "channels.write", body: { enabled: false } },
  "DELETE /api/v1/channels/{id}": { ask: "channels.write" },
  "POST /api/v1/channels/{id}/test": { ask: "channels.write", body: {} },
  "GET /api/v1/deliveries": { ask: "deliveries.read" },
  "POST /api/v1/deliveries/{id}/resend": { ask: "deliveries.resend", body: {} },
  "GET /api/v1/deployments": { ask: "deployments.read" },
  "POST /api/v1/deployments": { ask: "deployments.announce", body: { ...place, version: "2.0.0", status: "started", externalId: "run-1" } },
  "GET /api/v1/doctor": { ask: "findings.read", query: "service=payments" },
  "POST /api/v1/enrolments": { ask: "agents.enrol", body: { pool: "hosts" } },
  "GET /api/v1/environments": { ask: "fleet.read" },
  "PUT /api/v1/environments": { ask: "environments.write", body: { name: "staging" } },
  "GET /api/v1/events": { ask: "fleet.read" },
  "GET /api/v1/executors": { ask: "executors.read" },
  "POST /api/v1/executors": { ask: "executors.write", body: { name: "deployer", config: { kind: "webhook", url: "https://deployer.example.org/hook" } } },
  "PATCH /api/v1/executors/{id}": { ask: "executors.write", body: {} },
  "DELETE /api/v1/executors/{id}": { ask: "executors.write" },
  "POST /api/v1/executors/{id}/test": { ask: "executors.write", body: {} },
  "GET /api/v1/findings": { ask: "findings.read" },
  "GET /api/v1/findings/list": { ask: "findings.read" },
  "GET /api/v1/fleet/map": { ask: "fleet.read" },
  "GET /api/v1/fleet/matrix": { ask: "fleet.read" },
  "GET /api/v1/freezes": { ask: "freezes.read" },
  "POST /api/v1/freezes": { ask: "freezes.place", body: { environment: "staging", name: "evening", reason, endsAt: "2099-01-01T00:00:00Z" } },
  "POST /api/v1/freezes/lift": { ask: "freezes.lift", body: { freeze: standing, reason } },
  "GET /api/v1/gate": { ask: "rollouts.read", query: `service=payments&environment=staging&digest=${image.digest}` },
  "GET /api/v1/holds": { ask: "rollouts.read" },
  "POST /api/v1/holds": { ask: "holds.place", body: { ...place, reason } },
  "POST /api/v1/holds/lift": { ask: "holds.lift", body: { ...place, reason } },
  "GET /api/v1/hooks": { ask: "hooks.read" },
  "POST /api/v1/hooks": { ask: "hooks.write", body: { name: "github", kind: "github" } },
  "DELETE /api/v1/hooks/{id}": { ask: "hooks.write" },
  "POST /api/v1/hooks/argocd": { ask: "deployments.announce", body: { app: "payments", environment: "staging", phase: "Running", version: "2.0.0" } },
  "POST /api/v1/hooks/cdevents": { ask: "deployments.announce", body: { context: { id: "1", source: "/test", type: "dev.cdevents.service.deployed.0.2.0" }, subject: { id: "payments", content: { environment: { id: "staging" }, artifactId: "pkg:generic/payments@2.0.0" } } } },
  "POST /api/v1/hooks/github/{id}": { ask: "open", body: {} },
  "GET /api/v1/instances": { ask: "instances.read" },
  "GET /api/v1/instances/{id}": { ask: "instances.read" },
  "POST /api/v1/invitations": { ask: "users.invite", body: { name: "Ada", email: "ada@example.org", role: "viewer" } },
  "GET /api/v1/journal": { ask: "instances.read", query: "service=payments&environment=staging" },
  "GET /api/v1/ledger/checkpoint": { ask: "ledger.read" },
  "GET /api/v1/ledger/entries": { ask: "ledger.read" },
  "GET /api/v1/ledger/export": { ask: "ledger.export" },
  "GET /api/v1/ledger/proof/consistency": { ask: "ledger.read", query: "from=1&to=2" },
  "GET /api/v1/ledger/proof/inclusion": { ask: "ledger.read", query: "index=0&size=2" },
  "GET /api/v1/partitions": { ask: "fleet.read", query: "service=payments&environment=staging" },
  "PUT /api/v1/partitions": { ask: "partitions.write", body: { service: "payments", environment: "staging", partitions: [{ name: "eu", selector: { region: "eu-*" } }] } },
  "POST /api/v1/partitions/preview": { ask: "fleet.read", body: { service: "payments", environment: "staging", partitions: [] } },
  "GET /api/v1/pins": { ask: "pins.read" },
  "POST /api/v1/pins": { ask: "pins.place", body: { ...place, reason } },
  "POST /api/v1/pins/end": { ask: "pins.end", body: { pin: standing, reason } },
  "POST /api/v1/services/{service}/alias": { ask: "services.rename", body: { alias: "payments", reason } },
  "POST /api/v1/services/{service}/unalias": { ask: "services.rename", body: { alias: "payments", reason } },
  "POST /api/v1/services/{service}/merge": { ask: "services.rename", body: { into: "payments", reason } },
  "POST /api/v1/services/{service}/rename": { ask: "services.rename", body: { to: "payments", reason } },
  "GET /api/v1/mapping": { ask: "mapping.read" },
  "PUT /api/v1/mapping": { ask: "mapping.write", body: { set: { rules: [] }, version: 0, reason } },
  "POST /api/v1/mapping/preview": { ask: "mapping.write", body: { set: { rules: [] } } },
  "GET /api/v1/pools": { ask: "fleet.read" },
  "POST /api/v1/pools": { ask: "pools.create", body: { name: "hosts", environments: ["staging"] } },
  "PATCH /api/v1/pools/{pool}": { ask: "pools.change", body: { maxAgents: 5 } },
  "POST /api/v1/pools/{pool}/close": { ask: "pools.close", body: { reason } },
  "GET /api/v1/preview-rules": { ask: "fleet.read" },
  "PUT /api/v1/preview-rules": { ask: "environments.write", body: { pattern: "pr-*", template: "staging", pools: [] } },
  "POST /api/v1/preview-rules/remove": { ask: "environments.write", body: { pattern: "pr-*", reason } },
  "POST /api/v1/promotions": { ask: "rollouts.promote", body: { ...place, version: "1.0.0" } },
  "GET /api/v1/recalls": { ask: "releases.read" },
  "POST /api/v1/recalls/lift": { ask: "recalls.lift", body: { service: "payments", version: "0.9.0", reason } },
  "POST /api/v1/recalls": { ask: "releases.recall", body: { service: "payments", version: "0.9.0", reason } },
  "POST /api/v1/reconverge": { ask: "rollouts.reconverge", body: { ...place, reason } },
  "GET /api/v1/releases": { ask: "releases.read" },
  "POST /api/v1/releases": { ask: "releases.register", body: { service: "payments", version: "3.0.0", components: [{ digest: image.digest, manifests: image.manifests }] } },
  "GET /api/v1/releases/{id}": { ask: "releases.read" },
  "POST /api/v1/rollbacks": { ask: "rollouts.rollback", body: { ...place, version: "1.0.0", reason } },
  "POST /api/v1/replacements": { ask: "rollouts.replace", body: { ...place, reason } },
  "POST /api/v1/stops": { ask: "rollouts.stop", body: { ...place, reason, confirm: "payments" } },
  "GET /api/v1/rollouts/preview": { ask: "rollouts.read", query: "kind=rollback&service=payments&environment=staging" },
  "POST /api/v1/rollouts/{id}/clear": { ask: "rollouts.clear", body: { reason } },
  "POST /api/v1/rollouts/{id}/go-ahead": { ask: "rollouts.go-ahead", body: { wave: 2 } },
  "POST /api/v1/rollout-groups": { ask: "rollouts.rollback", body: { kind: "as-of", environment: "staging", at: new Date(0).toISOString(), places: [{ service: "payments", environment: "staging" }], reason, confirm: "staging", revision: "none" } },
  "GET /api/v1/rollout-groups/preview": { ask: "rollouts.read", query: `kind=as-of&environment=staging&at=${new Date(0).toISOString()}` },
  "GET /api/v1/rollout-groups/{id}": { ask: "rollouts.read" },
  "GET /api/v1/rollouts": { ask: "rollouts.read" },
  "GET /api/v1/rollouts/{id}": { ask: "rollouts.read" },
  "POST /api/v1/rollouts/{id}/abort": { ask: "rollouts.abort", body: {} },
  "POST /api/v1/rollouts/{id}/pause": { ask: "rollouts.pause", body: {} },
  "GET /api/v1/rollouts/{id}/proof": { ask: "ledger.read" },
  "POST /api/v1/rollouts/{id}/resume": { ask: "rollouts.pause", body: {} },
  "GET /api/v1/rollouts/{id}/targets": { ask: "rollouts.read" },
  "GET /api/v1/services": { ask: "fleet.read" },
  "GET /api/v1/services/{service}": { ask: "fleet.read" },
  "GET /api/v1/session": { ask: "signed-in" },
  "POST /api/v1/setup": { ask: "open", body: { token: "x".repeat(43), name: "Eve", email: "eve@example.org", password: "correct horse battery" } },
  "POST /api/v1/setup/link": { ask: "open", body: {} },
  "GET /api/v1/status": { ask: "fleet.read" },
  "GET /api/v1/strategies": { ask: "strategies.read" },
  "PUT /api/v1/strategies": { ask: "strategies.write", body: { environment: "dev", strategy: DEFAULT_STRATEGY, version: 0, reason } },
  "GET /api/v1/waivers": { ask: "waivers.read" },
  "POST /api/v1/waivers": { ask: "waivers.grant", body: { ...place, category: "behind", reason, expiresAt: soon } },
  "POST /api/v1/waivers/end": { ask: "waivers.end", body: { waiver: standing, reason } },
  "GET /api/v1/tokens": { ask: "tokens.create" },
  "POST /api/v1/tokens": { ask: "tokens.create", body: { name: "ci", role: "viewer" } },
  "DELETE /api/v1/tokens/{id}": { ask: "tokens.revoke" },
  "POST /api/agent/v1/enroll": { ask: "open", body: { v: 1, token: makeSecret("enrolment"), name: "host", runtime: "exec", agentVersion: "1" } },
  "POST /api/agent/v1/inventory": { ask: "agent", body: { v: 1, bootId: "boot-0001", seq: 1, observedAt: new Date(0).toISOString(), scope: "namespace/none", kind: "full", coverage: { complete: true, errors: [] } } },
  "GET /api/agent/v1/desired": { ask: "agent", query: "nonce=0123456789abcdef" },
  "POST /api/agent/v1/progress": { ask: "agent", body: { v: 1 } },
  "POST /api/agent/v1/leave": { ask: "agent", body: { v: 1, reason: "" } },
};

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
const all = routes.flatMap(({ path, handlers }) => METHODS.flatMap((method) => {
  const handler = handlers[method];
  return handler ? [{ name: `${method} ${path}`, method, path, handler }] : [];
}));
const callers = ["anonymous", "stranger", "agent", "nobody", ...ROLES] as const;
type Caller = (typeof callers)[number];

let test: TestApp;
const tokens = new Map<Caller, Record<string, string>>();
const ids: Record<string, string> = { id: unknown, service: "payments", pool: "hosts" };

beforeAll(async () => {
  test = await createTestApp();
  const ctx = await test.ctx();
  for (const each of ["0.9.0", "1.0.0", "2.0.0"]) await registerVersion(ctx, "payments", each);
  const agent = await FakeAgent.make(test, "staging");
  await agent.report({ key: "app", service: "payments", image: fakeImage("payments 1.0.0") });
  ids.rollout = (await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, partition: "default", version: "2.0.0", strategy: "all-at-once" }) })).id;
  const [group] = await test.db.$queryRaw<{ id: string }[]>`
    WITH made AS (INSERT INTO rollout_groups (kind, environment_id, as_of, actor_id) SELECT 'as-of', id, now(), ${ctx.actor.id}::uuid FROM environments WHERE name = 'staging' RETURNING id)
    SELECT id::text FROM made`;
  await test.db.$executeRaw`UPDATE rollouts SET group_id = ${group?.id ?? null}::uuid WHERE id = ${ids.rollout}::uuid`;
  ids.group = group?.id ?? "";
  const [release] = await test.db.$queryRaw<{ id: string }[]>`SELECT id::text FROM releases WHERE version = '1.0.0'`;
  const [instance] = await test.db.$queryRaw<{ id: string }[]>`SELECT public_id::text AS id FROM instances`;
  await test.db.$executeRaw`INSERT INTO freezes (id, environment_id, starts_at, ends_at, entry_seq) SELECT ${standing}::uuid, id, now() + interval '1 day', now() + interval '2 days', 0 FROM environments WHERE name = 'staging'`;
  await test.db.$executeRaw`
    INSERT INTO waivers (id, service_id, environment_id, category, expires_at, entry_seq) SELECT ${standing}::uuid, s.id, e.id, 'ahead', now() + interval '1 day', 0 FROM services s, environments e WHERE s.name = 'payments' AND e.name = 'staging'`;
  await test.db.$executeRaw`INSERT INTO partitions (service_id, environment_id, name, ordinal, selector) SELECT s.id, e.id, 'eu', 1, '{"region": "eu-*"}' FROM services s, environments e WHERE s.name = 'payments' AND e.name = 'staging'`;
  await test.db.$executeRaw`INSERT INTO pins (id, service_id, environment_id, partition, actor_id, entry_seq) SELECT ${standing}::uuid, s.id, e.id, 'eu', ${ctx.actor.id}::uuid, 0 FROM services s, environments e WHERE s.name = 'payments' AND e.name = 'staging'`;
  Object.assign(ids, { release: release?.id, instance: instance?.id });

  const secret = makeSecret("agent");
  await test.db.$executeRaw`UPDATE agents SET token_hash = ${hashSecret(secret)} WHERE id = ${agent.ctx.actor.id}::uuid`;
  await signCheckpoint(test.app);
  tokens.set("anonymous", {});
  tokens.set("stranger", { authorization: `Bearer ${makeSecret("api")}` });
  tokens.set("agent", { authorization: `Bearer ${secret}` });
  const nobody = await test.bearer("viewer");
  await test.db.$executeRaw`UPDATE role_bindings SET revoked_at = now() WHERE actor_id = (SELECT actor_id FROM api_tokens ORDER BY created_at DESC LIMIT 1)`;
  tokens.set("nobody", nobody);
  for (const role of ROLES) tokens.set(role, await test.bearer(role));
});
afterAll(() => test.drop());

function idFor(path: string, name: string): string {
  if (name !== "id") return ids[name] ?? "";
  return (path.includes("/releases/") ? ids.release : path.includes("/rollouts/") ? ids.rollout : path.includes("/rollout-groups/") ? ids.group : path.includes("/instances/") ? ids.instance : ids.id) ?? "";
}

/** Another address with every question: wrong tokens from one are counted, and there are more routes than it may try. */
function peerOf(caller: Caller, method: string, path: string): string {
  const at = all.findIndex((route) => route.method === method && route.path === path);
  return `10.${callers.indexOf(caller) + 1}.${Math.floor(at / 250)}.${(at % 250) + 1}`;
}

async function ask(caller: Caller, { method, path, handler }: { method: string; path: string; handler: RouteHandler }, { body, query }: Call): Promise<{ status: number; text: string }> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  const params = Object.fromEntries(names.map((name) => [name, idFor(path, name)]));
  const url = `http://127.0.0.1:4600${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? "")}${query ? `?${query}` : ""}`;
  const headers = { ...tokens.get(caller), "x-plumbline-peer": peerOf(caller, method, path), ...(body !== undefined && { "content-type": "application/json" }) };
  const response = await handler(new Request(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }), { params: Promise.resolve(params) });
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    await response.body?.cancel();
    return { status: response.status, text: "" };
  }
  return { status: response.status, text: await response.text() };
}

/** Which refusal a caller gets before anything else is looked at; null for none. */
function refusalFor(caller: Caller, asked: Ask): 401 | 403 | null {
  if (asked === "open") return null;
  if (asked === "agent") return caller === "agent" ? null : 401;
  if (caller === "anonymous" || caller === "stranger" || caller === "agent") return 401;
  if (asked === "signed-in") return null;
  return caller !== "nobody" && rolesFor(asked).includes(caller satisfies Role) ? null : 403;
}

it("names every route", () => {
  expect(Object.keys(CALLS).toSorted()).toEqual(all.map(({ name }) => name).toSorted());
});

describe.each(all)("$name", (route) => {
  it.each(callers)("%s", async (caller) => {
    const call = CALLS[route.name];
    if (!call) throw new Error(`${route.name} is not in the table`);
    const refusal = refusalFor(caller, call.ask);
    // One agent is left for the rest: a successful goodbye ends it.
    if (route.path.endsWith("/leave") && refusal === null) return;
    const { status, text } = await ask(caller, route, call);
    expect(status).toBeLessThan(500);
    if (status >= 400) expect(problem.parse(JSON.parse(text)).status).toBe(status);
    // What nobody may even see is not there.
    const hidden = caller === "nobody" && (route.path.startsWith("/api/v1/rollouts/{id}/") || ["/api/v1/freezes/lift", "/api/v1/waivers/end", "/api/v1/pins/end"].includes(route.path));
    if (refusal !== null) expect([hidden ? 404 : refusal, text]).toEqual([status, expect.any(String)]);
    else if (call.ask !== "open") expect([401, 403], text).not.toContain(status);
    // Whoever may, gets through to what is there: reads of it succeed.
    if (refusal === null && route.method === "GET") expect([200, 204], text).toContain(status);
  });
});

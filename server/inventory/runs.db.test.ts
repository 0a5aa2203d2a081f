import { afterAll, beforeAll, expect, it } from "vitest";
import { serviceDto } from "@/lib/contract/fleet";
import type { InventoryReportInput } from "@/lib/contract/agent";
import { promoteRequest } from "@/lib/contract/rollouts";
import { getService } from "@/server/drift/get-service";
import { settleMissing } from "@/server/jobs/settle-missing";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";

let test: TestApp;
const image = makeImage("registry.test/acme/nightly", "1.0.0");
const start = new Date("2026-11-20T02:00:00Z");
const after = (seconds: number) => new Date(start.getTime() + seconds * 1_000);
beforeAll(async () => {
  test = await createTestApp();
  await registerVersion(test, { service: "nightly", version: "1.0.0", image });
});
afterAll(() => test.drop());

type ReportedEvent = NonNullable<InventoryReportInput["events"]>[number];
let events = 0;
const ended = (target: string, more: Partial<ReportedEvent> = {}): ReportedEvent => {
  events += 1;
  return { id: `event-${events}`, at: after(events).toISOString(), target, instance: `run-${events}`, kind: "stop", digest: image.manifest, detail: { exitCode: 0 }, ...more };
};
const rollups = (agent: TestAgent) => test.db.$queryRaw`
  SELECT t.key, r.digest, r.runs::int, r.failed::int, r.last_exit FROM run_rollups r JOIN targets t ON t.id = r.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid ORDER BY 1, 2`;
const nightly = (more: Partial<NonNullable<InventoryReportInput["targets"]>[number]> = {}) => ({ ...container("nightly", { labels: { "plumbline.service": "nightly" } }).target, desired: 0, ready: 0, ...more });

it("counts every run of a job in one row per target and bytes, once, with how the last one ended", async () => {
  const agent = await enrolTestAgent(test, { name: "jobs" });
  const seen = container("nightly", { key: "run-long" }).instance;
  await agent.report({ images: [pulled(image)], targets: [nightly({ kind: "job" })], instances: [seen] }, start);
  const runs = [ended("nightly"), ended("nightly", { detail: { exitCode: 3 } }), ended("nightly", { digest: image.config, detail: {} })];
  await agent.report({ events: runs }, after(60));
  // The journal repeats what it is not sure of.
  await agent.report({ events: [...runs, ended("nightly", { instance: "run-long", detail: { exitCode: 1 } })], removed: ["run-long"] }, after(120));
  expect(await rollups(agent)).toEqual([
    { key: "nightly", digest: image.config, runs: 1, failed: 0, last_exit: null },
    { key: "nightly", digest: image.manifest, runs: 3, failed: 2, last_exit: 1 },
  ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)));
  const service = serviceDto.parse(await getService({ ctx: await test.ctx(), input: { service: "nightly" } }));
  expect(service.runs.find(({ digest }) => digest === image.manifest)).toMatchObject({ target: "nightly", kind: "job", version: "1.0.0", runs: 3, failed: 2, lastExit: 1 });
});

it("counts of a service only what was over before a report could show it, and nothing that is no target", async () => {
  const agent = await enrolTestAgent(test, { name: "services" });
  const { target, instance } = container("web", { key: "web-long" });
  await agent.report({ images: [pulled(image)], targets: [target], instances: [instance] }, start);
  await agent.report({ events: [ended("web", { instance: "web-long" }), ended("web"), ended("web", { kind: "restart" }), ended("nobody")] }, after(30));
  expect(await rollups(agent)).toEqual([{ key: "web", digest: image.manifest, runs: 1, failed: 0, last_exit: 0 }]);
});

it("counts a run whose target comes with the same report", async () => {
  const agent = await enrolTestAgent(test, { name: "first" });
  await agent.report({ targets: [nightly({ kind: "oneshot" })], events: [ended("nightly", { digest: undefined, detail: { exitCode: 137 } })] }, start);
  expect(await rollups(agent)).toEqual([{ key: "nightly", digest: "", runs: 1, failed: 1, last_exit: 137 }]);
});

it.each<[string, Parameters<typeof nightly>[0]]>([
  ["a job between two runs", { kind: "job" }],
  ["a one-shot that exited", { kind: "oneshot" }],
  ["a service that is scaled to zero", { kind: "service", components: [{ name: "main", declared: image.manifest }] }],
])("does not miss %s, long after its release was assigned", async (what, more) => {
  const agent = await enrolTestAgent(test, { name: what.replaceAll(" ", "-"), environments: ["staging"] });
  await agent.report({ images: [pulled(image)], targets: [nightly({ kind: "service", desired: 1, ready: 1 })], instances: [container("nightly").instance] }, start);
  // From the second time on it is what is assigned.
  await promoteRelease({ ctx: await test.ctx(), input: promoteRequest.parse({ service: "nightly", environment: "staging", version: "1.0.0", strategy: "all-at-once" }) }).catch(() => undefined);
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE status IN ('planned', 'running', 'paused')`;
  await agent.report({ images: [pulled(image)], targets: [nightly(more)], instances: [{ ...container("nightly").instance, state: "exited", lastExit: { code: 0 } }] }, after(20));
  await settleMissing(test.app, after(3_600));
  const open = await test.db.$queryRaw`
    SELECT f.kind FROM findings f JOIN targets t ON t.id = f.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid AND f.resolved_at IS NULL`;
  expect(open).toEqual([]);
  const [span] = await test.db.$queryRaw<{ end_reason: string; last_exit: unknown }[]>`SELECT end_reason, last_exit FROM spans WHERE agent_id = ${agent.id}::uuid ORDER BY id DESC LIMIT 1`;
  expect(span).toEqual({ end_reason: "exited", last_exit: { code: 0 } });
  const [desired] = await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid AND d.release_id IS NOT NULL`;
  expect(desired?.n).toBe(1);
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findingsQuery } from "@/lib/contract/fleet";
import { abortRequest, promoteRequest } from "@/lib/contract/rollouts";
import type { Ctx } from "@/server/context";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { abortRollout } from "@/server/rollouts/steer-rollout";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent, type TestImage } from "@/server/testing/inventory";
import { listFindings } from "./list-findings";

let test: TestApp;
let ctx: Ctx;
beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());

const image = (service: string, version: string) => makeImage(`registry.test/acme/${service}`, `${service} ${version}`);
const promote = async (service: string) => {
  await promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "dev", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
};
const found = async (service: string) =>
  (await listFindings({ ctx, input: findingsQuery.parse({ service }) })).groups.map(({ kind, sentence, instances, assigned }) => [kind, instances, assigned?.version, sentence]);

describe("what would run where nothing runs now", () => {
  it.each<[string, { kind: "service" | "job"; desired: number | null }]>([
    ["nightly", { kind: "job", desired: null }],
    ["asleep", { kind: "service", desired: 0 }],
  ])("%s is held against what is assigned, and is right again when it is declared so", async (service, shape) => {
    const agent: TestAgent = await enrolTestAgent(test, { environments: ["dev"], name: `host-${service}` });
    const [right, wrong] = [image(service, "1.0.0"), image(service, "2.0.0")];
    await registerVersion(test, { service, version: "1.0.0", image: right });
    await registerVersion(test, { service, version: "2.0.0", image: wrong });
    const { target, instance } = container(service, { labels: { "plumbline.service": service } });
    const declares = (declared: TestImage) => ({ ...target, ...shape, ready: 0, components: [{ name: "main", declared: declared.index }] });
    await agent.report({ targets: [declares(right)] });
    await promote(service);
    expect(await found(service)).toEqual([]);

    await agent.report({ targets: [declares(wrong)] });
    expect(await found(service)).toEqual([["will-revert", 1, "1.0.0", "Nothing of it runs now, and the runtime would start something else than what is assigned. Assigned is 1.0.0."]]);
    // A copy that runs says the same by itself: it is told once.
    await agent.report({ images: [pulled(right)], targets: [declares(wrong)], instances: [instance] });
    expect(await found(service)).toEqual([["will-revert", 1, "1.0.0", "What runs is right, but the runtime would start something else next time. Assigned is 1.0.0."]]);
    await agent.report({ targets: [declares(right)], removed: [instance.key] });
    expect(await found(service)).toEqual([]);
  });

  it("is judged anew when something else is assigned", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "host-later" });
    const wrong = image("later", "2.0.0");
    await registerVersion(test, { service: "later", version: "1.0.0", image: image("later", "1.0.0") });
    await registerVersion(test, { service: "later", version: "2.0.0", image: wrong });
    const { target } = container("later", { labels: { "plumbline.service": "later" } });
    await agent.report({ targets: [{ ...target, kind: "job", desired: null, ready: 0, components: [{ name: "main", declared: wrong.index }] }] });
    expect(await found("later")).toEqual([]);
    const { id } = await promoteRelease({ ctx, input: promoteRequest.parse({ service: "later", environment: "dev", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
    // The rollout explains it, until it has ended.
    expect(await found("later")).toEqual([]);
    await abortRollout({ ctx, input: { id, ...abortRequest.parse({ reason: "no need" }) } });
    expect((await found("later")).map(([kind]) => kind)).toEqual(["will-revert"]);
  });
});

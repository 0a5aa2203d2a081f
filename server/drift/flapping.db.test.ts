import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findingsQuery } from "@/lib/contract/fleet";
import { grantWaiverRequest } from "@/lib/contract/policies";
import { FLAP_QUIET_MS, FLAP_TIMES } from "@/lib/domain/drift/flapping";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { Ctx } from "@/server/context";
import { settleMissing } from "@/server/jobs/settle-missing";
import { grantWaiver } from "@/server/policies/grant-waiver";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { listFindings } from "./list-findings";

let test: TestApp;
let ctx: Ctx;
let agent: TestAgent;
const old = makeImage("registry.test/acme/payments", "1");
const image = makeImage("registry.test/acme/payments", "2");
const older = makeImage("registry.test/acme/payments", "0");
const newer = makeImage("registry.test/acme/payments", "3");
const stranger = makeImage("registry.test/acme/payments", "strange");
const { target, instance } = container("payments", { labels: { "plumbline.service": "payments" } });
let at = Date.now();

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  agent = await enrolTestAgent(test, { environments: ["staging"] });
  await registerVersion(test, { service: "payments", version: "0.9.0", image: older });
  await registerVersion(test, { service: "payments", version: "1.0.0", image: old });
  await registerVersion(test, { service: "payments", version: "2.0.0", image });
  await registerVersion(test, { service: "payments", version: "3.0.0", image: newer });
  await agent.report({ images: [pulled(image)], targets: [target], instances: [instance] });
  for (const name of ["mixed", "together", "soon-waived", "waived"]) await pair(name)(image);
  await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", partition: "default", version: "2.0.0", strategy: "all-at-once" }) });
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
});
afterAll(() => test.drop());

const runs = async (which: typeof image, afterMs = 60_000): Promise<void> => {
  at += afterMs;
  await agent.report({ images: [pulled(which)], instances: [instance] }, new Date(at));
};
const open = async (): Promise<string[]> => (await listFindings({ ctx, input: findingsQuery.parse({}) })).groups.map(({ kind }) => kind).toSorted();
/** A target of two copies, and what they run after a minute. */
const pair = (name: string): ((...images: (typeof image)[]) => Promise<void>) => {
  const one = container(name, { labels: { "plumbline.service": "payments" } });
  const copies = [1, 2].map((copy) => ({ ...one.instance, key: `${name}-${copy}` }));
  return async (...images) => {
    at += 60_000;
    await agent.report({ images: images.map((which) => pulled(which)), targets: [{ ...one.target, desired: 2, ready: 2 }], instances: copies.map((copy, place) => ({ ...copy, image: place % images.length })) }, new Date(at));
  };
};
/** What is open at a target. */
const openAt = async (name: string): Promise<string[]> =>
  (await test.db.$queryRaw<{ kind: string }[]>`SELECT f.kind FROM findings f JOIN targets t ON t.id = f.target_id WHERE t.key = ${name} AND f.resolved_at IS NULL ORDER BY f.kind`).map(({ kind }) => kind);
const rows = async (): Promise<number> => (await test.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM findings`)[0]?.n ?? 0;

describe("findings that come and go", () => {
  it("are each said while they are few", async () => {
    for (let time = 1; time < FLAP_TIMES; time += 1) {
      await runs(old);
      expect(await open()).toEqual(["behind"]);
      await runs(image);
      expect(await open()).toEqual([]);
    }
  });

  it("become one that stands for them, and make no more rows", async () => {
    await runs(old);
    expect(await open()).toEqual(["flapping"]);
    const before = await rows();
    for (let time = 0; time < 5; time += 1) {
      await runs(image);
      await runs(old);
    }
    expect(await open()).toEqual(["flapping"]);
    expect(await rows()).toBe(before);
    const [group] = (await listFindings({ ctx, input: findingsQuery.parse({}) })).groups;
    expect(group).toMatchObject({ title: "payments comes and goes in staging", sentence: "What is found here comes and goes: 14 times, now behind. It counts once until it was quiet for half an hour." });
  });

  it("hide nothing that is critical", async () => {
    await runs(stranger);
    expect(await open()).toEqual(["flapping", "unknown-artifact"]);
    await runs(old);
    expect(await open()).toEqual(["flapping"]);
  });

  it("are over after they were quiet, and what is there counts again", async () => {
    await settleMissing(test.app, new Date(at + FLAP_QUIET_MS - 1));
    expect(await open()).toEqual(["flapping"]);
    await settleMissing(test.app, new Date(at + FLAP_QUIET_MS));
    expect(await open()).toEqual(["behind"]);
    await runs(image, FLAP_QUIET_MS + 60_000);
    expect(await open()).toEqual([]);
  });

  it("stand for their own kind alone", async () => {
    const run = pair("mixed");
    for (let time = 1; time < FLAP_TIMES; time += 1) {
      await run(newer, old);
      await run(newer, image);
    }
    expect(await openAt("mixed")).toEqual(["ahead"]);
    await run(newer, old);
    expect(await openAt("mixed")).toEqual(["ahead", "flapping"]);
    await run(image, old);
    expect(await openAt("mixed")).toEqual(["flapping"]);
    await run(newer, old);
    expect(await openAt("mixed")).toEqual(["ahead", "flapping"]);
  });

  it("count once where several copies change at once", async () => {
    const run = pair("together");
    for (let time = 1; time < FLAP_TIMES; time += 1) {
      await run(old, older);
      expect(await openAt("together")).toEqual(["behind", "behind"]);
      await run(image);
    }
    await run(old, older);
    expect(await openAt("together")).toEqual(["flapping"]);
  });

  it("wake nobody where they are waived", async () => {
    const [run, excused] = [pair("soon-waived"), pair("waived")];
    for (let time = 1; time < FLAP_TIMES; time += 1) {
      await run(old);
      await run(image);
    }
    await run(old);
    expect(await openAt("soon-waived")).toEqual(["flapping"]);
    await grantWaiver({ ctx, input: grantWaiverRequest.parse({ service: "payments", environment: "staging", category: "behind", reason: "a customer needs it", expiresAt: new Date(Date.now() + 3_600_000).toISOString() }) });
    await settleMissing(test.app, new Date(at));
    expect(await openAt("soon-waived")).toEqual(["behind"]);
    for (let time = 0; time <= FLAP_TIMES; time += 1) {
      await excused(image);
      await excused(old);
    }
    expect(await openAt("waived")).toEqual(["behind"]);
    expect(await test.db.$queryRaw`SELECT resolved_reason AS reason FROM findings f JOIN targets t ON t.id = f.target_id WHERE t.key = 'soon-waived' AND f.kind = 'flapping'`).toEqual([{ reason: "it is waived" }]);
  });
});

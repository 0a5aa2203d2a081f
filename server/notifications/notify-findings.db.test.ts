import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deliveryPage } from "@/lib/contract/notifications";
import { grantWaiverRequest } from "@/lib/contract/policies";
import { promoteRequest } from "@/lib/contract/rollouts";
import { GONE_AFTER_MS, TOLD_AFTER_MS, TOLD_AGAIN_MS } from "@/lib/domain/drift/finding-notices";
import type { Notice } from "@/lib/domain/notifications/notice";
import { putEnvironment } from "@/server/access/put-environment";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { grantWaiver } from "@/server/policies/grant-waiver";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { listDeliveries } from "./list-deliveries";
import { notifyFindings, tellFindings } from "./notify-findings";

let test: TestApp;
let ctx: Ctx;
let agent: TestAgent;
const old = makeImage("registry.test/acme/payments", "1");
const image = makeImage("registry.test/acme/payments", "2");
const stranger = makeImage("registry.test/acme/payments", "strange");
const copies = [1, 2, 3, 4].map((at) => container(`payments-${at}`, { labels: { "plumbline.service": "payments" } }));
/** The clock of the reports, the job and the findings. */
let at = Date.now();

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  agent = await enrolTestAgent(test, { environments: ["staging"] });
  await registerVersion(test, { service: "payments", version: "1.0.0", image: old });
  await registerVersion(test, { service: "payments", version: "2.0.0", image });
  await agent.report({ images: [pulled(image)], targets: copies.map(({ target }) => target), instances: copies.map(({ instance }) => instance) });
  await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", partition: "default", version: "2.0.0", strategy: "all-at-once" }) });
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
  await test.db.$executeRaw`
    INSERT INTO channels (name, kind, service_pattern, environment_pattern, events, config, actor_id, entry_seq) VALUES
      ('ops', 'slack', '*', '*', ${["finding-opened", "finding-resolved"]}, '{"kind": "slack", "host": "hooks.slack.example"}', ${ctx.actor.id}::uuid, 0),
      ('search', 'slack', 'search', '*', ${["finding-opened"]}, '{"kind": "slack", "host": "hooks.slack.example"}', ${ctx.actor.id}::uuid, 0),
      ('rollouts', 'slack', '*', '*', ${["failed"]}, '{"kind": "slack", "host": "hooks.slack.example"}', ${ctx.actor.id}::uuid, 0)`;
});
afterAll(() => test.drop());

const runs = async (which: typeof image, ...places: number[]): Promise<void> => {
  await agent.report({ images: [pulled(which)], instances: places.flatMap((place) => copies[place]?.instance ?? []) }, new Date(at));
};
/** What is told so much later. */
const tell = async (afterMs = 0, whole = true): Promise<[string, string, number | undefined][]> => {
  at += afterMs;
  await test.db.$executeRaw`DELETE FROM deliveries`;
  await tellFindings(test.app, { now: new Date(at), whole });
  const rows = await test.db.$queryRaw<{ name: string; body: Notice }[]>`SELECT c.name::text, d.body FROM deliveries d JOIN channels c ON c.id = d.channel_id ORDER BY d.seq`;
  return rows.map(({ name, body }) => [name, `${body.event} ${body.finding?.kind}`, body.finding?.instances]);
};
/** Why what was told last is over. */
const reasons = async (): Promise<(string | null)[]> => (await test.db.$queryRaw<{ reason: string | null }[]>`SELECT body ->> 'reason' AS reason FROM deliveries ORDER BY seq`).map(({ reason }) => reason);

describe("findings are told", () => {
  it("never of an environment that observes", async () => {
    await runs(stranger, 0, 1);
    expect(await tell()).toEqual([]);
    expect(await tell(10 * TOLD_AFTER_MS)).toEqual([]);
  });

  it("once for all instances of one cause, to who wants to know, at once where nobody knows the bytes", async () => {
    await putEnvironment({ ctx, input: { name: "staging", mode: "enforce" } });
    expect(await tell()).toEqual([["ops", "finding-opened unknown-artifact", 2]]);
    expect(await tell()).toEqual([]);
  });

  it("with the next message only after a while, and with how many there are by then", async () => {
    await runs(stranger, 2);
    expect(await tell(TOLD_AGAIN_MS - 1, false)).toEqual([]);
    expect(await tell(1)).toEqual([["ops", "finding-opened unknown-artifact", 3]]);
    expect(await tell(10 * TOLD_AGAIN_MS)).toEqual([]);
  });

  it("shows them among the deliveries, with where they lead", async () => {
    await test.db.$executeRaw`DELETE FROM finding_notices`;
    await tell();
    const page = deliveryPage.parse(await listDeliveries({ ctx, input: { limit: 10 } }));
    expect(page.items).toMatchObject([{ event: "finding-opened", sentence: "Unknown bytes run as payments in staging (3 instances)", finding: { kind: "unknown-artifact", service: "payments", environment: "staging" }, rollout: null, status: "pending" }]);
    const foreign = await test.ctxWith([{ role: "operator", service: "other", environment: "*", expiresAt: null }]);
    expect((await listDeliveries({ ctx: foreign, input: { limit: 10 } })).items).toEqual([]);
  });

  it("as over, when they are gone for longer than a restart takes", async () => {
    await runs(image, 0, 1, 2);
    expect(await tell(GONE_AFTER_MS - 1, false)).toEqual([]);
    expect(await tell(1, false)).toEqual([["ops", "finding-resolved unknown-artifact", 0]]);
    expect(await tell(GONE_AFTER_MS)).toEqual([]);
  });

  it("not of what a deployment passes through", async () => {
    await runs(old, 0);
    expect(await tell(TOLD_AFTER_MS - 1, false)).toEqual([]);
    await runs(image, 0);
    expect(await tell(TOLD_AFTER_MS, false)).toEqual([]);
    await runs(old, 0);
    expect(await tell(TOLD_AFTER_MS, false)).toEqual([["ops", "finding-opened behind", 1]]);
  });

  it("not any more of what a waiver covers", async () => {
    await grantWaiver({ ctx, input: grantWaiverRequest.parse({ service: "payments", environment: "staging", category: "behind", reason: "a customer needs it", expiresAt: new Date(Date.now() + 3_600_000).toISOString() }) });
    expect(await tell()).toEqual([["ops", "finding-resolved behind", 0]]);
    expect(await reasons()).toEqual(["What is left is covered by a waiver."]);
  });

  it("by the job, which looks at everything when it begins", async () => {
    await runs(stranger, 3);
    await test.db.$executeRaw`UPDATE findings SET opened_at = now() - interval '1 day' WHERE resolved_at IS NULL`;
    await test.db.$executeRaw`DELETE FROM deliveries`;
    await test.db.$executeRaw`DELETE FROM finding_notices`;
    const job = notifyFindings();
    await job(test.app);
    await job(test.app);
    expect(await test.db.$queryRaw`SELECT event FROM deliveries`).toEqual([{ event: "finding-opened" }]);
  });

  it("by the job, once by two that run at the same time", async () => {
    await test.db.$executeRaw`DELETE FROM deliveries`;
    await test.db.$executeRaw`DELETE FROM finding_notices`;
    await transact(test.db, async (tx) => {
      // Both have read before either can note anything, unless one waits for the other.
      await tx.$executeRaw`LOCK TABLE finding_notices IN SHARE ROW EXCLUSIVE MODE`;
      const both = [1, 2].map(() => tellFindings(test.app, { now: new Date(at) }));
      await expect.poll(async () => (await test.db.$queryRaw<{ n: number }[]>`
        SELECT count(*)::int AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND NOT l.granted`)[0]?.n).toBe(2);
      return both;
    }).then((both) => Promise.all(both));
    expect(await test.db.$queryRaw`SELECT event FROM deliveries`).toEqual([{ event: "finding-opened" }]);
  });

  it("by the job, until none of everything is left", async () => {
    const many = Array.from({ length: 201 }, (_, place) => container(`many-${place}`, { labels: { "plumbline.service": `many-${place}` } }));
    await agent.report({ images: [pulled(image)], targets: many.map(({ target }) => target), instances: many.map(({ instance }) => instance) }, new Date(at));
    await test.db.$executeRaw`
      INSERT INTO findings (kind, service_name, environment_id, target_id, since, opened_at)
      SELECT 'contested', service_name, environment_id, id, now() - interval '1 day', now() - interval '1 day' FROM targets WHERE service_name LIKE 'many-%'`;
    const job = notifyFindings();
    for (let time = 0; time < 3; time += 1) await job(test.app);
    expect(await test.db.$queryRaw`SELECT count(*)::int AS told FROM finding_notices WHERE service_name LIKE 'many-%'`).toEqual([{ told: 201 }]);
    await test.db.$executeRaw`DELETE FROM findings WHERE service_name LIKE 'many-%'`;
    await test.db.$executeRaw`DELETE FROM finding_notices WHERE service_name LIKE 'many-%'`;
  });

  it("by the name that it has now, and no more by the one that it had", async () => {
    await test.db.$executeRaw`UPDATE finding_notices SET service_name = 'former', opened_told_at = ${new Date(at)}`;
    expect(await tell()).toEqual([["ops", "finding-opened unknown-artifact", 1]]);
    expect(await tell(GONE_AFTER_MS)).toEqual([["ops", "finding-resolved unknown-artifact", 0]]);
    expect(await reasons()).toEqual([null]);
  });

  it("as over once the environment observes again, and no more from then on", async () => {
    await putEnvironment({ ctx, input: { name: "staging", mode: "observe" } });
    expect(await tell()).toEqual([["ops", "finding-resolved unknown-artifact", 0]]);
    expect(await reasons()).toEqual(["staging only observes now: nobody is told of what is found there."]);
    expect(await tell(TOLD_AGAIN_MS)).toEqual([]);
    expect(await test.db.$queryRaw`SELECT * FROM finding_notices`).toEqual([]);
  });

  it("as over once the environment is retired", async () => {
    await putEnvironment({ ctx, input: { name: "staging", mode: "enforce" } });
    expect(await tell()).toEqual([["ops", "finding-opened unknown-artifact", 1]]);
    await test.db.$executeRaw`UPDATE environments SET retired_at = now() WHERE name = 'staging'`;
    expect(await tell()).toEqual([["ops", "finding-resolved unknown-artifact", 0]]);
    expect(await reasons()).toEqual(["staging is retired."]);
    expect(await test.db.$queryRaw`SELECT * FROM finding_notices`).toEqual([]);
  });
});

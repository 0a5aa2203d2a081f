import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { journalPage, journalQuery, type JournalItem } from "@/lib/contract/journal";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { Ctx } from "@/server/context";
import { watchSilence } from "@/server/jobs/watch-silence";
import { placeHold } from "@/server/policies/place-hold";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { listJournal } from "./list-journal";

let test: TestApp;
let ctx: Ctx;
let agent: TestAgent;
let instanceId: string;
const image = makeImage("registry.test/acme/payments", "1");
const next = makeImage("registry.test/acme/payments", "2");
const [one, two] = [1, 2].map((at) => container(`payments-${at}`, { labels: { "plumbline.service": "payments" } }));
const cron = container("cron", { labels: { "plumbline.service": "cron" } });
const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
/** While the agent was away. */
const absent = { start: ago(20), oom: ago(30), stop: ago(29.9), again: ago(29.8), exec: ago(25), cron: ago(24) };

beforeAll(async () => {
  if (!one || !two) throw new Error("two containers");
  test = await createTestApp();
  ctx = await test.ctx();
  agent = await enrolTestAgent(test, { environments: ["staging"], name: "eu-1" });
  await registerVersion(test, { service: "payments", version: "1.0.0", image });
  await registerVersion(test, { service: "payments", version: "2.0.0", image: next });
  await agent.report({ images: [pulled(image)], targets: [one.target, two.target, cron.target], instances: [one.instance, two.instance, cron.instance] });
  await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
  await placeHold({ ctx, input: { service: "payments", environment: "staging", partition: "default", reason: "an incident" } });
  await agent.report({
    images: [pulled(next)],
    instances: [two.instance],
    events: [
      { id: "e1", at: absent.oom, target: "payments-1", instance: "payments-1-1", kind: "oom", detail: {} },
      { id: "e2", at: absent.stop, target: "payments-1", instance: "payments-1-1", kind: "stop", detail: { exitCode: 137 } },
      { id: "e3", at: absent.again, target: "payments-1", instance: "payments-1-1", kind: "start", detail: {} },
      { id: "e4", at: absent.exec, target: "payments-2", instance: "payments-2-1", kind: "exec", by: "alice", detail: { command: "sh" } },
      { id: "e5", at: absent.cron, target: "cron", kind: "exec", detail: { command: "date" } },
    ],
  });
  await test.db.$executeRaw`INSERT INTO gaps (started_at, ended_at, reason) VALUES (${new Date(Date.now() - 40 * 60_000)}, ${new Date(Date.now() - 39 * 60_000)}, 'not-listening')`;
  [{ id: instanceId } = { id: "" }] = await test.db.$queryRaw<{ id: string }[]>`SELECT public_id::text AS id FROM instances WHERE key = 'payments-1-1'`;
});
afterAll(() => test.drop());

const ask = async (more: Partial<z.input<typeof journalQuery>> = {}, as = ctx): Promise<JournalItem[]> => journalPage.parse(await listJournal({ ctx: as, input: journalQuery.parse({ service: "payments", environment: "staging", ...more }) })).items;
const words = (items: readonly JournalItem[]): string[] => items.map(({ source, sentence }) => `${source}: ${sentence}`);

describe("the journal", () => {
  it("tells of a place what was observed, what was decided, and when nobody listened, newest first", async () => {
    const items = await ask();
    expect(words(items.filter(({ source }) => source === "rollout"))).toEqual(["rollout: rollout 1: Wave 1: open.", "rollout: rollout 1: Started for 2 targets."]);
    expect(words(items.filter(({ source }) => source !== "rollout"))).toEqual([
      expect.stringMatching(/^span: began to run something else; had run 1\.0\.0 for \d+ s$/),
      "decision: hold placed by test person: an incident",
      "decision: assignment changed 1.0.0 by test person",
      "decision: release registered 2.0.0 by test person",
      "decision: release registered 1.0.0 by test person",
      "decision: service registered by test person",
      "event: a command was run inside by alice: sh",
      "event: restarted (exit 137, out of memory)",
      "gap: Plumbline did not listen for 60 s",
    ]);
    const exec = items.find(({ kind }) => kind === "exec");
    expect(exec).toMatchObject({ at: absent.exec, by: "alice", learnedLater: true, subject: { instance: "payments-2-1", target: "payments-2", agent: "eu-1" } });
    expect(items.find(({ source }) => source === "span")).toMatchObject({ learnedLater: false });
    expect(items.find(({ source }) => source === "rollout")?.rollout).toMatchObject({ number: 1 });
  });

  it("tells of one instance only what is about it", async () => {
    const items = await ask({ service: undefined, environment: undefined, instance: instanceId });
    expect(items.filter(({ source }) => source === "event" || source === "span").map(({ sentence }) => sentence)).toEqual(["restarted (exit 137, out of memory)"]);
  });

  it("shows what was known at a time, and no more", async () => {
    expect(words(await ask({ knownAt: ago(10) }))).toEqual(["gap: Plumbline did not listen for 60 s"]);
    expect(await ask({ knownAt: ago(50) })).toEqual([]);
  });

  it("keeps to the time that is asked for", async () => {
    expect(words(await ask({ from: ago(26), to: ago(10) }))).toEqual(["event: a command was run inside by alice: sh"]);
    expect(words(await ask({ from: ago(39.5), to: ago(39.2) }))).toEqual(["gap: Plumbline did not listen for 60 s"]);
    expect(journalQuery.safeParse({ service: "payments", environment: "staging", from: ago(60 * 24 * 40) }).success).toBe(false);
    expect(journalQuery.safeParse({ service: "payments", environment: "staging", from: ago(1), to: ago(2) }).success).toBe(false);
    expect(journalQuery.safeParse({ service: "payments" }).success).toBe(false);
  });

  it.each([1, 2, 3, 5])("comes in pages of %i, nothing twice and nothing left out", async (limit) => {
    const seen: JournalItem[] = [];
    let cursor: string | undefined;
    do {
      const page: { items: JournalItem[]; nextCursor: string | null } = await listJournal({ ctx, input: journalQuery.parse({ service: "payments", environment: "staging", limit, cursor }) });
      seen.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    const keys = seen.map(({ at, source, kind }) => `${at} ${source} ${kind}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.filter((key) => !key.includes(" event "))).toHaveLength(9);
    // A page that begins within a restart tells its parts one by one.
    expect(seen.filter(({ source }) => source === "event").length).toBeGreaterThanOrEqual(2);
    await expect(listJournal({ ctx, input: journalQuery.parse({ service: "payments", environment: "staging", cursor: "bm9uc2Vuc2U" }) })).rejects.toMatchObject({ kind: "invalid" });
  });

  it("tells when an agent was silent, and to who asks what was known then, not that it came back", async () => {
    const later = new Date(Date.now() + 120_000);
    await watchSilence(test.app, later);
    const silent = (items: JournalItem[]) => items.find(({ source }) => source === "silence");
    const to = new Date(later.getTime() + 600_000).toISOString();
    expect(silent(await ask({ to }))).toMatchObject({ sentence: "eu-1 was last heard; it is silent since, and what runs there is unknown", until: null });
    await agent.report({}, new Date(later.getTime() + 60_000));
    expect(silent(await ask({ to }))?.sentence).toMatch(/^eu-1 was last heard, and again after 3 min$/);
    expect(silent(await ask({ to, knownAt: new Date(later.getTime() + 1_000).toISOString() }))).toMatchObject({ until: null });
  });

  it("shows nobody what is not theirs, and the ledger only to who may read it", async () => {
    const foreign = await test.ctxWith([{ role: "viewer", service: "other", environment: "*", expiresAt: null }]);
    await expect(ask({}, foreign)).rejects.toMatchObject({ kind: "forbidden" });
    await expect(ask({ service: undefined, environment: undefined, instance: instanceId }, foreign)).rejects.toMatchObject({ kind: "not-found" });
    await expect(ask({ environment: "nowhere" })).rejects.toMatchObject({ kind: "not-found" });
    const publisher = await test.ctxWith([{ role: "publisher", service: "*", environment: "*", expiresAt: null }]);
    expect((await ask({}, publisher)).map(({ source }) => source)).not.toContain("decision");
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { findingsQuery } from "@/lib/contract/fleet";
import { freezesQuery, placeFreezeRequest } from "@/lib/contract/freezes";
import { grantWaiverRequest } from "@/lib/contract/policies";
import { promoteRequest, rollbackRequest } from "@/lib/contract/rollouts";
import { environmentStrategySchema } from "@/lib/contract/strategies";
import { DEFAULT_LKG_POLICY } from "@/lib/domain/rollout/last-known-good";
import { DEFAULT_STRATEGY, FAST_TRACK } from "@/lib/domain/rollout/strategy";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { getMatrix } from "@/server/drift/get-matrix";
import { getStatus } from "@/server/drift/get-status";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { listFindings } from "@/server/drift/list-findings";
import { AppError } from "@/server/errors";
import { announceFreezes, endExpiredWaivers, watchPolicies } from "@/server/jobs/watch-policies";
import { recallRelease } from "@/server/releases/recall-release";
import { liftHold } from "@/server/rollouts/lift-hold";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { startRollback } from "@/server/rollouts/start-rollback";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { endWaiver } from "./end-waiver";
import { grantWaiver } from "./grant-waiver";
import { liftFreeze } from "./lift-freeze";
import { liftRecall } from "./lift-recall";
import { listFreezes } from "./list-freezes";
import { listHolds } from "./list-holds";
import { listRecalls } from "./list-recalls";
import { listStrategies } from "./list-strategies";
import { listWaivers } from "./list-waivers";
import { placeFreeze } from "./place-freeze";
import { placeHold } from "./place-hold";
import { putStrategy } from "./put-strategy";
import { readFreeze } from "./read-freeze";
import { readStrategy } from "./read-strategy";

let test: TestApp;
let ctx: Ctx;
const HOUR_MS = 3_600_000;
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
const place = { service: "payments", environment: "staging", partition: "default" };
const reason = "because of the audit";

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  for (const version of ["1.0.0", "2.0.0", "3.0.0"]) await registerVersion(ctx, "payments", version);
  await registerVersion(ctx, "orders", "1.0.0");
});
afterAll(() => test.drop());

async function refused(work: Promise<unknown>): Promise<{ kind: string; type: string | undefined; message: string; fields: string[] }> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error(`not refused: ${String(error)}`);
  return { kind: error.kind, type: error.extras.type, message: error.message, fields: (error.extras.fields ?? []).map(({ path }) => path) };
}

const count = async (table: "ledger_entries" | "freezes" | "holds" | "waivers" | "strategies" | "recall_lifts" | "changes"): Promise<number> => {
  const [row] = await test.db.$queryRawUnsafe<{ n: number }[]>(`SELECT count(*)::int AS n FROM ${table}`);
  return row?.n ?? 0;
};
/** Nothing is written by what is refused. */
async function writesNothing(work: () => Promise<unknown>): Promise<void> {
  const tables = ["ledger_entries", "freezes", "holds", "waivers", "strategies", "recall_lifts", "changes"] as const;
  const before = await Promise.all(tables.map(count));
  await work();
  expect(await Promise.all(tables.map(count))).toEqual(before);
}
const newestEntry = async (): Promise<{ type: string; payload: Record<string, unknown>; scope: unknown }> => {
  const [row] = await test.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries ORDER BY seq DESC LIMIT 1`;
  return JSON.parse(Buffer.from(row?.bytes ?? []).toString("utf8")) as { type: string; payload: Record<string, unknown>; scope: unknown };
};
const ids = async (): Promise<{ environmentId: string; serviceId: string }> => {
  const [row] = await test.db.$queryRaw<{ environmentId: string; serviceId: string }[]>`
    SELECT e.id::text AS "environmentId", s.id::text AS "serviceId" FROM environments e, services s WHERE e.name = 'staging' AND s.name = 'payments'`;
  if (!row) throw new Error("no place");
  return row;
};

const freeze = (more: Partial<z.input<typeof placeFreezeRequest>>): z.output<typeof placeFreezeRequest> => placeFreezeRequest.parse({ environment: "staging", name: "year end", reason, endsAt: soon(HOUR_MS), ...more });

describe("a freeze", () => {
  it("is placed with an entry, read at its place, listed with where it stands, and lifted once", async () => {
    const placed = await placeFreeze({ ctx, input: freeze({ service: "payments" }) });
    expect(placed).toMatchObject({ state: "frozen", service: "payments", environment: "staging", name: "year end", reason, by: "test person", next: null, until: placed.endsAt });
    expect(await newestEntry()).toMatchObject({ type: "freeze-placed", scope: { service: "payments", environment: "staging" }, payload: { freeze: placed.id, name: "year end", schedule: null } });
    const here = await ids();
    expect(await readFreeze(test.db, here, new Date())).toEqual({ id: placed.id, name: "year end", until: new Date(placed.endsAt ?? "") });
    const [orders] = await test.db.$queryRaw<{ id: string }[]>`SELECT id::text FROM services WHERE name = 'orders'`;
    expect(await readFreeze(test.db, { ...here, serviceId: orders?.id ?? "" }, new Date())).toBeNull();
    expect(await readFreeze(test.db, here, new Date(Date.parse(placed.endsAt ?? "")))).toBeNull();

    // A recurring one for every service that ends later is the one that counts; one that never ends, more.
    const always = await placeFreeze({ ctx, input: freeze({ name: "always", endsAt: undefined, schedule: { days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], from: "08:00", to: "08:00", timeZone: "Asia/Kathmandu" } }) });
    expect(always).toMatchObject({ state: "frozen", until: null, endsAt: null, service: null });
    expect(await readFreeze(test.db, here, new Date())).toEqual({ id: always.id, name: "always", until: null });
    const listed = await listFreezes({ ctx, input: freezesQuery.parse({ environment: "staging" }) });
    expect(listed.items.map(({ name, state }) => [name, state])).toEqual([["year end", "frozen"], ["always", "frozen"]]);

    const { entry } = await liftFreeze({ ctx, input: { freeze: always.id, reason } });
    expect(await newestEntry()).toMatchObject({ type: "freeze-lifted", seq: entry, payload: { freeze: always.id, placed: always.entry } });
    expect((await readFreeze(test.db, here, new Date()))?.id).toBe(placed.id);
    await writesNothing(async () => expect(await refused(liftFreeze({ ctx, input: { freeze: always.id, reason } }))).toMatchObject({ kind: "conflict", type: "not-frozen" }));
    await liftFreeze({ ctx, input: { freeze: placed.id, reason } });
    expect((await listFreezes({ ctx, input: freezesQuery.parse({}) })).items).toEqual([]);
    expect((await listFreezes({ ctx, input: freezesQuery.parse({ state: "all" }) })).items.map(({ state }) => state)).toEqual(["lifted", "lifted"]);
  });

  it("that comes later says when", async () => {
    const startsAt = soon(24 * HOUR_MS);
    const placed = await placeFreeze({ ctx, input: freeze({ startsAt, endsAt: soon(48 * HOUR_MS) }) });
    expect(placed).toMatchObject({ state: "coming", until: null, next: startsAt });
    const to = new Date(Date.parse(startsAt) + 1_000);
    expect(await announceFreezes(test.app, new Date(), new Date(Date.parse(startsAt) - 1))).toBe(0);
    expect(await announceFreezes(test.app, new Date(), to)).toBe(1);
    expect(await announceFreezes(test.app, to, new Date(Date.parse(placed.endsAt ?? "")))).toBe(1);
    await liftFreeze({ ctx, input: { freeze: placed.id, reason } });
    expect(await announceFreezes(test.app, new Date(), to)).toBe(0);
  });

  it.each<[string, Record<string, unknown>]>([
    ["no end and no schedule", { endsAt: undefined }],
    ["an end before its start", { startsAt: soon(2 * HOUR_MS), endsAt: soon(HOUR_MS) }],
    ["an unknown zone", { schedule: { days: ["mon"], from: "18:00", to: "08:00", timeZone: "Mars/Olympus" } }],
    ["no day", { schedule: { days: [], from: "18:00", to: "08:00", timeZone: "UTC" } }],
    ["a day twice", { schedule: { days: ["mon", "mon"], from: "18:00", to: "08:00", timeZone: "UTC" } }],
    ["no time of day", { schedule: { days: ["mon"], from: "24:00", to: "08:00", timeZone: "UTC" } }],
    ["no reason", { reason: " " }],
  ])("with %s is no request", (_, more) => {
    expect(placeFreezeRequest.safeParse({ environment: "staging", name: "x", reason, endsAt: soon(HOUR_MS), ...more }).success).toBe(false);
  });

  it("is refused where it would freeze nothing, and writes nothing", async () => {
    await writesNothing(async () => {
      expect(await refused(placeFreeze({ ctx, input: freeze({ endsAt: soon(-1_000) }) }))).toMatchObject({ kind: "invalid", fields: ["endsAt"] });
      const never = freeze({ startsAt: "2099-11-24T00:00:00Z", endsAt: "2099-11-24T12:00:00Z", schedule: { days: ["sun"], from: "18:00", to: "20:00", timeZone: "UTC" } });
      expect(await refused(placeFreeze({ ctx, input: never }))).toMatchObject({ kind: "invalid", fields: ["endsAt"] });
      expect(await refused(placeFreeze({ ctx, input: freeze({ environment: "nowhere" }) }))).toMatchObject({ kind: "not-found" });
      expect(await refused(placeFreeze({ ctx, input: freeze({ service: "nothing" }) }))).toMatchObject({ kind: "not-found" });
      expect(await refused(placeFreeze({ ctx, input: freeze({ reason: "the key is AKIAABCDEFGHIJKLMNOP" }) }))).toMatchObject({ kind: "unprocessable", type: "secret-in-text" });
      expect(await refused(placeFreeze({ ctx: await test.ctx("operator", "promoter", "viewer"), input: freeze({}) }))).toMatchObject({ kind: "forbidden" });
      const ofOne = await test.ctxWith([{ role: "approver", service: "payments", environment: "*", expiresAt: null }]);
      expect(await refused(placeFreeze({ ctx: ofOne, input: freeze({}) }))).toMatchObject({ kind: "forbidden" });
      expect(await refused(liftFreeze({ ctx, input: { freeze: "8a1c2b34-0000-4000-8000-000000000001", reason } }))).toMatchObject({ kind: "not-found" });
    });
  });

  it("is hidden from who may not see its place, and stays when he lifts it", async () => {
    const placed = await placeFreeze({ ctx, input: freeze({ service: "payments" }) });
    const stranger = await test.ctxWith([{ role: "approver", service: "orders", environment: "*", expiresAt: null }]);
    expect((await listFreezes({ ctx: stranger, input: freezesQuery.parse({}) })).items).toEqual([]);
    expect(await refused(liftFreeze({ ctx: stranger, input: { freeze: placed.id, reason } }))).toMatchObject({ kind: "not-found" });
    expect(await refused(liftFreeze({ ctx: await test.ctx("viewer"), input: { freeze: placed.id, reason } }))).toMatchObject({ kind: "forbidden" });
    await liftFreeze({ ctx, input: { freeze: placed.id, reason } });
  });

  it("is one of at most 200", async () => {
    await test.db.$executeRaw`
      INSERT INTO freezes (environment_id, starts_at, ends_at, entry_seq) SELECT e.id, now() + interval '1 day', now() + interval '2 days', 0 FROM environments e, generate_series(1, 200) WHERE e.name = 'staging'`;
    await writesNothing(async () => expect(await refused(placeFreeze({ ctx, input: freeze({}) }))).toMatchObject({ kind: "conflict", type: "too-many-freezes" }));
    await test.db.$executeRaw`UPDATE freezes SET lifted_seq = 0, lifted_at = now() WHERE entry_seq = 0`;
  });

  it("stops a promotion and lets a rollback go", async () => {
    const agent = await FakeAgent.make(test, "staging");
    await agent.report({ key: "app", service: "payments", image: fakeImage("payments 1.0.0") });
    await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "1.0.0", strategy: "all-at-once" }) });
    await agent.report({ key: "app", service: "payments", image: fakeImage("payments 1.0.0") });
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE status IN ('planned', 'running', 'paused')`;
    await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0", strategy: "all-at-once" }) });
    await agent.report({ key: "app", service: "payments", image: fakeImage("payments 2.0.0") });
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE status IN ('planned', 'running', 'paused')`;
    const placed = await placeFreeze({ ctx, input: freeze({ name: "quarter end" }) });
    await writesNothing(async () => {
      expect(await refused(promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "3.0.0", strategy: "all-at-once" }) }))).toMatchObject({ kind: "conflict", type: "frozen", message: `Promotions are frozen by quarter end until ${placed.endsAt}.` });
    });
    const back = await startRollback({ ctx, input: rollbackRequest.parse({ ...place, version: "1.0.0", reason, hold: true }) });
    expect(back.kind).toBe("rollback");
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE status IN ('planned', 'running', 'paused')`;
    await liftFreeze({ ctx, input: { freeze: placed.id, reason } });
  });
});

describe("a hold", () => {
  it("that a rollback placed is listed with its reason, and is one", async () => {
    const { items } = await listHolds({ ctx, input: {} });
    expect(items).toMatchObject([{ service: "payments", environment: "staging", partition: "default", version: "2.0.0", reason, by: "test person" }]);
    await writesNothing(async () => expect(await refused(placeHold({ ctx, input: { ...place, reason } }))).toMatchObject({ kind: "conflict", type: "held" }));
    await liftHold({ ctx, input: { ...place, reason } });
    expect((await listHolds({ ctx, input: {} })).items).toEqual([]);
  });

  it("is placed by a person, and stops a promotion", async () => {
    const operator = await test.ctx("operator");
    const hold = await placeHold({ ctx: operator, input: { ...place, reason } });
    expect(hold).toMatchObject({ version: null, reason, service: "payments" });
    expect(await newestEntry()).toMatchObject({ type: "hold-placed", payload: { partition: "default" }, scope: { service: "payments", environment: "staging" } });
    expect(await refused(promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "3.0.0", strategy: "all-at-once" }) }))).toMatchObject({ kind: "conflict", type: "held" });
    await liftHold({ ctx: operator, input: { ...place, reason } });
    // Where nothing was ever decided, too.
    await placeHold({ ctx, input: { service: "orders", environment: "production", partition: "default", reason } });
    const ofPayments = await test.ctxWith([{ role: "viewer", service: "payments", environment: "*", expiresAt: null }]);
    expect((await listHolds({ ctx: ofPayments, input: {} })).items).toEqual([]);
    expect((await listHolds({ ctx, input: { environment: "production" } })).items).toHaveLength(1);
  });

  it("is refused, and nothing is written", async () => {
    await writesNothing(async () => {
      expect(await refused(placeHold({ ctx, input: { ...place, service: "nothing", reason } }))).toMatchObject({ kind: "not-found" });
      expect(await refused(placeHold({ ctx, input: { ...place, environment: "nowhere", reason } }))).toMatchObject({ kind: "not-found" });
      expect(await refused(placeHold({ ctx, input: { ...place, partition: "nowhere", reason } }))).toMatchObject({ kind: "not-found" });
      expect(await refused(placeHold({ ctx: await test.ctx("viewer", "admin", "approver"), input: { ...place, reason } }))).toMatchObject({ kind: "forbidden" });
    });
  });

  it("of two at once is one", async () => {
    const answers = await Promise.allSettled(Array.from({ length: 6 }, () => placeHold({ ctx, input: { ...place, reason } })));
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await liftHold({ ctx, input: { ...place, reason } });
  });
});

describe("a strategy", () => {
  const slow = environmentStrategySchema.parse({ promote: { cut: { kind: "percentages", steps: [10, 50, 100] }, gate: { soakMs: 600_000, goAhead: true }, onFailure: "pause" }, rollback: FAST_TRACK });

  it("is the default until somebody says otherwise, and each version is kept", async () => {
    const { environmentId } = await ids();
    expect(await readStrategy(test.db, environmentId)).toEqual({ version: 0, strategy: DEFAULT_STRATEGY });
    const first = await putStrategy({ ctx, input: { environment: "staging", strategy: slow, version: 0, reason } });
    expect(first).toMatchObject({ version: 1, template: null, promote: { sentence: "canary 10 % → 50 % → 100 %, each watched for 10 min; any failure pauses it", waves: ["10 %", "50 %", "100 %"] } });
    expect(await readStrategy(test.db, environmentId)).toEqual({ version: 1, strategy: slow });
    expect(await newestEntry()).toMatchObject({ type: "strategy-changed", scope: { service: null, environment: "staging" }, payload: { version: 1, rollback: "everyone at once; any failure ends it as failed" } });
    await writesNothing(async () => expect((await putStrategy({ ctx, input: { environment: "staging", strategy: slow, version: 1, reason } })).version).toBe(1));
    const second = await putStrategy({ ctx, input: { environment: "staging", strategy: environmentStrategySchema.parse(DEFAULT_STRATEGY), version: 1, reason: "too slow" } });
    expect(second.history.map(({ version, by, reason: why, promote }) => [version, by, why, promote])).toEqual([
      [2, "test person", "too slow", "canary 5 % → 25 % → 100 %, each watched for 1 min; more than 5 % failures roll it back"],
      [1, "test person", reason, "canary 10 % → 50 % → 100 %, each watched for 10 min; any failure pauses it"],
    ]);
  });

  it("that was changed meanwhile is refused with what changed", async () => {
    await writesNothing(async () => {
      const error = await putStrategy({ ctx, input: { environment: "staging", strategy: slow, version: 1, reason } }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ kind: "conflict", extras: { type: "stale-view", changed: [expect.stringMatching(/^Version 2 stands, by test person/), expect.stringMatching(/^Promotions go: canary 5 %/)] } });
    });
  });

  it("says what is known to be good there, which is a version of its own", async () => {
    const strategy = { ...environmentStrategySchema.parse(DEFAULT_STRATEGY), lastKnownGood: { minShare: 0.5, minRanForMs: 60_000, maxUnhealthyShare: 0 } };
    const words = "ran on 50 % of the targets for 1 min, never unhealthy";
    const saved = await putStrategy({ ctx, input: { environment: "dev", strategy, version: 0, reason } });
    expect(saved).toMatchObject({ version: 1, lastKnownGood: words, history: [{ lastKnownGood: words }] });
    expect(await newestEntry()).toMatchObject({ type: "strategy-changed", payload: { lastKnownGood: words } });
    const error = await putStrategy({ ctx, input: { environment: "dev", strategy: { ...strategy, lastKnownGood: DEFAULT_LKG_POLICY }, version: 0, reason } }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ extras: { changed: [expect.stringMatching(/^Version 1 stands/), `Known to be good is what ${words}.`] } });
    // A file of before leaves it as it is.
    expect(await putStrategy({ ctx, input: { environment: "dev", strategy: { promote: slow.promote, rollback: slow.rollback }, version: 1, reason } })).toMatchObject({ version: 2, lastKnownGood: words });
    // What was decided before anybody could say so is read with the default.
    const { lastKnownGood, ...before } = strategy;
    expect(environmentStrategySchema.parse(before)).toEqual({ ...before, lastKnownGood: DEFAULT_LKG_POLICY });
    expect(lastKnownGood).not.toEqual(DEFAULT_LKG_POLICY);
  });

  it("of two writers at once is one more version", async () => {
    const answers = await Promise.allSettled([slow, { ...slow, rollback: { ...slow.rollback, maxInFlight: 3 } }].map((strategy) => putStrategy({ ctx, input: { environment: "production", strategy, version: 0, reason } })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect((await listStrategies({ ctx, input: { environment: "production" } })).items[0]?.version).toBe(1);
  });

  it("of a preview is its template's", async () => {
    const [preview] = await test.db.$queryRaw<{ id: string }[]>`
      INSERT INTO environments (name, ordinal, kind, template_id, entry_seq) SELECT 'pr-12', 99, 'preview', id, 0 FROM environments WHERE name = 'staging' RETURNING id::text`;
    expect((await readStrategy(test.db, preview?.id ?? "")).version).toBe(2);
    await writesNothing(async () => expect(await refused(putStrategy({ ctx, input: { environment: "pr-12", strategy: slow, version: 2, reason } }))).toMatchObject({ kind: "conflict", type: "follows-template" }));
    const { items } = await listStrategies({ ctx, input: {} });
    expect(items.map(({ environment, version, template }) => [environment, version, template])).toEqual([["dev", 2, null], ["staging", 2, null], ["production", 1, null], ["pr-12", 2, "staging"]]);
  });

  it("is refused, and nothing is written", async () => {
    const asking = (url: string) => environmentStrategySchema.parse({ promote: { cut: { kind: "all-at-once" }, gate: { check: { kind: "webhook", url } } }, rollback: FAST_TRACK });
    await writesNothing(async () => {
      expect(await refused(putStrategy({ ctx, input: { environment: "staging", strategy: asking("https://ada:hunter2@example.org/"), version: 2, reason } }))).toMatchObject({ kind: "unprocessable", fields: ["strategy.promote.gate.check.url"] });
      expect(await refused(putStrategy({ ctx, input: { environment: "nowhere", strategy: slow, version: 0, reason } }))).toMatchObject({ kind: "not-found" });
      expect(await refused(putStrategy({ ctx: await test.ctx("approver", "operator", "promoter"), input: { environment: "staging", strategy: slow, version: 2, reason } }))).toMatchObject({ kind: "forbidden" });
      const ofStaging = await test.ctxWith([{ role: "admin", service: "*", environment: "staging", expiresAt: null }]);
      expect(await refused(putStrategy({ ctx: ofStaging, input: { environment: "production", strategy: slow, version: 1, reason } }))).toMatchObject({ kind: "forbidden" });
      expect(await refused(listStrategies({ ctx, input: { environment: "nowhere" } }))).toMatchObject({ kind: "not-found" });
    });
  });

  it("is never changed in the database", async () => {
    await expect(test.db.$executeRaw`UPDATE strategies SET strategy = '{}'`).rejects.toThrow(/permission denied/);
  });
});

describe("a waiver", () => {
  const waiver = (more: Partial<z.input<typeof grantWaiverRequest>> = {}): z.output<typeof grantWaiverRequest> => grantWaiverRequest.parse({ ...place, category: "behind", reason, expiresAt: soon(HOUR_MS), ...more });
  const see = async (): Promise<{ counted: string[]; waived: string[]; instances: number; inSync: boolean; deviating: number; worst: string | null }> => {
    const findings = await listFindings({ ctx, input: findingsQuery.parse({ service: "payments", environment: "staging" }) });
    const matrix = await getMatrix({ ctx });
    const cell = matrix.rows.find(({ service }) => service === "payments")?.cells.find(({ environment }) => environment === "staging");
    return {
      counted: findings.groups.map(({ kind }) => kind),
      waived: findings.waived.map(({ kind, waiver: why }) => `${kind}: ${why?.reason} (${why?.by})`),
      instances: findings.instances,
      inSync: (await getStatus({ ctx, input: { service: "payments", environment: "staging" } })).inSync,
      deviating: matrix.totals.deviating,
      worst: cell?.worst ?? null,
    };
  };
  const counts = { counted: ["behind"], waived: [], instances: 1, inSync: false, deviating: 1, worst: "behind" };

  beforeAll(async () => {
    // What runs is 1.0.0, and 2.0.0 is assigned.
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE status IN ('planned', 'running', 'paused')`;
    await promoteRelease({ ctx, input: promoteRequest.parse({ ...place, version: "2.0.0", strategy: "all-at-once" }) });
    await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE status IN ('planned', 'running', 'paused')`;
    const agent = await FakeAgent.make(test, "staging");
    await test.db.$executeRaw`DELETE FROM findings`;
    await test.db.$executeRaw`DELETE FROM combination_counts`;
    await test.db.$executeRaw`DELETE FROM instances`;
    await test.db.$executeRaw`UPDATE targets SET gone_at = now()`;
    await agent.report({ key: "fresh", service: "payments", image: fakeImage("payments 2.0.0") });
    await test.db.$executeRaw`
      UPDATE target_desired SET release_id = (SELECT id FROM releases WHERE version = '2.0.0') WHERE target_id = (SELECT id FROM targets WHERE key = 'fresh')`;
    await agent.report({ key: "fresh", service: "payments", image: fakeImage("payments 1.0.0") });
    // The rollout that would explain it was ended beside the code that ends one.
    await transact(test.db, (tx) => rejudgeCombinations(tx, {}, { now: new Date() }));
  });

  it("keeps the finding and does not count it, until it is ended", async () => {
    expect(await see()).toEqual(counts);
    const granted = await grantWaiver({ ctx, input: waiver() });
    expect(granted).toMatchObject({ state: "in-force", category: "behind", reason, findings: 1, by: "test person" });
    expect(await newestEntry()).toMatchObject({ type: "waiver-granted", payload: { waiver: granted.id, partition: "default", category: "behind", expiresAt: granted.expiresAt } });
    expect(await see()).toEqual({ counted: [], waived: [`behind: ${reason} (test person)`], instances: 0, inSync: true, deviating: 0, worst: "waived" });
    await writesNothing(async () => expect(await refused(grantWaiver({ ctx, input: waiver() }))).toMatchObject({ kind: "conflict", type: "waived" }));
    await endWaiver({ ctx, input: { waiver: granted.id, reason } });
    expect(await newestEntry()).toMatchObject({ type: "waiver-ended", payload: { waiver: granted.id, granted: granted.entry, expired: false } });
    expect(await see()).toEqual(counts);
    await writesNothing(async () => expect(await refused(endWaiver({ ctx, input: { waiver: granted.id, reason } }))).toMatchObject({ kind: "conflict", type: "not-waived" }));
  });

  it("of another category or place changes nothing", async () => {
    const other = await grantWaiver({ ctx, input: waiver({ category: "mutated" }) });
    const elsewhere = await grantWaiver({ ctx, input: waiver({ environment: "production" }) });
    expect(await see()).toEqual(counts);
    expect((await listWaivers({ ctx, input: { state: "in-force" } })).items.map(({ environment, category, findings }) => [environment, category, findings])).toEqual([["staging", "mutated", 0], ["production", "behind", 0]]);
    for (const { id } of [other, elsewhere]) await endWaiver({ ctx, input: { waiver: id, reason } });
  });

  it("counts again by itself when its time is over, before and after the job has noted it", async () => {
    const granted = await grantWaiver({ ctx, input: waiver() });
    await test.db.$executeRaw`UPDATE waivers SET expires_at = clock_timestamp() WHERE id = ${granted.id}::uuid`;
    expect(await see()).toEqual(counts);
    expect((await listWaivers({ ctx, input: { state: "all" } })).items.find(({ id }) => id === granted.id)?.state).toBe("expired");
    expect(await refused(endWaiver({ ctx, input: { waiver: granted.id, reason } }))).toMatchObject({ kind: "conflict" });
    const before = await count("changes");
    const watch = watchPolicies();
    await watch(test.app);
    expect(await count("changes")).toBeGreaterThan(before);
    expect(await newestEntry()).toMatchObject({ type: "waiver-ended", actor: "00000000-0000-4000-8000-000000000001", payload: { waiver: granted.id, expired: true } });
    await writesNothing(() => watch(test.app));
    expect((await listWaivers({ ctx, input: { state: "all" } })).items.find(({ id }) => id === granted.id)?.state).toBe("expired");
    expect(await see()).toEqual(counts);
  });

  it("can be granted again although nobody has noted that the last one is over", async () => {
    const first = await grantWaiver({ ctx, input: waiver() });
    await test.db.$executeRaw`UPDATE waivers SET expires_at = clock_timestamp() WHERE id = ${first.id}::uuid`;
    const second = await grantWaiver({ ctx, input: waiver() });
    expect(await endExpiredWaivers(test.app)).toBe(0);
    await endWaiver({ ctx, input: { waiver: second.id, reason } });
  });

  it.each(["recalled", "unknown-artifact", "silent", "contested", "in-sync", "nonsense"])("cannot be of %s", (category) => {
    expect(grantWaiverRequest.safeParse({ ...place, category, reason, expiresAt: soon(HOUR_MS) }).success).toBe(false);
  });

  it("does not hide what is recalled", async () => {
    const granted = await grantWaiver({ ctx, input: waiver() });
    await recallRelease({ ctx, input: { service: "payments", version: "1.0.0", reason } });
    expect(await see()).toMatchObject({ counted: ["recalled"], inSync: false, deviating: 1, worst: "recalled" });
    await endWaiver({ ctx, input: { waiver: granted.id, reason } });
  });

  it("is refused, and nothing is written", async () => {
    const granted = await grantWaiver({ ctx, input: waiver({ category: "ahead" }) });
    await writesNothing(async () => {
      expect(await refused(grantWaiver({ ctx, input: waiver({ expiresAt: soon(-1_000) }) }))).toMatchObject({ kind: "invalid", fields: ["expiresAt"] });
      expect(await refused(grantWaiver({ ctx, input: waiver({ expiresAt: soon(91 * 24 * HOUR_MS) }) }))).toMatchObject({ kind: "invalid", fields: ["expiresAt"] });
      expect(await refused(grantWaiver({ ctx, input: waiver({ service: "nothing" }) }))).toMatchObject({ kind: "not-found" });
      expect(await refused(grantWaiver({ ctx, input: waiver({ environment: "nowhere" }) }))).toMatchObject({ kind: "not-found" });
      expect(await refused(grantWaiver({ ctx, input: waiver({ partition: "nowhere" }) }))).toMatchObject({ kind: "not-found" });
      expect(await refused(grantWaiver({ ctx: await test.ctx("operator", "admin", "viewer"), input: waiver() }))).toMatchObject({ kind: "forbidden" });
      expect(await refused(endWaiver({ ctx: await test.ctx("viewer"), input: { waiver: granted.id, reason } }))).toMatchObject({ kind: "forbidden" });
      const stranger = await test.ctxWith([{ role: "approver", service: "orders", environment: "*", expiresAt: null }]);
      expect(await refused(endWaiver({ ctx: stranger, input: { waiver: granted.id, reason } }))).toMatchObject({ kind: "not-found" });
      expect((await listWaivers({ ctx: stranger, input: { state: "all" } })).items).toEqual([]);
    });
    await endWaiver({ ctx, input: { waiver: granted.id, reason } });
  });
});

describe("a recall", () => {
  const recalled = { service: "payments", version: "1.0.0", reason };

  it("is lifted by two people, and by nobody twice", async () => {
    const [ada, bob] = [await test.ctx("approver"), await test.ctx("approver")];
    expect((await listRecalls({ ctx: ada, input: { state: "standing" } })).items).toMatchObject([{ version: "1.0.0", reason, agreed: [], agreedByYou: false, running: [{ environment: "staging", instances: 1 }] }]);
    const first = await liftRecall({ ctx: ada, input: recalled });
    expect(first).toMatchObject({ lifted: false, agreed: [{ by: "test person", reason }] });
    expect(await newestEntry()).toMatchObject({ type: "recall-lift-agreed", scope: { service: "payments", environment: null }, payload: { version: "1.0.0", person: ada.actor.id } });
    expect((await listRecalls({ ctx: ada, input: { state: "standing" } })).items).toMatchObject([{ agreedByYou: true, agreed: [{ reason }] }]);
    // Her token is herself.
    const [token] = await test.db.$queryRaw<{ id: string }[]>`INSERT INTO actors (kind, display_name, person_id) VALUES ('token', 'ci', ${ada.actor.id}::uuid) RETURNING id::text`;
    const asToken: Ctx = { ...ada, actor: { ...ada.actor, id: token?.id ?? "", kind: "token" } };
    await writesNothing(async () => {
      for (const again of [ada, asToken]) expect(await refused(liftRecall({ ctx: again, input: recalled }))).toMatchObject({ kind: "conflict", type: "agreed" });
    });
    const versions = async () => (await test.db.$queryRaw<{ v: bigint }[]>`SELECT desired_version AS v FROM agents ORDER BY id`).map(({ v }) => Number(v));
    const before = await versions();
    expect(await liftRecall({ ctx: bob, input: recalled })).toMatchObject({ lifted: true, agreed: [{}, {}] });
    expect(await newestEntry()).toMatchObject({ type: "recall-lifted", payload: { people: [ada.actor.id, bob.actor.id] } });
    expect(await versions()).not.toEqual(before);
    const findings = await listFindings({ ctx, input: findingsQuery.parse({ service: "payments" }) });
    expect(findings.groups.map(({ kind }) => kind)).toEqual(["behind"]);
    expect((await listRecalls({ ctx, input: { state: "standing" } })).items).toEqual([]);
    expect((await listRecalls({ ctx, input: { state: "all" } })).items).toMatchObject([{ version: "1.0.0", running: [] }]);
    await writesNothing(async () => expect(await refused(liftRecall({ ctx: bob, input: recalled }))).toMatchObject({ kind: "conflict", type: "not-recalled" }));
  });

  it("may come again, and asks for two people again", async () => {
    await recallRelease({ ctx, input: recalled });
    const [ada, bob] = [await test.ctx("approver"), await test.ctx("approver")];
    expect(await liftRecall({ ctx: ada, input: recalled })).toMatchObject({ lifted: false });
    expect(await liftRecall({ ctx: bob, input: recalled })).toMatchObject({ lifted: true });
  });

  it("of two people at once is lifted once", async () => {
    await recallRelease({ ctx, input: recalled });
    const people = await Promise.all(Array.from({ length: 5 }, () => test.ctx("approver")));
    const answers = await Promise.allSettled(people.map((person) => liftRecall({ ctx: person, input: recalled })));
    expect(answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.lifted] : [])).toSorted()).toEqual([false, true]);
  });

  it("is not lifted by a token behind which nobody stands, or without the right", async () => {
    await recallRelease({ ctx, input: recalled });
    const [team] = await test.db.$queryRaw<{ id: string }[]>`INSERT INTO actors (kind, display_name) VALUES ('token', 'team') RETURNING id::text`;
    const asTeam: Ctx = { ...ctx, actor: { ...ctx.actor, id: team?.id ?? "", personId: team?.id ?? "", kind: "token" } };
    await writesNothing(async () => {
      expect(await refused(liftRecall({ ctx: asTeam, input: recalled }))).toMatchObject({ kind: "forbidden", type: "four-eyes" });
      expect(await refused(liftRecall({ ctx: await test.ctx("operator", "admin"), input: recalled }))).toMatchObject({ kind: "forbidden", type: "not-permitted" });
      expect(await refused(liftRecall({ ctx, input: { ...recalled, version: "9.9.9" } }))).toMatchObject({ kind: "not-found" });
      expect(await refused(liftRecall({ ctx, input: { ...recalled, version: "3.0.0" } }))).toMatchObject({ kind: "conflict", type: "not-recalled" });
    });
  });
});

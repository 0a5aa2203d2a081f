import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "@/server/db";
import { toAppError } from "@/server/http/problem";
import { hitLimit } from "@/server/http/request-limits";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { beat } from "./heartbeat";
import { prune } from "./prune";
import { runJobs, takeLease } from "./run-jobs";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

const gaps = () => test.db.$queryRaw<{ reason: string; seconds: number }[]>`SELECT reason, extract(epoch FROM ended_at - started_at)::float8 AS seconds FROM gaps ORDER BY id`;

describe("heartbeats", () => {
  beforeEach(async () => {
    await test.db.$executeRaw`DELETE FROM gaps`;
    await test.db.$executeRaw`DELETE FROM heartbeats`;
  });
  it("records the time in which nobody listened, once, however many replicas start", async () => {
    await beat(test.app, "web");
    await beat(test.app, "web");
    expect(await gaps()).toEqual([]);
    await test.db.$executeRaw`UPDATE heartbeats SET at = at - interval '5 minutes'`;
    await Promise.all([beat(test.app, "web"), beat(test.app, "web"), beat(test.app, "web")]);
    const recorded = await gaps();
    expect(recorded.map(({ reason }) => reason)).toEqual(["not-listening"]);
    expect(recorded[0]?.seconds).toBeGreaterThanOrEqual(300);
  });
  it("does not blame the worker's absence on the door", async () => {
    await beat(test.app, "worker");
    await test.db.$executeRaw`UPDATE heartbeats SET at = at - interval '5 minutes'`;
    await beat(test.app, "worker");
    expect(await gaps()).toEqual([]);
  });
});

describe("jobs", () => {
  it("are leased to one of many workers per interval", async () => {
    const job = { name: "test", everyMs: 60_000 };
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeLease(test.app, job)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    await test.db.$executeRaw`UPDATE heartbeats SET at = at - interval '1 minute' WHERE role = 'job:test'`;
    expect(await takeLease(test.app, job)).toBe(true);
  });
  it("go on after one failed, and stop when told", async () => {
    let runs = 0;
    let done: () => void = () => undefined;
    const twice = new Promise<void>((resolve) => (done = resolve));
    const running = runJobs(test.app, [
      { name: "flaky", everyMs: 1, leased: false, run: async () => Promise.reject(new Error("always")) },
      { name: "sound", everyMs: 1, leased: false, run: async () => void ((runs += 1) === 2 && done()) },
    ]);
    await twice;
    await running.stop();
    const after = runs;
    await prune(test.app);
    expect(runs).toBe(after);
  });
});

describe("limits", () => {
  it("count in the database, and refuse above the most", async () => {
    const limit = { max: 5, windowMs: 60_000 };
    const answers = await Promise.allSettled(Array.from({ length: 12 }, () => hitLimit(test.app, "k", limit)));
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
    await expect(hitLimit(test.app, "k", limit)).rejects.toMatchObject({ kind: "rate-limited" });
    await expect(hitLimit(test.app, "other", limit)).resolves.toBeUndefined();
  });
});

describe("a database that is away", () => {
  it.each(["postgresql://nobody@127.0.0.1:1/none", "postgresql://nobody@127.0.0.1:1/none?host=%2Fnowhere"])("is a 503, not a 500: %s", async (url) => {
    const db = openDatabase(url);
    const error: unknown = await db.$queryRaw`SELECT 1`.catch((failure: unknown) => failure);
    expect(toAppError(error)).toMatchObject({ kind: "unavailable" });
    await db.$disconnect();
  });
});

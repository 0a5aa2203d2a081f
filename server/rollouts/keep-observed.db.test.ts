import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { keepObserved, keptObserved } from "./keep-observed";
import type { Observed } from "./read-history";
import type { PlaceIds } from "./read-place";

const SEEN: Observed = { releaseId: randomUUID(), share: 1, ranForMs: 1, unhealthyShare: 0, restartsGrowing: false, lastRanUntil: 0 };
const MINUTE_MS = 60_000;

let test: TestApp;
let place: PlaceIds;
let start: number;

beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());
// Nothing ran there: what is read anew is empty. The clock stands still between two calls of pass.
beforeEach(() => {
  place = { service: { id: randomUUID(), name: "payments" }, environment: { id: randomUUID() }, names: { partition: "default" } };
  start = Date.now();
  pass(0);
});
afterEach(() => vi.restoreAllMocks());

const pass = (ms: number): void => void vi.spyOn(Date, "now").mockReturnValue(start + ms);
const keep = (observed: Promise<readonly Observed[]>): Promise<readonly Observed[]> => keepObserved(test.app, place, observed);

it("reads once, and for a minute answers with what was read", async () => {
  const first = keptObserved(test.app, place);
  pass(MINUTE_MS - 1);
  expect(keptObserved(test.app, place)).toBe(first);
  expect(await first).toEqual([]);
});

it("answers at once with what is older than a minute, and reads it anew for the next", async () => {
  void keep(Promise.resolve([SEEN]));
  pass(MINUTE_MS + 1);
  expect(await keptObserved(test.app, place)).toEqual([SEEN]);
  await vi.waitFor(async () => expect(await keptObserved(test.app, place)).toEqual([]));
});

it("does not answer with what is older than five minutes", async () => {
  void keep(Promise.resolve([SEEN]));
  pass(5 * MINUTE_MS);
  expect(await keptObserved(test.app, place)).toEqual([]);
});

it("forgets what could not be read", async () => {
  await expect(keep(Promise.reject(new Error("the database is away")))).rejects.toThrow("away");
  expect(await keptObserved(test.app, place)).toEqual([]);
});

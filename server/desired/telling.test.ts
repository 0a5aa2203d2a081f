import { describe, expect, it } from "vitest";
import { afterTelling, beginTelling, inTurn } from "./telling";

const settled = async (promise: Promise<void>): Promise<boolean> => Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

describe("who reports", () => {
  it("goes on at once when nobody is being told", async () => {
    expect(await settled(afterTelling())).toBe(true);
  });

  it("waits for the last of those who are", async () => {
    const first = beginTelling();
    const second = beginTelling();
    const report = afterTelling();
    first();
    first();
    expect(await settled(report)).toBe(false);
    second();
    expect(await settled(report)).toBe(true);
    expect(await settled(afterTelling())).toBe(true);
  });
});

it("lets a crowd go on a few at a time, in its order", async () => {
  const order: number[] = [];
  const crowd = Array.from({ length: 50 }, (_, at) => inTurn().then(() => order.push(at)));
  await new Promise((resolve) => setImmediate(resolve));
  expect(order.length).toBeGreaterThan(0);
  expect(order.length).toBeLessThan(50);
  await Promise.all(crowd);
  expect(order).toEqual(Array.from({ length: 50 }, (_, at) => at));
});

import { describe, expect, it } from "vitest";
import { createBatcher } from "./batch";

describe("createBatcher", () => {
  it("joins what comes together and answers each its own", async () => {
    const seen: number[][] = [];
    const double = createBatcher<number, number>(async (inputs) => {
      seen.push([...inputs]);
      return inputs.map((input) => input * 2);
    }, { maxSize: 3, concurrency: 1 });
    expect(await Promise.all([1, 2, 3, 4].map(double))).toEqual([2, 4, 6, 8]);
    expect(seen).toEqual([[1, 2, 3], [4]]);
  });

  it("fails only those of the batch that failed", async () => {
    const picky = createBatcher<number, number>(async (inputs) => {
      if (inputs.includes(1)) throw new Error("no ones");
      return inputs;
    }, { maxSize: 1, concurrency: 1 });
    const results = await Promise.allSettled([picky(1), picky(2)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });

  it("lets what is heavy go alone", async () => {
    const seen: number[][] = [];
    const same = createBatcher<number, number>(async (inputs) => {
      seen.push([...inputs]);
      return inputs;
    }, { maxSize: 10, concurrency: 1, weigh: (input) => input, maxWeight: 5 });
    await Promise.all([2, 3, 9, 1, 1].map(same));
    expect(seen).toEqual([[2, 3], [9], [1, 1]]);
  });
});

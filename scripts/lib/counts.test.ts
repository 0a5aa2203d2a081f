import { describe, expect, it } from "vitest";
import { add, countPlaywright, countVitest, one, summarise } from "./counts.mjs";

const report = (failed: number, files: object[] = []) => ({ numPassedTests: 5, numFailedTests: failed, numPendingTests: 1, numTodoTests: 1, testResults: files });

describe("countVitest", () => {
  it("counts tests", () => {
    expect(countVitest(report(0), true)).toEqual({ passed: 5, failed: 0, skipped: 2 });
    expect(countVitest(report(2, [{ status: "failed", assertionResults: [{ status: "failed" }] }]), false)).toEqual({ passed: 5, failed: 2, skipped: 2 });
  });

  it("counts a file that does not load", () => {
    expect(countVitest(report(0, [{ status: "failed", assertionResults: [] }]), false).failed).toBe(1);
  });

  it("never calls a runner that failed a success", () => {
    expect(countVitest(report(0), false).failed).toBe(1);
    expect(countVitest(undefined, true).failed).toBe(1);
  });
});

describe("countPlaywright", () => {
  it("counts a test that passed on a retry as passed", () => {
    expect(countPlaywright({ stats: { expected: 3, flaky: 1, unexpected: 2, skipped: 4 } }, false)).toEqual({ passed: 4, failed: 2, skipped: 4 });
  });

  it("never calls a runner that failed a success", () => {
    expect(countPlaywright({ stats: { expected: 0, flaky: 0, unexpected: 0, skipped: 0 } }, false).failed).toBe(1);
    expect(countPlaywright(undefined, false).failed).toBe(1);
  });
});

describe("summarise", () => {
  it("names skipped tests only if there are any", () => {
    expect(summarise(add(one(true), one(false)))).toBe("1 passed, 1 failed");
    expect(summarise({ passed: 1, failed: 0, skipped: 2 })).toBe("1 passed, 0 failed, 2 skipped");
  });
});

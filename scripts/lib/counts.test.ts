import { describe, expect, it } from "vitest";
import { add, countPlaywright, countVitest, describeFailures, failuresOfPlaywright, failuresOfVitest, one, summarise } from "./counts.mjs";

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

describe("what failed", () => {
  it("is named with its messages, as vitest says it", () => {
    const files = [
      { name: "a.test.ts", status: "failed", assertionResults: [{ status: "failed", fullName: "adds", failureMessages: ["expected 1 to be 2\n    at add.ts:1:1"] }, { status: "passed", fullName: "stays", failureMessages: [] }] },
      { name: "b.test.ts", status: "failed", message: "does not load", assertionResults: [] },
      { name: "c.test.ts", status: "passed", assertionResults: [] },
    ];
    expect(describeFailures(failuresOfVitest(report(1, files)))).toBe("FAILED a.test.ts > adds\n    expected 1 to be 2\nFAILED b.test.ts\n    does not load");
    expect(failuresOfVitest(undefined)).toEqual([]);
  });

  it("is named with its messages, as Playwright says it", () => {
    const spec = (title: string, status: string) => ({ title, file: "a.spec.ts", line: 3, tests: [{ status, results: [{ errors: [{ message: "\u001b[31mno button\u001b[39m", snippet: "> 3 | click" }] }] }] });
    const read = { suites: [{ title: "a.spec.ts", specs: [], suites: [{ title: "a page", specs: [spec("opens", "unexpected"), spec("closes", "expected")] }] }], errors: [{ message: "no browser" }] };
    expect(describeFailures(failuresOfPlaywright(read))).toBe("FAILED outside of any test\n    no browser\nFAILED a.spec.ts:3 > a page > opens\n    no button\n    > 3 | click");
    expect(failuresOfPlaywright(undefined)).toEqual([]);
  });

  it("is a short list", () => {
    const many = Array.from({ length: 30 }, (_, at) => ({ name: `test ${at}`, why: ["line\n".repeat(100)] }));
    const lines = describeFailures(many).split("\n");
    expect(lines.at(-1)).toBe("and 10 more");
    expect(lines.length).toBe(20 * 26 + 1);
  });
});

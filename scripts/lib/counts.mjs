import { stripVTControlCharacters } from "node:util";

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 */

export const one = (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });

export const add = (left, right) => ({ passed: left.passed + right.passed, failed: left.failed + right.failed, skipped: left.skipped + right.skipped });

/**
 * A runner that exits with an error although no test failed (a file that does not load, an unhandled rejection, a crash)
 * must not look like success.
 */
function withRunner(counts, exitedWell) {
  return exitedWell || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** Counts of vitest's JSON report. @param {any} report undefined when the runner wrote none */
export function countVitest(report, exitedWell) {
  if (!report) return one(false);
  // A file that does not even load has no test to blame.
  const broken = report.testResults.filter((file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")).length;
  return withRunner(
    { passed: report.numPassedTests, failed: report.numFailedTests + broken, skipped: report.numPendingTests + report.numTodoTests },
    exitedWell,
  );
}

/** Counts of Playwright's JSON report. @param {any} report undefined when the runner wrote none */
export function countPlaywright(report, exitedWell) {
  if (!report) return one(false);
  const { expected, flaky, unexpected, skipped } = report.stats;
  return withRunner({ passed: expected + flaky, failed: unexpected, skipped }, exitedWell);
}

/** @typedef {{ name: string, why: string[] }} FailedTest What failed, and the messages that it failed with. */

/** What failed in vitest's JSON report, and why. @param {any} report undefined when the runner wrote none @returns {FailedTest[]} */
export function failuresOfVitest(report) {
  return (report?.testResults ?? []).flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === "failed").map((test) => ({ name: `${file.name} > ${test.fullName}`, why: test.failureMessages }));
    return failed.length === 0 && file.status === "failed" ? [{ name: file.name, why: [file.message] }] : failed;
  });
}

/** What failed in Playwright's JSON report, and why. @param {any} report undefined when the runner wrote none @returns {FailedTest[]} */
export function failuresOfPlaywright(report) {
  const inSuite = (suite, path) => [
    ...(suite.suites ?? []).flatMap((inner) => inSuite(inner, [...path, inner.title])),
    ...(suite.specs ?? []).flatMap((spec) =>
      spec.tests
        .filter((test) => test.status === "unexpected")
        .map((test) => ({ name: [`${spec.file}:${spec.line}`, ...path.slice(1), spec.title].join(" > "), why: test.results.flatMap((result) => result.errors.map((error) => [error.message, error.snippet].filter(Boolean).join("\n"))) })),
    ),
  ];
  const alone = (report?.errors ?? []).map((error) => ({ name: "outside of any test", why: [error.message ?? String(error.value)] }));
  return [...alone, ...(report?.suites ?? []).flatMap((suite) => inSuite(suite, [suite.title]))];
}

const MOST_FAILURES = 20;
const MOST_LINES = 25;
const MOST_COLUMNS = 300;

/** A short list of what failed, to stand below a long output. */
export function describeFailures(failures) {
  const shown = failures.slice(0, MOST_FAILURES).map(({ name, why }) => {
    const lines = stripVTControlCharacters(why.join("\n")).split("\n").filter((line) => line.trim() !== "" && !/^\s+at /.test(line));
    return [`FAILED ${name}`, ...lines.slice(0, MOST_LINES).map((line) => `    ${line.slice(0, MOST_COLUMNS)}`)].join("\n");
  });
  const left = failures.length - shown.length;
  return [...shown, ...(left > 0 ? [`and ${left} more`] : [])].join("\n");
}

/** The line that a test run ends with. */
export function summarise({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

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

/** The line that a test run ends with. */
export function summarise({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

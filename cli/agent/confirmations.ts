/** After an execution has ended, how much later (ms) what runs is reported again. */
const AFTER_MS = [2_100, 5_600, 11_000] as const;
/** Reports that would come closer together than this are one. */
const APART_MS = 400;

/**
 * When to report without anything having happened. The server believes that a copy stayed up only when a report has seen it,
 * so what was just replaced is looked at again, a few times, sooner than the usual interval.
 */
export class Confirmations {
  private due: number[] = [];

  /** An execution ended at this moment (monotonic ms). */
  ended(nowMs: number): void {
    const all = [...this.due, ...AFTER_MS.map((after) => nowMs + after)].sort((a, b) => a - b);
    this.due = [];
    for (const at of all) if (at - (this.due.at(-1) ?? Number.NEGATIVE_INFINITY) >= APART_MS) this.due.push(at);
  }

  /** How long (ms) until the next of them; infinite when there is none. What is over is forgotten. */
  nextInMs(nowMs: number): number {
    this.due = this.due.filter((at) => at > nowMs);
    return (this.due[0] ?? Number.POSITIVE_INFINITY) - nowMs;
  }
}

/** One measured figure; `limit` is what bounds it on this machine, `ratio` the share of it that is reached. */
export type Figure = { bench: string; metric: string; value: number; unit: string; limit?: number; ratio?: number; target?: string; runs: number };

const rounded = (value: number): number => Number(value.toPrecision(4));

/** Prints the figure as one JSON line: the only thing that benches write to standard output. */
export function report({ value, limit, ratio, ...rest }: Figure): void {
  process.stdout.write(`${JSON.stringify({ ...rest, value: rounded(value), ...(limit === undefined ? {} : { limit: rounded(limit) }), ...(ratio === undefined ? {} : { ratio: rounded(ratio) }) })}\n`);
}

/** The p-th percentile (0 to 1) of unsorted samples. */
export function percentile(samples: number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** Grows from `firstMs` to `maxMs`, doubled with each failure, spread over half of itself so that a fleet does not return as one. `random` is in [0, 1). */
export function backoffMs(failures: number, random: number, firstMs = 1_000, maxMs = 60_000): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 20));
  return Math.round(full / 2 + (full / 2) * random);
}

/** An interval with a tenth of jitter around it. */
export function jitteredMs(intervalMs: number, random: number): number {
  return Math.round(intervalMs * (0.95 + 0.1 * random));
}

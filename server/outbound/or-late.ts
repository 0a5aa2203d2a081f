/** The work's result, or the reason of the signal when that comes first. */
export async function orLate<T>(work: Promise<T>, late: AbortSignal): Promise<T> {
  let stop = (): void => undefined;
  const lateness = new Promise<never>((_, reject) => {
    stop = () => reject(late.reason instanceof Error ? late.reason : new Error("late"));
    late.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, lateness]);
  } finally {
    late.removeEventListener("abort", stop);
  }
}

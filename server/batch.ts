type Waiting<I, O> = { input: I; resolve: (output: O) => void; reject: (error: unknown) => void };

export type BatchLimits<I> = {
  maxSize: number;
  /** How many batches are worked on at once. */
  concurrency: number;
  /** What an input counts for; a batch holds `maxWeight`, or one input that is heavier. */
  weigh?: (input: I) => number;
  maxWeight?: number;
};

/**
 * Joins calls that come while earlier ones are under way into one: under load many cost what one costs, and alone a call
 * waits for nobody. `work` answers in the order of its inputs; when it fails all of its callers get the error.
 */
export function createBatcher<I, O>(work: (inputs: readonly I[]) => Promise<readonly O[]>, { maxSize, concurrency, weigh = () => 0, maxWeight = Number.POSITIVE_INFINITY }: BatchLimits<I>): (input: I) => Promise<O> {
  let waiting: Waiting<I, O>[] = [];
  let running = 0;

  const pump = (): void => {
    while (running < concurrency && waiting.length > 0) {
      const size = fitting();
      const batch = waiting.slice(0, size);
      waiting = waiting.slice(size);
      running += 1;
      void run(batch).finally(() => {
        running -= 1;
        pump();
      });
    }
  };
  const fitting = (): number => {
    let weight = 0;
    let size = 0;
    for (const { input } of waiting) {
      weight += weigh(input);
      if (size > 0 && (size >= maxSize || weight > maxWeight)) break;
      size += 1;
    }
    return size;
  };
  const run = async (batch: readonly Waiting<I, O>[]): Promise<void> => {
    try {
      const outputs = await work(batch.map(({ input }) => input));
      if (outputs.length !== batch.length) throw new Error("a batch answered fewer than it was asked");
      outputs.forEach((output, at) => batch[at]?.resolve(output));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      // After this turn of the event loop, so that what arrived together goes together.
      setImmediate(pump);
    });
}

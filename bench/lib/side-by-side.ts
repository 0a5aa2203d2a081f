/** So long (ms) nobody was told anything: whoever was told may read. And so long at most the first one waits for it. */
const QUIET_MS = 150;
const PATIENCE_MS = 1_000;

/** One host reads what it was told. */
export type Reading = {
  /** When it would be done by now on a processor of its own, on this process's clock: when it was told, and what it has read for since. */
  atMs(): number;
  end(): void;
};

/**
 * Hosts read what they are told side by side, each for itself. In one process those that read would keep the others from
 * being told, and the last would seem to be told late by what the others do: so all are told first, then read one after
 * another, and what each of them does next waits until the last has read.
 */
export class SideBySide {
  readonly #waiting: (() => void)[] = [];
  #quiet: NodeJS.Timeout | undefined;
  #firstAt: number | null = null;
  #isReading = false;
  #over: Promise<void> = Promise.resolve();
  #end: () => void = () => undefined;

  /** Called when a host was told something; resolves when it is its turn to read. */
  async begin(): Promise<Reading> {
    const toldAt = performance.now();
    if (this.#firstAt === null) {
      this.#firstAt = toldAt;
      this.#over = new Promise((resolve) => (this.#end = resolve));
    }
    clearTimeout(this.#quiet);
    if (!this.#isReading) this.#quiet = setTimeout(() => this.#next(), Math.max(0, Math.min(QUIET_MS, this.#firstAt + PATIENCE_MS - toldAt)));
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const begunAt = performance.now();
    let ended = false;
    return {
      atMs: () => toldAt + performance.now() - begunAt,
      end: () => {
        if (ended) return;
        ended = true;
        // What arrives meanwhile is taken before the next one reads.
        setImmediate(() => this.#next());
      },
    };
  }

  /** Resolves when nobody has anything left to read. */
  async over(): Promise<void> {
    await this.#over;
  }

  #next(): void {
    const read = this.#waiting.shift();
    this.#isReading = read !== undefined;
    if (read) return read();
    this.#firstAt = null;
    this.#end();
  }
}

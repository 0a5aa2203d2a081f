import { backoffMs } from "./backoff";
import { messageOf } from "./error-message";
import type { PrefetchTask, ProgressLine } from "./runtimes/runtime";

export interface PrefetcherOptions {
  /** Missing where the runtime gets nothing ahead. */
  prefetch: ((task: PrefetchTask) => Promise<void>) | undefined;
  mayAct(target: string): boolean;
  /** Whether something is being replaced: that comes first. */
  isBusy(): boolean;
  report(line: ProgressLine): void;
  pause(ms: number): Promise<void>;
  /** Whether what failed is left at that. */
  givesUp(): boolean;
  now(): number;
  random(): number;
}

/** How many targets are fetched for at the same time; the rest of the line belongs to what runs. */
const PARALLEL = 2;
const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 5 * 60_000;

interface Wanted {
  task: PrefetchTask;
  /** `waiting` for its next attempt. */
  state: "due" | "fetching" | "waiting" | "done";
  failures: number;
  /** The failure that was told last: the same one again is no news. */
  told: string | null;
}

/**
 * Gets what later waves will need while nothing else is under way, again and again until it is there or no longer wanted.
 * Nothing is written down: after a crash the document is read again, and what is there already is only told again.
 */
export class Prefetcher {
  private wanted = new Map<string, Wanted>();
  private readonly fetching = new Set<Promise<void>>();
  private stopped = false;

  constructor(private readonly options: PrefetcherOptions) {}

  /** Takes the whole list of a verified document: what is not in it is no longer wanted. */
  accept(tasks: readonly PrefetchTask[]): void {
    const before = this.wanted;
    this.wanted = new Map(
      tasks.map((task) => {
        const known = before.get(task.target);
        return [task.target, known && JSON.stringify(known.task) === JSON.stringify(task) ? known : { task, state: "due", failures: 0, told: null }];
      }),
    );
    this.pump();
  }

  /** Begins what may be begun now. */
  pump(): void {
    const { prefetch } = this.options;
    if (!prefetch) return;
    for (const one of this.wanted.values()) {
      if (this.stopped || this.options.isBusy() || this.fetching.size >= PARALLEL) return;
      if (one.state !== "due" || !this.options.mayAct(one.task.target)) continue;
      one.state = "fetching";
      const work = this.fetch(one, prefetch).finally(() => {
        this.fetching.delete(work);
        this.pump();
      });
      this.fetching.add(work);
    }
  }

  /** Begins nothing more. */
  stop(): void {
    this.stopped = true;
  }

  /** Resolves when nothing is being fetched. */
  async settled(): Promise<void> {
    while (this.fetching.size > 0) await Promise.all(this.fetching);
  }

  private async fetch(one: Wanted, prefetch: (task: PrefetchTask) => Promise<void>): Promise<void> {
    const failure = await prefetch(one.task).then(
      () => null,
      (error: unknown) => messageOf(error).slice(0, 2_000),
    );
    // Its wave opened, or the rollout ended: nobody asks any more.
    if (this.wanted.get(one.task.target) !== one) return;
    if (failure === null) {
      one.state = "done";
      this.tell(one.task, "prefetched");
      return;
    }
    one.failures += 1;
    one.state = "waiting";
    if (one.told !== failure) this.tell(one.task, "prefetch-failed", failure);
    one.told = failure;
    if (this.options.givesUp()) return;
    void this.options.pause(backoffMs(one.failures, this.options.random(), RETRY_FIRST_MS, RETRY_MAX_MS)).then(() => {
      one.state = "due";
      this.pump();
    });
  }

  private tell(task: PrefetchTask, step: ProgressLine["step"], message?: string): void {
    this.options.report({ scope: "engine", target: task.target, rollout: task.rollout, generation: 0, step, at: new Date(this.options.now()).toISOString(), ...(message === undefined ? {} : { message }) });
  }
}

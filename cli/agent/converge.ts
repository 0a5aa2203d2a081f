import type { ExecutionRecord, ExecutionStore } from "./execution-store";
import { messageOf } from "./error-message";
import { interruptedHook } from "./hooks";
import type { HookName, Hooks } from "./hooks";
import type { Outcome, ProgressLine, Runtime, Task } from "./runtimes/runtime";

/** A task and until when (monotonic milliseconds) the document that holds it may still be begun. */
export interface Wish {
  task: Task;
  validUntilMs: number;
}

export type Decision = { do: "nothing" } | { do: "expired" } | { do: "start" } | { do: "refuse"; reason: NonNullable<ProgressLine["reason"]>; message: string };

/**
 * What to do about one target of a verified document: begun at most once per generation, never below an entry that was
 * obeyed before, only where this host allows it, only while the document is valid.
 */
export function decideStart(wish: Wish, last: Pick<ExecutionRecord, "task" | "obeyedEntry"> | undefined, allowed: boolean, monotonicMs: number): Decision {
  const { task } = wish;
  // Generation 0 says what is expected here; it was never offered.
  if (task.generation <= (last?.task.generation ?? 0)) return { do: "nothing" };
  if (last && task.entry < last.obeyedEntry) return { do: "refuse", reason: "older-entry", message: `the document names ledger entry ${task.entry}, but ${last.obeyedEntry} was obeyed here already` };
  if (!allowed) return { do: "refuse", reason: "not-allowed", message: "this host does not allow the agent to act on this target (--act)" };
  if (monotonicMs > wish.validUntilMs) return { do: "expired" };
  return { do: "start" };
}

export interface ConvergerOptions {
  runtime: Pick<Runtime, "execute">;
  store: ExecutionStore;
  mayAct(target: string): boolean;
  /** Run around each execution; none by default. */
  hooks?: Hooks;
  /** How many targets of this host are worked on at the same time. */
  parallel: number;
  report(line: ProgressLine): void;
  /** Called when nothing is under way any more. */
  onIdle?(): void;
  /** Asks for the document anew: what was held ran out before it could be begun. */
  refetch(): void;
  now(): number;
  monotonic(): number;
}

/** How many targets of one host are worked on at the same time, unless the host says otherwise. */
export const DEFAULT_PARALLEL = 4;

/** Brings targets to what verified documents say: one execution per target, each begun once and carried to its end. */
export class Converger {
  private readonly wishes = new Map<string, Wish>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly refused = new Map<string, number>();
  /** What a killed agent left, by target: it comes before everything new. */
  private readonly interrupted = new Map<string, ExecutionRecord>();
  private stopped = false;

  constructor(private readonly options: ConvergerOptions) {}

  /** Goes on with what a crash interrupted, and tells again what the server has not heard. */
  resume(): void {
    for (const record of this.options.store.all()) {
      if (record.outcome === null) this.interrupted.set(record.task.target, record);
      else if (!record.reported) this.reportOutcome(record, record.outcome);
    }
    this.pump();
  }

  /** Takes the targets of a verified document; the newest wish per target counts. */
  accept(wishes: readonly Wish[]): void {
    for (const wish of wishes) this.wishes.set(wish.task.target, wish);
    this.pump();
  }

  /** Begins nothing more and resolves when what runs has come to its end. */
  async drain(): Promise<void> {
    this.stopped = true;
    await this.settled();
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  /** Whether a target is being worked on. */
  isBusy(): boolean {
    return this.running.size > 0;
  }

  private pump(): void {
    for (const [target, record] of this.interrupted) {
      if (this.stopped || this.running.size >= this.options.parallel) return;
      this.interrupted.delete(target);
      this.launch(record);
    }
    for (const [target, wish] of this.wishes) {
      if (this.stopped || this.running.size >= this.options.parallel) return;
      if (this.running.has(target)) continue;
      const last = this.options.store.get(target);
      const decision = decideStart(wish, last, this.options.mayAct(target), this.options.monotonic());
      this.wishes.delete(target);
      if (decision.do === "expired") this.options.refetch();
      if (decision.do === "refuse" && this.refused.get(target) !== wish.task.generation) {
        this.refused.set(target, wish.task.generation);
        this.report(wish.task, "refused", { reason: decision.reason, message: decision.message });
      }
      if (decision.do === "start") {
        this.launch({
          task: wish.task,
          obeyedEntry: Math.max(wish.task.entry, last?.obeyedEntry ?? 0),
          startedAt: new Date(this.options.now()).toISOString(),
          stage: this.options.hooks?.pre ? "begun" : "replacing",
          hook: null,
          saved: null,
          outcome: null,
          reported: false,
        });
      }
    }
  }

  private launch(record: ExecutionRecord): void {
    const { target } = record.task;
    const work = this.carry(record)
      .catch((error: unknown) => {
        this.report(record.task, "failed", { reason: "runtime-error", message: `the agent cannot write its state: ${messageOf(error)}`.slice(0, 2_000) });
      })
      .finally(() => {
        this.running.delete(target);
        this.pump();
        if (!this.isBusy()) this.options.onIdle?.();
      });
    this.running.set(target, work);
  }

  private async carry(begun: ExecutionRecord): Promise<void> {
    const { task } = begun;
    let record = begun;
    const put = async (change: Partial<ExecutionRecord>): Promise<void> => {
      record = { ...record, ...change };
      await this.options.store.put(record);
    };
    const end = async (outcome: Outcome): Promise<void> => {
      await put({ outcome, hook: null });
      this.reportOutcome(record, outcome);
    };
    const runHook = async (name: HookName): Promise<Outcome> => {
      const failure = await this.options.hooks?.[name]?.run(task, async (hook) => {
        await put({ stage: `${name}-hook`, hook });
        this.report(task, `${name}-hook`);
      });
      return failure ? { ok: false, ...failure } : { ok: true };
    };

    // Before anything is touched: whatever happens from here on, this generation is not begun a second time.
    await put({});
    this.report(task, "acknowledged");
    if (record.stage === "pre-hook" || record.stage === "post-hook") {
      const name = record.stage === "pre-hook" ? "pre" : "post";
      if (record.hook) await this.options.hooks?.[name]?.outlive(record.hook);
      return end({ ok: false, ...interruptedHook(name) });
    }
    if (record.stage === "begun") {
      const outcome = await runHook("pre");
      if (!outcome.ok) return end(outcome);
      await put({ stage: "replacing", hook: null });
    }
    if (record.stage !== "replaced") {
      const outcome = await this.options.runtime.execute(task, {
        saved: record.saved,
        save: (saved) => put({ saved }),
        progress: (step) => this.report(task, step),
      });
      if (!outcome.ok || !this.options.hooks?.post) return end(outcome);
      await put({ stage: "replaced" });
    }
    return end(await runHook("post"));
  }

  private reportOutcome(record: ExecutionRecord, outcome: Outcome): void {
    if (outcome.ok) return this.report(record.task, "done");
    const { ok: _, ...failure } = outcome;
    this.report(record.task, "failed", { ...failure, message: failure.message.slice(0, 2_000) });
  }

  /** Notes that the server has heard how it ended. */
  async markReported(target: string, generation: number): Promise<void> {
    const record = this.options.store.get(target);
    if (record && record.task.generation === generation && record.outcome && !record.reported) await this.options.store.put({ ...record, reported: true });
  }

  private report(task: Task, step: ProgressLine["step"], more: Partial<ProgressLine> = {}): void {
    this.options.report({ scope: "engine", target: task.target, rollout: task.rollout, generation: task.generation, step, at: new Date(this.options.now()).toISOString(), ...more });
  }
}

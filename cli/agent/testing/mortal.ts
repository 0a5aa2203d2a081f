import { Converger } from "../converge";
import type { Wish } from "../converge";
import type { ExecutionStore } from "../execution-store";
import type { Hook, Hooks } from "../hooks";
import { Prefetcher } from "../prefetcher";
import type { Engine } from "../runtimes/docker/engine";
import type { PrefetchTask, ProgressLine, Runtime } from "../runtimes/runtime";

/** A life of an agent: everything that it does passes here, and at one step it ends. */
export interface Life {
  /** Resolves when it goes on; the dead wait for ever. */
  step(name: string): Promise<void>;
  isOver(): boolean;
}

const never = new Promise<never>(() => undefined);

/** Ends before its step number `dieAt`, counted from 0, by `end`; what was under way then stays where it is. */
export function openLife(dieAt: number, end: () => void): Life & { steps: string[] } {
  const steps: string[] = [];
  let over = false;
  return {
    steps,
    isOver: () => over,
    step: (name) => {
      if (over) return never;
      if (steps.length >= dieAt) {
        over = true;
        end();
        return never;
      }
      steps.push(name);
      return Promise.resolve();
    },
  };
}

/** A store that may be the last thing that an agent touches, before and after each write. */
export function mortalStore(store: ExecutionStore, life: Life): ExecutionStore {
  return {
    get: store.get,
    all: store.all,
    put: async (record) => {
      const what = `${record.stage}${record.saved === null ? "" : " with notes"}${record.outcome === null ? "" : " with its outcome"}${record.reported ? ", heard" : ""}`;
      await life.step(`before writing: ${what}`);
      await store.put(record);
      await life.step(`after writing: ${what}`);
    },
  };
}

/** An engine before and after each of whose changes an agent may die. */
export function mortalEngine(engine: Engine, life: Life): Engine {
  const around =
    <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await life.step(`before ${name}`);
      const result = await call(...args);
      await life.step(`after ${name}`);
      return result;
    };
  return {
    ...engine,
    pull: around("pull", engine.pull),
    rename: around("rename", engine.rename),
    create: around("create", engine.create),
    connect: around("connect", engine.connect),
    start: around("start", engine.start),
    stop: around("stop", engine.stop),
    remove: around("remove", engine.remove),
  };
}

/** Hooks around which an agent may die, also between noting one down and letting it go. */
export function mortalHooks(hooks: Hooks, life: Life): Hooks {
  const wrap = (name: string, hook: Hook): Hook => ({
    outlive: hook.outlive,
    run: async (task, started) => {
      await life.step(`before the ${name}-hook`);
      const failure = await hook.run(task, async (command) => {
        await started(command);
        await life.step(`the ${name}-hook is let go`);
      });
      await life.step(`after the ${name}-hook`);
      return failure;
    },
  });
  return { ...(hooks.pre && { pre: wrap("pre", hooks.pre) }), ...(hooks.post && { post: wrap("post", hooks.post) }) };
}

export interface Lived {
  life: Life;
  store: ExecutionStore;
  runtime: Pick<Runtime, "execute" | "prefetch">;
  hooks: Hooks;
  /** What the newest document says: fetched ahead first, as when the wave is still closed, then begun. */
  ahead: PrefetchTask[];
  wishes: Wish[];
  /** The server's ears. */
  hear(line: ProgressLine): void;
}

/** What an agent does from its start on, until nothing is left to do. The server hears a line and only then the agent notes that it did. */
export async function live({ life, store, runtime, hooks, ahead, wishes, hear }: Lived): Promise<void> {
  const mortal = mortalStore(store, life);
  let telling: Promise<void> = Promise.resolve();
  const tell = (line: ProgressLine): void => {
    if (life.isOver()) return;
    telling = telling.then(async () => {
      const isEnd = line.step === "done" || line.step === "failed";
      if (isEnd) await life.step(`before telling: ${line.step}`);
      hear(line);
      if (isEnd) await converger.markReported(line.target, line.generation);
    });
  };
  const clocks = { now: () => Date.now(), monotonic: () => 0, random: () => 0 };
  const converger = new Converger({ ...clocks, runtime, store: mortal, hooks: mortalHooks(hooks, life), mayAct: () => true, parallel: 4, report: tell, refetch: () => undefined, onIdle: () => prefetcher.pump() });
  const prefetcher = new Prefetcher({ ...clocks, prefetch: runtime.prefetch, mayAct: () => true, isBusy: () => converger.isBusy(), report: tell, pause: () => never, givesUp: () => true });
  converger.resume();
  prefetcher.accept(ahead);
  await prefetcher.settled();
  converger.accept(wishes);
  await converger.settled();
  await prefetcher.settled();
  await telling;
}

import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Converger, decideStart } from "./converge";
import type { ConvergerOptions, Wish } from "./converge";
import { openExecutionStore } from "./execution-store";
import type { Hook } from "./hooks";
import type { Execution, Outcome, ProgressLine, Task } from "./runtimes/runtime";

const task = (generation: number, more: Partial<Task> = {}): Task => ({ target: "pay", generation, rollout: null, entry: 10, service: "pay", environment: "prod", repository: "r", components: [{ name: "main", digests: ["sha256:1"] }], force: false, ...more });
const wish = (one: Task, validUntilMs = 100): Wish => ({ task: one, validUntilMs });

describe("decideStart", () => {
  const last = { task: task(5), obeyedEntry: 10 };
  it.each([
    ["a first generation", task(1), undefined, true, 0, "start"],
    ["what was never offered", task(0), undefined, true, 0, "nothing"],
    ["a higher generation", task(6), last, true, 0, "start"],
    ["the same generation", task(5), last, true, 0, "nothing"],
    ["a lower generation", task(4), last, true, 0, "nothing"],
    ["an entry below the obeyed one", task(6, { entry: 9 }), last, true, 0, "refuse"],
    ["a target that this host does not allow", task(6), last, false, 0, "refuse"],
    ["a document that ran out", task(6), last, true, 101, "expired"],
  ] as const)("%s", (_name, one, before, allowed, now, expected) => {
    expect(decideStart(wish(one), before, allowed, now).do).toBe(expected);
  });
});

describe("Converger", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "plumbline-converge-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function open(execute: (one: Task, execution: Execution) => Promise<Outcome>, mayAct = true, more: Partial<ConvergerOptions> = {}) {
    const lines: ProgressLine[] = [];
    const store = await openExecutionStore(dir);
    const refetched = { count: 0 };
    const converger = new Converger({ runtime: { execute }, store, mayAct: () => mayAct, parallel: 4, report: (line) => lines.push(line), refetch: () => (refetched.count += 1), now: () => 0, monotonic: () => 50, ...more });
    return { converger, store, lines, refetched, steps: () => lines.map((line) => line.step) };
  }

  it("notes a generation before it acts, acts once, and says how it ended", async () => {
    const begun: unknown[] = [];
    const one = await open(async (what, execution) => {
      begun.push([what.generation, (await openExecutionStore(dir)).get("pay")?.task.generation]);
      execution.progress("pulling");
      return { ok: true };
    });
    one.converger.accept([wish(task(1))]);
    await one.converger.settled();
    one.converger.accept([wish(task(1))]);
    await one.converger.settled();
    expect(begun).toEqual([[1, 1]]);
    expect(one.steps()).toEqual(["acknowledged", "pulling", "done"]);
    expect((await stat(join(dir, "executions"))).mode & 0o077).toBe(0);
  });
  it("takes the newest wish when the one under way has ended", async () => {
    const order: number[] = [];
    let release = (): void => undefined;
    const one = await open((what) => {
      order.push(what.generation);
      return what.generation === 1 ? new Promise((resolve) => (release = () => resolve({ ok: true }))) : Promise.resolve({ ok: true });
    });
    one.converger.accept([wish(task(1))]);
    await expect.poll(() => order.length).toBe(1);
    one.converger.accept([wish(task(2))]);
    one.converger.accept([wish(task(3))]);
    release();
    await one.converger.settled();
    expect(order).toEqual([1, 3]);
  });
  it("killed in the middle it goes on with what was saved, and never begins anew", async () => {
    const first = await open(async (_what, execution) => {
      await execution.save({ step: 2 });
      return new Promise(() => undefined);
    });
    first.converger.accept([wish(task(1))]);
    await expect.poll(async () => (await openExecutionStore(dir)).get("pay")?.saved).toEqual({ step: 2 });
    const resumed: unknown[] = [];
    const second = await open(async (what, execution) => {
      resumed.push([what.generation, execution.saved]);
      return { ok: false, reason: "interrupted", message: "half" };
    });
    second.converger.resume();
    second.converger.accept([wish(task(1))]);
    await second.converger.settled();
    expect(resumed).toEqual([[1, { step: 2 }]]);
    expect(second.lines.at(-1)).toMatchObject({ step: "failed", reason: "interrupted", generation: 1 });
  });
  it("tells an outcome again until the server has heard it", async () => {
    const first = await open(async () => ({ ok: true }));
    first.converger.accept([wish(task(1))]);
    await first.converger.settled();
    const second = await open(async () => ({ ok: true }));
    second.converger.resume();
    expect(second.steps()).toEqual(["done"]);
    await second.converger.markReported("pay", 1);
    const third = await open(async () => ({ ok: true }));
    third.converger.resume();
    expect(third.steps()).toEqual([]);
  });
  it("refuses what the host does not allow, once, and touches nothing", async () => {
    const one = await open(async () => {
      throw new Error("must not be called");
    }, false);
    one.converger.accept([wish(task(1))]);
    one.converger.accept([wish(task(1))]);
    await one.converger.settled();
    expect(one.lines).toMatchObject([{ step: "refused", reason: "not-allowed" }]);
    expect(one.store.all()).toEqual([]);
  });
  it("asks anew for a document that ran out", async () => {
    const one = await open(async () => ({ ok: true }));
    one.converger.accept([wish(task(1), 49)]);
    expect([one.refetched.count, one.lines]).toEqual([1, []]);
  });
  it("works on no more targets at a time than the host says, what a killed agent left first", async () => {
    const left = await open(() => new Promise(() => undefined), true, { parallel: 64 });
    left.converger.accept(["x", "y"].map((target) => wish(task(1, { target }))));
    await expect.poll(async () => (await openExecutionStore(dir)).all().length).toBe(2);
    const order: string[] = [];
    const ends: (() => void)[] = [];
    let idle = 0;
    const one = await open(
      ({ target, generation }) => {
        order.push(`${target}${generation}`);
        return new Promise((resolve) => ends.push(() => resolve({ ok: true })));
      },
      true,
      { parallel: 1, onIdle: () => (idle += 1) },
    );
    one.converger.resume();
    one.converger.accept([wish(task(2, { target: "x" })), wish(task(1, { target: "z" }))]);
    for (let ended = 1; ended <= 4; ended += 1) {
      await expect.poll(() => order.length).toBe(ended);
      expect([one.converger.isBusy(), idle]).toEqual([true, 0]);
      ends.shift()?.();
    }
    await one.converger.settled();
    expect(order.slice(0, 2).sort()).toEqual(["x1", "y1"]);
    expect(order.slice(2)).toEqual(["x2", "z1"]);
    expect([one.converger.isBusy(), idle]).toEqual([false, 1]);
  });

  describe("with hooks", () => {
    const process = { pid: 7, startTime: "8" };
    const hook = (name: string, order: string[], fails = false): Hook => ({
      run: async (_task, started) => {
        await started(process);
        order.push(name);
        return fails ? { reason: "hook-failed", message: `${name} said no`, exitCode: 2 } : null;
      },
      outlive: async (left) => void order.push(`${name} outlived ${left.pid}`),
    });
    const run = async (fails: { pre?: boolean; post?: boolean; execute?: boolean } = {}) => {
      const order: string[] = [];
      const one = await open(
        async () => {
          order.push("execute");
          return fails.execute ? { ok: false, reason: "unhealthy", message: "sick" } : { ok: true };
        },
        true,
        { hooks: { pre: hook("pre", order, fails.pre), post: hook("post", order, fails.post) } },
      );
      one.converger.accept([wish(task(1))]);
      await one.converger.settled();
      return { order, steps: one.steps(), last: one.lines.at(-1) };
    };

    it("runs one before and one after", async () => {
      expect(await run()).toMatchObject({ order: ["pre", "execute", "post"], steps: ["acknowledged", "pre-hook", "post-hook", "done"] });
    });
    it("does not begin what the first one refused", async () => {
      expect(await run({ pre: true })).toMatchObject({ order: ["pre"], last: { step: "failed", reason: "hook-failed", message: "pre said no", exitCode: 2 } });
    });
    it("has failed when the last one did", async () => {
      expect(await run({ post: true })).toMatchObject({ order: ["pre", "execute", "post"], last: { step: "failed", reason: "hook-failed", message: "post said no" } });
    });
    it("runs none after a replacement that failed", async () => {
      expect(await run({ execute: true })).toMatchObject({ order: ["pre", "execute"], last: { step: "failed", reason: "unhealthy" } });
    });
    it("tells how a hook ended again until the server has heard it", async () => {
      await run({ post: true });
      const again = await open(async () => ({ ok: true }));
      again.converger.resume();
      expect(again.lines).toMatchObject([{ step: "failed", reason: "hook-failed", message: "post said no", generation: 1 }]);
      await again.converger.markReported("pay", 1);
      expect((await openExecutionStore(dir)).get("pay")).toMatchObject({ reported: true });
    });
    it.each([
      ["pre", "the replacement was not begun"],
      ["post", "the replacement itself was done"],
    ] as const)("killed in the %s-hook it waits for the hook, runs nothing again, and says what became of the replacement", async (name, said) => {
      const order: string[] = [];
      const hanging: Hook = { run: (_task, started) => started(process).then(() => new Promise(() => undefined)), outlive: async () => undefined };
      const first = await open(async () => ({ ok: true }), true, { hooks: { [name]: hanging } });
      first.converger.accept([wish(task(1))]);
      await expect.poll(async () => (await openExecutionStore(dir)).get("pay")).toMatchObject({ stage: `${name}-hook`, hook: process });
      const second = await open(
        async () => {
          throw new Error("must not be called");
        },
        true,
        { hooks: { pre: hook("pre", order), post: hook("post", order) } },
      );
      second.converger.resume();
      await second.converger.settled();
      expect(order).toEqual([`${name} outlived 7`]);
      expect(second.lines.at(-1)).toMatchObject({ step: "failed", reason: "interrupted", message: expect.stringContaining(said) });
    });
    it("goes on with what an agent without hooks began", async () => {
      const record = { task: task(1), obeyedEntry: 10, startedAt: "", saved: { step: 2 }, outcome: null, reported: false };
      await (await open(async () => ({ ok: true }))).store.put({ ...record, stage: "replacing", hook: null });
      const [name] = await readdir(join(dir, "executions"));
      await writeFile(join(dir, "executions", name ?? ""), JSON.stringify(record));
      const order: unknown[] = [];
      const one = await open(
        async (_task, { saved }) => {
          order.push(saved);
          return { ok: true };
        },
        true,
        { hooks: { pre: { run: () => Promise.reject(new Error("must not be called")), outlive: async () => undefined } } },
      );
      one.converger.resume();
      await one.converger.settled();
      expect([order, one.steps()]).toEqual([[{ step: 2 }], ["acknowledged", "done"]]);
    });
  });

  it("does not act on a state folder that it cannot read", async () => {
    await (await open(async () => ({ ok: true }))).store.put({ task: task(1), obeyedEntry: 1, startedAt: "", stage: "replacing", hook: null, saved: null, outcome: null, reported: false });
    await writeFile(join(dir, "executions", "zz.json"), "{");
    await expect(openExecutionStore(dir)).rejects.toThrow("damaged");
  });
});

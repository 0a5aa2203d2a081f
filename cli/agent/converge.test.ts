import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Converger, decideStart } from "./converge";
import type { Wish } from "./converge";
import { openExecutionStore } from "./execution-store";
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

  async function open(execute: (one: Task, execution: Execution) => Promise<Outcome>, mayAct = true) {
    const lines: ProgressLine[] = [];
    const store = await openExecutionStore(dir);
    const refetched = { count: 0 };
    const converger = new Converger({ runtime: { execute }, store, mayAct: () => mayAct, report: (line) => lines.push(line), refetch: () => (refetched.count += 1), now: () => 0, monotonic: () => 50 });
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
  it("does not act on a state folder that it cannot read", async () => {
    await (await open(async () => ({ ok: true }))).store.put({ task: task(1), obeyedEntry: 1, startedAt: "", saved: null, outcome: null, reported: false });
    await writeFile(join(dir, "executions", "zz.json"), "{");
    await expect(openExecutionStore(dir)).rejects.toThrow("damaged");
  });
});

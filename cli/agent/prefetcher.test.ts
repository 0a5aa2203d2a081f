import { expect, it } from "vitest";
import { Prefetcher } from "./prefetcher";
import type { PrefetchTask, ProgressLine } from "./runtimes/runtime";

const task = (target: string, more: Partial<PrefetchTask> = {}): PrefetchTask => ({ target, rollout: "r-1", entry: 7, service: "pay", environment: "prod", repository: "team/pay", components: [{ name: "main", digests: ["sha256:1"] }], ...more });

/** A prefetcher whose fetches end when the test says so, and whose pauses end when the test says so. */
function open(more: { mayAct?: (target: string) => boolean; runtime?: boolean; givesUp?: boolean } = {}) {
  const lines: ProgressLine[] = [];
  const open: { target: string; end: (failure?: string) => void }[] = [];
  const pauses: { ms: number; end: () => void }[] = [];
  const busy = { now: false };
  const prefetcher = new Prefetcher({
    prefetch: more.runtime === false ? undefined : ({ target }) => new Promise((resolve, reject) => open.push({ target, end: (failure) => (failure === undefined ? resolve() : reject(new Error(failure))) })),
    mayAct: more.mayAct ?? (() => true),
    isBusy: () => busy.now,
    report: (line) => lines.push(line),
    pause: (ms) => new Promise((resolve) => pauses.push({ ms, end: resolve })),
    givesUp: () => more.givesUp ?? false,
    now: () => 0,
    random: () => 1,
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (target: string, failure?: string): Promise<void> => {
    const at = open.findIndex((one) => one.target === target);
    open.splice(at, 1)[0]?.end(failure);
    await settle();
  };
  const wake = async (): Promise<void> => {
    pauses.shift()?.end();
    await settle();
  };
  return { prefetcher, lines, pauses, busy, end, wake, fetching: () => open.map(({ target }) => target), said: () => lines.map(({ target, step, message }) => [target, step, ...(message === undefined ? [] : [message])]) };
}

it("fetches two at a time, and tells the rollout without a generation", async () => {
  const one = open();
  one.prefetcher.accept([task("a"), task("b"), task("c")]);
  expect(one.fetching()).toEqual(["a", "b"]);
  await one.end("a");
  expect(one.fetching()).toEqual(["b", "c"]);
  expect(one.lines).toEqual([{ scope: "engine", target: "a", rollout: "r-1", generation: 0, step: "prefetched", at: "1970-01-01T00:00:00.000Z" }]);
  await one.end("b");
  await one.end("c");
  one.prefetcher.accept([task("a"), task("b"), task("c")]);
  expect([one.fetching(), one.lines.length]).toEqual([[], 3]);
  await one.prefetcher.settled();
});

it("leaves the line to what is being replaced", async () => {
  const one = open();
  one.busy.now = true;
  one.prefetcher.accept([task("a")]);
  expect(one.fetching()).toEqual([]);
  one.busy.now = false;
  one.prefetcher.pump();
  expect(one.fetching()).toEqual(["a"]);
});

it("fetches nothing for targets that it may not act on, and nothing where the runtime cannot", async () => {
  const one = open({ mayAct: (target) => target === "b" });
  one.prefetcher.accept([task("a"), task("b")]);
  expect(one.fetching()).toEqual(["b"]);
  const other = open({ runtime: false });
  other.prefetcher.accept([task("a")]);
  expect([other.fetching(), other.lines]).toEqual([[], []]);
});

it("tries again, later each time, and tells a failure once", async () => {
  const one = open();
  one.prefetcher.accept([task("a")]);
  for (const failure of ["no such host", "no such host", "denied"]) {
    await one.end("a", failure);
    expect(one.fetching()).toEqual([]);
    await one.wake();
  }
  await one.end("a");
  expect(one.said()).toEqual([["a", "prefetch-failed", "no such host"], ["a", "prefetch-failed", "denied"], ["a", "prefetched"]]);
});

it("waits up to five minutes between two attempts, and not at all where nobody waits for it", async () => {
  const one = open();
  one.prefetcher.accept([task("a")]);
  const waits: number[] = [];
  for (let n = 0; n < 9; n += 1) {
    await one.end("a", "no");
    waits.push(one.pauses[0]?.ms ?? 0);
    await one.wake();
  }
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect([waits[0], waits.at(-1)]).toEqual([10_000, 300_000]);
  const once = open({ givesUp: true });
  once.prefetcher.accept([task("a")]);
  await once.end("a", "no");
  expect([once.pauses, once.said()]).toEqual([[], [["a", "prefetch-failed", "no"]]]);
});

it("forgets what a later document no longer asks for, and begins anew where it asks for something else", async () => {
  const one = open();
  one.prefetcher.accept([task("a"), task("b")]);
  one.prefetcher.accept([task("b", { entry: 8, components: [{ name: "main", digests: ["sha256:2"] }] })]);
  await one.end("a");
  await one.end("b", "gone");
  expect(one.lines).toEqual([]);
  expect(one.fetching()).toEqual(["b"]);
  await one.end("b");
  expect(one.said()).toEqual([["b", "prefetched"]]);
});

it("begins nothing more once it is stopped", async () => {
  const one = open();
  one.prefetcher.accept([task("a"), task("b"), task("c")]);
  one.prefetcher.stop();
  await one.end("a");
  expect(one.fetching()).toEqual(["b"]);
});

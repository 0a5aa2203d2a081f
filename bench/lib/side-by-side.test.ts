import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SideBySide } from "./side-by-side";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout", "setImmediate"] });
  start = performance.now();
});
afterEach(() => vi.useRealTimers());

let start = 0;
/** Since the test began, to 10 ms: each step of a timer that is not real takes one. */
const tens = (ms: number): number => Math.round((ms - start) / 10) * 10;

/** A host that is told after so long (ms) and reads for so long; what happened to it, in order. */
function host(hosts: SideBySide, name: string, { toldMs, readsMs }: { toldMs: number; readsMs: number }, said: string[]): Promise<void> {
  return (async () => {
    await new Promise((resolve) => setTimeout(resolve, toldMs));
    const reading = await hosts.begin();
    said.push(`${name} begins ${tens(performance.now())}`);
    await new Promise((resolve) => setTimeout(resolve, readsMs));
    said.push(`${name} at ${tens(reading.atMs())}`);
    reading.end();
    await hosts.over();
    said.push(`${name} goes on ${tens(performance.now())}`);
  })();
}

it("all are told, then read one after another, then go on; each counts its own reading", async () => {
  const hosts = new SideBySide();
  const said: string[] = [];
  const all = [host(hosts, "a", { toldMs: 0, readsMs: 40 }, said), host(hosts, "b", { toldMs: 100, readsMs: 20 }, said)];
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all(all);
  expect(said).toEqual([
    "a begins 250",
    "a at 40",
    "b begins 290",
    "b at 120",
    "a goes on 310",
    "b goes on 310",
  ]);
});

it("who is told while others read has its turn before anybody goes on", async () => {
  const hosts = new SideBySide();
  const said: string[] = [];
  const all = [host(hosts, "a", { toldMs: 0, readsMs: 100 }, said), host(hosts, "b", { toldMs: 200, readsMs: 10 }, said)];
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all(all);
  expect(said).toEqual(["a begins 150", "a at 100", "b begins 250", "b at 210", "a goes on 260", "b goes on 260"]);
});

it("one who is told again and again keeps the first waiting for a second at most", async () => {
  const hosts = new SideBySide();
  const said: string[] = [];
  const all = Array.from({ length: 15 }, (_, at) => host(hosts, String(at), { toldMs: at * 100, readsMs: 0 }, said));
  await vi.advanceTimersByTimeAsync(3_000);
  await Promise.all(all);
  expect(said[0]).toBe("0 begins 1000");
});

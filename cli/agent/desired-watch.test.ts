import { expect, it } from "vitest";
import { DesiredWatch } from "./desired-watch";

it("knows that no server was found until one answers", async () => {
  const answers: (() => Promise<{ status: number; body: unknown }>)[] = [() => Promise.reject(new Error("connect ECONNREFUSED")), () => Promise.resolve({ status: 204, body: null })];
  const transport = { get: () => (answers.shift() ?? (() => Promise.reject(new Error("asked too often"))))(), post: () => Promise.reject(new Error("not asked")), close: () => undefined };
  const watch = new DesiredWatch({
    transport, agent: "a", origin: "o", vkey: "k", held: { epoch: 1, version: 0, checkpoint: null }, obeyed: () => ({}), saveHeld: () => Promise.resolve(),
    onVerified: () => undefined, onPrefetchRefused: () => undefined, onRefused: () => undefined, monotonic: () => 0, random: () => 0, log: () => undefined,
  });
  expect(await watch.poll()).toBeGreaterThan(0);
  expect(watch.isAway()).toBe(true);
  await watch.poll(0);
  expect(watch.isAway()).toBe(false);
});

import { expect, it, vi } from "vitest";
import { makeImage } from "@/cli/simulate/image";
import { SimulatedHost, type Behaviour } from "./simulated-host";

const [before, after] = [makeImage("registry.test/app", "1.0.0"), makeImage("registry.test/app", "2.0.0")];
const find = (digest: string) => [before, after].find((image) => image.digest === digest) ?? null;
const task = (digest: string) => ({ target: "app", generation: 1, rollout: null, entry: 1, service: "app", environment: "dev", repository: "registry.test/app", components: [{ name: "main", digests: [digest] }], force: false });
const execution = { saved: null, save: () => Promise.resolve(), progress: () => undefined };

function open(behaviour: Partial<Behaviour> = {}, clockOffsetMs = 0) {
  const changed = vi.fn();
  const host = new SimulatedHost({ name: "host-1", region: "eu", service: "app", copies: 2, image: before, clockOffsetMs, behave: (digest) => (digest === after.digest ? behaviour : {}) }, find, changed);
  return { host, changed, order: (digest = after.digest) => host.execute(task(digest), execution) };
}

it.each<[Behaviour["outcome"], { ok: boolean }, string, string, string]>([
  ["healthy", { ok: true }, after.digest, "running", "healthy"],
  ["unhealthy", { ok: true }, after.digest, "running", "unhealthy"],
  ["crash-loop", { ok: true }, after.digest, "waiting", "unhealthy"],
  ["start-failed", { ok: false }, before.digest, "running", "healthy"],
  ["wrong-digest", { ok: true }, before.digest, "running", "healthy"],
])("a release that is %s there", async (outcome, answer, digest, state, health) => {
  const { host, order } = open({ outcome });
  expect(await order()).toMatchObject(answer);
  const { instances } = await host.observe();
  expect(instances.map((copy) => [copy.image, copy.state, copy.health])).toEqual([[digest, state, health], [digest, state, health]]);
});

it("has no image that its registry does not have", async () => {
  const { host, order } = open();
  expect(await order("sha256:0")).toMatchObject({ ok: false, reason: "cannot-fetch" });
  expect(host.running).toBe(before.digest);
});

it("starts new copies under new keys by its own clock, and none for what runs already", async () => {
  const { host, order, changed } = open({}, 3_600_000);
  const keys = (await host.observe()).instances.map(({ key }) => key);
  await order(before.digest);
  expect(changed).not.toHaveBeenCalled();
  await order();
  const { instances } = await host.observe();
  expect(instances.some(({ key }) => keys.includes(key))).toBe(false);
  expect(Date.parse(instances[0]?.startedAt ?? "")).toBeGreaterThan(Date.now() + 3_000_000);
});

it("leaves what it was put on when it was told to", async () => {
  vi.useFakeTimers();
  try {
    const { host, order } = open({ regressAfterMs: 5_000 });
    await order();
    expect(host.running).toBe(after.digest);
    vi.advanceTimersByTime(5_000);
    expect(host.running).toBe(before.digest);
  } finally {
    vi.useRealTimers();
  }
});

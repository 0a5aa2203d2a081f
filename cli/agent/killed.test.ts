import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRecord } from "./execution-store";
import type { ExecutionStore } from "./execution-store";
import type { Hooks } from "./hooks";
import { dockerRuntime } from "./runtimes/docker";
import type { ProgressLine, Task } from "./runtimes/runtime";
import { live, mortalEngine, openLife } from "./testing/mortal";
import { MemoryEngine } from "./testing/memory-engine";
import type { MemoryImage } from "./testing/memory-engine";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const REPOSITORY = "registry.example/pay";
const OLD = digest("a");
const NEW = digest("b");

interface World {
  /** How the new image begins. */
  starts: MemoryImage["starts"];
  /** Whether the old container removes itself on stopping. */
  autoRemove: boolean;
  /** Containers of the one target. */
  copies: number;
  pre: "none" | "well" | "fails";
  post: "none" | "well" | "fails";
}

/** A disk, an engine, a server and the hooks' own trace, which outlive every agent. */
function openWorld(world: World) {
  const disk = new Map<string, string>();
  const engine = new MemoryEngine([
    { id: OLD, repository: REPOSITORY, digest: digest("1"), starts: "well" },
    { id: NEW, repository: REPOSITORY, digest: digest("2"), starts: world.starts },
  ]);
  engine.present.add(OLD);
  for (let copy = 1; copy <= world.copies; copy += 1) {
    engine.containers.set(`old-${copy}`, {
      Id: `old-${copy}`,
      Name: `/pay-${copy}`,
      Image: OLD,
      State: { Status: "running", Running: true, StartedAt: "2025-01-01T00:00:00Z" },
      HostConfig: { AutoRemove: world.autoRemove, PortBindings: { "80/tcp": [{ HostPort: String(8_000 + copy) }] } },
      Config: { Image: `${REPOSITORY}:1`, Labels: { "com.docker.compose.project": "shop", "com.docker.compose.service": "pay" } },
    });
  }
  const ran: string[] = [];
  const heard: ProgressLine[] = [];
  const hook = (name: string, how: World["pre"]): Hooks["pre"] => ({
    run: async (_task, started) => {
      await started({ pid: 1, startTime: "1" });
      ran.push(name);
      return how === "fails" ? { reason: "hook-failed", message: `${name} said no` } : null;
    },
    outlive: async () => undefined,
  });
  const hooks: Hooks = { ...(world.pre === "none" ? {} : { pre: hook("pre", world.pre) }), ...(world.post === "none" ? {} : { post: hook("post", world.post) }) };
  const task: Task = { target: "shop/pay", generation: 3, rollout: null, entry: 1, service: "pay", environment: "prod", repository: REPOSITORY, components: [{ name: "main", digests: [digest("2")] }], force: false };

  /** One process of the agent. Resolves with its steps, and with whether it died. */
  const liveOnce = async (dieAt: number): Promise<{ died: boolean; steps: string[] }> => {
    let end = (): void => undefined;
    const death = new Promise<void>((resolve) => (end = resolve));
    const life = openLife(dieAt, end);
    const read = (text: string) => readRecord(JSON.parse(text)) ?? undefined;
    const store: ExecutionStore = {
      get: (target) => read(disk.get(target) ?? "null"),
      all: () => [...disk.values()].flatMap((text) => read(text) ?? []),
      put: async (record) => void disk.set(record.task.target, JSON.stringify(record)),
    };
    const runtime = dockerRuntime(mortalEngine(engine, life), { logs: false, mayAct: () => true, now: () => Date.now() });
    const living = live({ life, store, runtime, hooks, ahead: [task], wishes: [{ task, validUntilMs: 0 }], hear: (line) => heard.push(line) });
    await Promise.race([living, death]);
    return { died: life.isOver(), steps: life.steps };
  };
  const outcomes = () => heard.filter(({ step }) => step === "done" || step === "failed");
  /** The copies as people see them: name, image, whether it runs. */
  const shown = () => [...engine.containers.values()].map(({ Name, Image, State }) => [Name, Image === NEW ? "new" : "old", State.Running]).sort();
  return { engine, disk, ran, heard, outcomes, shown, liveOnce };
}

type Opened = ReturnType<typeof openWorld>;

/** What must hold however often the agent died on the way. */
function expectWhole(world: World, after: Opened): void {
  const names = Array.from({ length: world.copies }, (_, n) => `/pay-${n + 1}`);
  const shown = after.shown();
  // Each copy is there once, under its own name, and runs: the new one, or the old one as it was.
  expect(shown.map(([name, , runs]) => [name, runs])).toEqual(names.map((name) => [name, true]));
  const [outcome] = after.outcomes();
  const renewed = shown.filter(([, which]) => which === "new").length;
  if (outcome?.step === "done") expect(renewed).toBe(world.copies);
  else if (world.starts !== "well") expect(renewed).toBe(0);
  // One successor at most for each copy, fetched at most once; each hook at most once.
  expect(after.engine.created.filter((image) => image === NEW).length).toBeLessThanOrEqual(world.copies);
  expect(after.engine.pulled).toEqual(after.engine.pulled.slice(0, 1));
  expect(after.ran).toEqual([...new Set(after.ran)]);
  // The server was told one end of one generation.
  expect(new Set(after.outcomes().map((line) => JSON.stringify({ ...line, at: "" }))).size).toBe(1);
  expect(outcome?.generation).toBe(3);
}

const WORLDS: [string, World][] = [
  ["it starts well", { starts: "well", autoRemove: false, copies: 1, pre: "none", post: "none" }],
  ["with hooks, and two copies", { starts: "well", autoRemove: false, copies: 2, pre: "well", post: "well" }],
  ["the old one removes itself", { starts: "well", autoRemove: true, copies: 1, pre: "well", post: "none" }],
  ["the new one ends", { starts: "and ends", autoRemove: false, copies: 1, pre: "well", post: "well" }],
  ["the new one ends, and the old one had removed itself", { starts: "and ends", autoRemove: true, copies: 1, pre: "none", post: "none" }],
  ["the new one cannot be started", { starts: "not at all", autoRemove: false, copies: 1, pre: "none", post: "well" }],
  ["the first hook fails", { starts: "well", autoRemove: false, copies: 1, pre: "fails", post: "well" }],
  ["the last hook fails", { starts: "well", autoRemove: false, copies: 1, pre: "well", post: "fails" }],
];

describe("an agent killed at any step", () => {
  it.each(WORLDS)("comes to an end that is whole, and tells it once: %s", async (_name, world) => {
    const whole = openWorld(world);
    const { died, steps } = await whole.liveOnce(Number.POSITIVE_INFINITY);
    expect(died).toBe(false);
    expectWhole(world, whole);
    expect(whole.outcomes()).toHaveLength(1);
    expect(steps.length).toBeGreaterThan(world.pre === "fails" ? 6 : 14);

    for (let dieAt = 0; dieAt < steps.length; dieAt += 1) {
      const step = steps[dieAt] ?? "";
      const one = openWorld(world);
      expect([step, (await one.liveOnce(dieAt)).died]).toEqual([step, true]);
      // Fetching ahead touches nothing that runs.
      if (one.disk.size === 0) expect([step, one.shown()]).toEqual([step, openWorld(world).shown()]);
      // Between its being let go and the note of how it ended nobody knows what a hook did.
      const noted = [...one.disk.values()].map((text) => readRecord(JSON.parse(text)))[0];
      const inHook = noted?.outcome === null && noted.stage.endsWith("-hook");
      const second = await one.liveOnce(Number.POSITIVE_INFINITY);
      expect([step, second.died]).toEqual([step, false]);
      expectWhole(world, one);
      const outcome = one.outcomes()[0];
      if (inHook) expect([step, outcome]).toMatchObject([step, { step: "failed", reason: "interrupted" }]);
      else expect([step, outcome?.step, one.shown()]).toEqual([step, whole.outcomes()[0]?.step, whole.shown()]);
      // Told again only when it died between the server's hearing it and its note of that.
      expect([step, one.outcomes().length]).toEqual([step, /^before writing: .*heard$/.test(step) ? 2 : 1]);
      // Nothing is left to do, and the same document again begins nothing.
      const idle = await one.liveOnce(Number.POSITIVE_INFINITY);
      expect([step, idle.steps]).toEqual([step, []]);
    }
  }, 60_000);

  it("as often as it likes", async () => {
    const world = fc.record<World>({
      starts: fc.constantFrom("well", "and ends", "not at all"),
      autoRemove: fc.boolean(),
      copies: fc.integer({ min: 1, max: 3 }),
      pre: fc.constantFrom("none", "well", "fails"),
      post: fc.constantFrom("none", "well", "fails"),
    });
    await fc.assert(
      fc.asyncProperty(world, fc.array(fc.nat(30), { maxLength: 8 }), async (chosen, deaths) => {
        const one = openWorld(chosen);
        for (const dieAt of deaths) await one.liveOnce(dieAt);
        await one.liveOnce(Number.POSITIVE_INFINITY);
        expectWhole(chosen, one);
        expect((await one.liveOnce(Number.POSITIVE_INFINITY)).steps).toEqual([]);
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});

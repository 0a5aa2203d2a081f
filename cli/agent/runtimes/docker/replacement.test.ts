import { describe, expect, it } from "vitest";
import { MINIMUM_UP_MS, carryReplacement } from "./replacement";
import type { ReplacementFacts, ReplacementHands, ReplacementRecord } from "./replacement";

class Killed extends Error {}

interface Box {
  name: string;
  running: boolean;
  everRan: boolean;
  exitCode: number;
}

/** An engine with two containers in memory; `dieAfter` kills the agent after so many of its steps. */
class FakeEngine {
  boxes = new Map<string, Box>([["old", { name: "pay", running: true, everRan: true, exitCode: 0 }]]);
  creations = 0;
  starts = 0;
  steps = 0;
  dieAfter = Number.POSITIVE_INFINITY;
  saved: ReplacementRecord | null = null;
  nextStarts: "well" | "not at all" | "and ends" = "well";
  autoRemove = false;

  private step(): void {
    this.steps += 1;
    if (this.steps > this.dieAfter) throw new Killed();
  }

  hands(): ReplacementHands {
    return {
      observe: async () => this.facts(),
      pause: async () => undefined,
      save: async (record) => {
        this.step();
        this.saved = structuredClone(record);
        this.step();
      },
      act: async (action, record) => {
        this.step();
        this.act(action, record);
        this.step();
      },
    };
  }

  private facts(): ReplacementFacts {
    const old = this.boxes.get("old");
    const next = this.boxes.get("next");
    const remade = this.boxes.get("remade");
    return {
      old: old ? { name: old.name, running: old.running } : null,
      next: next ? { id: "next", state: next.running ? "running" : next.everRan ? "exited" : "created", restarts: 0, health: "none", upMs: MINIMUM_UP_MS, exitCode: next.exitCode, outOfMemory: false, output: "" } : null,
      remade: remade ? { id: "remade", running: remade.running } : null,
    };
  }

  private act(action: string, record: ReplacementRecord): void {
    const box = (id: string): Box => {
      const found = this.boxes.get(id);
      if (!found) throw new Error(`no such container: ${id}`);
      return found;
    };
    const free = (name: string) => {
      if ([...this.boxes.values()].some((one) => one.name === name)) throw new Error(`the name ${name} is taken`);
    };
    if (action === "rename-aside") {
      free(record.asideName);
      box("old").name = record.asideName;
    }
    if (action === "rename-back") {
      free(record.name);
      box("old").name = record.name;
    }
    if (action === "create") {
      free(record.name);
      this.creations += 1;
      this.boxes.set("next", { name: record.name, running: false, everRan: false, exitCode: 0 });
    }
    if (action === "stop-old") {
      box("old").running = false;
      if (this.autoRemove) this.boxes.delete("old");
    }
    if (action === "start-next") {
      this.starts += 1;
      if (this.boxes.get("old")?.running) throw new Error("the port is taken");
      if (this.nextStarts === "not at all") throw new Error("exec format error");
      Object.assign(box("next"), { everRan: true, running: this.nextStarts === "well", exitCode: this.nextStarts === "well" ? 0 : 7 });
    }
    if (action === "remove-old") this.boxes.delete("old");
    if (action === "remove-next") this.boxes.delete("next");
    if (action === "start-old") box("old").running = true;
    if (action === "remake-old") {
      free(record.name);
      this.boxes.set("remade", { name: record.name, running: false, everRan: false, exitCode: 0 });
    }
    if (action === "start-remade") box("remade").running = true;
  }
}

const body = { HostConfig: {}, NetworkingConfig: { EndpointsConfig: {} } };
const fresh: ReplacementRecord = { oldId: "old", name: "pay", asideName: "pay.plumbline-old-1", wasRunning: true, plan: { name: "pay", body, connect: [] }, restorePlan: { name: "pay", body, connect: [] }, phase: "forward", created: false, starts: 0 };

async function carryThroughDeaths(engine: FakeEngine, dieAfter: number): Promise<ReplacementRecord> {
  engine.saved = structuredClone(fresh);
  engine.dieAfter = dieAfter;
  // A kill is no error that the agent could handle, so it stops everything that it does.
  const ended = await carryReplacement(engine.saved, engine.hands()).catch((error: unknown) => {
    if (error instanceof Killed) return null;
    throw error;
  });
  if (ended && engine.steps <= dieAfter) return ended;
  engine.dieAfter = Number.POSITIVE_INFINITY;
  return carryReplacement(engine.saved, engine.hands());
}

describe("carryReplacement", () => {
  it("replaces: one creation, one start, the old one gone", async () => {
    const engine = new FakeEngine();
    expect(await carryReplacement(fresh, engine.hands())).toMatchObject({ phase: "done" });
    expect([...engine.boxes]).toEqual([["next", { name: "pay", running: true, everRan: true, exitCode: 0 }]]);
    expect([engine.creations, engine.starts]).toEqual([1, 1]);
  });
  it("puts the old one back when the new one does not start, or ends at once, and says why", async () => {
    for (const [how, why] of [["not at all", "exec format error"], ["and ends", "exit code 7"]] as const) {
      const engine = new FakeEngine();
      engine.nextStarts = how;
      const record = await carryReplacement(fresh, engine.hands());
      expect(record).toMatchObject({ phase: "failed", reason: expect.stringContaining(why) });
      expect([...engine.boxes]).toEqual([["old", { name: "pay", running: true, everRan: true, exitCode: 0 }]]);
    }
  });
  it("makes the old one again when it removed itself on stopping", async () => {
    const engine = new FakeEngine();
    engine.autoRemove = true;
    engine.nextStarts = "and ends";
    expect(await carryReplacement(fresh, engine.hands())).toMatchObject({ phase: "failed" });
    expect([...engine.boxes.keys()]).toEqual(["remade"]);
    expect(engine.boxes.get("remade")?.running).toBe(true);
  });
  it("does not start an old one that stood still", async () => {
    const engine = new FakeEngine();
    engine.nextStarts = "and ends";
    Object.assign(engine.boxes.get("old") ?? {}, { running: false });
    expect(await carryReplacement({ ...fresh, wasRunning: false }, engine.hands())).toMatchObject({ phase: "failed" });
    expect(engine.boxes.get("old")).toMatchObject({ name: "pay", running: false });
  });
  it.each([["well", false], ["and ends", false], ["not at all", false], ["well", true], ["and ends", true]] as const)("killed between any two steps it comes to the same end (new one starts %s, removes itself: %s)", async (nextStarts, autoRemove) => {
    const whole = Object.assign(new FakeEngine(), { nextStarts, autoRemove });
    const expected = await carryReplacement(fresh, whole.hands());
    for (let dieAfter = 0; dieAfter <= whole.steps; dieAfter += 1) {
      const engine = Object.assign(new FakeEngine(), { nextStarts, autoRemove });
      const record = await carryThroughDeaths(engine, dieAfter);
      expect([dieAfter, record.phase]).toEqual([dieAfter, expected.phase]);
      expect([dieAfter, [...engine.boxes]]).toEqual([dieAfter, [...whole.boxes]]);
      expect([dieAfter, engine.creations]).toEqual([dieAfter, 1]);
    }
  });
  it("gives up with both reasons when not even the old one can be put back", async () => {
    const engine = new FakeEngine();
    const hands = engine.hands();
    const record = await carryReplacement(fresh, {
      ...hands,
      act: async (action, ...rest) => {
        if (action === "start-next" || action === "rename-back") throw new Error(`the engine is gone during ${action}`);
        return hands.act(action, ...rest);
      },
    });
    expect(record).toMatchObject({ phase: "failed", reason: expect.stringMatching(/start-next.*could not be put back.*rename-back/) });
  });
});

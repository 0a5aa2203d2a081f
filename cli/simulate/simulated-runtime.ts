import { setTimeout as sleep } from "node:timers/promises";
import type { Execution, Observation, ObservedInstance, Outcome, PrefetchTask, ReportedImage, ReportedTarget, Runtime, Task, Watcher } from "@/cli/agent/runtimes/runtime";
import type { SimulatedImage } from "./image";

export type SimulatedInstance = { key: string; image: SimulatedImage; startedAt: string; health: "healthy" | "unhealthy"; restarts: number; mutated: string[] | null };
export type SimulatedTarget = { key: string; service: string; environment: string; region: string; instances: SimulatedInstance[] };
export type SimulatedRuntimeOptions = {
  targets: SimulatedTarget[];
  /** Finds an image by the digest of a task; null means that it cannot be fetched. */
  pull: (digest: string) => SimulatedImage | null;
  /** How long replacing one instance takes, ms; drawn anew each time. */
  workMs: () => number;
  /** Called with the whole host after every change, so that a restart finds it as it was. */
  onChange?: (targets: SimulatedTarget[]) => void;
};

/** A host that exists only in memory but speaks as every other runtime does. */
export class SimulatedRuntime implements Runtime {
  readonly name = "simulated" as const;
  private readonly targets = new Map<string, SimulatedTarget>();
  private watcher: Watcher | null = null;
  private births = 0;
  private readonly options: SimulatedRuntimeOptions;

  constructor(options: SimulatedRuntimeOptions) {
    this.options = options;
    for (const target of options.targets) this.targets.set(target.key, target);
  }

  observe(): Promise<Observation> {
    const images = new Map<string, ReportedImage>();
    const targets: ReportedTarget[] = [];
    const instances: ObservedInstance[] = [];
    for (const target of this.targets.values()) {
      targets.push({
        key: target.key,
        kind: "service",
        labels: { "plumbline.service": target.service, ...(target.region === "" ? {} : { region: target.region }), ...(target.environment === "" ? {} : { "plumbline.environment": target.environment }) },
        components: [{ name: "main" }],
        desired: target.instances.length,
        ready: target.instances.length,
        canAct: true,
      });
      for (const instance of target.instances) {
        images.set(instance.image.digest, {
          digests: [
            { digest: instance.image.digest, kind: "manifest", repository: instance.image.repository },
            { digest: instance.image.configDigest, kind: "config" },
          ],
          reference: `${instance.image.repository}:${instance.image.version}`,
        });
        instances.push({
          key: instance.key,
          target: target.key,
          component: "main",
          image: instance.image.digest,
          state: "running",
          health: instance.health,
          startedAt: instance.startedAt,
          restarts: instance.restarts,
          mutated: instance.mutated === null ? null : { count: instance.mutated.length, paths: instance.mutated },
          region: target.region,
        });
      }
    }
    return Promise.resolve({ complete: true, errors: [], images, targets, instances });
  }

  async watch(watcher: Watcher, signal: AbortSignal): Promise<void> {
    this.watcher = watcher;
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    this.watcher = null;
  }

  async execute(task: Task, execution: Execution): Promise<Outcome> {
    const target = this.targets.get(task.target);
    if (!target) return { ok: false, reason: "runtime-error", message: `There is no target ${task.target} on this host.` };
    if (task.components.length === 0) {
      target.instances = [];
      this.changed();
      return { ok: true };
    }
    const image = this.find(task);
    execution.progress("pulling");
    if (!image) return { ok: false, reason: "cannot-fetch", message: `No registry has ${task.repository}.` };
    execution.progress("starting");
    for (let index = 0; index < target.instances.length; index += 1) {
      const before = target.instances[index];
      if (!before || (!task.force && before.image.digest === image.digest && before.mutated === null)) continue;
      const workMs = this.options.workMs();
      if (workMs > 0) await sleep(workMs);
      target.instances[index] = this.makeInstance(target, image, index);
      if (index % 8 === 7) this.watcher?.changed();
    }
    this.changed();
    return { ok: true };
  }

  prefetch(task: PrefetchTask): Promise<void> {
    return this.find(task) ? Promise.resolve() : Promise.reject(new Error(`No registry has ${task.repository}.`));
  }

  private find(task: PrefetchTask): SimulatedImage | undefined {
    return task.components.flatMap((component) => component.digests).map((digest) => this.options.pull(digest)).find((found) => found !== null) ?? undefined;
  }

  /** Changes instances from outside, as wear and tear does. */
  alter(change: (targets: Iterable<SimulatedTarget>) => void): void {
    change(this.targets.values());
    this.changed();
  }

  private changed(): void {
    this.options.onChange?.([...this.targets.values()]);
    this.watcher?.changed();
  }

  private makeInstance(target: SimulatedTarget, image: SimulatedImage, index: number): SimulatedInstance {
    this.births += 1;
    return {
      key: `${target.key}-${image.digest.slice(7, 13)}-${index}-${this.births.toString(36)}`,
      image,
      startedAt: new Date().toISOString(),
      health: "healthy",
      restarts: 0,
      mutated: null,
    };
  }
}

/** `count` instances of one image, started at `startedAt`. */
export function startInstances(targetKey: string, image: SimulatedImage, count: number, startedAt: string, from = 0): SimulatedInstance[] {
  return Array.from({ length: count }, (_, index) => ({ key: `${targetKey}-${image.digest.slice(7, 13)}-${index + from}`, image, startedAt, health: "healthy", restarts: 0, mutated: null }));
}

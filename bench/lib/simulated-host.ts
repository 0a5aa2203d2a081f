import { setTimeout as sleep } from "node:timers/promises";
import type { Execution, Observation, Outcome, Runtime, Task } from "@/cli/agent/runtimes/runtime";
import type { SimulatedImage } from "@/cli/simulate/image";

/** What running a release on one host leads to. */
export type Behaviour = {
  /** How long a replacement takes, ms. */
  workMs: number;
  /** `crash-loop` and `unhealthy` start; `start-failed` puts the old copies back; `wrong-digest` says done and runs something else. */
  outcome: "healthy" | "unhealthy" | "crash-loop" | "start-failed" | "wrong-digest";
  /** How long (ms) after the replacement it leaves what it was put on; null for never. */
  regressAfterMs: number | null;
};

export type HostPlan = {
  name: string;
  region: string;
  service: string;
  environment?: string;
  copies: number;
  image: SimulatedImage;
  /** Added to this host's wall clock, ms. */
  clockOffsetMs?: number;
  /** Asked at each replacement, by digest; what it leaves out is instant and healthy. */
  behave?: (digest: string) => Partial<Behaviour>;
};

const KIND: Behaviour = { workMs: 0, outcome: "healthy", regressAfterMs: null };
const YEAR_MS = 365 * 24 * 3_600_000;

type Copy = { key: string; image: SimulatedImage; startedAt: string; restarts: number; state: "running" | "waiting"; health: "healthy" | "unhealthy" };

/** One target with a few copies, in memory, that takes orders and goes wrong as it is told. */
export class SimulatedHost implements Pick<Runtime, "observe" | "execute"> {
  readonly target: string;
  private copies: Copy[];
  private births = 0;
  private readonly timers = new Set<NodeJS.Timeout>();

  /** @param find the image of a digest; null when no registry has it */
  constructor(
    readonly plan: HostPlan,
    private readonly find: (digest: string) => SimulatedImage | null,
    private readonly changed: () => void,
  ) {
    this.target = plan.service;
    this.copies = this.start(plan.image, { outcome: "healthy" }, this.now() - YEAR_MS);
  }

  /** This host's own idea of the time. */
  now(): number {
    return Date.now() + (this.plan.clockOffsetMs ?? 0);
  }

  /** The digest that it runs now; null when it runs nothing. */
  get running(): string | null {
    return this.copies[0]?.image.digest ?? null;
  }

  observe(): Promise<Observation> {
    const { plan } = this;
    return Promise.resolve({
      complete: true,
      errors: [],
      images: new Map(this.copies.map(({ image }) => [image.digest, { digests: [{ digest: image.digest, kind: "manifest" as const, repository: image.repository }, { digest: image.configDigest, kind: "config" as const }], reference: `${image.repository}:${image.version}` }])),
      targets: [{ key: this.target, kind: "service", labels: { "plumbline.service": plan.service, ...(plan.environment ? { "plumbline.environment": plan.environment } : {}) }, components: [{ name: "main" }], desired: plan.copies, ready: this.copies.filter(({ state }) => state === "running").length, canAct: true }],
      instances: this.copies.map(({ key, image, startedAt, restarts, state, health }) => ({ key, target: this.target, component: "main", image: image.digest, state, health, startedAt, restarts, region: plan.region })),
    });
  }

  async execute(task: Task, execution: Execution): Promise<Outcome> {
    const before = this.copies;
    if (task.components.length === 0) {
      this.become([]);
      return { ok: true };
    }
    const digests = task.components.flatMap((component) => component.digests);
    const image = digests.map((digest) => this.find(digest)).find((found) => found !== null);
    execution.progress("pulling");
    if (!image) return { ok: false, reason: "cannot-fetch", message: `No registry has ${task.repository}.` };
    const behaviour: Behaviour = { ...KIND, ...this.plan.behave?.(image.digest) };
    if (behaviour.workMs > 0) await sleep(behaviour.workMs);
    if (behaviour.outcome === "start-failed") return { ok: false, reason: "start-failed", message: "The process ended at once.", exitCode: 1 };
    if (behaviour.outcome !== "wrong-digest" && (task.force || this.running !== image.digest)) this.become(this.start(image, behaviour, this.now()));
    const { regressAfterMs } = behaviour;
    if (regressAfterMs !== null) this.later(regressAfterMs, () => this.become(before.map((copy) => ({ ...copy, key: this.bear(), startedAt: new Date(this.now()).toISOString() }))));
    return { ok: true };
  }

  /** Ends what would still happen by itself. */
  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private start(image: SimulatedImage, { outcome }: Pick<Behaviour, "outcome">, atMs: number): Copy[] {
    return Array.from({ length: this.plan.copies }, () => ({
      key: this.bear(),
      image,
      startedAt: new Date(atMs).toISOString(),
      restarts: outcome === "crash-loop" ? 3 : 0,
      state: outcome === "crash-loop" ? "waiting" : "running",
      health: outcome === "healthy" ? "healthy" : "unhealthy",
    }));
  }

  private bear(): string {
    this.births += 1;
    return `${this.plan.name}-${this.births.toString(36)}`;
  }

  private become(copies: Copy[]): void {
    this.copies = copies;
    this.changed();
  }

  private later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    this.timers.add(timer);
  }
}

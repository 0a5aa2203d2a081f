import type { InventoryReportInput, ProgressReport } from "@/lib/contract/agent";

export type ReportedImage = NonNullable<InventoryReportInput["images"]>[number];
export type ReportedTarget = NonNullable<InventoryReportInput["targets"]>[number];
export type ReportedInstance = NonNullable<InventoryReportInput["instances"]>[number];
export type ReportedEvent = NonNullable<InventoryReportInput["events"]>[number];
export type CoverageError = InventoryReportInput["coverage"]["errors"][number];
export type ProgressLine = NonNullable<ProgressReport["targets"]>[number];

/** An instance that names its image by a key of `Observation.images`; the report turns it into an index. */
export type ObservedInstance = Omit<ReportedInstance, "image"> & { image: string };

/** Everything a runtime sees now. With `complete: false` nothing absent counts as gone. */
export interface Observation {
  complete: boolean;
  errors: CoverageError[];
  images: Map<string, ReportedImage>;
  targets: ReportedTarget[];
  instances: ObservedInstance[];
}

/** One target's desired state, as far as a runtime needs it. No components: nothing should run here. */
export interface Task {
  target: string;
  generation: number;
  rollout: string | null;
  entry: number;
  service: string;
  environment: string;
  /** Where the bytes are of a component that does not say so itself. */
  repository: string;
  components: { name: string; digests: string[]; repository?: string }[];
  /** Replaces even what already runs the right bytes. */
  force: boolean;
}

/** Bytes that a target will need when its wave opens. */
export type PrefetchTask = Pick<Task, "target" | "rollout" | "entry" | "service" | "environment" | "repository" | "components">;

export interface Failure {
  reason: NonNullable<ProgressLine["reason"]>;
  message: string;
  exitCode?: number;
  oom?: boolean;
  healthOutput?: string;
  logs?: string[];
}

export type Outcome = { ok: true } | ({ ok: false } & Failure);

/** What an execution is given to be able to die and go on: `save` is durable before it resolves. */
export interface Execution {
  /** What `save` was last given for this generation, or null on a first attempt. */
  saved: unknown;
  save(record: unknown): Promise<void>;
  progress(step: ProgressLine["step"]): void;
}

export interface Watcher {
  /** Until when (wall clock, ms) everything was told before this process began; a runtime with a memory begins there. */
  sinceMs?: number;
  /** Something changed that the next report should say. */
  changed(): void;
  event(event: ReportedEvent): void;
}

export interface Runtime {
  readonly name: "docker" | "exec" | "simulated";
  observe(): Promise<Observation>;
  /** Follows the runtime's own events until the signal; never rejects. */
  watch(watcher: Watcher, signal: AbortSignal): Promise<void>;
  /** Brings one target to its task, or back to what it ran, saying why. Called again after a crash with what was saved. */
  execute(task: Task, execution: Execution): Promise<Outcome>;
  /** Gets the bytes and touches nothing that runs; rejects with the reason. A runtime without it gets nothing ahead. */
  prefetch?(task: PrefetchTask): Promise<void>;
}

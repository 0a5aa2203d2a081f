import { setTimeout as sleep } from "node:timers/promises";
import { DIGEST_KINDS, isDigest } from "@/lib/domain/fleet/digests";
import { HEALTH, INSTANCE_STATES } from "@/lib/domain/fleet/health";
import { messageOf } from "../error-message";
import { outliveCommand, readCommandProcess, runCommand, tailOf } from "./run-command";
import type { CommandProcess } from "./run-command";
import type { CoverageError, Execution, Observation, ObservedInstance, Outcome, PrefetchTask, ReportedImage, ReportedTarget, Runtime, Task, Watcher } from "./runtime";
import { taskEnvironment } from "./task-environment";

export interface ExecOptions {
  /** Prints what runs, one JSON object a line (see `parseListing`). */
  listCommand: string;
  /** Brings one component of one target to a digest; its arguments are the PLUMBLINE_… variables. */
  replaceCommand?: string;
  /** Gets one component's bytes to this host, for a replacement to come; the same variables. */
  prefetchCommand?: string;
  env: Record<string, string | undefined>;
  region?: string;
  mayAct(target: string): boolean;
  /** How often the list is taken to notice a change. */
  pollMs: number;
  listTimeoutMs?: number;
  replaceTimeoutMs?: number;
  prefetchTimeoutMs?: number;
}

/** What survives the agent's death: the components that were brought there, and the command that runs now. */
interface ExecNotes {
  done: string[];
  running: { component: string; process: CommandProcess | null } | null;
}

const MAX_LIST_BYTES = 8 * 1024 * 1024;
const MAX_LINES = 20_000;

/** Two commands of the operator's as a runtime. */
export function openExecRuntime(options: ExecOptions): Runtime {
  const list = async (): Promise<Observation> => {
    const unseen = (message: string): Observation => ({ complete: false, errors: [{ message: message.slice(0, 500) }], images: new Map(), targets: [], instances: [] });
    try {
      const result = await runCommand(options.listCommand, { env: options.env, timeoutMs: options.listTimeoutMs ?? 30_000, maxStdoutBytes: MAX_LIST_BYTES });
      if (result.timedOut) return unseen("the list command took too long");
      if (result.code !== 0) return unseen(`the list command ended with ${result.code ?? result.signal}: ${result.stderrTail.slice(-300)}`);
      const observation = parseListing(result.stdout, { region: options.region, mayAct: (target) => options.replaceCommand !== undefined && options.mayAct(target) });
      if (!result.truncated) return observation;
      return { ...observation, complete: false, errors: [...observation.errors, { message: "the list command printed more than 8 MiB" }] };
    } catch (error) {
      return unseen(`the list command cannot be run: ${messageOf(error)}`);
    }
  };

  const { prefetchCommand } = options;
  return {
    name: "exec",
    observe: list,
    watch: async (watcher: Watcher, signal: AbortSignal) => {
      let before = "";
      while (!signal.aborted) {
        const now = await list();
        const text = JSON.stringify([now.targets, now.instances, now.errors]);
        if (before !== "" && text !== before) watcher.changed();
        before = text;
        await sleep(options.pollMs, undefined, { signal }).catch(() => undefined);
      }
    },
    execute: async (task: Task, execution: Execution): Promise<Outcome> => {
      const replaceCommand = options.replaceCommand;
      const timeoutMs = options.replaceTimeoutMs ?? 600_000;
      const stops = task.components.length === 0;
      const components = stops ? [{ name: "", digests: [] }] : task.components;
      const isThere = (seen: Observation, component: { name: string; digests: string[] }): boolean =>
        stops ? seen.errors.length === 0 && seen.instances.every((one) => one.target !== task.target || one.state !== "running") : runs(seen, task.target, component);
      let notes = readNotes(execution.saved);
      const note = (change: Partial<ExecNotes>) => execution.save((notes = { ...notes, ...change }));
      const left = notes.running;
      if (left) {
        // Killed in the middle of the operator's command: it may still run; what it did shows, and it is not run a second time.
        if (left.process) await outliveCommand(left.process, timeoutMs);
        const seen = await list();
        const interrupted = components.find((component) => component.name === left.component);
        // Of a forced one nothing tells whether what runs is the new copy.
        if (!interrupted || task.force || !isThere(seen, interrupted)) return { ok: false, reason: "interrupted", message: "the agent was ended while the replace command ran; it is not run again for this generation" };
        await note({ done: [...notes.done, left.component], running: null });
      }
      const before = await list();
      for (const component of components) {
        if (notes.done.includes(component.name) || (!task.force && !stops && isThere(before, component))) continue;
        if (replaceCommand === undefined) return { ok: false, reason: "cannot-act", message: "this agent has no --replace-command" };
        const result = await runCommand(replaceCommand, {
          timeoutMs,
          maxStdoutBytes: 64 * 1024,
          env: { ...options.env, ...taskEnvironment(task, stops ? "stop" : "replace", component) },
          started: async (process) => {
            await note({ running: { component: component.name, process } });
            execution.progress(stops ? "stopping" : "creating");
          },
        });
        if (result.timedOut) return { ok: false, reason: "timeout", message: `the replace command took too long: ${result.stderrTail}`.slice(0, 2_000) };
        if (result.code !== 0) return { ok: false, reason: "start-failed", message: (result.stderrTail || `the replace command ended with ${result.code ?? result.signal}`).slice(-2_000), ...(result.code === null ? {} : { exitCode: result.code }) };
        await note({ done: [...notes.done, component.name], running: null });
        execution.progress("started");
      }
      return { ok: true };
    },
    ...(prefetchCommand === undefined
      ? {}
      : {
          prefetch: async (task: PrefetchTask): Promise<void> => {
            for (const component of task.components) {
              const result = await runCommand(prefetchCommand, { timeoutMs: options.prefetchTimeoutMs ?? 900_000, maxStdoutBytes: 64 * 1024, env: { ...options.env, ...taskEnvironment(task, "prefetch", component) } });
              if (result.timedOut) throw new Error(`the prefetch command took too long: ${tailOf(result)}`);
              if (result.code !== 0) throw new Error(tailOf(result) || `the prefetch command ended with ${result.code ?? result.signal}`);
            }
          },
        }),
  };
}

function readNotes(saved: unknown): ExecNotes {
  if (typeof saved !== "object" || saved === null) return { done: [], running: null };
  // Written by an agent that noted only which component it had begun.
  if ("component" in saved && typeof saved.component === "string") return { done: [], running: { component: saved.component, process: null } };
  const done = "done" in saved && Array.isArray(saved.done) ? saved.done.filter((name): name is string => typeof name === "string") : [];
  const running = "running" in saved ? saved.running : null;
  if (typeof running !== "object" || running === null || !("component" in running) || typeof running.component !== "string") return { done, running: null };
  return { done, running: { component: running.component, process: "process" in running ? readCommandProcess(running.process) : null } };
}

function runs(observation: Observation, target: string, component: { name: string; digests: string[] }): boolean {
  const mine = observation.instances.filter((one) => one.target === target && one.component === component.name);
  return (
    mine.length > 0 &&
    mine.every((one) => one.state === "running" && one.health !== "unhealthy" && (one.mutated?.count ?? 0) === 0 && (observation.images.get(one.image)?.digests ?? []).some((known) => component.digests.includes(known.digest)))
  );
}

/**
 * Reads a listing: one JSON object a line.
 *
 * | field | |
 * |---|---|
 * | `target` | required; the unit of action |
 * | `service` | becomes the label `plumbline.service` |
 * | `component` | default `main` |
 * | `instance` | a key that changes with each start; default from target, component, pid and start |
 * | `state` | `starting`, `running` (default), `waiting`, `exited`, or `none`: a target without an instance |
 * | `digest` or `digests` | `sha256:…` of what runs; `digestKind` says of what (default `file`); `repository`, `reference` |
 * | `declared` | the digest that would be started next |
 * | `health`, `pid`, `startedAt`, `restarts`, `lastExit {code, at, oom}`, `mutated {count, paths}`, `labels`, `desired`, `kind` | |
 *
 * A line that cannot be read becomes a named error and makes the coverage incomplete; the others count.
 */
export function parseListing(text: string, options: { region?: string; mayAct(target: string): boolean }): Observation {
  const errors: CoverageError[] = [];
  const images = new Map<string, ReportedImage>();
  const instances = new Map<string, ObservedInstance>();
  const targets = new Map<string, ReportedTarget>();
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > MAX_LINES) errors.push({ message: `the list command printed ${lines.length} lines; ${MAX_LINES} are read` });
  for (const [index, line] of lines.slice(0, MAX_LINES).entries()) {
    try {
      readLine(line, options, { images, instances, targets });
    } catch (error) {
      errors.push({ message: `line ${index + 1}: ${messageOf(error)}`.slice(0, 500) });
    }
  }
  return { complete: errors.length === 0, errors: errors.slice(0, 100), images, targets: [...targets.values()], instances: [...instances.values()] };
}

function readLine(line: string, options: { region?: string; mayAct(target: string): boolean }, into: { images: Map<string, ReportedImage>; instances: Map<string, ObservedInstance>; targets: Map<string, ReportedTarget> }): void {
  // A list command can say so itself when it cannot look at something.
  if (line.startsWith("#")) throw new Error(line.slice(1).trim());
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("is no JSON object");
  const fields = new Map<string, unknown>(Object.entries(value));
  const key = textOf(fields, "target", 400);
  if (key === undefined) throw new Error("has no target");
  const component = textOf(fields, "component", 100) ?? "main";
  const state = fields.get("state") ?? "running";
  const known = INSTANCE_STATES.find((one) => one === state);
  if (!known && state !== "none") throw new Error(`has an unknown state ${JSON.stringify(state)}`);
  const given = [...(Array.isArray(fields.get("digests")) ? (fields.get("digests") as unknown[]) : []), ...(fields.has("digest") ? [fields.get("digest")] : [])];
  const digests = given.map((digest) => {
    if (typeof digest !== "string" || !isDigest(digest)) throw new Error(`has a digest that is none: ${JSON.stringify(digest)}`);
    return digest;
  });
  const declared = textOf(fields, "declared", 200);
  if (declared !== undefined && !isDigest(declared)) throw new Error("has a declared digest that is none");
  const startedAt = timeOf(fields.get("startedAt"));
  const health = HEALTH.find((one) => one === fields.get("health")) ?? "unknown";
  const desired = countOf(fields.get("desired")) ?? 1;
  const service = textOf(fields, "service", 200);

  const target: ReportedTarget = into.targets.get(key) ?? { key, kind: "service", labels: labelsOf(fields.get("labels"), service), components: [], desired: 0, ready: 0, managedBy: null, canAct: options.mayAct(key) };
  target.desired = (target.desired ?? 0) + desired;
  if (known === "running" && health !== "unhealthy") target.ready = (target.ready ?? 0) + 1;
  if (!target.components?.some((one) => one.name === component)) target.components = [...(target.components ?? []), { name: component, declared: declared ?? null }];
  if (!options.mayAct(key)) target.cannotActReason = "this host does not allow the agent to act here (--act, --replace-command)";
  into.targets.set(key, target);
  if (!known) return;

  const kind = DIGEST_KINDS.find((one) => one === fields.get("digestKind")) ?? "file";
  const repository = textOf(fields, "repository", 300);
  const reference = textOf(fields, "reference", 500);
  const image: ReportedImage = { digests: [...new Set(digests)].sort().map((digest) => ({ digest, kind, ...(repository ? { repository } : {}) })), ...(reference ? { reference } : {}) };
  const imageKey = JSON.stringify(image);
  into.images.set(imageKey, image);
  const pid = countOf(fields.get("pid"));
  const instanceKey = textOf(fields, "instance", 400) ?? [key, component, pid ?? "", startedAt ?? ""].join("/").slice(0, 400);
  if (into.instances.has(instanceKey)) throw new Error(`repeats the instance ${instanceKey}`);
  const mutated = mutatedOf(fields.get("mutated"));
  const lastExit = exitOf(fields.get("lastExit"));
  into.instances.set(instanceKey, {
    key: instanceKey,
    target: key,
    component,
    image: imageKey,
    state: known,
    health,
    startedAt: startedAt ?? null,
    restarts: countOf(fields.get("restarts")) ?? 0,
    ...(lastExit ? { lastExit } : {}),
    ...(mutated ? { mutated } : {}),
    ...(options.region ? { region: options.region } : {}),
  });
}

function textOf(fields: Map<string, unknown>, name: string, max: number): string | undefined {
  const value = fields.get(name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string" || value === "" || value.length > max || /[\0\ud800-\udfff]/u.test(value)) throw new Error(`has a bad ${name}`);
  return value;
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? Math.min(value, 1_000_000_000) : undefined;
}

function timeOf(value: unknown): string | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

function labelsOf(value: unknown, service: string | undefined): Record<string, string> {
  const given = typeof value === "object" && value !== null ? Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[0] !== "" && entry[0].length <= 200) : [];
  return Object.fromEntries([...(service === undefined ? [] : [["plumbline.service", service] as const]), ...given].slice(0, 16).map(([key, text]) => [key, text.slice(0, 500)]));
}

function mutatedOf(value: unknown): ObservedInstance["mutated"] | undefined {
  if (typeof value !== "object" || value === null || !("count" in value)) return undefined;
  const paths = "paths" in value && Array.isArray(value.paths) ? value.paths.filter((path): path is string => typeof path === "string") : [];
  return { count: countOf(value.count) ?? paths.length, paths: paths.slice(0, 20).map((path) => path.slice(0, 500)) };
}

function exitOf(value: unknown): ObservedInstance["lastExit"] | undefined {
  if (typeof value !== "object" || value === null || !("code" in value) || typeof value.code !== "number" || !Number.isInteger(value.code)) return undefined;
  const at = "at" in value ? timeOf(value.at) : undefined;
  return { code: value.code, ...(at ? { at } : {}), ...("oom" in value && value.oom === true ? { oom: true } : {}) };
}

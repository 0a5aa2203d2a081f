import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDigest } from "@/lib/domain/fleet/digests";
import { computeSettingsDigest } from "@/lib/domain/fleet/settings-digest";
import type { MountSetting } from "@/lib/domain/fleet/settings-digest";
import { messageOf } from "../error-message";
import { GENERATION_LABEL, REPLACES_LABEL, containerName, planCreation } from "./docker/carry-over";
import { filterChanges } from "./docker/changed-paths";
import { openEngine } from "./docker/engine";
import type { Engine } from "./docker/engine";
import type { EngineEvent, InspectedContainer, InspectedImage, ListedContainer } from "./docker/engine-types";
import { allowedLabels, asideName, engineTime, instanceHealth, instanceState, isAside, managerOf, ownName, targetKey, whyNotReplaceable } from "./docker/facts";
import { collectImageDigests } from "./docker/image-digests";
import { carryReplacement } from "./docker/replacement";
import type { ReplacementFacts, ReplacementRecord } from "./docker/replacement";
import type { CoverageError, Execution, Failure, Observation, ObservedInstance, Outcome, ReportedEvent, ReportedImage, ReportedTarget, Runtime, Task, Watcher } from "./runtime";

export interface DockerOptions {
  socket?: string;
  env: Record<string, string | undefined>;
  region?: string;
  /** Hex; keys the settings digest. Without it none is told. */
  settingsKey?: string;
  /** Whether the last 50 log lines of a container that did not start may travel. */
  logs: boolean;
  /** Whether this host lets the agent act on a target. */
  mayAct(target: string): boolean;
  /** Wall clock in milliseconds. */
  now(): number;
}

/** What is remembered of a container between two looks; the inspection itself is too large to keep for thousands. */
interface Remembered {
  signature: string;
  instance: ObservedInstance;
  target: { key: string; labels: Record<string, string>; canAct: boolean; reason?: string; wants: boolean; networkOf: string | null };
  mounts: string[];
  /** The words of its health check, to know the engine's own runs from a person's. */
  healthCommand: string;
  running: boolean;
  changesReadAt: number;
}

const SMALL_FLEET = 50;
const CHANGES_MAX_AGE_MS = 60_000;
const CHANGES_MAX_AGE_MANY_MS = 600_000;
/** The share of time that may go into reading writable layers, beyond what their greatest age demands. */
const CHANGES_TIME_SHARE = 0.02;
const IMAGE_MAX_AGE_MS = 300_000;
const CHANGES_TICK_MS = 5_000;
const RECONNECT_MS = 2_000;

/** Docker Engine or Podman through the API socket. Rejects with a sentence when no engine answers. */
export async function openDockerRuntime(options: DockerOptions): Promise<Runtime> {
  return new DockerRuntime(await openEngine(options.socket, options.env), options);
}

class DockerRuntime implements Runtime {
  readonly name = "docker";
  private readonly seen = new Map<string, Remembered>();
  private readonly images = new Map<string, { image: ReportedImage; readAt: number }>();
  private readonly stale = new Set<string>();
  private readonly changesDue = new Set<string>();
  private readonly exits = new Map<string, { code: number; at: string; oom: boolean }>();
  private changesBudgetFrom = 0;

  constructor(
    private readonly engine: Engine,
    private readonly options: DockerOptions,
  ) {}

  async observe(): Promise<Observation> {
    const errors: CoverageError[] = [];
    let listed: ListedContainer[];
    try {
      listed = await this.engine.list();
    } catch (error) {
      return { complete: false, errors: [{ message: `the engine does not list its containers: ${messageOf(error)}`.slice(0, 500) }], images: new Map(), targets: [], instances: [] };
    }
    const present = new Set(listed.map((container) => container.Id));
    for (const id of this.seen.keys()) {
      if (present.has(id)) continue;
      this.seen.delete(id);
      this.exits.delete(id);
    }
    for (const container of listed) {
      const name = container.Names?.[0] ?? container.Id;
      try {
        await this.look(container, name);
      } catch (error) {
        this.seen.delete(container.Id);
        errors.push({ target: targetKey(name, container.Labels ?? {}).slice(0, 400), message: `cannot be inspected: ${messageOf(error)}`.slice(0, 500) });
      }
    }
    await this.readChanges();
    return this.assemble(listed, errors);
  }

  /** Inspects a container when the list, an event or a finished execution says that it may have changed. */
  private async look(container: ListedContainer, name: string): Promise<void> {
    const healthWord = /\((?:health: )?(\w+)\)/.exec(container.Status ?? "")?.[1] ?? "";
    const signature = [name, container.State, healthWord, container.ImageID].join(" ");
    const before = this.seen.get(container.Id);
    const image = before && this.images.get(before.instance.image);
    const imageFresh = image !== undefined && this.options.now() - image.readAt < IMAGE_MAX_AGE_MS;
    if (before?.signature === signature && imageFresh && !this.stale.has(container.Id)) return;
    const inspected = await this.engine.inspect(container.Id);
    this.stale.delete(container.Id);
    if (!inspected) return;
    if (!imageFresh || before?.instance.image !== inspected.Image) await this.learnImage(inspected);
    const labels = inspected.Config.Labels ?? {};
    const key = targetKey(name, labels);
    const state = instanceState(inspected.State);
    const startedAt = engineTime(inspected.State.StartedAt);
    const restarted = before?.instance.startedAt !== startedAt;
    if (restarted) this.changesDue.add(container.Id);
    const policy = inspected.HostConfig.RestartPolicy?.Name ?? "";
    const networkMode = inspected.HostConfig.NetworkMode ?? "";
    const exit = this.lastExit(inspected);
    this.seen.set(container.Id, {
      signature,
      instance: {
        key: container.Id,
        target: key,
        component: labels["plumbline.component"] ?? "main",
        image: inspected.Image,
        state,
        health: instanceHealth(inspected.State),
        startedAt,
        restarts: inspected.RestartCount ?? 0,
        ...(exit ? { lastExit: exit } : {}),
        ...(this.options.settingsKey ? { settingsDigest: settingsDigestOf(inspected, this.options.settingsKey) } : {}),
        ...(before && !restarted && before.instance.mutated ? { mutated: before.instance.mutated } : {}),
        ...(this.options.region ? { region: this.options.region } : {}),
      },
      target: {
        key,
        labels,
        canAct: false,
        reason: whyNotReplaceable(inspected, labels, [], null) ?? undefined,
        wants: state !== "exited" || (policy !== "" && policy !== "no"),
        networkOf: networkMode.startsWith("container:") ? networkMode.slice("container:".length) : null,
      },
      mounts: (inspected.Mounts ?? []).map((mount) => mount.Destination),
      healthCommand: (inspected.Config.Healthcheck?.Test ?? []).slice(1).join(" "),
      running: inspected.State.Running === true,
      changesReadAt: before && !restarted ? before.changesReadAt : 0,
    });
  }

  private lastExit(inspected: InspectedContainer): ObservedInstance["lastExit"] {
    const finishedAt = engineTime(inspected.State.FinishedAt);
    if (instanceState(inspected.State) === "exited" && finishedAt) {
      return { code: inspected.State.ExitCode ?? 0, at: finishedAt, ...(inspected.State.OOMKilled ? { oom: true } : {}) };
    }
    const seen = this.exits.get(inspected.Id);
    return seen ? { code: seen.code, at: seen.at, ...(seen.oom ? { oom: true } : {}) } : undefined;
  }

  private async learnImage(inspected: InspectedContainer): Promise<void> {
    const found = await this.engine.image(inspected.Image);
    const id = inspected.Image.includes(":") ? inspected.Image : `sha256:${inspected.Image}`;
    const digests = found ? collectImageDigests(found) : isDigest(id) ? [{ digest: id, kind: "unspecified" as const }] : [];
    const layers = (found?.RootFS?.Layers ?? []).filter(isDigest);
    const reference = inspected.Config.Image;
    this.images.set(inspected.Image, {
      readAt: this.options.now(),
      image: { digests: digests.slice(0, 200), ...(reference ? { reference: reference.slice(0, 500) } : {}), ...(layers.length > 0 ? { layers: layers.slice(0, 500) } : {}) },
    });
  }

  /** Reads writable layers: what an event asked for, then the oldest, within the time share. */
  private async readChanges(): Promise<void> {
    const now = this.options.now();
    const running = [...this.seen].filter(([, container]) => container.running).sort(([, a], [, b]) => a.changesReadAt - b.changesReadAt);
    const maxAge = running.length < SMALL_FLEET ? CHANGES_MAX_AGE_MS : CHANGES_MAX_AGE_MANY_MS;
    const budgetMs = this.changesBudgetFrom === 0 ? 0 : (now - this.changesBudgetFrom) * CHANGES_TIME_SHARE;
    this.changesBudgetFrom = now;
    let spentMs = 0;
    for (const [id, container] of running) {
      const due = this.changesDue.has(id) || now - container.changesReadAt >= maxAge;
      if (!due && (spentMs >= budgetMs || now - container.changesReadAt < CHANGES_TICK_MS)) continue;
      const from = this.options.now();
      try {
        const mutated = filterChanges(await this.engine.changes(id), container.mounts);
        container.instance = { ...container.instance, mutated: { count: mutated.count, paths: mutated.paths.map((path) => path.slice(0, 500)) } };
      } catch {
        // It ended meanwhile, or the storage driver cannot tell: then nothing is said about its files.
        container.instance = { ...container.instance, mutated: null };
      }
      container.changesReadAt = this.options.now();
      this.changesDue.delete(id);
      spentMs += container.changesReadAt - from;
    }
  }

  private assemble(listed: ListedContainer[], errors: CoverageError[]): Observation {
    const byTarget = new Map<string, Remembered[]>();
    const instances: ObservedInstance[] = [];
    const images = new Map<string, ReportedImage>();
    const joinedTo = new Map<string, string[]>();
    for (const container of this.seen.values()) {
      const to = container.target.networkOf;
      if (to) joinedTo.set(to, [...(joinedTo.get(to) ?? []), container.target.key]);
    }
    for (const { Id: id, Names: names } of listed) {
      const container = this.seen.get(id);
      // An old container that was set aside is a spare part, not a copy, once it stands still.
      if (!container || (isAside(names?.[0] ?? "") && !container.running)) continue;
      instances.push(container.instance);
      const image = this.images.get(container.instance.image);
      if (image) images.set(container.instance.image, image.image);
      const dependents = [...(joinedTo.get(id) ?? []), ...(joinedTo.get(ownName(names?.[0] ?? "")) ?? [])];
      const reason = container.target.reason ?? (dependents.length > 0 ? `other containers share its network: ${dependents.slice(0, 5).join(", ")}` : undefined);
      byTarget.set(container.target.key, [...(byTarget.get(container.target.key) ?? []), { ...container, target: { ...container.target, reason } }]);
    }
    const targets = [...byTarget].map(([key, containers]): ReportedTarget => {
      const labels = containers[0]?.target.labels ?? {};
      const reason = containers.find((container) => container.target.reason)?.target.reason ?? (this.options.mayAct(key) ? undefined : "this host does not allow the agent to act here (--act)");
      const components = new Map(containers.map((container) => [container.instance.component ?? "main", container]));
      const oneshot = containers.every((container) => !container.target.wants);
      return {
        key,
        kind: oneshot ? "oneshot" : "service",
        labels: allowedLabels(labels),
        components: [...components].map(([name]) => ({ name, declared: null })),
        desired: containers.filter((container) => container.target.wants).length,
        ready: containers.filter((container) => container.instance.state === "running" && container.instance.health !== "unhealthy").length,
        managedBy: managerOf(labels) ?? null,
        canAct: reason === undefined,
        ...(reason === undefined ? {} : { cannotActReason: reason.slice(0, 500) }),
      };
    });
    return { complete: errors.length === 0, errors: errors.slice(0, 100), images, targets, instances };
  }

  async watch(watcher: Watcher, signal: AbortSignal): Promise<void> {
    const tick = setInterval(() => {
      const before = [...this.seen.values()].map((container) => container.instance);
      void this.readChanges().then(() => {
        const after = [...this.seen.values()].map((container) => container.instance);
        if (JSON.stringify(before.map((one) => one.mutated)) !== JSON.stringify(after.map((one) => one.mutated))) watcher.changed();
      });
    }, CHANGES_TICK_MS);
    let since = this.options.now();
    while (!signal.aborted) {
      try {
        await this.engine.events(
          since,
          (event) => {
            since = Math.max(since, eventTimeMs(event));
            this.onEvent(event, watcher);
          },
          signal,
        );
      } catch {
        // The engine restarts or the stream broke: what was missed shows in the next look.
      }
      if (signal.aborted) break;
      for (const id of this.seen.keys()) this.stale.add(id);
      watcher.changed();
      await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
    clearInterval(tick);
  }

  private onEvent(event: EngineEvent, watcher: Watcher): void {
    const action = event.Action ?? event.status ?? "";
    if (event.Type === "image") {
      for (const image of this.images.values()) image.readAt = 0;
      return;
    }
    const id = event.Actor?.ID ?? event.id ?? "";
    const known = this.seen.get(id);
    const attributes = event.Actor?.Attributes ?? {};
    const ran = /^exec_(?:create|start): (.*)$/.exec(action)?.[1];
    // The engine's own health checks are execs too, and no news.
    if (ran !== undefined && known && known.healthCommand !== "" && ran.includes(known.healthCommand)) return;
    if (action.startsWith("exec_die") && known?.healthCommand) return;
    if (/^(?:attach|resize|top|exec_detach|sync)/.test(action)) return;
    this.stale.add(id);
    if (action.startsWith("exec")) this.changesDue.add(id);
    const at = new Date(eventTimeMs(event)).toISOString();
    const exitCode = Number.parseInt(attributes.exitCode ?? attributes.containerExitCode ?? "", 10);
    if (action === "die" || action === "died") this.exits.set(id, { code: Number.isNaN(exitCode) ? 0 : exitCode, at, oom: this.exits.get(id)?.oom ?? false });
    if (action === "oom") this.exits.set(id, { code: 137, at, oom: true });
    const kind = reportedKind(action);
    if (kind) {
      const key = known?.target.key ?? targetKey(attributes.name ?? id, attributes);
      const detail: ReportedEvent["detail"] = {};
      if (kind === "stop" && !Number.isNaN(exitCode)) detail.exitCode = exitCode;
      // Only the program: arguments may hold secrets.
      if (ran !== undefined) detail.command = ran.split(" ")[0]?.slice(0, 200) ?? "";
      watcher.event({ id: eventId(event, action, id), at, target: key.slice(0, 400), instance: id, kind, detail });
    }
    watcher.changed();
  }

  async execute(task: Task, execution: Execution): Promise<Outcome> {
    try {
      return await this.carryOut(task, execution);
    } catch (error) {
      return { ok: false, reason: "runtime-error", message: messageOf(error) };
    } finally {
      for (const id of this.seen.keys()) this.stale.add(id);
    }
  }

  private async carryOut(task: Task, execution: Execution): Promise<Outcome> {
    const closed: ReplacementRecord[] = isRecordList(execution.saved) ? execution.saved : [];
    const interrupted = closed.at(-1);
    if (interrupted && interrupted.phase !== "done") {
      const outcome = await this.carryOne(interrupted, closed.slice(0, -1), execution);
      if (!outcome.ok) return outcome;
    }
    const mine = await this.containersOf(task.target);
    if (task.components.length === 0) {
      execution.progress("stopping");
      for (const container of mine) if (container.State.Running) await this.engine.stop(container.Id);
      return { ok: true };
    }
    if (mine.length === 0) return { ok: false, reason: "cannot-act", message: "there is no container here to take name, volumes and settings from" };
    const done = new Set(closed.filter((record) => record.phase === "done").map((record) => record.name));
    const names = mine.map(containerName);
    for (const old of mine) {
      const name = ownName(old.Name);
      if (done.has(name)) continue;
      // A spare part of an interrupted replacement beside its successor.
      if (isAside(containerName(old)) && names.includes(name)) {
        if (!old.State.Running) await this.engine.remove(old.Id);
        continue;
      }
      const outcome = await this.replaceOne(task, old, name, closed.filter((record) => record.phase === "done"), execution);
      if (!outcome.ok) return outcome;
    }
    return { ok: true };
  }

  private async replaceOne(task: Task, old: InspectedContainer, name: string, closed: ReplacementRecord[], execution: Execution): Promise<Outcome> {
    const component = old.Config.Labels?.["plumbline.component"] ?? "main";
    const wanted = task.components.find((one) => one.name === component) ?? (task.components.length === 1 ? task.components[0] : undefined);
    if (!wanted) return { ok: true };
    const others = await this.dependentsOf(old);
    const refusal = whyNotReplaceable(old, old.Config.Labels ?? {}, others, null);
    if (refusal) return { ok: false, reason: "cannot-act", message: refusal };
    const oldImage = (await this.engine.image(old.Image)) ?? { Id: old.Image };
    const right = collectImageDigests(oldImage).some((digest) => wanted.digests.includes(digest.digest));
    if (right && !task.force && old.State.Running && instanceHealth(old.State) !== "unhealthy" && filterChanges(await this.engine.changes(old.Id), (old.Mounts ?? []).map((mount) => mount.Destination)).count === 0) {
      return { ok: true };
    }
    execution.progress("pulling");
    let image: { reference: string; image: InspectedImage };
    try {
      image = await this.obtain(task.repository, wanted.digests);
    } catch (error) {
      return { ok: false, reason: "cannot-fetch", message: messageOf(error) };
    }
    execution.progress("pulled");
    const labels = { [REPLACES_LABEL]: old.Id, [GENERATION_LABEL]: String(task.generation) };
    const plan = { ...planCreation({ old, oldImage, newImage: image.image, image: image.reference, labels }), name };
    const record: ReplacementRecord = {
      oldId: old.Id,
      name,
      asideName: asideName(name, task.generation),
      wasRunning: old.State.Running === true,
      plan,
      restorePlan: { ...planCreation({ old, oldImage, newImage: oldImage, image: old.Image, labels: {} }), name },
      phase: "forward",
      created: false,
      starts: 0,
    };
    return this.carryOne(record, closed, execution);
  }

  private async carryOne(record: ReplacementRecord, closed: ReplacementRecord[], execution: Execution): Promise<Outcome> {
    await execution.save([...closed, record]);
    let last: ReplacementFacts["next"] = null;
    let logs: string[] = [];
    const result = await carryReplacement(record, {
      save: (changed) => execution.save([...closed, changed]),
      pause: () => sleep(300),
      onAction: (action) => {
        if (action === "create") execution.progress("creating");
        if (action === "stop-old") execution.progress("stopping");
        if (action === "start-next") execution.progress("starting");
        if (action === "remove-old") execution.progress("started");
        if (action === "rename-back" || action === "remake-old") execution.progress("put-back");
      },
      observe: async (current) => {
        const facts = await this.replacementFacts(current);
        if (facts.next) last = facts.next;
        return facts;
      },
      act: async (action, current, facts) => {
        if (action === "remove-next" && facts.next && current.starts > 0 && this.options.logs) logs = (await this.engine.logs(facts.next.id, 50)).slice(-50).map((line) => line.slice(0, 2_000));
        await this.act(action, current, facts);
      },
    });
    closed.push(result);
    if (result.phase === "done") return { ok: true };
    return { ok: false, ...failureOf(result, last), ...(logs.length > 0 ? { logs } : {}) };
  }

  private async replacementFacts(record: ReplacementRecord): Promise<ReplacementFacts> {
    const [old, named] = await Promise.all([this.engine.inspect(record.oldId), this.engine.inspect(record.name)]);
    const other = named && named.Id !== record.oldId ? named : null;
    const isNext = other?.Config.Labels?.[REPLACES_LABEL] === record.oldId;
    const state = other?.State;
    const startedAt = engineTime(state?.StartedAt);
    const health = state?.Health?.Status;
    return {
      old: old ? { name: containerName(old), running: old.State.Running === true } : null,
      next:
        other && state && isNext
          ? {
              id: other.Id,
              state: state.Running || state.Restarting ? "running" : startedAt === null ? "created" : "exited",
              restarts: other.RestartCount ?? 0,
              health: health === "healthy" || health === "unhealthy" || health === "starting" ? health : "none",
              upMs: startedAt ? Math.max(0, this.options.now() - Date.parse(startedAt)) : 0,
              exitCode: state.ExitCode ?? 0,
              outOfMemory: state.OOMKilled ?? false,
              output: (state.Health?.Log?.at(-1)?.Output ?? "").trim().slice(0, 4_000),
            }
          : null,
      remade: other && !isNext ? { id: other.Id, running: other.State.Running === true } : null,
    };
  }

  private async act(action: string, record: ReplacementRecord, facts: ReplacementFacts): Promise<void> {
    switch (action) {
      case "rename-aside":
        return this.engine.rename(record.oldId, record.asideName);
      case "rename-back":
        return this.engine.rename(record.oldId, record.name);
      case "create":
        return this.make(record.plan);
      case "remake-old":
        return this.make(record.restorePlan);
      case "stop-old":
        return this.engine.stop(record.oldId);
      case "start-old":
        return this.engine.start(record.oldId);
      case "remove-old":
        return this.engine.remove(record.oldId);
      case "start-next":
        return this.joinAndStart(facts.next?.id, record);
      case "remove-next":
        return facts.next ? this.engine.remove(facts.next.id) : undefined;
      case "start-remade":
        return facts.remade ? this.engine.start(facts.remade.id) : undefined;
    }
  }

  private async make(plan: ReplacementRecord["plan"]): Promise<void> {
    await this.engine.create(plan);
  }

  /** Joins the further networks right before the start, so that a crash after the creation loses none of them. */
  private async joinAndStart(id: string | undefined, record: ReplacementRecord): Promise<void> {
    if (!id) return;
    for (const { network, endpoint } of record.plan.connect) await this.engine.connect(network, id, endpoint);
    await this.engine.start(id);
  }

  /** An image under one of the digests: what is here already, else pulled as `repository@digest`. */
  private async obtain(repository: string, digests: string[]): Promise<{ reference: string; image: InspectedImage }> {
    for (const digest of digests) {
      const byName = repository === "" ? null : await this.engine.image(`${repository}@${digest}`).catch(() => null);
      if (byName) return { reference: `${repository}@${digest}`, image: byName };
    }
    for (const digest of digests) {
      const image = await this.engine.imageByDigest(digest);
      if (image) return { reference: image.Id, image };
    }
    let failure = "the desired state names no digest";
    for (const digest of digests) {
      const reference = `${repository}@${digest}`;
      try {
        await this.engine.pull(reference);
        const image = await this.engine.image(reference);
        if (image) return { reference, image };
        failure = `${reference} was pulled but is not there`;
      } catch (error) {
        failure = `${reference}: ${messageOf(error)}`;
      }
    }
    throw new Error(failure);
  }

  private async containersOf(target: string): Promise<InspectedContainer[]> {
    const found: InspectedContainer[] = [];
    for (const container of await this.engine.list()) {
      if (targetKey(container.Names?.[0] ?? "", container.Labels ?? {}) !== target) continue;
      const inspected = await this.engine.inspect(container.Id);
      if (inspected) found.push(inspected);
    }
    return found;
  }

  private async dependentsOf(container: InspectedContainer): Promise<string[]> {
    const dependents: string[] = [];
    for (const other of this.seen.values()) {
      const to = other.target.networkOf;
      if (to && (to === container.Id || to === ownName(container.Name))) dependents.push(other.target.key);
    }
    return dependents;
  }
}

/** The digest of how this container is run, as `plumbline settings digest` computes it. */
function settingsDigestOf(container: InspectedContainer, keyHex: string): string {
  const { Entrypoint: entrypoint, Cmd: command, Env: environment } = container.Config;
  const mounts = (container.Mounts ?? []).map((mount): MountSetting => ({
    target: mount.Destination,
    kind: mount.Type === "bind" || mount.Type === "volume" || mount.Type === "tmpfs" ? mount.Type : "other",
    source: (mount.Type === "volume" ? mount.Name : mount.Source) ?? null,
    readOnly: mount.RW === false,
  }));
  const env = (environment ?? []).map((line): [string, string] => {
    const equals = line.indexOf("=");
    return equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
  });
  const settings = { command: typeof entrypoint === "string" ? [entrypoint] : (entrypoint ?? []), args: command ?? [], env: Object.fromEntries(env), mounts, references: {} };
  return `hmac-${computeSettingsDigest(settings, Buffer.from(keyHex, "hex"))}`;
}

function eventTimeMs(event: EngineEvent): number {
  if (event.timeNano) return Math.floor(event.timeNano / 1e6);
  return (event.time ?? 0) * 1000;
}

function eventId(event: EngineEvent, action: string, id: string): string {
  return createHash("sha256").update(`${action}\n${id}\n${event.timeNano ?? event.time ?? 0}`).digest("hex").slice(0, 32);
}

function reportedKind(action: string): ReportedEvent["kind"] | null {
  if (action === "start") return "start";
  if (action === "die" || action === "died") return "stop";
  if (action === "restart") return "restart";
  if (action === "oom") return "oom";
  if (action === "exec" || action.startsWith("exec_create")) return "exec";
  return null;
}

function isRecordList(saved: unknown): saved is ReplacementRecord[] {
  return Array.isArray(saved) && saved.every((one) => typeof one === "object" && one !== null && "oldId" in one && "phase" in one);
}

function failureOf(record: ReplacementRecord, last: ReplacementFacts["next"]): Failure {
  const message = record.reason ?? "the replacement failed";
  const reason = last?.health === "unhealthy" ? "unhealthy" : record.starts > 0 && last && (last.state === "exited" || last.restarts > 0) ? (last.restarts > 0 ? "crash-loop" : "start-failed") : record.starts > 0 ? "start-failed" : "runtime-error";
  return {
    reason,
    message: message.slice(0, 2_000),
    ...(last?.state === "exited" ? { exitCode: last.exitCode, oom: last.outOfMemory } : {}),
    ...(last?.output ? { healthOutput: last.output } : {}),
  };
}

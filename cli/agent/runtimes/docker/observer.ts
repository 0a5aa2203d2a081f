import { isDigest } from "@/lib/domain/fleet/digests";
import { computeSettingsDigest } from "@/lib/domain/fleet/settings-digest";
import type { MountSetting } from "@/lib/domain/fleet/settings-digest";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../error-message";
import type { CoverageError, Observation, ObservedInstance, ReportedEvent, ReportedImage, ReportedTarget, Watcher } from "../runtime";
import { filterChanges } from "./changed-paths";
import type { Engine } from "./engine";
import type { EngineEvent, InspectedContainer, ListedContainer } from "./engine-types";
import { allowedLabels, engineTime, instanceHealth, instanceState, isAside, isOneOff, isRunning, ownName, targetKey, whyNotReplaceable } from "./facts";
import { collectImageDigests } from "./image-digests";
import { managerOf, readWatchtower } from "./managers";
import type { Watchtower } from "./managers";

export interface ObserverOptions {
  region?: string;
  /** Hex; keys the settings digest. Without it none is told. */
  settingsKey?: string;
  /** Whether this host lets the agent act on a target. */
  mayAct(target: string): boolean;
  /** Wall clock in milliseconds. */
  now(): number;
}

/** What is remembered of a container between two looks; the inspection itself is too large to keep for thousands. */
interface Remembered {
  signature: string;
  instance: ObservedInstance;
  target: { key: string; name: string; labels: Record<string, string>; reference: string; canAct: boolean; reason?: string; wants: boolean; networkOf: string | null };
  watchtower: Watchtower | null;
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
const CHANGES_TIME_SHARE_MANY = 0.002;
const IMAGE_MAX_AGE_MS = 300_000;
const CHANGES_TICK_MS = 5_000;
const RECONNECT_MS = 2_000;

/** Looks at every container of an engine, at each no more often than something says that it may have changed. */
export class ContainerObserver {
  private readonly seen = new Map<string, Remembered>();
  private readonly images = new Map<string, { image: ReportedImage; readAt: number }>();
  private readonly pods = new Map<string, string | null>();
  private readonly stale = new Set<string>();
  private readonly changesDue = new Set<string>();
  private readonly exits = new Map<string, { code: number; at: string; oom: boolean }>();
  private changesBudgetFrom = 0;

  constructor(
    private readonly engine: Engine,
    private readonly options: ObserverOptions,
  ) {}

  /** Makes the next look a new one: somebody acted on the containers, or events were missed. */
  forget(): void {
    for (const id of this.seen.keys()) this.stale.add(id);
  }

  /** Who shares this container's network namespace. */
  dependentsOf(container: { Id: string; Name: string }): string[] {
    return [...this.seen.values()].filter(({ target }) => target.networkOf === container.Id || target.networkOf === ownName(container.Name)).map(({ target }) => target.key);
  }

  /** The pod that a container belongs to, as far as a look has told. */
  podOf(id: string): string | null {
    return this.pods.get(id) ?? null;
  }

  async observe(): Promise<Observation> {
    const errors: CoverageError[] = [];
    let listed: ListedContainer[];
    try {
      listed = await this.engine.list();
    } catch (error) {
      return { complete: false, errors: [{ message: `the engine does not list its containers: ${messageOf(error)}`.slice(0, 500) }], images: new Map(), targets: [], instances: [] };
    }
    const present = new Set(listed.map((container) => container.Id));
    for (const known of [this.seen, this.exits, this.pods]) for (const id of known.keys()) if (!present.has(id)) known.delete(id);
    for (const known of [this.stale, this.changesDue]) for (const id of known) if (!present.has(id)) known.delete(id);
    if (listed.some((container) => !this.pods.has(container.Id))) await this.learnPods(present);
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

  /** Podman alone has pods, and tells of them through its own API only. */
  private async learnPods(present: ReadonlySet<string>): Promise<void> {
    try {
      const pods = await this.engine.pods();
      for (const id of present) this.pods.set(id, pods.get(id) ?? null);
    } catch {
      // An old Podman without this call: its infra containers still show as sharers of a network.
      for (const id of present) this.pods.set(id, null);
    }
  }

  /** Inspects a container when the list, an event or a finished execution says that it may have changed. */
  private async look(container: ListedContainer, name: string): Promise<void> {
    const healthWord = /\((?:health: )?(\w+)\)/.exec(container.Status ?? "")?.[1] ?? "";
    const signature = [name, container.State, healthWord, container.ImageID].join(" ");
    const before = this.seen.get(container.Id);
    const image = before && this.images.get(before.instance.image);
    const imageFresh = image !== undefined && this.options.now() - image.readAt < IMAGE_MAX_AGE_MS;
    if (before?.signature === signature && imageFresh && !this.stale.has(container.Id)) return;
    // Before the look: an event that comes while it is taken makes it stale again.
    this.stale.delete(container.Id);
    const inspected = await this.engine.inspect(container.Id);
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
        name: ownName(name),
        labels,
        reference: inspected.Config.Image ?? "",
        canAct: false,
        reason: whyNotReplaceable(inspected, labels, [], this.pods.get(container.Id) ?? null) ?? undefined,
        // What was set aside has a successor, or is put back.
        wants: !isOneOff(labels) && (state !== "exited" || (policy !== "" && policy !== "no") || isAside(name)),
        networkOf: networkMode.startsWith("container:") ? networkMode.slice("container:".length) : null,
      },
      watchtower: readWatchtower(inspected),
      mounts: (inspected.Mounts ?? []).map((mount) => mount.Destination),
      healthCommand: (inspected.Config.Healthcheck?.Test ?? []).slice(1).join(" "),
      running: isRunning(inspected.State),
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

  /** Reads writable layers: what an event asked for, then the oldest, within the time share. Resolves with whether one differs. */
  private async readChanges(): Promise<boolean> {
    const now = this.options.now();
    const running = [...this.seen].filter(([, container]) => container.running).sort(([, a], [, b]) => a.changesReadAt - b.changesReadAt);
    const maxAge = running.length < SMALL_FLEET ? CHANGES_MAX_AGE_MS : CHANGES_MAX_AGE_MANY_MS;
    const budgetMs = this.changesBudgetFrom === 0 ? 0 : (now - this.changesBudgetFrom) * (running.length < SMALL_FLEET ? CHANGES_TIME_SHARE : CHANGES_TIME_SHARE_MANY);
    this.changesBudgetFrom = now;
    let spentMs = 0;
    let differs = false;
    for (const [id, container] of running) {
      const due = this.changesDue.has(id) || now - container.changesReadAt >= maxAge;
      if (!due && (spentMs >= budgetMs || now - container.changesReadAt < CHANGES_TICK_MS)) continue;
      const from = this.options.now();
      const before = container.instance.mutated;
      let mutated: ObservedInstance["mutated"] = null;
      try {
        const { count, paths } = filterChanges(await this.engine.changes(id), container.mounts);
        mutated = { count, paths: paths.map((path) => path.slice(0, 500)) };
      } catch {
        // It ended meanwhile, or the storage driver cannot tell: then nothing is said about its files.
        mutated = null;
      }
      if (JSON.stringify(before) !== JSON.stringify(mutated)) {
        container.instance = { ...container.instance, mutated };
        differs = true;
      }
      container.changesReadAt = this.options.now();
      this.changesDue.delete(id);
      spentMs += container.changesReadAt - from;
    }
    return differs;
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
    const succeeded = new Set(listed.flatMap(({ Id: id, Names: names }) => (isAside(names?.[0] ?? "") ? [] : (this.seen.get(id)?.target.key ?? []))));
    for (const { Id: id, Names: names } of listed) {
      const container = this.seen.get(id);
      if (!container) continue;
      // An old container that was set aside and stands still is a spare part, not a copy, as long as its successor is there.
      if (isAside(names?.[0] ?? "") && !container.running && succeeded.has(container.target.key)) continue;
      instances.push(container.instance);
      const image = this.images.get(container.instance.image);
      if (image) images.set(container.instance.image, image.image);
      const dependents = [...(joinedTo.get(id) ?? []), ...(joinedTo.get(ownName(names?.[0] ?? "")) ?? [])];
      const reason = container.target.reason ?? (dependents.length > 0 ? `other containers share its network: ${dependents.slice(0, 5).join(", ")}` : undefined);
      byTarget.set(container.target.key, [...(byTarget.get(container.target.key) ?? []), { ...container, target: { ...container.target, reason } }]);
    }
    const watchtowers = [...this.seen.values()].flatMap(({ watchtower }) => watchtower ?? []);
    const targets = [...byTarget].map(([key, containers]): ReportedTarget => {
      const labels = containers[0]?.target.labels ?? {};
      const reason = containers.find((container) => container.target.reason)?.target.reason ?? (this.options.mayAct(key) ? undefined : "this host does not allow the agent to act here (--act)");
      const managers = containers.map(({ target }) => managerOf(target, watchtowers));
      const components = new Map(containers.map((container) => [container.instance.component ?? "main", container]));
      const oneshot = containers.every((container) => !container.target.wants);
      return {
        key,
        kind: oneshot ? "oneshot" : "service",
        labels: allowedLabels(labels),
        components: [...components].map(([name]) => ({ name, declared: null })),
        desired: containers.filter((container) => container.target.wants).length,
        ready: containers.filter((container) => container.instance.state === "running" && container.instance.health !== "unhealthy").length,
        managedBy: managers.find((manager) => manager?.autoSync) ?? managers.find((manager) => manager !== null) ?? null,
        canAct: reason === undefined,
        ...(reason === undefined ? {} : { cannotActReason: reason.slice(0, 500) }),
      };
    });
    return { complete: errors.length === 0, errors: errors.slice(0, 100), images, targets, instances };
  }

  async watch(watcher: Watcher, signal: AbortSignal): Promise<void> {
    const tick = setInterval(() => {
      void this.readChanges().then((differs) => {
        if (differs) watcher.changed();
      });
    }, CHANGES_TICK_MS);
    let since = watcher.sinceMs ?? this.options.now();
    while (!signal.aborted) {
      try {
        await this.engine.events(
          since,
          (event) => {
            // The engine counts in seconds: what lies before was told already.
            if (eventTimeMs(event) < since) return;
            since = eventTimeMs(event);
            this.onEvent(event, watcher);
          },
          signal,
        );
      } catch {
        // The engine restarts or the stream broke: what was missed shows in the next look.
      }
      if (signal.aborted) break;
      this.forget();
      watcher.changed();
      await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
    clearInterval(tick);
  }

  /** A digest of the image that a container ran, by its id or by the reference that an event names: what was over soon was never looked at. */
  private digestOf(name: string | undefined): string | undefined {
    if (name === undefined) return undefined;
    const image = (this.images.get(name) ?? [...this.images.values()].find((one) => one.image.reference === name))?.image;
    return (image?.digests.find(({ repository }) => repository !== undefined) ?? image?.digests[0])?.digest;
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
      const digest = kind === "stop" ? this.digestOf(known?.instance.image ?? attributes.image) : undefined;
      watcher.event({ id: eventId(event, action, id), at, target: key.slice(0, 400), instance: id, kind, ...(digest === undefined ? {} : { digest }), detail });
    }
    watcher.changed();
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
  return computeSettingsDigest(settings, Buffer.from(keyHex, "hex"));
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
  // Its limits or its restart policy: all else of how it runs needs a new container.
  if (action === "update") return "settings";
  if (action === "exec" || action.startsWith("exec_create")) return "exec";
  return null;
}

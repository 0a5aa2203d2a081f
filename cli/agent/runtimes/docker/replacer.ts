import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../error-message";
import type { Execution, Failure, Outcome, PrefetchTask, Task } from "../runtime";
import { GENERATION_LABEL, REPLACES_LABEL, containerName, planCreation } from "./carry-over";
import { filterChanges } from "./changed-paths";
import type { Engine } from "./engine";
import type { InspectedContainer, InspectedImage } from "./engine-types";
import { asideName, engineTime, instanceHealth, isAside, isRunning, ownName, targetKey, whyNotReplaceable } from "./facts";
import { collectImageDigests } from "./image-digests";
import type { ContainerObserver } from "./observer";
import { carryReplacement } from "./replacement";
import type { ReplacementFacts, ReplacementRecord } from "./replacement";

export interface ReplacerOptions {
  /** Whether the last 50 log lines of a container that did not start may travel. */
  logs: boolean;
  /** Wall clock in milliseconds. */
  now(): number;
}

/** Brings the containers of one target to a digest, one after the other, each put back when its successor fails. */
export class ContainerReplacer {
  constructor(
    private readonly engine: Engine,
    private readonly observer: Pick<ContainerObserver, "forget" | "dependentsOf" | "podOf">,
    private readonly options: ReplacerOptions,
  ) {}

  async execute(task: Task, execution: Execution): Promise<Outcome> {
    try {
      return await this.carryOut(task, execution);
    } catch (error) {
      return { ok: false, reason: "runtime-error", message: messageOf(error) };
    } finally {
      this.observer.forget();
    }
  }

  /** Pulls what a replacement would pull. Rejects with the engine's reason. */
  async prefetch(task: PrefetchTask): Promise<void> {
    for (const { digests, repository } of task.components) await this.obtain(repository ?? task.repository, digests);
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
      for (const container of mine) if (isRunning(container.State)) await this.engine.stop(container.Id);
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
        if (!isRunning(old.State)) await this.engine.remove(old.Id);
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
    const refusal = whyNotReplaceable(old, old.Config.Labels ?? {}, this.observer.dependentsOf(old), this.observer.podOf(old.Id));
    if (refusal) return { ok: false, reason: "cannot-act", message: refusal };
    const oldImage = (await this.engine.image(old.Image)) ?? { Id: old.Image };
    const right = collectImageDigests(oldImage).some((digest) => wanted.digests.includes(digest.digest));
    if (right && !task.force && old.State.Running && instanceHealth(old.State) !== "unhealthy" && filterChanges(await this.engine.changes(old.Id), (old.Mounts ?? []).map((mount) => mount.Destination)).count === 0) {
      return { ok: true };
    }
    execution.progress("pulling");
    let image: { reference: string; image: InspectedImage };
    try {
      image = await this.obtain(wanted.repository ?? task.repository, wanted.digests);
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
      wasRunning: isRunning(old.State),
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
      old: old ? { name: containerName(old), running: isRunning(old.State) } : null,
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
      remade: other && !isNext ? { id: other.Id, running: isRunning(other.State) } : null,
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

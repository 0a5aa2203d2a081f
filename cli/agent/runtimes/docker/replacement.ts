import { messageOf } from "../../error-message";
import type { CreationPlan } from "./carry-over";

/** What survives the agent's death: written before and after every action. Ids and names are the engine's. */
export interface ReplacementRecord {
  oldId: string;
  name: string;
  asideName: string;
  /** Whether the old container ran when the replacement began: only then is it started again when put back. */
  wasRunning: boolean;
  /** The image to create from, and the creations in both directions, decided once. */
  plan: CreationPlan;
  /** How to make the old one again when it removed itself on stopping. */
  restorePlan: CreationPlan;
  phase: "forward" | "restoring" | "done" | "failed";
  created: boolean;
  /** How often a start was tried. */
  starts: number;
  reason?: string;
}

/** What the engine shows of the two containers now. */
export interface ReplacementFacts {
  old: { name: string; running: boolean } | null;
  next: { id: string; state: "created" | "running" | "exited"; restarts: number; health: "none" | "starting" | "healthy" | "unhealthy"; upMs: number; exitCode: number; outOfMemory: boolean; output: string } | null;
  /** The old one, made again after it had removed itself. */
  remade: { id: string; running: boolean } | null;
}

export type ReplacementAction =
  | { do: "rename-aside" | "create" | "stop-old" | "start-next" | "wait" | "remove-old" | "remove-next" | "remake-old" | "rename-back" | "start-old" | "start-remade" }
  | { do: "restore"; reason: string }
  | { do: "finish"; phase: "done" | "failed" };

/** How long a container without a health check must stay up before it counts as started. */
export const MINIMUM_UP_MS = 3_000;
/** How long a health check may stay undecided; past it the observation decides, not the agent. */
export const HEALTH_PATIENCE_MS = 90_000;

/**
 * The next action of a replacement, from what was written down and what the engine shows. Deciding from the facts each
 * time is what makes it safe to be killed between any two actions: nothing is remembered that can be seen.
 */
export function decideAction(record: ReplacementRecord, facts: ReplacementFacts): ReplacementAction {
  if (record.phase === "done" || record.phase === "failed") return { do: "finish", phase: record.phase };
  return record.phase === "forward" ? decideForward(record, facts) : decideRestoring(record, facts);
}

function decideForward(record: ReplacementRecord, { old, next }: ReplacementFacts): ReplacementAction {
  if (!next) {
    if (record.created) return { do: "restore", reason: record.starts > 0 ? "the new container ended and removed itself" : "the new container was removed by someone else" };
    if (!old) return { do: "restore", reason: "the old container vanished before the new one was made" };
    return old.name === record.asideName ? { do: "create" } : { do: "rename-aside" };
  }
  if (next.state === "created") {
    if (old?.running) return { do: "stop-old" };
    // It was never up, so trying again repeats nothing; twice is enough.
    return record.starts >= 2 ? { do: "restore", reason: "the new container did not start" } : { do: "start-next" };
  }
  if (next.state === "exited" || next.restarts > 0) {
    if (next.outOfMemory) return { do: "restore", reason: `the new container ran out of memory (exit code ${next.exitCode})` };
    // While its restart policy has it up again, the engine no longer knows how it ended.
    return { do: "restore", reason: next.state === "exited" ? `the new container ended with exit code ${next.exitCode}` : "the new container ended, and its restart policy started it again" };
  }
  if (next.health === "unhealthy") return { do: "restore", reason: `the new container is unhealthy: ${next.output || "its health check failed"}` };
  const proven = next.health === "healthy" || (next.health === "none" ? next.upMs >= MINIMUM_UP_MS : next.upMs >= HEALTH_PATIENCE_MS);
  if (!proven) return { do: "wait" };
  return old ? { do: "remove-old" } : { do: "finish", phase: "done" };
}

function decideRestoring(record: ReplacementRecord, { old, next, remade }: ReplacementFacts): ReplacementAction {
  if (next) return { do: "remove-next" };
  if (!old) {
    if (!remade) return { do: "remake-old" };
    return record.wasRunning && !remade.running ? { do: "start-remade" } : { do: "finish", phase: "failed" };
  }
  if (old.name !== record.name) return { do: "rename-back" };
  if (record.wasRunning && !old.running) return { do: "start-old" };
  return { do: "finish", phase: "failed" };
}

/** What acts on the engine; each action tolerates having been done already. */
export interface ReplacementHands {
  observe(record: ReplacementRecord): Promise<ReplacementFacts>;
  act(action: Exclude<ReplacementAction["do"], "wait" | "restore" | "finish">, record: ReplacementRecord, facts: ReplacementFacts): Promise<void>;
  /** Durable before it returns. */
  save(record: ReplacementRecord): Promise<void>;
  /** A pause between two looks at a container that has to prove itself. */
  pause(): Promise<void>;
  onAction?(action: ReplacementAction["do"]): void;
}

const MAX_RESTORE_ATTEMPTS = 5;

/**
 * Carries a replacement to its end from wherever it stands, and returns the closed record: `done`, or `failed` with the
 * reason and the old container put back. Throws only when even writing the record fails.
 */
export async function carryReplacement(record: ReplacementRecord, hands: ReplacementHands): Promise<ReplacementRecord> {
  let current = record;
  let restoreErrors = 0;
  for (;;) {
    let facts: ReplacementFacts | undefined;
    let failure: string | undefined;
    try {
      facts = await hands.observe(current);
      const action = decideAction(current, facts);
      if (action.do === "finish") {
        if (current.phase !== action.phase) {
          current = { ...current, phase: action.phase };
          await hands.save(current);
        }
        return current;
      }
      if (action.do === "restore") failure = action.reason;
      else if (action.do === "wait") await hands.pause();
      else {
        hands.onAction?.(action.do);
        if (action.do === "start-next") await hands.save((current = { ...current, starts: current.starts + 1 }));
        await hands.act(action.do, current, facts);
        if (action.do === "create") await hands.save((current = { ...current, created: true }));
      }
    } catch (error) {
      failure = messageOf(error);
    }
    if (failure === undefined) continue;
    if (current.phase === "forward") {
      current = { ...current, phase: "restoring", reason: failure };
      await hands.save(current);
      continue;
    }
    restoreErrors += 1;
    if (restoreErrors >= MAX_RESTORE_ATTEMPTS) {
      current = { ...current, phase: "failed", reason: `${current.reason ?? "the replacement failed"}; the old container could not be put back: ${failure}` };
      await hands.save(current);
      return current;
    }
    await hands.pause();
  }
}

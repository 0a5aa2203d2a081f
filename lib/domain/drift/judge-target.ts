import type { TargetKind } from "@/lib/domain/rollout/statuses";
import type { Desired } from "@/lib/domain/drift/classify";
import type { DriftCategory } from "@/lib/domain/drift/categories";
import type { Freshness } from "@/lib/domain/fleet/freshness";

/** How long fewer copies than desired are nobody's business (ms). */
export const SETTLE_MS = 5 * 60_000;

export interface TargetCounts {
  kind: TargetKind;
  /** What the runtime itself says should run; null when it does not say. Kept from the last report once unlisted. */
  desiredCount: number | null;
  /** What it says is ready; without that, the running copies. */
  readyCount: number;
  /** Whether the last complete report of its scope lists the target. An unlisted one has nothing ready. */
  listed: boolean;
  /** Since when (epoch ms) fewer are ready than desired, see `trackShortSince`. */
  shortSince: number | null;
  freshness: Freshness;
}

/**
 * Since when (epoch ms) a target has fewer copies than desired; null when it has enough. A desired count that was
 * raised meanwhile starts the time anew: an autoscaler's decision is no finding.
 */
export function trackShortSince(
  before: { desiredCount: number | null; shortSince: number | null } | null,
  current: { desiredCount: number | null; readyCount: number },
  now: number,
): number | null {
  if (current.desiredCount === null || current.readyCount >= current.desiredCount) return null;
  if (before === null || before.shortSince === null || before.desiredCount === null) return now;
  return current.desiredCount > before.desiredCount ? now : before.shortSince;
}

/**
 * Whether copies are missing: `["missing"]`, `["in-transition"]` while an open rollout explains it, else nothing.
 * Never said of jobs and oneshots, of a target without a declared count, of one that nothing is assigned to, or of a
 * silent scope, where nothing is known.
 */
export function judgeTargetPresence(
  target: TargetCounts,
  desired: Desired,
  activeRollout: boolean,
  now: number,
): DriftCategory[] {
  if (desired.kind !== "release" || target.freshness === "silent") return [];
  if (target.kind === "job" || target.kind === "oneshot" || target.desiredCount === null) return [];
  const ready = target.listed ? target.readyCount : 0;
  if (ready >= target.desiredCount) return [];
  if (activeRollout) return ["in-transition"];
  return target.shortSince !== null && now - target.shortSince >= SETTLE_MS ? ["missing"] : [];
}

/** Whether nothing need run of a target now: it is a job or a oneshot, or scaled to zero. */
export function runsLater({ kind, desiredCount }: Pick<TargetCounts, "kind" | "desiredCount">): boolean {
  return kind === "job" || kind === "oneshot" || desiredCount === 0;
}

/**
 * What the runtime would start of a target of which nothing runs now: `["will-revert"]` where that is not what is assigned,
 * `["in-transition"]` while an open rollout explains it. Where something runs its copies say so themselves.
 * @param declared for each component, whether its declared digest is the assigned one's; null where the runtime does not say
 */
export function judgeDeclared(
  target: Pick<TargetCounts, "kind" | "desiredCount" | "freshness"> & { running: number; declared: readonly (boolean | null)[] },
  activeRollout: boolean,
): DriftCategory[] {
  if (target.running > 0 || !runsLater(target) || target.freshness === "silent" || !target.declared.includes(false)) return [];
  return [activeRollout ? "in-transition" : "will-revert"];
}

/**
 * Whether a target that maps to a service gets a desired row from the assignment here (`admitted`), or runs beside
 * what was decided (`unexpected`: a copy that somebody started by hand).
 * In this order: nothing assigned, no; it has a row already, or was there when the assignment was made, yes; its
 * runtime keeps a declared count (an orchestrator, not a container started one by one), yes; it is the first of this
 * service in its agent's scope (a new host), yes; otherwise it is an extra copy.
 * The next assignment takes in everything that is present, so an extra copy that stays gets the new release too, and
 * none is left running what a rollback leaves behind.
 */
export function admitTarget(input: {
  assigned: boolean;
  hasDesiredRow: boolean;
  presentAtAssignment: boolean;
  orchestrated: boolean;
  othersOfServiceInScope: number;
}): "admitted" | "unexpected" {
  if (!input.assigned) return "unexpected";
  if (input.hasDesiredRow || input.presentAtAssignment || input.orchestrated) return "admitted";
  return input.othersOfServiceInScope === 0 ? "admitted" : "unexpected";
}

import type { DriftCategory } from "@/lib/domain/drift/categories";

/** How patient Plumbline is with rollouts that others carry out. All in milliseconds. */
export interface FollowPolicy {
  /** How long nothing may move before it is said to have stalled. */
  stalledAfterMs: number;
  /** How long nothing may move before it has failed. */
  failedAfterMs: number;
}
export const DEFAULT_FOLLOW_POLICY: FollowPolicy = { stalledAfterMs: 15 * 60_000, failedAfterMs: 60 * 60_000 };

/** How long (ms) a release must be there before it counts as deployed: what comes and goes within is nobody's rollout. */
export const APPEARED_FOR_MS = 4_000;
/** How long (ms) the release of a rollout must be nowhere before its deployer has given it up. */
export const GONE_FOR_MS = 60_000;
/** How long (ms) an approved release that appears where others decide is no finding: it is about to become a rollout. */
export const APPEARANCE_GRACE_MS = 30_000;
/** How long (ms) a deployer's "done" may run ahead of what is observed. */
export const DONE_SETTLES_MS = 2 * 60_000;

/** What a combination is judged as where a deployer brings another release than the assigned one. */
export const BROUGHT_CATEGORIES = ["behind", "ahead", "in-transition", "unexpected"] as const satisfies readonly DriftCategory[];
/** What nobody may bring, whoever decides: a finding at once, and never a rollout. */
export const REFUSED_CATEGORIES = ["unknown-artifact", "unverifiable", "recalled", "wrong-service", "unapproved"] as const satisfies readonly DriftCategory[];

/** A release that runs at a place, is approved and not recalled there, and is not the assigned one. */
export interface SeenRelease {
  releaseId: string;
  /** Order of registration. */
  registeredSeq: number;
  /** Targets that ran another release until it came, since the last decision here. */
  moved: number;
  /** Targets that are new, or started anew, with it since then. */
  fresh: number;
  /** Whether it was assigned here before. */
  assignedBefore: boolean;
}

/** A place where others decide. */
export interface FollowedPlace {
  assigned: { registeredSeq: number } | null;
  /** Targets that run the assigned release. */
  onAssigned: number;
  /** Whether a rollout of others is being followed here. */
  following: boolean;
  /** Promotions are held or frozen, or the place is pinned: then only an older release may come. */
  closed: boolean;
  seen: readonly SeenRelease[];
}

/**
 * Which release a deployer brings to a place, judged by what appeared since the last decision; null for none. A newer one
 * counts with its first target. An older one counts where it took the place of another: one target is enough while nothing is
 * under way, but not while a rollout is, where a host that was set up with the old image would turn everything round: then,
 * and for hosts that are new, it takes as many as run the assigned release.
 */
export function chooseObserved({ assigned, onAssigned, following, closed, seen }: FollowedPlace): { releaseId: string; kind: "promote" | "rollback" } | null {
  const isOlder = (release: SeenRelease): boolean => assigned !== null && release.registeredSeq < assigned.registeredSeq;
  const kindOf = (release: SeenRelease): "promote" | "rollback" => (isOlder(release) && release.assignedBefore ? "rollback" : "promote");
  const counts = (release: SeenRelease): boolean => {
    const reached = release.moved + release.fresh;
    if (closed && kindOf(release) === "promote") return false;
    if (!isOlder(release)) return reached > 0;
    return (!following && release.moved > 0) || reached >= Math.max(1, onAssigned);
  };
  const [chosen] = seen.filter(counts).sort((a, b) => b.moved + b.fresh - (a.moved + a.fresh) || b.registeredSeq - a.registeredSeq);
  return chosen ? { releaseId: chosen.releaseId, kind: kindOf(chosen) } : null;
}

/** Whether a rollout of others stands still: something is left to do, and nothing moved for too long. */
export function hasStalled(state: { left: number; quietSince: number }, now: number, policy: FollowPolicy): boolean {
  return state.left > 0 && now - state.quietSince >= policy.stalledAfterMs;
}

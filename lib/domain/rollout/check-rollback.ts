import type { Freshness } from "@/lib/domain/fleet/freshness";
import type { RefusalReason, Warning } from "@/lib/domain/rollout/reasons";

/** A migration that a release declared. */
export interface DeclaredMigration {
  id: string;
  kind: "expand" | "contract" | "irreversible";
  /** The oldest release that still works with the data afterwards; null when the release did not say. */
  compatibleBackTo: { version: string; registeredSeq: number } | null;
}

/** A release as it stands in one environment. */
export interface ReleaseHere {
  id: string;
  version: string;
  serviceId: string;
  serviceName: string;
  registeredSeq: number;
  approvedHere: boolean;
  recalled: boolean;
  /** Whether any target here ever ran it, by observation. */
  ranHere: boolean;
  /** Whether somebody ever decided that it should run here; a copy that turned up decided nothing. */
  assignedHere: boolean;
}

export interface TargetHere {
  key: string;
  canAct: boolean;
  freshness: Freshness;
  /** Whether it is verified on the assigned release. */
  verifiedOnAssigned: boolean;
  /** Another tool that would put its own version back; null when none is known. */
  revertedBy: string | null;
}

/** A release that was offered to any target here since the chosen one ran, aborted canaries included. */
export interface OfferedRelease {
  version: string;
  registeredSeq: number;
  /** Null when the release did not declare any list: not declared, never none. */
  migrations: readonly DeclaredMigration[] | null;
}

/** What keeps rollouts away from a partition: its reason, and when it ends by itself. */
export interface Pin {
  detail: string | null;
  until: string | null;
  named: boolean;
}

/** What every decision about one (service, environment, partition) weighs, read on locked rows or for a preview. */
export interface DecisionState {
  /** The answer of `may` for this verb and scope, as one sentence when refused. */
  permission: { ok: true } | { ok: false; detail: string };
  service: { id: string; name: string } | null;
  environment: { name: string } | null;
  /** The partition asked for, and whether it is declared here. */
  partition: { name: string; known: boolean };
  assigned: { releaseId: string; version: string; registeredSeq: number } | null;
  targets: readonly TargetHere[];
  activeRollout: { id: string; kind: string } | null;
  /** The pin on the partition, and whether whoever decides named that partition. */
  pin: Pin | null;
  /** The system that carries it out instead of the agents, by name: then no host has to allow anything. */
  executor: string | null;
  /** The revision token that the decision was made on (null: none was asked for), the present one, and what differs. */
  revision: { expected: string | null; current: string; changes: readonly string[] };
}

export interface RollbackState extends DecisionState {
  release: ReleaseHere | null;
  offeredSince: readonly OfferedRelease[];
  /** Whether the person typed that the rollback is wanted in spite of a migration. */
  forwardFixAccepted: boolean;
}

export interface PromotionState extends DecisionState {
  release: ReleaseHere | null;
  hold: { id: string; detail: string | null } | null;
  freeze: { name: string; until: string | null; overridden: boolean } | null;
}

export interface ReconvergeState extends DecisionState {
  /** The assigned release as it stands here now. */
  release: ReleaseHere | null;
}

export interface StopState extends DecisionState {
  /** What was typed to confirm it. */
  typed: string;
}

export type Refused = { ok: false; reasons: RefusalReason[] };
export type RollbackCheck = { ok: true; kind: "rollback" | "reconverge"; warnings: Warning[] } | Refused;
export type PromotionCheck = { ok: true; kind: "promote"; warnings: Warning[] } | Refused;
export type ReconvergeCheck = { ok: true; kind: "reconverge"; warnings: Warning[] } | Refused;
export type ReplaceCheck = { ok: true; kind: "replace"; warnings: Warning[] } | Refused;
export type StopCheck = { ok: true; kind: "stop"; warnings: Warning[] } | Refused;

function refuseScope(state: DecisionState): RefusalReason[] {
  const denied: RefusalReason[] = state.permission.ok ? [] : [{ reason: "not-permitted", detail: state.permission.detail }];
  return [...denied, ...refusePlace(state)];
}

/** Parts of a place that do not exist. */
export function refusePlace(state: Pick<DecisionState, "service" | "environment" | "partition">): RefusalReason[] {
  const reasons: RefusalReason[] = [];
  if (state.service === null) reasons.push({ reason: "service-unknown" });
  if (state.environment === null) reasons.push({ reason: "environment-unknown" });
  if (!state.partition.known) reasons.push({ reason: "partition-unknown", partition: state.partition.name });
  return reasons;
}

/** Why a release may not run at a place, whoever brings it there; null for one that is not known. */
export function refuseRelease(state: Pick<DecisionState, "service" | "environment">, release: ReleaseHere | null): RefusalReason[] {
  if (release === null) return [{ reason: "release-unknown" }];
  const reasons: RefusalReason[] = [];
  const { version } = release;
  if (state.service !== null && release.serviceId !== state.service.id) {
    return [{ reason: "wrong-service", version, service: release.serviceName }];
  }
  if (release.recalled) reasons.push({ reason: "recalled", version });
  if (!release.approvedHere) {
    reasons.push({ reason: "not-approved", version, environment: state.environment?.name ?? "this environment" });
  }
  return reasons;
}

/** A pin: no promotion touches what it is on, whoever carries it out. */
export function refusePinned(partition: string, pin: Pick<Pin, "detail" | "until"> | null): RefusalReason[] {
  return pin ? [{ reason: "pinned", partition, detail: pin.detail, until: pin.until, named: true }] : [];
}

/** A way back touches what is pinned only when somebody named it. */
function refuseUnnamed({ partition, pin }: DecisionState): RefusalReason[] {
  return pin && !pin.named ? [{ reason: "pinned", partition: partition.name, detail: pin.detail, until: pin.until, named: false }] : [];
}

function warnPinned({ partition, pin }: DecisionState): Warning[] {
  return pin ? [{ warning: "pinned", partition: partition.name, detail: pin.detail, until: pin.until }] : [];
}

/** Said last: what a person can cure by looking again. */
function refuseStale({ revision }: DecisionState): RefusalReason[] {
  if (revision.expected === null || revision.expected === revision.current) return [];
  return [{ reason: "stale-view", changes: revision.changes }];
}

/** An action without anything to act on, or without anyone who may. */
function refusePowerless({ executor, targets }: DecisionState): RefusalReason[] {
  if (targets.length === 0) return [{ reason: "no-targets" }];
  if (executor === null && !targets.some((target) => target.canAct)) return [{ reason: "nothing-can-act", targets: targets.length }];
  return [];
}

function allVerified({ targets }: DecisionState): boolean {
  return targets.length > 0 && targets.every((target) => target.verifiedOnAssigned);
}

function warnAboutTargets({ executor, targets }: DecisionState): Warning[] {
  const warnings: Warning[] = [];
  const of = targets.length;
  const cannotAct = executor === null ? targets.filter((target) => !target.canAct).length : 0;
  const silent = targets.filter((target) => target.freshness === "silent").length;
  if (cannotAct > 0) warnings.push({ warning: "some-cannot-act", count: cannotAct, of });
  if (silent > 0) warnings.push({ warning: "some-silent", count: silent, of });
  const managers = new Map<string, number>();
  if (executor !== null) warnings.push({ warning: "carried-out-by", executor });
  for (const { revertedBy } of targets) {
    if (revertedBy !== null) managers.set(revertedBy, (managers.get(revertedBy) ?? 0) + 1);
  }
  for (const [by, count] of [...managers].sort()) warnings.push({ warning: "will-be-reverted", by, count });
  return warnings;
}

/**
 * The first migration that the chosen release cannot live with. An irreversible or contracting one that names no
 * `compatibleBackTo` reaches back to the release that ran it; an expanding one harms nobody. What the chosen release or
 * an older one ran is no obstacle.
 */
function findForwardFix(
  chosen: ReleaseHere,
  offered: readonly OfferedRelease[],
): Extract<RefusalReason, { reason: "needs-forward-fix" }> | null {
  for (const release of offered.toSorted((a, b) => b.registeredSeq - a.registeredSeq)) {
    for (const migration of release.migrations ?? []) {
      const { compatibleBackTo, id, kind } = migration;
      const undeclared = kind === "expand" ? -Infinity : release.registeredSeq;
      if (chosen.registeredSeq >= (compatibleBackTo?.registeredSeq ?? undeclared)) continue;
      return {
        reason: "needs-forward-fix",
        release: release.version,
        migration: id,
        compatibleBackTo: compatibleBackTo?.version ?? null,
      };
    }
  }
  return null;
}

/**
 * Whether a rollback to a release may start, with every reason against it. A pinned partition has to be named. When the chosen release is the assigned one
 * the same button reconverges; `identical` refuses only when every target is verified on it. Holds and freezes never
 * stop a rollback, and a running rollout is superseded. Used by the button, by the server on locked rows and before
 * execution.
 */
export function checkRollback(state: RollbackState): RollbackCheck {
  const { assigned, release } = state;
  const reasons = [...refuseScope(state), ...refuseRelease(state, release)];
  const reconverges = release !== null && assigned?.releaseId === release.id;
  if (reconverges && allVerified(state)) reasons.push({ reason: "identical", version: release.version });
  if (release !== null && assigned !== null && !release.assignedHere && release.registeredSeq > assigned.registeredSeq) {
    // Else a rollback would be a promotion that no hold, freeze or missing role stops.
    reasons.push({ reason: "newer-than-assigned", version: release.version, assigned: assigned.version });
  }
  reasons.push(...refuseUnnamed(state), ...refusePowerless(state));
  const forwardFix = release && !reconverges ? findForwardFix(release, state.offeredSince) : null;
  if (forwardFix && !state.forwardFixAccepted) reasons.push(forwardFix);
  reasons.push(...refuseStale(state));
  if (reasons.length > 0 || release === null) return { ok: false, reasons };

  const warnings = [...warnPinned(state), ...warnAboutTargets(state)];
  if (!release.ranHere) warnings.push({ warning: "never-ran-here", version: release.version });
  if (forwardFix) {
    const { release: version, migration } = forwardFix;
    warnings.push({ warning: "forward-fix-overridden", release: version, migration });
  }
  const undeclared = state.offeredSince
    .filter((offered) => offered.registeredSeq > release.registeredSeq && offered.migrations === null)
    .map((offered) => offered.version);
  if (undeclared.length > 0 && !reconverges) warnings.push({ warning: "migrations-undeclared", releases: undeclared });
  if (state.activeRollout) {
    warnings.push({ warning: "supersedes", rollout: state.activeRollout.id, kind: state.activeRollout.kind });
  }
  return { ok: true, kind: reconverges ? "reconverge" : "rollback", warnings };
}

/**
 * Whether a promotion may start. Unlike a rollback it respects holds, freezes, pins and a running rollout. It may be made
 * before a target exists, or where no host lets Plumbline act: it then says what should run.
 */
export function checkPromotion(state: PromotionState): PromotionCheck {
  const { activeRollout, assigned, freeze, hold, release } = state;
  const reasons = [...refuseScope(state), ...refuseRelease(state, release)];
  if (release !== null && assigned?.releaseId === release.id) {
    reasons.push({ reason: "identical", version: release.version, deviating: state.targets.filter((target) => !target.verifiedOnAssigned).length, underWay: activeRollout !== null });
  }
  if (hold) reasons.push({ reason: "held", hold: hold.id, detail: hold.detail });
  if (freeze && !freeze.overridden) reasons.push({ reason: "frozen", freeze: freeze.name, until: freeze.until });
  reasons.push(...refusePinned(state.partition.name, state.pin));
  if (activeRollout) {
    reasons.push({ reason: "rollout-active", rollout: activeRollout.id, kind: activeRollout.kind });
  }
  reasons.push(...refuseStale(state));
  if (reasons.length > 0) return { ok: false, reasons };
  const warnings = warnAboutTargets(state);
  if (state.targets.length === 0) warnings.unshift({ warning: "no-targets" });
  if (freeze) warnings.push({ warning: "freeze-overridden", freeze: freeze.name });
  return { ok: true, kind: "promote", warnings };
}

/** Whether the assigned release may be carried out again where something else runs. */
export function checkReconverge(state: ReconvergeState): ReconvergeCheck {
  const { activeRollout, assigned, release } = state;
  const reasons = refuseScope(state);
  if (assigned === null) reasons.push({ reason: "nothing-assigned" });
  else {
    reasons.push(...refuseRelease(state, release));
    if (allVerified(state)) reasons.push({ reason: "identical", version: assigned.version });
  }
  if (activeRollout) {
    reasons.push({ reason: "rollout-active", rollout: activeRollout.id, kind: activeRollout.kind });
  }
  reasons.push(...refusePowerless(state), ...refuseStale(state));
  return reasons.length > 0
    ? { ok: false, reasons }
    : { ok: true, kind: "reconverge", warnings: warnAboutTargets(state) };
}

/** Whether new copies may be made of the assigned release. It harms nothing that is right, so it may always be asked again. */
export function checkReplace(state: ReconvergeState): ReplaceCheck {
  const { activeRollout, assigned, release } = state;
  const reasons = refuseScope(state);
  if (assigned === null) reasons.push({ reason: "nothing-assigned" });
  else reasons.push(...refuseRelease(state, release));
  if (activeRollout) reasons.push({ reason: "rollout-active", rollout: activeRollout.id, kind: activeRollout.kind });
  reasons.push(...refusePowerless(state), ...refuseStale(state));
  return reasons.length > 0 ? { ok: false, reasons } : { ok: true, kind: "replace", warnings: warnAboutTargets(state) };
}

/** Whether everything of a service may be ended here. Like a rollback it respects no hold or freeze, and supersedes. */
export function checkStop(state: StopState): StopCheck {
  const { activeRollout, assigned, service, targets, typed } = state;
  const reasons = refuseScope(state);
  if (assigned === null && targets.length === 0) reasons.push({ reason: "nothing-assigned" });
  else if (targets.length > 0) reasons.push(...refusePowerless(state));
  if (service !== null && typed.trim() !== service.name) reasons.push({ reason: "not-confirmed", expected: service.name });
  reasons.push(...refuseStale(state));
  if (reasons.length > 0) return { ok: false, reasons };
  const warnings = [...warnPinned(state), ...warnAboutTargets(state)];
  if (activeRollout) warnings.push({ warning: "supersedes", rollout: activeRollout.id, kind: activeRollout.kind });
  return { ok: true, kind: "stop", warnings };
}

/** What a rollout does. A rollback is a new rollout, forward in time, of an older release. */
export const ROLLOUT_KINDS = ["promote", "rollback", "reconverge", "replace", "stop"] as const;
export type RolloutKind = (typeof ROLLOUT_KINDS)[number];

/** Who carries it out: Plumbline through its agents, or something else that Plumbline follows. */
export const ROLLOUT_ORIGINS = ["plumbline", "external"] as const;
export type RolloutOrigin = (typeof ROLLOUT_ORIGINS)[number];

/** What a deployer says of a deployment. A hint, never proof. */
export const ANNOUNCED_STATUSES = ["started", "succeeded", "failed"] as const;
export type AnnouncedStatus = (typeof ANNOUNCED_STATUSES)[number];

/** Who decides what should run at one (service, environment, partition). */
export const AUTHORITIES = ["plumbline", "external"] as const;

export const ROLLOUT_STATUSES = [
  "planned",
  "running",
  "paused",
  "succeeded",
  "succeeded-will-revert",
  "aborted",
  "superseded",
  "failed",
] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];

/** At most one rollout per (service, environment, partition) is in one of these. */
export const ACTIVE_ROLLOUT_STATUSES = ["planned", "running", "paused"] as const satisfies readonly RolloutStatus[];
export const TERMINAL_ROLLOUT_STATUSES = [
  "succeeded",
  "succeeded-will-revert",
  "aborted",
  "superseded",
  "failed",
] as const satisfies readonly RolloutStatus[];

export const WAVE_STATUSES = ["pending", "waiting", "open", "soaking", "passed", "failed"] as const;
export type WaveStatus = (typeof WAVE_STATUSES)[number];

/** Where one target stands in a rollout. */
export const TARGET_STATUSES = [
  "pending",
  "offered",
  "acknowledged",
  "replacing",
  "verified",
  "failed",
  "stuck",
  "gone",
  "withdrawn",
  "regressed",
  "contested",
] as const;
export type TargetStatus = (typeof TARGET_STATUSES)[number];

/** The target has not reached its end yet: the three states that the screen calls "in flight", and `pending`. */
export const ACTIVE_TARGET_STATUSES = [
  "pending",
  "offered",
  "acknowledged",
  "replacing",
] as const satisfies readonly TargetStatus[];

/**
 * Nothing more is expected without a person or a new observation. They are not final: a stuck or failed target that is
 * later observed right becomes verified, a verified one that leaves its digest becomes regressed.
 */
export const SETTLED_TARGET_STATUSES = [
  "verified",
  "failed",
  "stuck",
  "gone",
  "withdrawn",
  "regressed",
  "contested",
] as const satisfies readonly TargetStatus[];

/** Why a target is failed or stuck. */
export const TARGET_REASONS = [
  "agent-silent",
  "no-answer",
  "cannot-fetch",
  "start-failed",
  "crash-loop",
  "wrong-digest",
  "unhealthy",
  "too-few",
  "ledger-refused",
  "not-allowed",
  "not-told",
] as const;
export type TargetReason = (typeof TARGET_REASONS)[number];

/** What people say about a rollout later. */
export const OUTCOMES = ["good", "failed", "unclear"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const TARGET_KINDS = ["service", "daemon", "job", "oneshot"] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

/** What an executor says about a target. A hint, never proof. */
export const PROGRESS_PHASES = ["acknowledged", "fetching", "replacing", "started", "done", "failed", "refused"] as const;
export type ProgressPhase = (typeof PROGRESS_PHASES)[number];

/** What may follow what. An absent pair is refused. */
export const ROLLOUT_TRANSITIONS: Readonly<Record<RolloutStatus, readonly RolloutStatus[]>> = {
  planned: ["running", "aborted", "superseded"],
  running: ["paused", "succeeded", "succeeded-will-revert", "aborted", "superseded", "failed"],
  paused: ["running", "aborted", "superseded", "failed"],
  succeeded: [],
  "succeeded-will-revert": [],
  aborted: [],
  superseded: [],
  failed: [],
};

export const WAVE_TRANSITIONS: Readonly<Record<WaveStatus, readonly WaveStatus[]>> = {
  pending: ["waiting", "open"],
  waiting: ["open", "failed"],
  open: ["soaking", "passed", "failed"],
  soaking: ["open", "passed", "failed"],
  passed: [],
  // A person offers it again, or goes on without those that failed.
  failed: ["open", "waiting", "passed"],
};

export const TARGET_TRANSITIONS: Readonly<Record<TargetStatus, readonly TargetStatus[]>> = {
  pending: ["offered", "verified", "gone", "withdrawn", "stuck"],
  offered: ["acknowledged", "replacing", "verified", "failed", "stuck", "gone", "withdrawn"],
  acknowledged: ["replacing", "verified", "failed", "stuck", "gone", "withdrawn"],
  replacing: ["verified", "failed", "stuck", "gone", "withdrawn"],
  verified: ["regressed", "contested", "gone"],
  // A person may have it offered again.
  failed: ["pending", "acknowledged", "replacing", "verified", "gone", "withdrawn"],
  stuck: ["pending", "offered", "acknowledged", "replacing", "verified", "failed", "gone", "withdrawn"],
  gone: ["pending", "offered", "acknowledged", "replacing", "verified", "failed", "stuck", "regressed", "contested"],
  withdrawn: [],
  regressed: ["offered", "acknowledged", "replacing", "verified", "contested", "gone", "withdrawn"],
  contested: ["verified", "gone", "withdrawn"],
};

/** Whether a rollout may go from one status to another. Staying is not a transition. */
export function canRolloutMove(from: RolloutStatus, to: RolloutStatus): boolean {
  return ROLLOUT_TRANSITIONS[from].includes(to);
}

/** Whether a wave may go from one status to another. */
export function canWaveMove(from: WaveStatus, to: WaveStatus): boolean {
  return WAVE_TRANSITIONS[from].includes(to);
}

/** Whether a target may go from one status to another. */
export function canTargetMove(from: TargetStatus, to: TargetStatus): boolean {
  return TARGET_TRANSITIONS[from].includes(to);
}

/** Whether a rollout still holds its (service, environment, partition). */
export function isActiveRollout(status: RolloutStatus): boolean {
  return ACTIVE_ROLLOUT_STATUSES.some((active) => active === status);
}

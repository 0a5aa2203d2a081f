import { DEFAULT_LKG_POLICY, type LastKnownGoodPolicy } from "./last-known-good";

/**
 * How a rollout is cut into waves: everything at once; in growing percentages of all targets; one wave per value of a
 * region, partition or label, in the given order and then by name; or sets of targets that a person named by key, with one
 * last wave for everyone else. Canaries come first in each of them.
 */
export type Cut =
  | { kind: "all-at-once" }
  | { kind: "percentages"; steps: readonly number[] }
  | { kind: "groups"; by: { label: string } | "region" | "partition"; order: readonly string[] }
  | { kind: "targets"; waves: readonly { name: string; targets: readonly string[] }[] };

/** A question to another system, asked before a wave opens. Its times are in milliseconds. */
export type ExternalCheck =
  /** POSTed with the decision; 2xx with `{"ok": true}` lets it pass, `{"ok": false, "reason"}` fails it. */
  | { kind: "webhook"; url: string; timeoutMs: number; everyMs: number; withinMs: number }
  /** An instant query; it passes when every sample that comes back compares true, and fails when one does not. */
  | { kind: "prometheus"; url: string; query: string; op: "<" | "<=" | ">" | ">=" | "==" | "!="; threshold: number; timeoutMs: number; everyMs: number; withinMs: number };

/** When a wave may open, when it has passed, and when it has failed. */
export interface WaveGate {
  /** Share of its targets, 0 to 1, that must be verified. */
  passShare: number;
  /** How long (ms) it stays that way before the next may open. */
  soakMs: number;
  /** Share of its targets, 0 to 1, above which failures fail it. */
  failureThreshold: number;
  /** As many failures are never too many; the larger of both counts. */
  maxFailures: number;
  /** A verified target that becomes unhealthy or crashes counts as failed. */
  health: boolean;
  /** A person has to say go before it opens. */
  goAhead: boolean;
  check: ExternalCheck | null;
  /** Of a wave that somebody goes on with: so many stuck targets are waited for no more. */
  givenUp?: number | undefined;
}

/** What happens past the threshold. */
export const FAILURE_ACTIONS = ["pause", "rollback", "fail"] as const;
export type FailureAction = (typeof FAILURE_ACTIONS)[number];

/** How a rollout is carried out. Stored per environment with a version, and frozen with each rollout. */
export interface Strategy {
  cut: Cut;
  /** For every wave; `waves` changes it for single ones (from 1). A go-ahead or check never stands before the first wave unless named there. */
  gate: WaveGate;
  waves: readonly ({ wave: number } & Partial<WaveGate>)[];
  onFailure: FailureAction;
  /** How many targets are in flight at a time, over all waves; null for no limit. */
  maxInFlight: number | null;
  /** How long (ms) every copy must be up, without a restart, to be verified. */
  minUptimeMs: number;
  /** How long (ms) a replacement may take, from the agent's answer, before its target is stuck. */
  stuckAfterMs: number;
}

/** How an environment rolls out: forwards, and back, and what has to be seen of a release there before it is known to be good. */
export interface EnvironmentStrategy {
  promote: Strategy;
  rollback: Strategy;
  lastKnownGood: LastKnownGoodPolicy;
}

export const STUCK_AFTER_MS = 10 * 60_000;

export const OPEN_GATE: WaveGate = { passShare: 1, soakMs: 0, failureThreshold: 0, maxFailures: 0, health: true, goAhead: false, check: null };

/** The fast track: everyone at once. */
export const FAST_TRACK: Strategy = { cut: { kind: "all-at-once" }, gate: OPEN_GATE, waves: [], onFailure: "fail", maxInFlight: null, minUptimeMs: 2_000, stuckAfterMs: STUCK_AFTER_MS };

/** What an environment does that never said otherwise: canary 5 %, then 25 %, then everyone, each watched for a minute. */
export const DEFAULT_STRATEGY: EnvironmentStrategy = {
  promote: { cut: { kind: "percentages", steps: [5, 25, 100] }, gate: { ...OPEN_GATE, soakMs: 60_000, failureThreshold: 0.05 }, waves: [], onFailure: "rollback", maxInFlight: null, minUptimeMs: 5_000, stuckAfterMs: STUCK_AFTER_MS },
  rollback: FAST_TRACK,
  lastKnownGood: DEFAULT_LKG_POLICY,
};

/** The gate of one wave (from 1): the strategy's own, with what is said for this wave. */
export function gateOf(strategy: Pick<Strategy, "gate" | "waves">, wave: number): WaveGate {
  const { wave: _, ...own } = strategy.waves.find((one) => one.wave === wave) ?? { wave };
  // The first wave is opened by whoever starts the rollout.
  const base = wave === 1 ? { ...strategy.gate, goAhead: false, check: null } : strategy.gate;
  return { ...base, ...own };
}

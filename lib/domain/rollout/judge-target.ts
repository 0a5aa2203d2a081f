import type { Freshness } from "@/lib/domain/fleet/freshness";
import type { Health, InstanceState } from "@/lib/domain/fleet/health";
import type {
  ProgressPhase,
  RolloutKind,
  TargetKind,
  TargetReason,
  TargetStatus,
} from "@/lib/domain/rollout/statuses";
import { canTargetMove } from "@/lib/domain/rollout/statuses";
import { STUCK_AFTER_MS } from "@/lib/domain/rollout/strategy";

/** How patient the judgement is. All in milliseconds. */
export interface ProgressPolicy {
  /** How long every copy must have been up, without a restart. */
  minUptimeMs: number;
  /** How long an offer may stay unanswered. */
  answerWithinMs: number;
  /** How long a replacement may take, from the agent's answer. */
  replaceWithinMs: number;
  /** How long the right bytes may be unhealthy or crash before that counts as a failure. */
  sickForMs: number;
  /** How often an agent re-applies before the target is contested. */
  maxReapplies: number;
}

export const DEFAULT_PROGRESS_POLICY: ProgressPolicy = {
  minUptimeMs: 5_000,
  answerWithinMs: 60_000,
  replaceWithinMs: STUCK_AFTER_MS,
  sickForMs: 60_000,
  maxReapplies: 2,
};

/** One running copy, as last reported. */
export interface ObservedInstance {
  key: string;
  component: string;
  /** The artifacts that its digests lead to. */
  candidates: readonly string[];
  state: InstanceState;
  health: Health;
  /** For how long (ms) the last report saw it up, by the agent's own clock. */
  uptimeMs: number;
  restarts: number;
}

/** What the last report and the executor said about one target. */
export interface TargetObservation {
  /** Whether its agent still lists it. */
  present: boolean;
  kind: TargetKind;
  freshness: Freshness;
  canAct: boolean;
  /** The highest generation that the agent said it started; null for none. */
  generation: number | null;
  /** What the runtime wants; null when it does not say. */
  desiredCount: number | null;
  /** Its copies that belong to this service; a mesh proxy beside them is judged elsewhere. */
  instances: readonly ObservedInstance[];
  /** What the runtime would start next, by component. Empty when it does not say. */
  declared: readonly { component: string; candidates: readonly string[] }[];
  /** Whether another tool says that it puts its own version back by itself. */
  managerReverts: boolean;
  /** The executor's last word: when it came, and when it was said by the agent's own clock (epoch ms). */
  progress: { phase: ProgressPhase; generation: number; reason: TargetReason | null; at: number; saidAt: number } | null;
  /** When the last report looked, by the agent's own clock (epoch ms). */
  observedAt: number;
}

/** What the rollout wants of one target. */
export interface TargetGoal {
  status: TargetStatus;
  /** When the status was entered (epoch ms). */
  statusSince: number;
  reason: TargetReason | null;
  kind: RolloutKind;
  /** Who carries it out: the target's agent, or a system that only observation tells of. */
  executor: "agent" | "external";
  /** The external system refused the order for good, or was asked too often: nobody is at it. */
  untold: boolean;
  /** The generation that it was told; null before that. Where another system carries it out it stays what it was. */
  generation: number | null;
  /** What must run, by component; empty when nothing shall (`stop`, or an assignment of nothing). */
  components: readonly { name: string; artifactId: string }[];
  /** For `replace`: the instance keys at the start, none of which may remain. */
  previousInstances: readonly string[];
  /** It got there once in this rollout, and has not left its digest since, as far as was seen. */
  wasVerified: boolean;
  /** How often it left its digest after it was verified. */
  regressions: number;
}

export interface TargetJudgement {
  status: TargetStatus;
  reason: TargetReason | null;
  /** Running is right, but what the runtime would start next is not. */
  willRevert: boolean;
  /** It is verified, and one of its copies became unhealthy or crashes since. */
  unhealthy: boolean;
}

type Match =
  | { verdict: "right" }
  /** The right bytes, but not long or healthy enough yet. */
  | { verdict: "settling"; reason: TargetReason }
  | { verdict: "wrong"; reason: TargetReason };

function wantedFor(goal: TargetGoal, component: string): string[] {
  const named = goal.components.filter(({ name }) => name === component);
  return (named.length > 0 ? named : goal.components).map(({ artifactId }) => artifactId);
}

function isRight(goal: TargetGoal, copy: { component: string; candidates: readonly string[] }): boolean {
  const wanted = wantedFor(goal, copy.component);
  return copy.candidates.some((candidate) => wanted.includes(candidate));
}

function isCrashLooping(instance: ObservedInstance): boolean {
  return instance.restarts > 0 && instance.state !== "running";
}

/** Holds a workload that does not run now against its declared digests: "will run at 03:00". */
function matchDeclared(goal: TargetGoal, observation: TargetObservation): Match {
  const { declared } = observation;
  return declared.length > 0 && declared.every((component) => isRight(goal, component))
    ? { verdict: "right" }
    : { verdict: "wrong", reason: "wrong-digest" };
}

/** Holds what runs against what shall run: digests of every component, count, health, uptime. */
function match(goal: TargetGoal, observation: TargetObservation, policy: ProgressPolicy): Match {
  const alive = observation.instances.filter((instance) => instance.state !== "exited");
  if (goal.components.length === 0) {
    return alive.length === 0 ? { verdict: "right" } : { verdict: "wrong", reason: "wrong-digest" };
  }
  const runsLater = observation.kind === "job" || observation.kind === "oneshot" || observation.desiredCount === 0;
  if (runsLater) return matchDeclared(goal, observation);

  const remains = (instance: ObservedInstance): boolean =>
    goal.kind === "replace" && goal.previousInstances.includes(instance.key);
  if (alive.some((instance) => !isRight(goal, instance) || remains(instance))) {
    return { verdict: "wrong", reason: "wrong-digest" };
  }
  if (observation.instances.some((instance) => isRight(goal, instance) && isCrashLooping(instance))) {
    return { verdict: "settling", reason: "crash-loop" };
  }
  const running = alive.filter((instance) => instance.state === "running");
  // Counted for each component that is there: two copies of one container and none of the other are not two copies.
  const copies = new Map(alive.map(({ component }) => [component, 0]));
  for (const { component } of running) copies.set(component, (copies.get(component) ?? 0) + 1);
  const wantedCopies = Math.max(1, observation.desiredCount ?? 1);
  const tooFew = running.length === 0 || [...copies.values()].some((count) => count < wantedCopies);
  if (tooFew) return { verdict: "settling", reason: "too-few" };
  if (running.some((instance) => instance.health === "unhealthy")) return { verdict: "settling", reason: "unhealthy" };
  const young = running.filter((instance) => instance.uptimeMs < policy.minUptimeMs);
  if (young.length === 0) return { verdict: "right" };
  return { verdict: "settling", reason: young.some(({ restarts }) => restarts > 0) ? "crash-loop" : "too-few" };
}

/** Whether the agent took this generation up, as its report or its executor says. */
function hasAnswered(goal: TargetGoal, { generation, progress }: TargetObservation): boolean {
  return (generation ?? 0) >= (goal.generation ?? 0) || progress?.generation === goal.generation;
}

/** Why a target was stuck before its agent took the order up. */
function isInterruption(reason: TargetReason | null): boolean {
  return reason === null || reason === "agent-silent" || reason === "no-answer" || reason === "not-allowed";
}

/** Where an unverified target stands by what its executor said for this generation, and by how long it took. */
function judgeWaiting(
  goal: TargetGoal,
  observation: TargetObservation,
  problem: TargetReason,
  now: number,
  policy: ProgressPolicy,
): { status: TargetStatus; reason: TargetReason | null } {
  const { progress } = observation;
  const word = progress !== null && progress.generation === goal.generation ? progress : null;
  if (word?.phase === "refused") return { status: "failed", reason: word.reason ?? "ledger-refused" };
  if (word?.phase === "failed") return { status: "failed", reason: word.reason ?? "start-failed" };
  if (observation.freshness === "silent") return { status: "stuck", reason: "agent-silent" };
  const isSick = (problem === "crash-loop" || problem === "unhealthy") && (goal.status === "failed" || now - goal.statusSince >= policy.sickForMs);
  if (goal.executor === "external") {
    if (isSick) return { status: "failed", reason: problem };
    if (goal.untold) return { status: "stuck", reason: "not-told" };
    // Sent again and not refused: it is told anew, and its time begins.
    if (goal.status === "stuck" && goal.reason === "not-told") return { status: "offered", reason: null };
    // Nobody answers for it: what counts is how long it takes until it is seen.
    const tooLong = goal.status === "stuck" || now - goal.statusSince >= policy.replaceWithinMs;
    return tooLong ? { status: "stuck", reason: problem } : { status: "offered", reason: null };
  }
  if (!observation.canAct) return { status: "stuck", reason: "not-allowed" };
  const waited = now - goal.statusSince;
  if (!hasAnswered(goal, observation)) {
    const tooLong = goal.status === "stuck" || waited >= policy.answerWithinMs;
    return tooLong ? { status: "stuck", reason: "no-answer" } : { status: "offered", reason: null };
  }
  if (isSick) return { status: "failed", reason: problem };
  // "Done" is a hint: when a look after it shows other bytes, the replacement did not do what it says. A report may come
  // after the word and have looked before it.
  if (word?.phase === "done" && problem === "wrong-digest" && observation.observedAt > word.saidAt) {
    return { status: "failed", reason: "wrong-digest" };
  }
  // It took too long already, and nothing was said since: being stuck is no new beginning.
  if (goal.status === "stuck" && word === null && !isInterruption(goal.reason)) return { status: "stuck", reason: problem };
  const since = goal.status === "stuck" || goal.status === "failed" ? (word?.at ?? goal.statusSince) : goal.statusSince;
  if (now - since >= policy.replaceWithinMs) return { status: "stuck", reason: problem };
  return { status: word === null || word.phase === "acknowledged" ? "acknowledged" : "replacing", reason: null };
}

/**
 * Where one target of a rollout stands now, judged by observation. An agent's "done" is a hint: verified means that
 * generation, count, digests of every component and health agree, and stayed so for the minimum uptime. A target whose
 * host lets nobody act is verified without a generation, since somebody else may have put it right.
 */
export function judgeTarget(
  goal: TargetGoal,
  observation: TargetObservation,
  now: number,
  policy: ProgressPolicy = DEFAULT_PROGRESS_POLICY,
): TargetJudgement {
  const stay: TargetJudgement = { status: goal.status, reason: goal.reason, willRevert: false, unhealthy: false };
  if (goal.status === "withdrawn") return stay;
  if (!observation.present) {
    // Told to stop and gone: that is what was wanted. Who was never told is merely away.
    const told = goal.status !== "pending" && (goal.status !== "gone" || goal.generation !== null);
    const stopped = goal.components.length === 0 && told;
    return { status: stopped ? "verified" : "gone", reason: null, willRevert: false, unhealthy: false };
  }
  // It came back before its turn, and waits for it again.
  if (goal.status === "gone" && goal.generation === null) return { ...stay, status: "pending", reason: null };
  // Nothing is known of a silent target, so what was verified stays so: silence is another axis.
  const silent = observation.freshness === "silent";
  const found = match(goal, observation, policy);
  const willRevert =
    found.verdict === "right" &&
    goal.kind !== "reconverge" &&
    // Whoever was told to carry it out is not the one who undoes it.
    ((observation.managerReverts && goal.executor === "agent") || (observation.declared.length > 0 && matchDeclared(goal, observation).verdict === "wrong"));

  const left = (reason: TargetReason): { status: TargetStatus; reason: TargetReason } => ({ status: goal.regressions >= policy.maxReapplies ? "contested" : "regressed", reason });
  const judge = (): { status: TargetStatus; reason: TargetReason | null } => {
    switch (goal.status) {
      case "pending":
      case "withdrawn":
        return stay;
      case "verified":
        if (silent || found.verdict !== "wrong") return stay;
        return left(found.reason);
      case "regressed":
      case "contested":
        if (silent) return stay;
        if (found.verdict === "right") return { status: "verified", reason: null };
        return goal.status === "regressed" && goal.regressions > policy.maxReapplies
          ? { status: "contested", reason: found.verdict === "wrong" ? found.reason : goal.reason }
          : stay;
      case "offered":
      case "acknowledged":
      case "replacing":
      case "failed":
      case "stuck":
      case "gone": {
        // Removed and created again with other bytes is how most things leave their digest; whether a report came in between is chance.
        if (goal.status === "gone" && goal.wasVerified && !silent && found.verdict === "wrong") return left(found.reason);
        const obeyed = goal.executor === "external" || !observation.canAct || hasAnswered(goal, observation);
        if (!silent && found.verdict === "right" && obeyed) return { status: "verified", reason: null };
        const problem = found.verdict === "right" ? "no-answer" : found.reason;
        return judgeWaiting(goal, observation, problem, now, policy);
      }
      default:
        return goal.status satisfies never;
    }
  };
  const next = judge();
  // What an executor says out of order (an "acknowledged" after "replacing") moves nothing back.
  const allowed = next.status === goal.status || canTargetMove(goal.status, next.status);
  const judged = allowed ? next : stay;
  const unhealthy = judged.status === "verified" && !silent && found.verdict === "settling" && (found.reason === "unhealthy" || found.reason === "crash-loop");
  return { ...judged, willRevert, unhealthy };
}

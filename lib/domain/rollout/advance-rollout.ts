import type { FollowPolicy } from "@/lib/domain/rollout/follow-external";
import type { FailureAction, WaveGate } from "@/lib/domain/rollout/strategy";
import type { RolloutKind, RolloutStatus, TargetStatus, WaveStatus } from "@/lib/domain/rollout/statuses";

/** How many targets stand where. Who is gone or withdrawn is in neither numerator nor denominator. */
export interface TargetCounts {
  pending: number;
  inFlight: number;
  /** Of those in flight: left what they were verified on. */
  regressed: number;
  verified: number;
  /** Of the verified: became unhealthy or crash since. */
  unhealthy: number;
  /** Of the verified: another tool would put its own version back. */
  willRevert: number;
  stuck: number;
  failed: number;
}

export const NO_TARGETS: TargetCounts = { pending: 0, inFlight: 0, regressed: 0, verified: 0, unhealthy: 0, willRevert: 0, stuck: 0, failed: 0 };

/** Under which number a target counts; null for none. */
export function countsAs(status: TargetStatus): "pending" | "inFlight" | "verified" | "stuck" | "failed" | null {
  switch (status) {
    case "gone":
    case "withdrawn":
      return null;
    case "verified":
      return "verified";
    case "pending":
      return "pending";
    case "offered":
    case "acknowledged":
    case "replacing":
    case "regressed":
      return "inFlight";
    case "stuck":
      return "stuck";
    case "failed":
    case "contested":
      return "failed";
    default:
      return status satisfies never;
  }
}

/** Counts targets one by one. */
export function countTargets(targets: Iterable<{ status: TargetStatus; willRevert?: boolean; unhealthy?: boolean }>): TargetCounts {
  const counts = { ...NO_TARGETS };
  for (const { status, willRevert, unhealthy } of targets) {
    const under = countsAs(status);
    if (under === null) continue;
    counts[under] += 1;
    if (status === "regressed") counts.regressed += 1;
    if (under !== "verified") continue;
    if (willRevert) counts.willRevert += 1;
    if (unhealthy) counts.unhealthy += 1;
  }
  return counts;
}

/** Where the question of a wave stands; `none` was never asked. */
export type CheckState = "none" | "due" | "passed" | "failed" | "unanswered";

export interface WaveState {
  /** From 0. */
  index: number;
  name: string;
  status: WaveStatus;
  /** Why, as it was last said. */
  statusReason: string | null;
  /** When the status was entered (epoch ms). */
  statusSince: number;
  gate: WaveGate;
  goAheadGiven: boolean;
  check: { state: CheckState; detail: string | null };
  counts: TargetCounts;
  /** When one of its targets last changed its status (epoch ms). */
  quietSince: number;
}

/** A rollout with its frozen waves, and how many of its targets stand where. */
export interface RolloutState {
  kind: RolloutKind;
  status: RolloutStatus;
  /** What happens when a wave fails. */
  onFailure: FailureAction;
  maxInFlight: number | null;
  /** The freeze in force, unless it was overridden at the start. Holds back promotions alone. */
  freeze: { name: string; until: string | null } | null;
  /** Why its release may not be offered to anybody any more: recalled, or no longer approved here. */
  blocked: string | null;
  /** Others carry it out and Plumbline follows, so patiently; null where it carries it out itself. */
  follow: FollowPolicy | null;
  waves: readonly WaveState[];
}

export interface RolloutTransitions {
  rollout: { to: RolloutStatus; reason: string } | null;
  /** What was assigned before is to be put back. */
  revert: boolean;
  /** A wave that stays where it is may get another reason. */
  waves: { index: number; to: WaveStatus; reason: string | null }[];
  /** The wave whose external check is to be asked now. */
  ask: number | null;
  /** Targets of the waves up to this one that get their desired row and generation now; null for as many as wait. */
  offer: { throughWave: number; count: number | null } | null;
}

export interface AdvancePolicy {
  /** How long (ms) a rollout waits, with nothing in flight, for those that are stuck. */
  giveUpAfterMs: number;
  /** How long (ms) a wave whose targets have all vanished waits for one to come back: nobody has shown anything yet. */
  emptyForMs: number;
}
export const DEFAULT_ADVANCE_POLICY: AdvancePolicy = { giveUpAfterMs: 30 * 60_000, emptyForMs: 60_000 };

const NOTHING: RolloutTransitions = { rollout: null, revert: false, waves: [], ask: null, offer: null };

type Outlook = { is: "passes" } | { is: "continues" } | { is: "fails"; reason: string };

function fails(wave: WaveState, missing: number, total: number): Outlook {
  return { is: "fails", reason: `${missing} of ${total} target${total === 1 ? "" : "s"} of wave ${wave.name} did not get there.` };
}

/** Whoever carries it out stopped half-way, or never began. */
function gaveUp({ counts }: WaveState, follow: FollowPolicy): Outlook {
  const total = counts.pending + counts.inFlight + counts.verified + counts.stuck + counts.failed;
  return { is: "fails", reason: `Nothing moved for ${Math.round(follow.failedAfterMs / 60_000)} min: ${total - counts.verified} of ${total} target${total === 1 ? "" : "s"} did not get there.` };
}

/** How many failures a wave has, how many it may have, and how many targets there are. */
function weighFailures({ counts, gate }: WaveState): { total: number; unhealthy: number; bad: number; allowed: number } {
  const total = counts.pending + counts.inFlight + counts.verified + counts.stuck + counts.failed;
  const unhealthy = gate.health ? counts.unhealthy : 0;
  return { total, unhealthy, bad: counts.failed + unhealthy, allowed: Math.max(gate.maxFailures, Math.floor(total * gate.failureThreshold + 1e-9)) };
}

/** The way back: whoever is not reached stays on what everybody is to leave. */
const REACHES_EVERYONE: ReadonlySet<RolloutKind> = new Set(["rollback", "reconverge", "stop"]);

/** Whether a wave has passed, has failed, or goes on. */
function judgeWave(wave: WaveState, now: number, policy: AdvancePolicy, { follow, kind }: Pick<RolloutState, "follow" | "kind">): Outlook {
  const { counts, gate } = wave;
  const { total, unhealthy, bad, allowed } = weighFailures(wave);
  // Everyone vanished: who does not come back soon is nothing to wait for, and nothing that went wrong.
  if (total === 0) return now - wave.quietSince >= policy.emptyForMs ? { is: "passes" } : { is: "continues" };
  if (bad > allowed) {
    // Not one target more is put at risk; on the way back none is put at risk, and one that fails keeps no other from it.
    const goesOn = REACHES_EVERYONE.has(kind) && !follow && counts.pending + counts.inFlight > 0;
    return goesOn ? { is: "continues" } : fails(wave, bad, total);
  }
  // At least one, so that a share of 0 passes nothing unseen. Failures that are allowed are not waited for.
  const needed = Math.max(1, Math.ceil((total - bad) * gate.passShare - 1e-9));
  // Who waits for room under the cap has its turn first: nobody watches it once the wave has passed.
  if (counts.pending === 0 && counts.verified - unhealthy >= needed) return { is: "passes" };
  if (follow && now - wave.quietSince >= follow.failedAfterMs) return gaveUp(wave, follow);
  if (counts.pending + counts.inFlight > 0) return { is: "continues" };
  // By when the last of them moved, not the wave: else those that were given up would be waited for again after each soak.
  if (counts.stuck > (gate.givenUp ?? 0) && now - wave.quietSince < policy.giveUpAfterMs) return { is: "continues" };
  const lost = bad + counts.stuck;
  return lost <= allowed && counts.verified > unhealthy ? { is: "passes" } : fails(wave, lost, total);
}

/** What stands before a wave: a person, then a freeze, and the question last, so that its answer is a fresh one. */
function waitsFor(rollout: RolloutState, wave: WaveState): { on: "person" | "freeze" | "check"; sentence: string } | null {
  if (wave.gate.goAhead && !wave.goAheadGiven) return { on: "person", sentence: `Wave ${wave.name} waits for somebody to say go.` };
  if (rollout.freeze && rollout.kind === "promote") {
    return { on: "freeze", sentence: `Wave ${wave.name} waits for the end of ${rollout.freeze.name}${rollout.freeze.until ? `, ${rollout.freeze.until}` : ""}.` };
  }
  if (wave.gate.check && wave.check.state !== "passed") {
    return { on: "check", sentence: `Wave ${wave.name} waits for its check${wave.check.detail ? `: ${wave.check.detail}` : "."}` };
  }
  return null;
}

function begin(rollout: RolloutState, wave: WaveState): RolloutTransitions {
  const started = rollout.status === "planned" ? { to: "running" as const, reason: "Started." } : null;
  const waits = waitsFor(rollout, wave);
  if (!waits) return { ...NOTHING, rollout: started, waves: [{ index: wave.index, to: "open", reason: null }], offer: offer(rollout, wave) };
  // It waits first, and the rollout runs: neither fails or pauses out of the blue.
  const asked = waits.on === "check" && wave.status === "waiting" && rollout.status === "running";
  if (asked && wave.check.state === "failed") {
    return { ...NOTHING, waves: [{ index: wave.index, to: "failed", reason: `The check before wave ${wave.name} failed${wave.check.detail ? `: ${wave.check.detail}` : "."}` }] };
  }
  if (asked && wave.check.state === "unanswered") {
    return { ...NOTHING, rollout: { to: "paused", reason: `The check before wave ${wave.name} did not answer${wave.check.detail ? `: ${wave.check.detail}` : "."}` } };
  }
  const moved = wave.status !== "waiting" || wave.statusReason !== waits.sentence;
  return {
    ...NOTHING,
    rollout: started,
    waves: moved ? [{ index: wave.index, to: "waiting", reason: waits.sentence }] : [],
    ask: waits.on === "check" && wave.check.state === "none" ? wave.index : null,
  };
}

/** As many as the cap leaves room for, from the waves that are open or have passed. */
function offer(rollout: RolloutState, wave: WaveState): RolloutTransitions["offer"] {
  const reached = rollout.waves.filter(({ index }) => index <= wave.index);
  if (reached.every(({ counts }) => counts.pending === 0)) return null;
  if (rollout.maxInFlight === null) return { throughWave: wave.index, count: null };
  const inFlight = rollout.waves.reduce((sum, { counts }) => sum + counts.inFlight, 0);
  return inFlight < rollout.maxInFlight ? { throughWave: wave.index, count: rollout.maxInFlight - inFlight } : null;
}

function pastThreshold(rollout: RolloutState, wave: WaveState): RolloutTransitions {
  // Whoever pauses it, or is asked to look at it, decides what comes next.
  if (rollout.status === "paused") return NOTHING;
  const reason = wave.statusReason ?? `Wave ${wave.name} failed.`;
  // A way back that fails is not followed by another one by itself; and silence is no evidence against a release.
  const { bad, allowed } = weighFailures(wave);
  const mayRevert = rollout.kind === "promote" && (wave.check.state === "failed" || bad > allowed);
  const action = rollout.onFailure === "rollback" && !mayRevert ? "pause" : rollout.onFailure;
  switch (action) {
    case "pause":
      return { ...NOTHING, rollout: { to: "paused", reason: `${reason} Paused, as the strategy says.` } };
    case "fail":
      return { ...NOTHING, rollout: { to: "failed", reason } };
    case "rollback":
      return { ...NOTHING, rollout: { to: "failed", reason: `${reason} Rolled back by itself, as the strategy says.` }, revert: true };
    default:
      return action satisfies never;
  }
}

/**
 * Somebody goes on without what failed in a wave: so many failures are allowed in it from now on, so many stuck are waited
 * for no more, and the others have to get there as before. Null when nobody else is on the way: then it passes as it is.
 */
export function acceptFailures(wave: Pick<WaveState, "counts" | "gate">): WaveGate | null {
  const { counts, gate } = wave;
  if (counts.pending + counts.inFlight === 0) return null;
  return { ...gate, givenUp: counts.stuck, maxFailures: Math.max(gate.maxFailures, counts.failed + counts.stuck + (gate.health ? counts.unhealthy : 0)) };
}

/**
 * What has to move in a rollout now, one step for each wave and the rollout; calling it again after applying goes on.
 * A paused rollout opens nothing, offers nothing and lets running replacements finish.
 */
export function advanceRollout(rollout: RolloutState, now: number, policy: AdvancePolicy = DEFAULT_ADVANCE_POLICY): RolloutTransitions {
  switch (rollout.status) {
    case "succeeded":
    case "succeeded-will-revert":
    case "aborted":
    case "superseded":
    case "failed":
      return NOTHING;
    case "planned":
    case "running":
    case "paused":
      break;
    default:
      return rollout.status satisfies never;
  }
  const paused = rollout.status === "paused";
  const waves = rollout.waves.toSorted((a, b) => a.index - b.index);
  const current = waves.find((wave) => wave.status !== "passed");
  if (!current) {
    if (paused) return NOTHING;
    if (rollout.status === "planned") return { ...NOTHING, rollout: { to: "running", reason: "Started." } };
    const last = waves.at(-1);
    // Who came back after its wave had passed is not left behind.
    if (last && waves.some(({ counts }) => counts.pending > 0)) {
      return rollout.blocked === null ? { ...NOTHING, offer: offer(rollout, last) } : { ...NOTHING, rollout: { to: "paused", reason: rollout.blocked } };
    }
    return waves.some(({ counts }) => counts.willRevert > 0)
      ? { ...NOTHING, rollout: { to: "succeeded-will-revert", reason: "Every wave passed; another tool will put its own version back." } }
      : { ...NOTHING, rollout: { to: "succeeded", reason: "Every wave passed." } };
  }
  const move = (to: WaveStatus, reason: string | null = null): RolloutTransitions => ({ ...NOTHING, waves: [{ index: current.index, to, reason }] });
  const outlook = judgeWave(current, now, policy, rollout);
  const isJudged = current.status === "open" || current.status === "soaking";
  const tellsAgain = waves.some(({ counts }) => counts.regressed > 0);
  const wouldOffer = isJudged ? outlook.is !== "fails" && (tellsAgain || (current.status === "open" && offer(rollout, current) !== null)) : current.status !== "failed";
  if (rollout.blocked !== null && wouldOffer && !paused) return { ...NOTHING, rollout: { to: "paused", reason: rollout.blocked } };
  switch (current.status) {
    case "pending":
    case "waiting":
      return paused ? NOTHING : begin(rollout, current);
    case "open": {
      if (outlook.is === "passes") return move(current.gate.soakMs > 0 ? "soaking" : "passed");
      if (outlook.is === "fails") return move("failed", outlook.reason);
      return paused ? NOTHING : { ...NOTHING, offer: offer(rollout, current) };
    }
    case "soaking": {
      if (outlook.is === "fails") return move("failed", outlook.reason);
      if (outlook.is === "continues") return move("open");
      return now - current.statusSince >= current.gate.soakMs ? move("passed") : NOTHING;
    }
    case "failed":
      return pastThreshold(rollout, current);
    case "passed":
      return NOTHING;
    default:
      return current.status satisfies never;
  }
}

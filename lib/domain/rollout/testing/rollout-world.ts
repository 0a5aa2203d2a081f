import { acceptFailures, advanceRollout, countTargets, DEFAULT_ADVANCE_POLICY, type CheckState, type RolloutState, type RolloutTransitions, type WaveState } from "@/lib/domain/rollout/advance-rollout";
import { DEFAULT_PROGRESS_POLICY, judgeTarget, type ProgressPolicy, type TargetGoal, type TargetObservation } from "@/lib/domain/rollout/judge-target";
import { planRollout, type PlannableTarget } from "@/lib/domain/rollout/plan";
import { canRolloutMove, canTargetMove, canWaveMove, isActiveRollout, type ProgressPhase, type RolloutKind, type RolloutStatus, type TargetKind, type TargetReason, type TargetStatus } from "@/lib/domain/rollout/statuses";
import type { ExternalCheck, Strategy } from "@/lib/domain/rollout/strategy";

/*
 * A whole rollout in memory: a plan, the rows that the server keeps, and the hosts as they really are, which the server
 * knows only by what they say. It is driven as the jobs drive it: a report or a word judges its target, and a turn judges
 * by time, offers again what regressed, and moves the waves.
 */

const START = 1_800_000_000_000;
export const HOUR = 3_600_000;
export const MINUTE = 60_000;
/** Reports come every minute; silent is who missed three. */
const SILENT_AFTER = 3 * MINUTE;
export const CHECK: ExternalCheck = { kind: "webhook", url: "https://gate.test", timeoutMs: 1, everyMs: 1, withinMs: 1 };

/** Says what does not hold; cheaper than a matcher, since it is asked a million times. */
function must(holds: boolean, said: string | (() => string)): void {
  if (!holds) throw new Error(typeof said === "string" ? said : said());
}

/** What becomes of a target when its agent acts. */
export const FATES = ["works", "fails", "refuses", "crashes", "unhealthy", "wrong-bytes", "reverted", "mute", "half-way"] as const;
export type Fate = (typeof FATES)[number];
type Bytes = "new" | "old" | "other";

export interface Traits {
  region: string | null;
  partition: string;
  labels: Readonly<Record<string, string>>;
  kind: TargetKind;
  canAct: boolean;
  fate: Fate;
  /** What the runtime says that it would start next: nothing, what it runs, or what another tool keeps there. */
  declares: "nothing" | "same" | "old";
  /** The generation of an earlier rollout. */
  generation: number;
  /** How far the clock of its agent is off (ms). */
  clockMs: number;
  /** It runs the right bytes before anybody tells it. */
  ahead: boolean;
}

/** What one report says of one target, with the agent's own clock. */
interface Report {
  seq: number;
  present: boolean;
  canAct: boolean;
  observedAt: number;
  copies: { key: string; bytes: Bytes; startedAt: number; healthy: boolean; waiting: boolean; restarts: number }[];
  declared: Bytes | null;
}
type Word = { phase: ProgressPhase; generation: number; reason: TargetReason | null; saidAt: number };
type Message = { report: Report } | { word: Word };

/** A target as it really is, and its agent. */
export class Host {
  present = true;
  canAct: boolean;
  fate: Fate;
  clockMs: number;
  copy: { key: string; bytes: Bytes; upSince: number; healthy: boolean; waiting: boolean; restarts: number } | null;
  declared: Bytes;
  /** The order that waits for it, and the last that it took up: once, persisted before it acts. */
  ordered: number | null = null;
  started: number | null = null;
  busy = false;
  dispatchedAt: number | null = null;
  /** Nothing of what it says arrives while it is jammed. */
  jammed = false;
  queue: Message[] = [];
  #seq = 0;
  #copies = 0;

  constructor(
    readonly key: string,
    readonly traits: Traits,
    now: number,
  ) {
    this.canAct = traits.canAct;
    this.fate = traits.fate;
    this.clockMs = traits.clockMs;
    this.declared = traits.ahead ? "new" : "old";
    this.copy = null;
    if (traits.kind === "service") this.start(this.declared, now - HOUR);
  }

  start(bytes: Bytes, now: number): void {
    this.#copies += 1;
    this.copy = { key: `${this.key}#${this.#copies}`, bytes, upSince: now, healthy: true, waiting: false, restarts: 0 };
  }

  crash(now: number, waiting: boolean): void {
    if (this.copy) this.copy = { ...this.copy, restarts: this.copy.restarts + 1, upSince: now, waiting };
  }

  report(now: number): Report {
    this.#seq += 1;
    const copies = this.copy ? [{ ...this.copy, startedAt: this.copy.upSince + this.clockMs }] : [];
    const says = this.traits.kind === "job" ? "same" : this.traits.declares;
    return {
      seq: this.#seq,
      present: this.present,
      canAct: this.canAct,
      observedAt: now + this.clockMs,
      copies,
      declared: says === "nothing" ? null : says === "old" ? "old" : (this.copy?.bytes ?? this.declared),
    };
  }
}

/** What the server keeps of one target of the rollout. */
interface Row {
  key: string;
  wave: number;
  newcomer: boolean;
  status: TargetStatus;
  statusSince: number;
  reason: TargetReason | null;
  /** Null before it was offered. */
  generation: number | null;
  wasVerified: boolean;
  regressions: number;
  willRevert: boolean;
  unhealthy: boolean;
  word: (Word & { at: number }) | null;
  startedGeneration: number | null;
  report: Report;
  reportedAt: number;
  previousInstances: string[];
}

export interface Setup {
  fleet: readonly Traits[];
  kind: RolloutKind;
  executor: "agent" | "external";
  strategy: Strategy;
}

export class World {
  now = START;
  status: RolloutStatus = "planned";
  readonly reasons: string[] = [];
  freeze: RolloutState["freeze"] = null;
  blocked: string | null = null;
  readonly hosts: Host[];
  readonly rows = new Map<string, Row>();
  readonly waves: Omit<WaveState, "counts" | "quietSince">[];
  /** Hosts that came after the plan was made. */
  readonly newcomers: Host[] = [];
  readonly #byKey = new Map<string, Host>();
  readonly #everOpened = new Set<number>();
  readonly #policy: ProgressPolicy;
  readonly #planned: number;

  constructor(readonly setup: Setup) {
    const { executor, fleet, strategy } = setup;
    this.hosts = fleet.map((traits, at) => new Host(`t${String(at).padStart(3, "0")}`, traits, this.now));
    for (const host of this.hosts) this.#byKey.set(host.key, host);
    const plan = planRollout(this.hosts.map(plannable), strategy);
    this.#planned = this.hosts.length;
    this.#policy = { ...DEFAULT_PROGRESS_POLICY, minUptimeMs: strategy.minUptimeMs, replaceWithinMs: strategy.stuckAfterMs, ...(executor === "external" && { maxReapplies: 0 }) };
    this.waves = plan.waves.map(({ gate, index, name }) => ({ index, name, gate, status: "pending", statusReason: null, statusSince: this.now, goAheadGiven: false, check: { state: "none", detail: null } }));
    for (const wave of plan.waves) {
      for (const key of wave.targets) {
        must(!this.rows.has(key), "a target is in two waves");
        this.#admit(this.#host(key), wave.index, false);
      }
    }
    must(this.rows.size === this.hosts.length, "a target is in no wave");
    must(plan.waves.every(({ index }, at) => index === at), "waves out of order");
    const { cut } = strategy;
    // Rounded up: never fewer than asked for, unless each wave that follows needs one.
    let reached = 0;
    for (const wave of cut.kind === "percentages" ? plan.waves : []) {
      reached += wave.targets.length;
      const left = plan.waves.length - 1 - wave.index;
      must(reached * 100 + 1e-6 >= Math.min(this.hosts.length * Number.parseFloat(wave.name), (this.hosts.length - left) * 100), `fewer in wave ${wave.name} than asked for`);
    }
  }

  get active(): boolean {
    return isActiveRollout(this.status);
  }

  #host(key: string): Host {
    const host = this.#byKey.get(key);
    if (!host) throw new Error(`${key} does not exist`);
    return host;
  }

  #admit(host: Host, wave: number, newcomer: boolean): void {
    const report = host.report(this.now);
    this.rows.set(host.key, {
      key: host.key,
      wave,
      newcomer,
      status: "pending",
      statusSince: this.now,
      reason: null,
      generation: null,
      wasVerified: false,
      regressions: 0,
      willRevert: false,
      unhealthy: false,
      word: null,
      startedGeneration: null,
      report,
    reportedAt: this.now,
      previousInstances: host.copy ? [host.copy.key] : [],
    });
  }

  #of(wave: number): Row[] {
    return [...this.rows.values()].filter((row) => row.wave === wave);
  }

  state(): RolloutState {
    const { kind, strategy } = this.setup;
    const waves = this.waves.map((wave): WaveState => {
      const members = this.#of(wave.index);
      return { ...wave, counts: countTargets(members), quietSince: Math.max(0, ...members.map(({ statusSince }) => statusSince)) };
    });
    // Nobody is lost: every row is counted once, or has left.
    const counted = waves.reduce((sum, { counts }) => sum + counts.pending + counts.inFlight + counts.verified + counts.stuck + counts.failed, 0);
    const left = [...this.rows.values()].filter(({ status }) => status === "gone" || status === "withdrawn").length;
    must(counted + left === this.rows.size, "a target is lost");
    const verified = [...this.rows.values()].filter(({ status }) => status === "verified").length;
    must(verified === waves.reduce((sum, { counts }) => sum + counts.verified, 0), "something counts as verified that is not");
    return { kind, status: this.status, onFailure: strategy.onFailure, maxInFlight: strategy.maxInFlight, freeze: this.freeze, blocked: this.blocked, follow: null, waves };
  }

  /* What the server does. */

  #moveTarget(row: Row, to: TargetStatus): void {
    if (row.status === to) return;
    must(canTargetMove(row.status, to), `${row.key}: ${row.status} → ${to}`);
    row.status = to;
    row.statusSince = this.now;
  }

  #observe(row: Row): TargetObservation {
    const { report } = row;
    const age = this.now - row.reportedAt;
    return {
      present: report.present,
      kind: this.#host(row.key).traits.kind,
      freshness: age >= SILENT_AFTER ? "silent" : age >= SILENT_AFTER / 2 ? "late" : "fresh",
      canAct: report.canAct,
      generation: row.startedGeneration,
      desiredCount: 1,
      managerReverts: false,
      instances: report.copies.map((copy) => ({
        key: copy.key,
        component: "main",
        candidates: [copy.bytes],
        state: copy.waiting ? "waiting" : "running",
        health: copy.healthy ? "healthy" : "unhealthy",
        uptimeMs: report.observedAt - copy.startedAt + age,
        restarts: copy.restarts,
      })),
      declared: report.declared === null ? [] : [{ component: "main", candidates: [report.declared] }],
      progress: row.word,
      observedAt: report.observedAt,
    };
  }

  #judge(row: Row): void {
    if (this.status !== "running" && this.status !== "paused") return;
    const { executor, kind } = this.setup;
    const goal: TargetGoal = {
      status: row.status,
      statusSince: row.statusSince,
      reason: row.reason,
      kind,
      executor,
      generation: row.generation,
      components: kind === "stop" ? [] : [{ name: "main", artifactId: "new" }],
      previousInstances: row.previousInstances,
      wasVerified: row.wasVerified,
      untold: false,
      regressions: row.regressions,
    };
    const before = row.status;
    const observation = this.#observe(row);
    const judged = judgeTarget(goal, observation, this.now, this.#policy);
    this.#moveTarget(row, judged.status);
    if (judged.status === "verified") row.wasVerified = true;
    if (judged.status === "regressed" || judged.status === "contested") row.wasVerified = false;
    if (judged.status === "regressed" && before !== "regressed") row.regressions += 1;
    must(row.regressions <= this.#policy.maxReapplies, `${row.key} is fought for`);
    row.reason = judged.reason;
    row.willRevert = judged.willRevert;
    row.unhealthy = judged.unhealthy;
    must(judged.reason !== null || (judged.status !== "failed" && judged.status !== "stuck"), `${row.key} is ${judged.status} without a reason`);
    if (judged.status === "verified" && before !== "verified") this.#checkVerified(row, observation);
  }

  /** Verified is what was seen, not what was said. */
  #checkVerified(row: Row, observation: TargetObservation): void {
    const { executor, kind } = this.setup;
    const said = (): string => `${row.key} was verified by ${JSON.stringify(observation)}`;
    must(this.#everOpened.has(row.wave), `${row.key} was verified before its wave had opened`);
    if (kind === "stop") {
      must(!observation.present || observation.instances.length === 0, said);
      return;
    }
    must(observation.present && observation.freshness !== "silent", said);
    // Whoever refused and runs the right bytes all the same has answered as well: it will touch nothing.
    must(executor === "external" || !observation.canAct || row.startedGeneration === row.generation || row.word?.generation === row.generation, said);
    if (observation.kind === "job") {
      must(observation.declared[0]?.candidates[0] === "new", said);
      return;
    }
    const [copy] = observation.instances;
    must(copy?.candidates[0] === "new" && copy.state === "running" && copy.health === "healthy", said);
    must((copy?.uptimeMs ?? 0) >= this.setup.strategy.minUptimeMs, said);
    must(kind !== "replace" || !row.previousInstances.includes(copy?.key ?? ""), said);
  }

  #offer(row: Row): void {
    const host = this.#host(row.key);
    must(this.status === "running", `${row.key} was offered something while ${this.status}`);
    must(this.#everOpened.has(row.wave), `${row.key} was offered something before its wave had opened`);
    must(row.status === "pending" || row.status === "regressed", `${row.key} was offered something while ${row.status}`);
    this.#moveTarget(row, "offered");
    row.statusSince = this.now;
    row.reason = null;
    const before = host.ordered ?? host.traits.generation;
    const next = before + (this.setup.executor === "agent" ? 1 : 0);
    must(row.generation === null || next === row.generation + (this.setup.executor === "agent" ? 1 : 0), "the generation grows by one with each offer");
    row.generation = next;
    host.ordered = next;
  }

  turn(): void {
    if (!this.active) {
      must(isNothing(advanceRollout(this.state(), this.now)), `something moves though it is ${this.status}`);
      return;
    }
    // Only those whom time alone can move; the others move with what they say.
    for (const row of this.rows.values()) {
      const rests = row.status === "pending" || row.status === "gone" || (row.status === "verified" && !row.unhealthy);
      if (!rests || row.report.present === (row.status === "gone")) this.#judge(row);
    }
    if (this.status === "running" && this.setup.executor === "agent" && this.blocked === null) {
      for (const row of this.rows.values()) if (row.status === "regressed") this.#offer(row);
    }
    const limit = 4 * this.waves.length + 8;
    for (let step = 0; ; step += 1) {
      must(step < limit, "one turn never comes to rest");
      const state = this.state();
      const moves = advanceRollout(state, this.now);
      if (isNothing(moves)) return;
      this.#apply(state, moves);
    }
  }

  #apply(state: RolloutState, moves: RolloutTransitions): void {
    const { kind, strategy } = this.setup;
    if (state.status === "paused") {
      must(moves.offer === null && moves.ask === null, "a paused rollout offers and asks nothing");
      must(!moves.waves.some(({ to, index }) => to === "waiting" || (to === "open" && state.waves[index]?.status !== "soaking")), "a paused rollout opens nothing");
    }
    must(!moves.revert || (kind === "promote" && strategy.onFailure === "rollback" && moves.rollout?.to === "failed"), "a way back is followed by none");
    if (moves.rollout) this.moveRollout(moves.rollout.to, moves.rollout.reason, state);
    for (const move of moves.waves) this.#moveWave(state, move);
    if (moves.ask !== null) {
      const wave = this.waves[moves.ask];
      must(wave?.check.state === "none", "asked twice");
      if (wave) wave.check = { state: "due", detail: null };
    }
    if (moves.offer) this.#applyOffer(moves.offer);
  }

  #applyOffer({ count, throughWave }: NonNullable<RolloutTransitions["offer"]>): void {
    const { maxInFlight } = this.setup.strategy;
    must(this.blocked === null, "a release that may not be offered was offered");
    const waiting = [...this.rows.values()].filter((row) => row.status === "pending" && row.wave <= throughWave).sort((a, b) => a.wave - b.wave || (a.key < b.key ? -1 : 1));
    const chosen = waiting.slice(0, count ?? waiting.length);
    must(chosen.length > 0, "an offer to nobody");
    for (const row of chosen) this.#offer(row);
    must(maxInFlight === null || countTargets(this.rows.values()).inFlight <= maxInFlight, "more in flight than the cap");
  }

  #moveWave(state: RolloutState, { index, reason, to }: RolloutTransitions["waves"][number]): void {
    const wave = this.waves[index];
    const before = state.waves[index];
    if (!wave || !before) throw new Error(`there is no wave ${index}`);
    if (to === wave.status) {
      must(to === "waiting" && reason !== wave.statusReason, "a move to where it is, that says nothing new");
      wave.statusReason = reason;
      return;
    }
    must(canWaveMove(wave.status, to), `wave ${index}: ${wave.status} → ${to}`);
    if (to === "open" && before.status !== "soaking") {
      for (const earlier of this.waves.slice(0, index)) must(earlier.status === "passed", `wave ${index} opened before wave ${earlier.index} had passed`);
      must(!wave.gate.goAhead || wave.goAheadGiven, "opened without a word");
      must(wave.gate.check === null || wave.check.state === "passed", "opened without an answer");
      must(this.freeze === null || this.setup.kind !== "promote", "opened in a freeze");
      this.#everOpened.add(index);
    }
    if (to === "passed") {
      checkPassed(before, this.now);
      const { soakMs } = wave.gate;
      must(soakMs === 0 || (before.status === "soaking" && this.now - before.statusSince >= soakMs), `wave ${index} passed before it had soaked`);
    }
    if (to === "failed") checkFailed(before, this.now, this.setup.kind);
    must((to !== "failed" && to !== "waiting") || isSentence(reason), `${to} without a reason`);
    wave.status = to;
    wave.statusReason = reason;
    wave.statusSince = this.now;
    // From now on whoever came meanwhile belongs to it.
    if (to !== "open" || index !== this.waves.length - 1 || this.setup.kind !== "promote") return;
    for (const host of this.newcomers) if (host.present && !this.rows.has(host.key)) this.#admit(host, index, true);
  }

  moveRollout(to: RolloutStatus, reason: string, state = this.state()): void {
    must(canRolloutMove(this.status, to), `rollout: ${this.status} → ${to}`);
    must(isSentence(reason), `${to} without a reason`);
    this.status = to;
    this.reasons.push(`${to}: ${reason}`);
    if (to !== "succeeded" && to !== "succeeded-will-revert") return;
    must(state.waves.every(({ status }) => status === "passed"), "succeeded before every wave had passed");
    must(state.waves.every(({ counts }) => counts.pending === 0), "succeeded, and somebody was never offered anything");
    must((to === "succeeded-will-revert") === state.waves.some(({ counts }) => counts.willRevert > 0), "another tool that puts its own version back is named");
  }

  /* What hosts do. */

  say(host: Host, message: Message): void {
    if (host.jammed) host.queue.push(message);
    else this.hear(host, message);
  }

  /** The server takes what it was told: an earlier report than it has is dropped, a word about another generation as well. */
  hear(host: Host, message: Message): void {
    const row = this.rows.get(host.key);
    if (!row) return;
    if ("word" in message) {
      if (message.word.generation !== row.generation || !this.active) return;
      row.word = { ...message.word, at: this.now };
      if (message.word.phase !== "refused") row.startedGeneration = message.word.generation;
      this.#judge(row);
      return;
    }
    if (message.report.seq <= row.report.seq) return;
    const facts = ({ canAct, copies, declared, present }: Report): string => JSON.stringify([canAct, copies, declared, present]);
    const changed = facts(message.report) !== facts(row.report);
    row.report = message.report;
    row.reportedAt = this.now;
    if (changed) this.#judge(row);
  }

  speaks(host: Host): boolean {
    return host.fate !== "mute";
  }

  report(host: Host): void {
    if (this.speaks(host)) this.say(host, { report: host.report(this.now) });
  }

  #word(host: Host, phase: ProgressPhase, reason: TargetReason | null = null): void {
    if (host.started !== null) this.say(host, { word: { phase, generation: host.started, reason, saidAt: this.now + host.clockMs } });
  }

  /** Takes its order up: only one above the last, once. With another system at it nobody takes anything up. */
  fetch(host: Host): void {
    if (!this.speaks(host) || !host.canAct || !host.present || host.busy) return;
    if (host.ordered === null || host.ordered <= (host.started ?? host.traits.generation)) return;
    host.started = host.ordered;
    this.#word(host, host.fate === "refuses" ? "refused" : "acknowledged");
    host.busy = host.fate !== "refuses";
  }

  /** Does what it took up, as well as it can. */
  finish(host: Host): void {
    if (!host.busy || !this.speaks(host) || !host.present || host.fate === "half-way") return;
    host.busy = false;
    this.#word(host, "replacing");
    if (host.fate === "fails") return this.#word(host, "failed", "start-failed");
    this.#carryOut(host);
    this.#word(host, "done");
  }

  #carryOut(host: Host): void {
    const bytes: Bytes = host.fate === "wrong-bytes" ? "other" : "new";
    if (this.setup.kind === "stop") host.copy = null;
    else if (host.traits.kind === "service") host.start(bytes, this.now);
    host.declared = bytes;
    if (host.copy && host.fate === "unhealthy") host.copy.healthy = false;
    if (host.fate === "crashes") host.crash(this.now, true);
  }

  /** Another system carries it out, for those that it was told about. */
  dispatch(host: Host): void {
    const row = this.rows.get(host.key);
    if (!row || this.setup.executor !== "external" || row.status !== "offered" || host.fate === "fails" || host.fate === "mute") return;
    // Once for each time that it was told.
    if (host.dispatchedAt === row.statusSince) return;
    host.dispatchedAt = row.statusSince;
    this.#carryOut(host);
  }

  /** Something else puts its own version there. */
  drift(host: Host): void {
    if (this.setup.kind === "stop" || host.traits.kind === "service") host.start("old", this.now);
    else host.declared = "old";
  }

  /* What people do. */

  resume(failed: "retry" | "accept"): void {
    if (this.status !== "paused") return;
    this.moveRollout("running", "Somebody resumed it.");
    const current = this.waves.find(({ status }) => status !== "passed");
    if (!current) return;
    // A question without an answer, or with a no, is asked again.
    if (current.check.state === "unanswered" || current.check.state === "failed") current.check = { state: "none", detail: null };
    if (current.status !== "failed") return;
    const opened = this.#everOpened.has(current.index);
    const before = this.state().waves.find(({ index }) => index === current.index);
    const accepted = opened && failed === "accept" && before ? acceptFailures(before) : null;
    if (accepted) current.gate = accepted;
    const to = !opened ? "waiting" : failed === "retry" || accepted ? "open" : "passed";
    must(canWaveMove("failed", to), `wave ${current.index}: failed → ${to}`);
    current.status = to;
    current.statusReason = null;
    current.statusSince = this.now;
    if (to !== "open" || accepted) return;
    for (const row of this.rows.values()) if (row.wave <= current.index && (row.status === "failed" || row.status === "stuck")) this.#moveTarget(row, "pending");
  }

  abort(): void {
    if (!this.active) return;
    this.moveRollout("aborted", "Stopped by a person.");
    for (const row of this.rows.values()) if (row.status === "pending") this.#moveTarget(row, "withdrawn");
  }

  answer(state: Extract<CheckState, "passed" | "failed" | "unanswered">): void {
    for (const wave of this.waves) if (wave.check.state === "due") wave.check = { state, detail: state === "passed" ? null : "HTTP 503" };
  }

  newcomer(): void {
    const template = this.setup.fleet[0];
    if (!template) return;
    const host = new Host(`u${String(this.newcomers.length).padStart(3, "0")}`, template, this.now);
    this.newcomers.push(host);
    this.#byKey.set(host.key, host);
  }

  /* What happens in the end. */

  /** Why nothing moves without a person, as it is said to that person; null when it goes on by itself. */
  waitsForPerson(): string | null {
    if (this.status === "paused") return this.reasons.at(-1) ?? "";
    const current = this.waves.find(({ status }) => status !== "passed");
    return this.status === "running" && current?.status === "waiting" ? current.statusReason : null;
  }

  /** One minute in which everybody does what they can. */
  fairMinute(): void {
    this.now += MINUTE;
    for (const host of [...this.hosts, ...this.newcomers]) {
      host.jammed = false;
      for (const message of host.queue.splice(0)) this.hear(host, message);
      this.fetch(host);
      this.dispatch(host);
      this.finish(host);
      if (host.fate === "reverted" && host.copy && this.now - host.copy.upSince > 2 * MINUTE && host.copy.bytes === "new") this.drift(host);
      if (host.fate === "crashes" && host.copy?.bytes === "new") host.crash(this.now, true);
      this.report(host);
    }
    this.turn();
  }

  /** A person does what is asked for, so that it goes on; a release that may not be offered is given up. */
  #help(times: number): void {
    if (this.blocked !== null) return this.abort();
    this.freeze = null;
    for (const wave of this.waves) if (wave.status === "waiting") wave.goAheadGiven = true;
    this.answer("passed");
    // Now and then once more; then without those that failed.
    if (this.status === "paused") this.resume(times % 3 === 0 ? "retry" : "accept");
  }

  /** Until it ends: within so many minutes, and so many times that somebody is asked. */
  end(): void {
    const most = (this.waves.length + 1) * 100;
    let helped = 0;
    let quiet = 0;
    for (let minute = 0; this.active; minute += 1) {
      must(minute < most + 100 * helped, () => `it never ends: ${this.describe()}`);
      this.fairMinute();
      const reason = this.active ? this.waitsForPerson() : null;
      quiet = reason === null ? 0 : quiet + 1;
      // What is in flight may finish first; then a person is really waited for.
      if (reason === null || quiet < 3) continue;
      must(this.setup.kind === "promote" || !reason.includes("Black Friday"), "a freeze held something back that is no promotion");
      must(isSentence(reason), "a person is waited for, and nobody says why");
      must(helped < 6 * this.waves.length + 6, () => `a person is asked again and again: ${this.describe()}`);
      this.#help(helped);
      helped += 1;
      quiet = 0;
    }
    // Once it has ended nothing moves any more, whatever is reported.
    const before = JSON.stringify([this.status, this.waves]);
    this.fairMinute();
    must(JSON.stringify([this.status, this.waves]) === before, "something moved after the end");
    must([...this.rows.values()].filter(({ newcomer }) => !newcomer).length === this.#planned, "a target is lost");
  }

  describe(): string {
    return JSON.stringify({ status: this.status, reasons: this.reasons, waves: this.state().waves.map(({ counts, name, status, statusReason }) => ({ name, status, statusReason, counts })) });
  }
}

function plannable({ key, traits: { labels, partition, region } }: Host): PlannableTarget {
  return { key, name: `app-${key}`, agent: `host-${key}`, partition, region, labels };
}

function isNothing({ ask, offer, revert, rollout, waves }: RolloutTransitions): boolean {
  return rollout === null && !revert && waves.length === 0 && ask === null && offer === null;
}

function isSentence(text: string | null): boolean {
  return text !== null && /^\w.*(\.$|: .)/.test(text);
}

/** What a wave's gate means, told anew: who is good, who is lost, and how many may be. */
function weigh({ counts, gate, quietSince }: WaveState, now: number): { total: number; good: number; bad: number; may: number; gaveUp: boolean } {
  const { failed, inFlight, pending, stuck, verified } = counts;
  const sick = gate.health ? counts.unhealthy : 0;
  const total = pending + inFlight + stuck + failed + verified;
  return {
    total,
    good: verified - sick,
    bad: failed + sick,
    may: Math.max(gate.maxFailures, total * gate.failureThreshold),
    gaveUp: stuck === 0 || now - quietSince >= DEFAULT_ADVANCE_POLICY.giveUpAfterMs,
  };
}

/** Enough are verified, and no more failed than may; or everyone has settled, and no more were lost than may. */
function checkPassed(wave: WaveState, now: number): void {
  const { counts, gate, name } = wave;
  const { bad, gaveUp, good, may, total } = weigh(wave, now);
  if (total === 0) return;
  const enough = good + 1e-6 >= (total - bad) * gate.passShare;
  const settled = counts.inFlight === 0 && gaveUp && bad + counts.stuck <= may + 1e-6;
  must(counts.pending === 0 && good > 0 && bad <= may + 1e-6 && (enough || settled), () => `wave ${name} passed with ${JSON.stringify({ counts, gate })}`);
}

/**
 * More failed than may (on the way back only when nobody is on it any more); or everyone has settled, and more were lost
 * than may; or the check said no.
 */
function checkFailed(wave: WaveState, now: number, kind: RolloutKind): void {
  const { check, counts, gate, name, status } = wave;
  const { bad, gaveUp, good, may } = weigh(wave, now);
  const settled = counts.inFlight + counts.pending === 0 && gaveUp && (bad + counts.stuck > may - 1e-6 || good === 0);
  const tooMany = bad > may - 1e-6 && (kind === "promote" || kind === "replace" || counts.pending + counts.inFlight === 0);
  must(status === "waiting" ? check.state === "failed" : tooMany || settled, () => `wave ${name} failed with ${JSON.stringify({ counts, gate })}`);
}

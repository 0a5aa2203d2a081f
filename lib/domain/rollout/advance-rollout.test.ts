import { describe, expect, it } from "vitest";
import type { AdvancePolicy, CheckState, RolloutState, RolloutTransitions, TargetCounts, WaveState } from "@/lib/domain/rollout/advance-rollout";
import { acceptFailures, advanceRollout, countTargets, countsAs, NO_TARGETS } from "@/lib/domain/rollout/advance-rollout";
import type { RolloutKind, WaveStatus } from "@/lib/domain/rollout/statuses";
import { ROLLOUT_STATUSES, TARGET_STATUSES, TERMINAL_ROLLOUT_STATUSES } from "@/lib/domain/rollout/statuses";
import { FAILURE_ACTIONS, OPEN_GATE, type WaveGate } from "@/lib/domain/rollout/strategy";

const NOW = 1_000_000;
const POLICY: AdvancePolicy = { giveUpAfterMs: 5_000, emptyForMs: 1_000 };
const CHECK = { kind: "webhook" as const, url: "https://gate.test", timeoutMs: 1, everyMs: 1, withinMs: 1 };
const FREEZE = { name: "Black Friday", until: "until 20:00" };

type Changes = Partial<Omit<WaveState, "counts" | "gate">> & { counts?: Partial<TargetCounts>; gate?: Partial<WaveGate> };
/** A wave named w0, w1, …, in its status for 10 ms. */
const wave = (index: number, status: WaveStatus, { counts, gate, ...changes }: Changes = {}): WaveState => ({
  index,
  name: `w${index}`,
  status,
  statusReason: null,
  statusSince: NOW - 10,
  gate: { ...OPEN_GATE, ...gate },
  goAheadGiven: false,
  check: { state: "none", detail: null },
  counts: { ...NO_TARGETS, ...counts },
  quietSince: NOW - 10,
  ...changes,
});
const rollout = (waves: WaveState[], changes: Partial<RolloutState> = {}): RolloutState => ({
  kind: "promote",
  status: "running",
  onFailure: "fail",
  maxInFlight: null,
  freeze: null,
  blocked: null,
  follow: null,
  waves,
  ...changes,
});

interface Step {
  rollout?: string;
  waves?: [number, WaveStatus][];
  offer?: number;
  /** How many at most. */
  count?: number;
  ask?: number;
  revert?: true;
}
const summary = ({ ask, offer, revert, rollout: moved, waves }: RolloutTransitions): Step => ({
  ...(moved && { rollout: moved.to }),
  ...(waves.length > 0 && { waves: waves.map(({ index, to }) => [index, to]) }),
  ...(offer && { offer: offer.throughWave }),
  ...(offer && offer.count !== null && { count: offer.count }),
  ...(ask !== null && { ask }),
  ...(revert && { revert }),
});
const step = (state: RolloutState, now = NOW): Step => summary(advanceRollout(state, now, POLICY));
const passed = wave(0, "passed", { counts: { verified: 1 } });
const next = (changes: Changes = {}): WaveState[] => [passed, wave(1, changes.status ?? "pending", { counts: { pending: 2 }, ...changes })];

type Case = [string, RolloutState, Step];

describe("advanceRollout", () => {
  it.each<Case>([
    ["starts, opens the first wave and offers", rollout([wave(0, "pending", { counts: { pending: 1 } })], { status: "planned" }), { rollout: "running", waves: [[0, "open"]], offer: 0 }],
    ["without any target starts", rollout([], { status: "planned" }), { rollout: "running" }],
    ["without any target is done", rollout([]), { rollout: "succeeded" }],
    ["waits for those in flight", rollout([wave(0, "open", { counts: { verified: 1, inFlight: 1 } })]), {}],
    ["offers who is still pending in an open wave", rollout([wave(0, "open", { counts: { pending: 1 } })]), { offer: 0 }],
    ["passes when all are verified", rollout([wave(0, "open", { counts: { verified: 2 } })]), { waves: [[0, "passed"]] }],
    ["waits for one to come back when everyone is gone", rollout([wave(0, "open", { quietSince: NOW - 999 })]), {}],
    ["passes when everyone stays gone", rollout([wave(0, "open", { quietSince: NOW - 1_000 })]), { waves: [[0, "passed"]] }],
    ["opens a wave that everyone left, and says nothing of an offer", rollout([wave(0, "pending")]), { waves: [[0, "open"]] }],
    ["all passed: succeeded", rollout([passed, wave(1, "passed", { counts: { verified: 1 } })]), { rollout: "succeeded" }],
    ["all passed, something will revert", rollout([wave(0, "passed", { counts: { verified: 2, willRevert: 1 } }), wave(1, "passed")]), { rollout: "succeeded-will-revert" }],
    ["opens the next wave", rollout(next().toReversed()), { waves: [[1, "open"]], offer: 1 }],
    ["opens no wave after the next", rollout([passed, wave(1, "open", { counts: { inFlight: 1 } }), wave(2, "pending", { counts: { pending: 1 } })]), {}],
    ["offers nothing of a wave that is not open", rollout([wave(0, "open", { counts: { inFlight: 1 } }), wave(1, "pending", { counts: { pending: 9 } })]), {}],
  ])("%s", (_, state, expected) => {
    expect(step(state)).toEqual(expected);
  });

  describe("the way back reaches everyone before a wave of it fails", () => {
    const back = (counts: Partial<TargetCounts>, changes: Partial<RolloutState> = {}, status: WaveStatus = "open") => rollout([wave(0, status, { counts, gate: { soakMs: 100 } })], { kind: "rollback", ...changes });
    const fails: Step = { waves: [[0, "failed"]] };
    it.each<Case>([
      ["others are in flight", back({ inFlight: 3, failed: 1 }), {}],
      ["others were not offered", back({ pending: 3, failed: 1 }, { maxInFlight: 1 }), { offer: 0, count: 1 }],
      ["more than the cap leaves room for", back({ pending: 3, inFlight: 1, failed: 1 }, { maxInFlight: 1 }), {}],
      ["enough are verified, were it not for those that failed", rollout([wave(0, "open", { counts: { verified: 3, inFlight: 1, failed: 1 }, gate: { passShare: 0.5 } })], { kind: "rollback" }), {}],
      ["nobody else is on the way", back({ verified: 3, failed: 1 }), fails],
      ["the rest is stuck", back({ verified: 2, failed: 1, stuck: 1 }), fails],
      ["somebody left it while it soaks", back({ verified: 2, failed: 1, inFlight: 1, regressed: 1 }, {}, "soaking"), { waves: [[0, "open"]] }],
      ["reconverging", back({ inFlight: 3, failed: 1 }, { kind: "reconverge" }), {}],
      ["stopping", back({ inFlight: 3, failed: 1 }, { kind: "stop" }), {}],
      ["new copies of the same: they are put at risk", back({ inFlight: 3, failed: 1 }, { kind: "replace" }), fails],
      ["others carry it out", back({ inFlight: 3, failed: 1 }, { follow: { stalledAfterMs: 1_000, failedAfterMs: 2_000 } }), fails],
    ])("%s", (_, state, expected) => expect(step(state)).toEqual(expected));
  });

  describe("a wave passes at its share, and fails past what it may lose", () => {
    const open = (counts: Partial<TargetCounts>, gate: Partial<WaveGate> = {}, changes: Changes = {}) => rollout([wave(0, "open", { counts, gate, ...changes })]);
    const passes: Step = { waves: [[0, "passed"]] };
    const fails: Step = { waves: [[0, "failed"]] };
    it.each<Case>([
      ["share reached, another is in flight", open({ verified: 1, inFlight: 1 }, { passShare: 0.5 }), passes],
      ["share reached, another is stuck", open({ verified: 1, stuck: 1 }, { passShare: 0.5 }), passes],
      ["share not reached", open({ verified: 1, inFlight: 2 }, { passShare: 0.5 }), {}],
      ["share rounded up", open({ verified: 8, inFlight: 2 }, { passShare: 0.81 }), {}],
      ["exact share, whatever binary fractions say", open({ verified: 11, inFlight: 89 }, { passShare: 0.11 }), passes],
      ["needs at least one, whatever the share", open({ inFlight: 1 }, { passShare: 0 }), {}],
      ["share reached, somebody waits for room under the cap", open({ verified: 1, pending: 1 }, { passShare: 0.5 }), { offer: 0 }],

      ["one failed of two, none allowed", open({ verified: 1, failed: 1 }), fails],
      ["fails at once, though others are in flight", open({ inFlight: 3, failed: 1 }), fails],
      ["fails at once, though others were not offered", open({ pending: 3, failed: 1 }), fails],
      ["allowed by number", open({ verified: 1, failed: 1 }, { maxFailures: 1 }), passes],
      ["allowed by share", open({ verified: 1, failed: 1 }, { failureThreshold: 0.5 }), passes],
      ["allowed by the larger of both: the share", open({ verified: 8, failed: 2 }, { failureThreshold: 0.2, maxFailures: 1 }), passes],
      ["allowed by the larger of both: the number", open({ verified: 8, failed: 2 }, { failureThreshold: 0.1, maxFailures: 2 }), passes],
      ["one more than the share", open({ verified: 7, failed: 3 }, { failureThreshold: 0.29 }), fails],
      ["exact share of failures, whatever binary fractions say", open({ verified: 71, failed: 29 }, { failureThreshold: 0.29 }), passes],
      ["failures that are allowed are not waited for", open({ verified: 2, failed: 1, inFlight: 1 }, { maxFailures: 1, passShare: 2 / 3 }), passes],
      ["allowed so far, the others are in flight", open({ failed: 1, inFlight: 1 }, { maxFailures: 1 }), {}],
      ["everything failed, and was allowed to: nothing was seen to work", open({ failed: 2 }, { maxFailures: 5 }), fails],
      ["everyone may fail, one did not", open({ failed: 2, verified: 1 }, { failureThreshold: 1 }), passes],

      ["waits for the stuck", open({ verified: 1, stuck: 1 }), {}],
      ["waits for the stuck since the last of them moved", open({ stuck: 1 }, {}, { statusSince: NOW - 9_000, quietSince: NOW - 4_999 }), {}],
      ["gives the stuck up in the end", open({ stuck: 1 }, {}, { statusSince: NOW - 5_000, quietSince: NOW - 5_000 }), fails],
      ["waits on while others are in flight, however long", open({ stuck: 1, inFlight: 1 }, {}, { statusSince: 0, quietSince: 0 }), {}],
      ["given up, and as many may be lost", open({ verified: 1, stuck: 1 }, { maxFailures: 1 }, { statusSince: 0, quietSince: 0 }), passes],
      ["given up and failed together are too many", open({ verified: 1, stuck: 1, failed: 1 }, { maxFailures: 1 }, { statusSince: 0, quietSince: 0 }), fails],
      ["given up, and nothing was seen to work", open({ stuck: 1 }, { maxFailures: 1 }, { statusSince: 0, quietSince: 0 }), fails],

      ["a verified one became unhealthy", open({ verified: 2, unhealthy: 1 }), fails],
      ["unhealthy, and as many are allowed", open({ verified: 2, unhealthy: 1 }, { maxFailures: 1 }), passes],
      ["unhealthy and failed together are too many", open({ verified: 2, unhealthy: 1, failed: 1 }, { maxFailures: 1 }), fails],
      ["unhealthy, and health is not asked for", open({ verified: 2, unhealthy: 2 }, { health: false }), passes],
      ["all unhealthy, and allowed to be: nothing was seen to work", open({ verified: 2, unhealthy: 2 }, { maxFailures: 2 }), fails],
    ])("%s", (_, state, expected) => {
      expect(step(state)).toEqual(expected);
    });

    it.each<[Partial<TargetCounts>, string]>([
      [{ failed: 1 }, "1 of 1 target of wave w0 did not get there."],
      [{ failed: 1, verified: 2, unhealthy: 1, pending: 3 }, "2 of 6 targets of wave w0 did not get there."],
    ])("says how many did not get there: %o", (counts, reason) => {
      expect(advanceRollout(open(counts), NOW, POLICY).waves).toEqual([{ index: 0, to: "failed", reason }]);
    });
  });

  describe("soaks", () => {
    const soak = (status: WaveStatus, counts: Partial<TargetCounts>, gate: Partial<WaveGate> = {}, changes: Changes = {}) => rollout([wave(0, status, { counts, gate: { soakMs: 100, ...gate }, ...changes })]);
    it.each<Case>([
      ["before it has passed", soak("open", { verified: 1 }), { waves: [[0, "soaking"]] }],
      ["still", soak("soaking", { verified: 1 }, {}, { statusSince: NOW - 99 }), {}],
      ["long enough", soak("soaking", { verified: 1 }, {}, { statusSince: NOW - 100 }), { waves: [[0, "passed"]] }],
      ["starts again after a regression", soak("soaking", { inFlight: 1 }, {}, { statusSince: NOW - 100 }), { waves: [[0, "open"]] }],
      ["starts again when one came back that was never offered", soak("soaking", { verified: 1, pending: 1 }, {}, { statusSince: NOW - 100 }), { waves: [[0, "open"]] }],
      ["goes on when enough are left", soak("soaking", { verified: 1, inFlight: 1 }, { passShare: 0.5 }, { statusSince: NOW - 100 }), { waves: [[0, "passed"]] }],
      ["fails when one fails", soak("soaking", { verified: 1, failed: 1 }), { waves: [[0, "failed"]] }],
      ["fails when one becomes unhealthy", soak("soaking", { verified: 9, unhealthy: 1 }), { waves: [[0, "failed"]] }],
      ["bears as many unhealthy ones as are allowed", soak("soaking", { verified: 9, unhealthy: 1 }, { maxFailures: 1 }), {}],
      ["does not look at health when told so", soak("soaking", { verified: 9, unhealthy: 9 }, { health: false }), {}],
      ["goes on without those that were given up", soak("soaking", { verified: 1, stuck: 1 }, { maxFailures: 1 }, { quietSince: NOW - 5_000 }), {}],
      ["long enough, without those that were given up", soak("soaking", { verified: 1, stuck: 1 }, { maxFailures: 1 }, { statusSince: NOW - 100, quietSince: NOW - 5_000 }), { waves: [[0, "passed"]] }],
      ["starts again when one of them got stuck only now", soak("soaking", { verified: 1, stuck: 1 }, { maxFailures: 1 }, { quietSince: NOW - 4_999 }), { waves: [[0, "open"]] }],
      ["passes when everyone left meanwhile, after its time", soak("soaking", {}, {}, { statusSince: NOW - 100, quietSince: NOW - 1_000 }), { waves: [[0, "passed"]] }],
      ["starts again when everyone left only now", soak("soaking", {}, {}, { statusSince: NOW - 100 }), { waves: [[0, "open"]] }],
    ])("%s", (_, state, expected) => {
      expect(step(state)).toEqual(expected);
    });
  });

  describe("what stands before a wave: a person, then a freeze, and the question last", () => {
    const all: Partial<WaveGate> = { goAhead: true, check: CHECK };
    const answered = (state: CheckState, detail: string | null = null): WaveState["check"] => ({ state, detail });
    const waits: Step = { waves: [[1, "waiting"]] };
    const opens: Step = { waves: [[1, "open"]], offer: 1 };
    it.each<Case>([
      ["a person", rollout(next({ gate: { goAhead: true } })), waits],
      ["a person, said already", rollout(next({ gate: { goAhead: true }, status: "waiting", statusReason: "Wave w1 waits for somebody to say go." })), {}],
      ["go", rollout(next({ gate: { goAhead: true }, goAheadGiven: true, status: "waiting" })), opens],
      ["go, said before it waited", rollout(next({ gate: { goAhead: true }, goAheadGiven: true })), opens],
      ["a freeze", rollout(next(), { freeze: FREEZE }), waits],
      ["a freeze that ended", rollout(next({ status: "waiting", statusReason: "Wave w1 waits for the end of Black Friday, until 20:00." })), opens],
      ["a freeze before the first wave", rollout([wave(0, "pending", { counts: { pending: 1 } })], { status: "planned", freeze: FREEZE }), { rollout: "running", waves: [[0, "waiting"]] }],
      ["a freeze lets what is open go on", rollout([wave(0, "open", { counts: { pending: 1, verified: 1 } })], { freeze: FREEZE, maxInFlight: 1 }), { offer: 0, count: 1 }],
      ["a freeze lets what is open pass", rollout([wave(0, "open", { counts: { verified: 1 } })], { freeze: FREEZE }), { waves: [[0, "passed"]] }],
      ["never asked", rollout(next({ gate: { check: CHECK } })), { ...waits, ask: 1 }],
      ["never asked, and it waited for something else so far", rollout(next({ gate: { check: CHECK }, status: "waiting", statusReason: "Wave w1 waits for the end of Black Friday." })), { ...waits, ask: 1 }],
      ["asked", rollout(next({ gate: { check: CHECK }, check: answered("due"), status: "waiting", statusReason: "Wave w1 waits for its check." })), {}],
      ["asked, and it says something new", rollout(next({ gate: { check: CHECK }, check: answered("due", "HTTP 503"), status: "waiting", statusReason: "Wave w1 waits for its check." })), waits],
      ["answered yes", rollout(next({ gate: { check: CHECK }, check: answered("passed"), status: "waiting" })), opens],
      ["answered no", rollout(next({ gate: { check: CHECK }, check: answered("failed", "error rate 4 %"), status: "waiting" })), { waves: [[1, "failed"]] }],
      ["no answer", rollout(next({ gate: { check: CHECK }, check: answered("unanswered"), status: "waiting" })), { rollout: "paused" }],
      ["an answer is nothing when nothing is asked for", rollout(next({ check: answered("failed"), status: "waiting" })), opens],
      ["an answer from before it waited: it waits first", rollout(next({ gate: { check: CHECK }, check: answered("failed") })), waits],
      ["no answer before it started: it starts first", rollout([wave(0, "pending", { gate: { check: CHECK }, check: answered("unanswered") })], { status: "planned" }), { rollout: "running", waves: [[0, "waiting"]] }],

      ["all three: the person first", rollout(next({ gate: all }), { freeze: FREEZE }), waits],
      ["go was said: the freeze, and nothing is asked yet", rollout(next({ gate: all, goAheadGiven: true, status: "waiting", statusReason: "Wave w1 waits for somebody to say go." }), { freeze: FREEZE }), waits],
      ["it ended: the question", rollout(next({ gate: all, goAheadGiven: true, status: "waiting", statusReason: "Wave w1 waits for the end of Black Friday, until 20:00." })), { ...waits, ask: 1 }],
      ["a no does not fail it while a person is waited for", rollout(next({ gate: all, check: answered("failed"), status: "waiting", statusReason: "Wave w1 waits for somebody to say go." })), {}],
      ["a freeze that begins when the answer is there", rollout(next({ gate: all, goAheadGiven: true, check: answered("passed"), status: "waiting", statusReason: "Wave w1 waits for its check." }), { freeze: FREEZE }), waits],
    ])("%s", (_, state, expected) => {
      expect(step(state)).toEqual(expected);
    });

    it.each<[string, RolloutState, string]>([
      ["a person", rollout(next({ gate: { goAhead: true } })), "Wave w1 waits for somebody to say go."],
      ["a freeze", rollout(next(), { freeze: FREEZE }), "Wave w1 waits for the end of Black Friday, until 20:00."],
      ["a freeze without an end", rollout(next(), { freeze: { name: "audit", until: null } }), "Wave w1 waits for the end of audit."],
      ["a check", rollout(next({ gate: { check: CHECK } })), "Wave w1 waits for its check."],
      ["a check that says why", rollout(next({ gate: { check: CHECK }, check: answered("due", "HTTP 503") })), "Wave w1 waits for its check: HTTP 503"],
      ["a check that failed", rollout(next({ gate: { check: CHECK }, check: answered("failed", "error rate 4 %"), status: "waiting" })), "The check before wave w1 failed: error rate 4 %"],
    ])("says: %s", (_, state, reason) => {
      expect(advanceRollout(state, NOW, POLICY).waves).toMatchObject([{ index: 1, reason }]);
    });

    it("says why it paused", () => {
      const state = rollout(next({ gate: { check: CHECK }, check: answered("unanswered", "HTTP 503"), status: "waiting" }));
      expect(advanceRollout(state, NOW, POLICY).rollout).toEqual({ to: "paused", reason: "The check before wave w1 did not answer: HTTP 503" });
    });

    it("does not go back because of silence: that speaks against nobody's release", () => {
      const silent = wave(0, "failed", { counts: { verified: 1, stuck: 1 } });
      expect(step(rollout([silent], { onFailure: "rollback" }))).toEqual({ rollout: "paused" });
    });

    it.each<RolloutKind>(["rollback", "reconverge", "replace", "stop"])("no freeze holds back a %s", (kind) => {
      expect(step(rollout(next(), { kind, freeze: FREEZE }))).toEqual(opens);
    });
  });

  describe("no more in flight than the cap, over all waves", () => {
    it.each<Case>([
      ["as many as there is room for", rollout([wave(0, "open", { counts: { pending: 5, inFlight: 1 } })], { maxInFlight: 3 }), { offer: 0, count: 2 }],
      ["none when it is full", rollout([wave(0, "open", { counts: { pending: 5, inFlight: 3 } })], { maxInFlight: 3 }), {}],
      ["none when it is more than full", rollout([wave(0, "open", { counts: { pending: 5, inFlight: 4 } })], { maxInFlight: 3 }), {}],
      ["what is in flight in an earlier wave counts", rollout([wave(0, "passed", { counts: { verified: 3, inFlight: 2 } }), wave(1, "open", { counts: { pending: 5 } })], { maxInFlight: 3 }), { offer: 1, count: 1 }],
      ["and in a later one", rollout([wave(0, "open", { counts: { pending: 5 } }), wave(1, "pending", { counts: { inFlight: 2 } })], { maxInFlight: 3 }), { offer: 0, count: 1 }],
      ["who waits in an earlier wave is offered with the later", rollout([wave(0, "passed", { counts: { verified: 1, pending: 1 } }), wave(1, "open", { counts: { inFlight: 1 } })], { maxInFlight: 2 }), { offer: 1, count: 1 }],
      ["who waits only in a later wave is not", rollout([wave(0, "open", { counts: { inFlight: 1 } }), wave(1, "pending", { counts: { pending: 1 } })], { maxInFlight: 2 }), {}],
      ["a wave opens though it is full", rollout([wave(0, "passed", { counts: { verified: 1, inFlight: 1 } }), wave(1, "pending", { counts: { pending: 1 } })], { maxInFlight: 1 }), { waves: [[1, "open"]] }],
      ["who came back after the last wave had passed is offered before the end", rollout([wave(0, "passed", { counts: { verified: 1, pending: 1 } })]), { offer: 0 }],
      ["and is waited for when it is full", rollout([wave(0, "passed", { counts: { inFlight: 1, pending: 1 } })], { maxInFlight: 1 }), {}],
    ])("%s", (_, state, expected) => {
      expect(step(state)).toEqual(expected);
    });
  });

  describe("a paused rollout opens nothing and offers nothing", () => {
    const paused = (waves: WaveState[], changes: Partial<RolloutState> = {}) => rollout(waves, { status: "paused", ...changes });
    it.each<Case>([
      ["no new offers", paused([wave(0, "open", { counts: { pending: 1, inFlight: 1 } })]), {}],
      ["opens no wave", paused([wave(0, "pending", { counts: { pending: 1 } })]), {}],
      ["opens no wave that waited", paused(next({ status: "waiting", goAheadGiven: true, gate: { goAhead: true } })), {}],
      ["asks nothing", paused(next({ gate: { check: CHECK } })), {}],
      ["what runs may finish", paused([wave(0, "open", { counts: { verified: 1 } })]), { waves: [[0, "passed"]] }],
      ["who was not offered waits, and the wave with it", paused([wave(0, "open", { counts: { verified: 1, pending: 1 } })]), {}],
      ["what runs may fail", paused([wave(0, "open", { counts: { failed: 1 } })]), { waves: [[0, "failed"]] }],
      ["goes on soaking", paused([wave(0, "soaking", { counts: { verified: 1 }, gate: { soakMs: 10 } })]), { waves: [[0, "passed"]] }],
      ["does not end", paused([wave(0, "passed", { counts: { verified: 1 } })]), {}],
      ["does not end without any target", paused([]), {}],
      ["offers nothing to who came back", paused([wave(0, "passed", { counts: { pending: 1 } })]), {}],
      ["what forbids its release changes nothing", paused([wave(0, "open", { counts: { pending: 1 } })], { blocked: "1.42 was recalled." }), {}],
    ])("%s", (_, state, expected) => {
      expect(step(state)).toEqual(expected);
    });

    it.each(FAILURE_ACTIONS)("and leaves it to whoever paused it what a failed wave means (%s)", (onFailure) => {
      expect(step(paused([wave(0, "failed")], { onFailure }))).toEqual({});
      expect(step(rollout([wave(0, "failed")], { onFailure }))).not.toEqual({});
    });
  });

  describe("a release that may not be offered any more pauses the rollout before it is", () => {
    const blocked = "1.42 was recalled: it is offered to nobody any more.";
    const pauses: Step = { rollout: "paused" };
    it.each<Case>([
      ["before the next wave", rollout(next(), { blocked }), pauses],
      ["before the first", rollout([wave(0, "pending", { counts: { pending: 1 } })], { blocked }), pauses],
      ["while a wave waits", rollout(next({ status: "waiting", gate: { goAhead: true } }), { blocked }), pauses],
      ["while some are left in an open wave", rollout([wave(0, "open", { counts: { verified: 1, pending: 1 } })], { blocked }), pauses],
      ["not for those in flight: they finish", rollout([wave(0, "open", { counts: { inFlight: 1 } })], { blocked }), {}],
      ["not while there is no room under the cap", rollout([wave(0, "open", { counts: { inFlight: 1, pending: 1 } })], { blocked, maxInFlight: 1 }), {}],
      ["a wave passes all the same", rollout([wave(0, "open", { counts: { verified: 1 } })], { blocked }), { waves: [[0, "passed"]] }],
      ["a wave soaks all the same", rollout([wave(0, "soaking", { counts: { verified: 1 }, gate: { soakMs: 100 } })], { blocked }), {}],
      ["a wave fails all the same", rollout([wave(0, "open", { counts: { failed: 1 } })], { blocked }), { waves: [[0, "failed"]] }],
      ["past the threshold it goes back", rollout([wave(0, "failed", { counts: { failed: 1 } })], { blocked, onFailure: "rollback" }), { rollout: "failed", revert: true }],
      ["it ends when everyone has it", rollout([wave(0, "passed", { counts: { verified: 1 } })], { blocked }), { rollout: "succeeded" }],
      ["before one that left it is told again", rollout([wave(0, "soaking", { counts: { inFlight: 1, regressed: 1 }, gate: { soakMs: 100 } })], { blocked }), pauses],
      ["what fails while somebody left it fails first", rollout([wave(0, "soaking", { counts: { failed: 1, verified: 3, inFlight: 1, regressed: 1 } })], { blocked, onFailure: "rollback" }), { waves: [[0, "failed"]] }],
      ["and in an open wave", rollout([wave(0, "open", { counts: { failed: 1, verified: 3, inFlight: 1, regressed: 1 } })], { blocked, onFailure: "rollback" }), { waves: [[0, "failed"]] }],
      ["past the threshold it goes back, whoever left it", rollout([wave(0, "failed", { counts: { failed: 1, inFlight: 1, regressed: 1 } })], { blocked, onFailure: "rollback" }), { rollout: "failed", revert: true }],
      ["before one that came back gets it", rollout([wave(0, "passed", { counts: { verified: 1, pending: 1 } })], { blocked }), pauses],
    ])("%s", (_, state, expected) => {
      expect(step(state)).toEqual(expected);
      if (expected === pauses) expect(advanceRollout(state, NOW, POLICY).rollout?.reason).toBe(blocked);
    });
  });

  describe("past the threshold", () => {
    const failed = [wave(0, "failed", { statusReason: "1 of 2 targets of wave w0 did not get there.", counts: { verified: 1, failed: 1 } }), wave(1, "pending", { counts: { pending: 1 } })];
    it.each<[string, Partial<RolloutState>, Step]>([
      ["pauses", { onFailure: "pause" }, { rollout: "paused" }],
      ["fails", { onFailure: "fail" }, { rollout: "failed" }],
      ["goes back by itself", { onFailure: "rollback" }, { rollout: "failed", revert: true }],
    ])("%s, as the strategy says", (_, changes, expected) => {
      expect(step(rollout(failed, changes))).toEqual(expected);
      expect(advanceRollout(rollout(failed, changes), NOW, POLICY).rollout?.reason).toContain("1 of 2 targets of wave w0 did not get there.");
    });

    it("does not go back because of silence: that speaks against nobody's release", () => {
      const silent = wave(0, "failed", { counts: { verified: 1, stuck: 1 } });
      expect(step(rollout([silent], { onFailure: "rollback" }))).toEqual({ rollout: "paused" });
    });

    it.each<RolloutKind>(["rollback", "reconverge", "replace", "stop"])("a failing %s never goes back by itself", (kind) => {
      expect(step(rollout(failed, { kind, onFailure: "rollback" }))).toEqual({ rollout: "paused" });
      expect(step(rollout(failed, { kind, onFailure: "rollback", status: "paused" }))).toEqual({});
    });

    it.each(FAILURE_ACTIONS)("never opens the next wave (%s)", (onFailure) => {
      const moves = advanceRollout(rollout(failed, { onFailure }), NOW, POLICY);
      expect([moves.waves, moves.offer, moves.ask]).toEqual([[], null, null]);
    });

    it("says something even when nobody said why", () => {
      expect(advanceRollout(rollout([wave(0, "failed")]), NOW, POLICY).rollout).toEqual({ to: "failed", reason: "Wave w0 failed." });
    });
  });

  it.each(TERMINAL_ROLLOUT_STATUSES)("nothing moves once it is %s", (status) => {
    for (const each of ["pending", "waiting", "open", "soaking", "passed", "failed"] as const) {
      expect(step(rollout([wave(0, each, { counts: { pending: 1 }, statusSince: 0 })], { status, onFailure: "rollback" }))).toEqual({});
    }
  });

  it("waits half an hour for those that are stuck, unless told otherwise", () => {
    const state = rollout([wave(0, "open", { counts: { stuck: 1 }, statusSince: NOW, quietSince: NOW })]);
    expect(summary(advanceRollout(state, NOW + 30 * 60_000 - 1))).toEqual({});
    expect(summary(advanceRollout(state, NOW + 30 * 60_000))).toEqual({ waves: [[0, "failed"]] });
  });

  it("answers for every status of the rollout", () => {
    for (const status of ROLLOUT_STATUSES) expect(() => step(rollout(next(), { status }))).not.toThrow();
  });
});

describe("countTargets", () => {
  it("counts every status once, without those that left", () => {
    expect(countTargets(TARGET_STATUSES.map((status) => ({ status })))).toEqual({ ...NO_TARGETS, pending: 1, inFlight: 4, regressed: 1, verified: 1, stuck: 1, failed: 2 });
    expect(TARGET_STATUSES.filter((status) => countsAs(status) === null)).toEqual(["gone", "withdrawn"]);
  });

  it("counts what will revert and what is unhealthy only of those that are verified", () => {
    const flags = { willRevert: true, unhealthy: true };
    expect(countTargets(TARGET_STATUSES.map((status) => ({ status, ...flags })))).toMatchObject({ verified: 1, willRevert: 1, unhealthy: 1 });
    expect(countTargets([])).toEqual(NO_TARGETS);
  });
});

describe("acceptFailures", () => {
  const accepted = (counts: Partial<TargetCounts>, gate: Partial<WaveGate> = {}) => acceptFailures(wave(0, "failed", { counts, gate }))?.maxFailures ?? null;
  it.each<[string, Partial<TargetCounts>, Partial<WaveGate>, number | null]>([
    ["nobody else is on the way", { verified: 2, failed: 1, stuck: 1 }, {}, null],
    ["so many as failed", { inFlight: 1, failed: 2 }, {}, 2],
    ["the stuck and the unhealthy too", { pending: 1, failed: 2, stuck: 3, verified: 4, unhealthy: 1 }, {}, 6],
    ["where health does not count", { pending: 1, failed: 2, verified: 4, unhealthy: 1 }, { health: false }, 2],
    ["never fewer than before", { pending: 1, failed: 2 }, { maxFailures: 7 }, 7],
  ])("%s", (_, counts, gate, expected) => expect(accepted(counts, gate)).toBe(expected));
  it("lets the others pass or fail as before", () => {
    const before = wave(0, "open", { counts: { inFlight: 2, failed: 1 } });
    const gate = acceptFailures(before) ?? before.gate;
    const after = (counts: Partial<TargetCounts>) => step(rollout([wave(0, "open", { counts, gate })]));
    expect(after({ inFlight: 2, failed: 1 })).toEqual({});
    expect(after({ verified: 2, failed: 1 })).toEqual({ waves: [[0, "passed"]] });
    expect(after({ inFlight: 1, failed: 2 })).toEqual({ waves: [[0, "failed"]] });
  });
  it("waits no more for the stuck that were there, and for others as before", () => {
    const before = wave(0, "open", { counts: { inFlight: 3, verified: 4, failed: 1, stuck: 2 } });
    const gate = acceptFailures(before) ?? before.gate;
    const after = (counts: Partial<TargetCounts>) => step(rollout([wave(0, "open", { counts, gate })]));
    expect(after({ verified: 7, failed: 1, stuck: 2 })).toEqual({ waves: [[0, "passed"]] });
    expect(after({ verified: 6, failed: 1, stuck: 3 })).toEqual({});
  });
});

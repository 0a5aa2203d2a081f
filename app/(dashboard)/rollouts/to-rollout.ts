import { plural } from "@/app/(dashboard)/words";
import { leftWords } from "@/components/rollouts/left-words";
import { formatEstimate, joinGate } from "@/components/rollouts/prepare-start";
import type { RolloutStep } from "@/components/rollouts/rollout-steps";
import type { StuckRow } from "@/components/rollouts/stuck-table";
import type { Estimate } from "@/components/rollouts/three-numbers";
import type { GateLine, WaveGatesRow } from "@/components/rollouts/wave-gates";
import type { Wave, WaveGateMark } from "@/components/rollouts/wave-rail";
import type { EventRow } from "@/components/rollouts/event-list";
import { formatCount, formatTime, toMs } from "@/components/ui/format";
import type { ShapeKind } from "@/components/ui/status-shape";
import type { Tone } from "@/components/ui/tone";
import type { VerdictPart } from "@/components/ui/verdict";
import type { RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import type { AnnouncedStatus, RolloutKind, RolloutStatus, WaveStatus } from "@/lib/domain/rollout/statuses";

type WaveDto = RolloutDetail["waves"][number];

/** `R-2292`. */
export function rolloutName(rollout: { number: number }): string {
  return `R-${rollout.number}`;
}

const STATUS_WORD: Record<RolloutStatus, string> = {
  planned: "planned",
  running: "under way",
  paused: "paused",
  succeeded: "done",
  "succeeded-will-revert": "done, but another tool will revert it",
  aborted: "stopped",
  superseded: "superseded",
  failed: "failed",
};

const STATUS_SHAPE: Record<RolloutStatus, { shape: ShapeKind; tone: Tone }> = {
  planned: { shape: "neutral", tone: "neutral" },
  running: { shape: "rolling", tone: "rolling" },
  paused: { shape: "paused", tone: "paused" },
  succeeded: { shape: "match", tone: "match" },
  "succeeded-will-revert": { shape: "drift", tone: "drift" },
  aborted: { shape: "stuck", tone: "stuck" },
  superseded: { shape: "neutral", tone: "neutral" },
  failed: { shape: "alert", tone: "alert" },
};

/** A status in words, with its shape and hue. A rollout that moves but is stuck somewhere says so. */
export function describeStatus(rollout: Pick<RolloutDto, "status" | "counts" | "external">): { word: string; shape: ShapeKind; tone: Tone } {
  const { stuck, failed } = rollout.counts;
  if (rollout.status === "running" && rollout.external?.stalledSince) return { word: "stalled", shape: "stuck", tone: "stuck" };
  if (rollout.status === "running" && stuck + failed > 0) return { word: `under way, ${describeBad(stuck, failed)}`, shape: "stuck", tone: "stuck" };
  return { word: STATUS_WORD[rollout.status], ...STATUS_SHAPE[rollout.status] };
}

/** Who carries out what Plumbline only follows, as the subject of a sentence; null where it carries it out itself. */
export function deployerOf({ external }: Pick<RolloutDto, "external">): string | null {
  return external && (external.by ?? "Another tool");
}

/** Why a button that steers is of no use, and what is; null where Plumbline carries the rollout out itself. */
export function refuseSteering(rollout: Pick<RolloutDto, "external">): string | null {
  const by = deployerOf(rollout);
  return by && `${by} carries this out and Plumbline follows it: pause or stop it there. Here you can roll back.`;
}

/** `9 stuck`, `8 stuck, 1 failed`. */
function describeBad(stuck: number, failed: number): string {
  return [stuck > 0 ? `${formatCount(stuck)} stuck` : "", failed > 0 ? `${formatCount(failed)} failed` : ""].filter(Boolean).join(", ");
}

function goal(rollout: Pick<RolloutDto, "to">): VerdictPart {
  return { strong: rollout.to?.version ?? "nothing" };
}

const MOVING: Record<RolloutKind, [string, string]> = {
  promote: ["Rolling ", " out: "],
  rollback: ["Rolling ", " back to "],
  reconverge: ["Putting ", " back on "],
  replace: ["Replacing ", " with "],
  stop: ["Stopping ", ", leaving "],
};

const DONE: Record<RolloutKind, string> = {
  promote: " runs ",
  rollback: " is back on ",
  reconverge: " is back on ",
  replace: " was replaced with ",
  stop: " is stopped, leaving ",
};

/** What it waits for, as the server says it, closed by a full stop. */
function sentence(words: string): string {
  const said = words.replace(/^[a-z]/, (letter) => letter.toUpperCase());
  return /[.!?]$/.test(said) ? said : `${said}.`;
}

/** How long it will still take, in ms from now; null while nobody can say. The server counts from the start. */
function remainingMs(rollout: Pick<RolloutDto, "acceptedAt" | "estimateMs" | "external" | "finishedAt" | "status" | "waitingFor">, nowMs: number): { from: number; to: number } | null {
  if (rollout.external?.stalledSince || !rollout.estimateMs || rollout.finishedAt || rollout.status === "paused" || rollout.waitingFor) return null;
  const passed = nowMs - toMs(rollout.acceptedAt);
  const to = rollout.estimateMs.to - passed;
  // It takes longer than its own rate said: what was promised is not promised again.
  return to > 0 ? { from: Math.max(0, rollout.estimateMs.from - passed), to } : null;
}

/** Where a rollout stands, in a sentence: what it does, how far it is, and what it waits for or when it is done. `nowMs` is epoch ms. */
export function describeRollout(rollout: RolloutDto, nowMs: number): VerdictPart[] {
  const { counts, status, kind } = rollout;
  const tally = `${formatCount(counts.verified)} of ${formatCount(counts.total)}`;
  const bad = describeBad(counts.stuck, counts.failed);
  const stuck: VerdictPart[] = bad === "" ? [] : [" ", { shape: counts.failed > 0 ? "alert" : "stuck" }, { strong: bad }, "."];
  const service = { strong: rollout.service };
  const where = ` in ${rollout.environment}`;
  if (status === "succeeded" || status === "succeeded-will-revert") {
    const revert = status === "succeeded-will-revert" ? " Another tool will put its own version back." : "";
    return [service, where, DONE[kind], goal(rollout), `: ${tally} verified by observation.${revert}`];
  }
  const [before, after] = MOVING[kind];
  const waits: VerdictPart[] = rollout.waitingFor ? [` ${sentence(rollout.waitingFor)}`] : [];
  if (status === "paused") return [{ shape: "paused" }, "Paused: ", service, where, " on its way to ", goal(rollout), ". ", { strong: tally }, " verified.", ...stuck];
  if (isActiveRollout(status)) {
    const left = remainingMs(rollout, nowMs);
    const by = deployerOf(rollout);
    const followed: VerdictPart[] = by ? [` ${by} carries it out.`] : [];
    const still: VerdictPart[] = rollout.external?.stalledSince ? [" ", { shape: "stuck" }, { strong: `Nothing has moved since ${formatTime(rollout.external.stalledSince)} UTC` }, "."] : [];
    const ends: VerdictPart[] = left ? [" verified, done in ", { strong: formatEstimate(left.from, left.to) }, "."] : [" verified."];
    return [before, service, after, goal(rollout), `${where}. `, { strong: tally }, ...ends, ...stuck, ...still, ...waits, ...followed];
  }
  const ended = status === "superseded" ? "Superseded" : status === "aborted" ? "Stopped" : "Failed";
  return [...(status === "failed" ? [{ shape: "alert" as const }] : []), `${ended}: `, service, where, " on its way to ", goal(rollout), ". ", { strong: tally }, " verified.", ...stuck];
}

/** The receipt: requested, accepted, acknowledged, verified, in effect. */
export function toSteps(rollout: RolloutDto): RolloutStep[] {
  const { counts, status } = rollout;
  const active = isActiveRollout(status);
  const done = status === "succeeded" || status === "succeeded-will-revert";
  const heard = rollout.acknowledgedAt !== null || counts.verified > 0;
  const all = counts.total > 0 && counts.verified >= counts.total;
  const tally = `${formatCount(counts.verified)} of ${formatCount(counts.total)}`;
  const end = rollout.finishedAt ? `${formatTime(rollout.finishedAt)} UTC` : "";
  return [
    { name: "Requested", state: "done", detail: `${formatTime(rollout.createdAt)}, ${rollout.startedBy}` },
    { name: "Accepted", state: "done", detail: `${formatTime(rollout.acceptedAt)}, ledger entry ${formatCount(rollout.entry)}` },
    {
      name: "Acknowledged",
      state: heard ? "done" : active ? "now" : "failed",
      detail: rollout.acknowledgedAt ? `${formatTime(rollout.acknowledgedAt)}, by ${rollout.executor ? rollout.executor.name : "an agent"}` : heard ? "by what runs" : active ? `waiting for ${rollout.executor?.name ?? rollout.external?.by ?? (rollout.external ? "its deployer" : "an agent")}` : "by nobody",
    },
    { name: done || all ? "Verified" : "Verifying", state: done || all ? "done" : !active ? "failed" : heard ? "now" : "next", detail: tally },
    done
      ? { name: "Done", state: "done", detail: `in effect since ${end}` }
      : active
        ? { name: status === "paused" ? "Paused" : "Done", state: status === "paused" ? "now" : "next", detail: status === "paused" ? "no new offers" : rollout.waitingFor ? "waits before the next wave" : rollout.estimateMs ? undefined : "cannot estimate yet" }
        : { name: STATUS_WORD[status].replace(/^./, (letter) => letter.toUpperCase()), state: "failed", detail: rollout.statusReason ?? end },
  ];
}

/** When it will be done. Nothing is promised while it stands still. `nowMs` is epoch ms. */
export function toEstimate(rollout: RolloutDto, nowMs: number): Estimate {
  if (rollout.finishedAt) return { kind: "done", at: rollout.finishedAt, tookMs: toMs(rollout.finishedAt) - toMs(rollout.acceptedAt), as: STATUS_WORD[rollout.status] };
  if (rollout.status === "paused") return { kind: "unknown", why: "it is paused" };
  if (rollout.external?.stalledSince) return { kind: "unknown", why: "nothing moves" };
  if (rollout.waitingFor) return { kind: "unknown", why: "a gate stands before it" };
  if (!rollout.estimateMs) return { kind: "unknown", why: "its rate is not known" };
  const left = remainingMs(rollout, nowMs);
  return left ? { kind: "range", from: nowMs + left.from, to: nowMs + left.to } : { kind: "unknown", why: "it takes longer than its rate said" };
}

function wordsOf(wave: WaveDto, before: WaveDto | undefined): string {
  const since = wave.openedAt ?? wave.statusSince;
  switch (wave.status) {
    case "passed":
    case "failed":
      return `${wave.status} ${formatTime(wave.finishedAt ?? wave.statusSince)} UTC`;
    case "open":
      return `open since ${formatTime(since)} UTC`;
    case "soaking":
      return `soaking since ${formatTime(wave.statusSince)} UTC`;
    case "waiting":
      return `waits since ${formatTime(wave.statusSince)} UTC`;
    case "pending":
      return before ? `opens after ${before.name}` : "opens next";
    default:
      return wave.status satisfies never;
  }
}

const OPENED: readonly WaveStatus[] = ["open", "soaking", "passed", "failed"];

/** What a waiting wave waits for: the person first, then the freeze, and its question last, as the server asks. */
export function waitsOn(wave: Pick<WaveDto, "status" | "goAhead" | "check">): WaveGateMark["on"] {
  if (wave.status !== "waiting") return null;
  if (wave.goAhead.needed && wave.goAhead.by === null) return "person";
  return wave.check && wave.check.status !== "passed" ? "check" : "freeze";
}

/** The mark between two waves. The first wave has one only where something stands before it. */
function toGateMark(wave: WaveDto, first: boolean): WaveGateMark | null {
  const opened = OPENED.includes(wave.status) && wave.openedAt !== null;
  if (first && !wave.goAhead.needed && !wave.check && (opened || wave.status === "pending")) return null;
  if (opened) return { state: "open", on: null, label: `Gate before ${wave.name}: open` };
  if (wave.check?.status === "failed" || wave.status === "failed") return { state: "refused", on: "check", label: `Gate before ${wave.name}: refused` };
  const on = waitsOn(wave);
  return wave.status === "waiting" ? { state: "waiting", on, label: `Gate before ${wave.name}: waits` } : { state: "closed", on: null, label: `Gate before ${wave.name}: closed` };
}

/** The wave rail. Those that are gone count nowhere. */
export function toWaves(rollout: RolloutDetail): Wave[] {
  return rollout.waves.map((wave, index) => {
    const { counts } = wave;
    const when = wordsOf(wave, rollout.waves[index - 1]);
    return {
      ordinal: wave.ordinal,
      name: wave.name,
      status: wave.status,
      when,
      spoken: when,
      gate: toGateMark(wave, index === 0),
      counts: { verified: counts.verified, inFlight: counts.inFlight, stuck: counts.stuck, failed: counts.failed, waiting: counts.waiting },
      left: leftWords(counts),
    };
  });
}

const CHECK_WORDS: Record<NonNullable<WaveDto["check"]>["status"], { text: string; shape: ShapeKind; tone: Tone }> = {
  due: { text: "Its check is asked", shape: "find", tone: "rolling" },
  passed: { text: "Its check passed", shape: "check", tone: "match" },
  failed: { text: "Its check failed", shape: "cross", tone: "critical" },
  unanswered: { text: "Its check did not answer", shape: "unknown", tone: "unknown" },
};

/** What stands before a wave and how it stands: what it needs, who said go, what the check answered. */
function toGateLines(wave: WaveDto): GateLine[] {
  const lines: GateLine[] = [];
  if (wave.goAhead.by !== null) {
    lines.push({ key: "go-ahead", shape: "check", tone: "match", text: `${wave.goAhead.by} said go${wave.goAhead.entry === null ? "" : `, ledger entry ${formatCount(wave.goAhead.entry)}`}` });
  } else if (wave.goAhead.needed) {
    lines.push({ key: "go-ahead", shape: "person", tone: wave.status === "waiting" ? "rolling" : "neutral", text: wave.status === "waiting" ? "Nobody said go yet" : "Somebody will have to say go" });
  }
  const { check } = wave;
  if (check && (check.attempts > 0 || check.status !== "due")) {
    const words = CHECK_WORDS[check.status];
    const asked = check.attempts > 0 ? `, asked ${formatCount(check.attempts)} ${plural(check.attempts, "time")}` : "";
    lines.push({ key: "check", shape: words.shape, tone: words.tone, text: `${words.text}${asked}${check.detail ? `: ${check.detail}` : ""}` });
  }
  if (wave.prefetched > 0 && !OPENED.includes(wave.status)) {
    lines.push({ key: "prefetched", shape: "neutral", tone: "neutral", text: `${formatCount(wave.prefetched)} of ${formatCount(wave.counts.total)} have the bytes already` });
  }
  return lines;
}

/** Every wave in words, for the table under the rail. */
export function toGateRows(rollout: RolloutDetail): WaveGatesRow[] {
  return rollout.waves.map((wave, index) => ({
    ordinal: wave.ordinal,
    name: wave.name,
    status: wave.status,
    state: wordsOf(wave, rollout.waves[index - 1]),
    // Who has to say go stands in its own line.
    reason: wave.status === "passed" || waitsOn(wave) === "person" ? null : wave.statusReason,
    verified: wave.counts.verified,
    total: wave.counts.total,
    soakUntil: wave.soakUntil,
    gate: joinGate(wave.gate),
    lines: toGateLines(wave),
  }));
}

/** The wave that waits for a person to say go; null when none does. */
export function findGoAhead(rollout: RolloutDetail): WaveDto | null {
  return rollout.waves.find((wave) => waitsOn(wave) === "person") ?? null;
}

/** The wave that failed, and of which the failed ones can be tried again or left; null when none did. */
export function findFailedWave(rollout: RolloutDetail): WaveDto | null {
  return rollout.waves.find((wave) => wave.status === "failed") ?? null;
}

/** Stuck targets by reason, most first. */
export function toStuckRows(rollout: RolloutDetail): StuckRow[] {
  return [...rollout.stuck]
    .sort((a, b) => b.count - a.count)
    .map((stuck) => {
      const more = stuck.count - stuck.where.length;
      return {
        key: stuck.reason,
        count: stuck.count,
        reason: stuck.sentence,
        next: stuck.next,
        where: `${stuck.where.join(", ")}${more > 0 && stuck.where.length > 0 ? ` and ${formatCount(more)} more` : ""}`,
        oldestOfferedAt: stuck.oldestOfferedAt,
      };
    });
}

const EVENT_SHAPE: readonly [RegExp, ShapeKind][] = [
  [/stuck|stalled|failed|refused|contested|regressed/, "stuck"],
  [/go-ahead|said go/, "person"],
  [/verified|succeeded|passed|finished|done/, "match"],
  [/hold|held/, "lock"],
  [/paused/, "paused"],
  [/soak/, "clock"],
  [/check/, "find"],
  [/accepted|created|started|requested/, "flag"],
  [/abort|supersed|stopped/, "cross"],
];

/** Events, newest first. */
export function toEvents(rollout: RolloutDetail): EventRow[] {
  return rollout.events.toSorted((a, b) => toMs(b.at) - toMs(a.at)).map((event, index) => ({
    key: `${event.at} ${event.kind} ${index}`,
    at: event.at,
    shape: EVENT_SHAPE.find(([pattern]) => pattern.test(`${event.kind} ${event.sentence}`.toLowerCase()))?.[1] ?? "rolling",
    text: event.sentence,
  }));
}

function describeRelease(release: RolloutDto["from"], otherwise: string): string {
  return release?.version ?? otherwise;
}

/** How many targets are on the new release or will still reach it when nothing more is offered, and how many are not. */
function split(rollout: Pick<RolloutDto, "counts">): { moved: number; left: number } {
  const { counts } = rollout;
  const moved = counts.verified + counts.inFlight;
  return { moved, left: counts.total - moved };
}

/** What "stop here" leaves behind, in a sentence: how many targets on which release. */
export function describeStopHere(rollout: Pick<RolloutDto, "counts" | "from" | "to">): string {
  const { counts } = rollout;
  const { moved, left } = split(rollout);
  const bad = counts.stuck + counts.failed;
  const underWay = counts.inFlight > 0 ? ` (${formatCount(counts.verified)} verified, ${formatCount(counts.inFlight)} will still reach it)` : "";
  const lost = bad > 0 ? ` (${formatCount(bad)} of them failed or stuck on the way)` : "";
  return `It leaves ${formatCount(moved)} ${plural(moved, "target")} on ${describeRelease(rollout.to, "nothing")}${underWay} and ${formatCount(left)} on ${describeRelease(rollout.from, "what they run now")}${lost}. Promotions are held here until somebody lifts it.`;
}

/** What "stop and roll back" leaves behind: everything on what was assigned before. Null when nothing was. */
export function describeStopAndRollBack(rollout: Pick<RolloutDto, "counts" | "from" | "to">): string | null {
  if (!rollout.from) return null;
  const { counts } = rollout;
  const touched = counts.verified + counts.inFlight + counts.stuck + counts.failed;
  return `It leaves all ${formatCount(counts.total)} on ${rollout.from.version}: ${formatCount(touched)} that the rollout reached ${plural(touched, "goes", "go")} back, ${formatCount(counts.total - touched)} never left it.`;
}

export interface Fact {
  name: string;
  text: string;
  href?: string;
}

const OUTCOME_WORD: Record<NonNullable<RolloutDto["outcome"]>, string> = { good: "good", failed: "failed", unclear: "unclear" };

const ANNOUNCED_WORD: Record<AnnouncedStatus, string> = { started: "that it has started", succeeded: "that it is done", failed: "that it failed" };

/** Who carries it out, what was said of it and by whom, and whether it stands still. */
function toDeployerFacts({ by, stalledSince, announced }: NonNullable<RolloutDto["external"]>): Fact[] {
  const facts: Fact[] = [{ name: "Carried out by", text: `${by ?? "another tool"}, followed by observation` }];
  if (announced) {
    const who = announced.by ? `${announced.by} said` : "It was said";
    facts.push({ name: "Announced", text: `${who} at ${formatTime(announced.at)} UTC ${ANNOUNCED_WORD[announced.status]}`, ...(announced.url ? { href: announced.url } : {}) });
  }
  if (stalledSince) facts.push({ name: "Stalled", text: `nothing has moved since ${formatTime(stalledSince)} UTC` });
  return facts;
}

/** What else is true of a rollout, as named facts: how, by whom, until when. */
export function toFacts(rollout: RolloutDto, nowMs: number): Fact[] {
  const facts: Fact[] = [{ name: "Strategy", text: `${sentence(rollout.strategy.sentence)}${rollout.strategy.version > 0 ? ` Version ${rollout.strategy.version}.` : ""}` }];
  if (rollout.to?.adopted) facts.push({ name: "Evidence", text: `none for ${rollout.to.version}: it was adopted as it ran` });
  if (rollout.strategy.maxInFlight !== null) facts.push({ name: "At a time", text: `${formatCount(rollout.strategy.maxInFlight)} ${plural(rollout.strategy.maxInFlight, "target")} at most` });
  if (rollout.executor) facts.push({ name: "Carried out by", text: `${rollout.executor.name} (${rollout.executor.kind})` });
  if (rollout.external) facts.push(...toDeployerFacts(rollout.external));
  if (rollout.holdEntry !== null) facts.push({ name: "Hold", text: `placed with ledger entry ${formatCount(rollout.holdEntry)}` });
  if (rollout.supersedes) facts.push({ name: "Supersedes", text: rolloutName(rollout.supersedes), href: `/rollouts/${rollout.supersedes.id}` });
  if (rollout.reverts) facts.push({ name: "Undoes", text: `${rolloutName(rollout.reverts)}, which failed`, href: `/rollouts/${rollout.reverts.id}` });
  if (rollout.revertedBy) facts.push({ name: "Undone by", text: rolloutName(rollout.revertedBy), href: `/rollouts/${rollout.revertedBy.id}` });
  if (rollout.group) facts.push({ name: "Part of", text: "one decision about several services", href: `/rollouts/groups/${rollout.group}` });
  if (rollout.incident) facts.push({ name: "Incident", text: rollout.incident });
  if (rollout.outcome) facts.push({ name: "Outcome", text: OUTCOME_WORD[rollout.outcome] });
  if (rollout.watchedUntil) {
    const ended = toMs(rollout.watchedUntil) <= nowMs;
    const what = rollout.status.startsWith("succeeded") ? `a target that leaves its digest ${ended ? "was" : "is"} put back at most twice` : `who was told and still gets there ${ended ? "was" : "is"} counted, and nobody is told again`;
    facts.push({ name: ended ? "Was watched until" : "Watched until", text: `${formatTime(rollout.watchedUntil)} UTC: ${what}` });
  }
  if (rollout.cleared) facts.push({ name: "Cleared", text: `Leaving ${describeRelease(rollout.from, "the old release")} was a mistake, an approver says` });
  return facts;
}

/** Whether an approver may say that leaving the old release was a mistake. */
export function mayBeCleared(rollout: Pick<RolloutDto, "kind" | "from" | "cleared">): boolean {
  return rollout.kind === "rollback" && rollout.from !== null && !rollout.cleared;
}

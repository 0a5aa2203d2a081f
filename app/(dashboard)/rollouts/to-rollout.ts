import { plural } from "@/app/(dashboard)/words";
import type { RolloutStep } from "@/components/rollouts/rollout-steps";
import type { StuckRow } from "@/components/rollouts/stuck-table";
import type { Estimate } from "@/components/rollouts/three-numbers";
import type { Wave } from "@/components/rollouts/wave-rail";
import type { EventRow } from "@/components/rollouts/event-list";
import { formatCount, formatTime, toMs } from "@/components/ui/format";
import type { ShapeKind } from "@/components/ui/status-shape";
import type { Tone } from "@/components/ui/tone";
import type { VerdictPart } from "@/components/ui/verdict";
import type { RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import type { RolloutKind, RolloutStatus } from "@/lib/domain/rollout/statuses";

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
export function describeStatus(rollout: Pick<RolloutDto, "status" | "counts">): { word: string; shape: ShapeKind; tone: Tone } {
  const bad = rollout.counts.stuck + rollout.counts.failed;
  if (rollout.status === "running" && bad > 0) return { word: `under way, ${formatCount(bad)} stuck`, shape: "stuck", tone: "stuck" };
  return { word: STATUS_WORD[rollout.status], ...STATUS_SHAPE[rollout.status] };
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

/** Where a rollout stands, in a sentence. */
export function describeRollout(rollout: RolloutDto): VerdictPart[] {
  const { counts, status, kind } = rollout;
  const tally = `${formatCount(counts.verified)} of ${formatCount(counts.total)}`;
  const bad = counts.stuck + counts.failed;
  const stuck: VerdictPart[] = bad > 0 ? [" ", { shape: "stuck" }, { strong: `${formatCount(bad)} stuck` }, "."] : [];
  const service = { strong: rollout.service };
  const where = ` in ${rollout.environment}`;
  if (status === "succeeded" || status === "succeeded-will-revert") {
    const revert = status === "succeeded-will-revert" ? " Another tool will put its own version back." : "";
    return [service, where, DONE[kind], goal(rollout), `: ${tally} verified by observation.${revert}`];
  }
  const [before, after] = MOVING[kind];
  if (status === "paused") return [{ shape: "paused" }, "Paused: ", service, where, " on its way to ", goal(rollout), ". ", { strong: tally }, " verified.", ...stuck];
  if (isActiveRollout(status)) return [before, service, after, goal(rollout), `${where}. `, { strong: tally }, " verified.", ...stuck];
  const ended = status === "superseded" ? "Superseded" : status === "aborted" ? "Stopped" : "Failed";
  return [`${ended}: `, service, where, " on its way to ", goal(rollout), ". ", { strong: tally }, " verified.", ...stuck];
}

/** The receipt: requested, accepted, acknowledged, verified, done. */
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
      detail: rollout.acknowledgedAt ? `${formatTime(rollout.acknowledgedAt)}, by an agent` : heard ? "by what runs" : active ? "waiting for an agent" : "by nobody",
    },
    { name: done || all ? "Verified" : "Verifying", state: done || all ? "done" : !active ? "failed" : heard ? "now" : "next", detail: tally },
    done
      ? { name: "Done", state: "done", detail: end }
      : active
        ? { name: status === "paused" ? "Paused" : "Done", state: status === "paused" ? "now" : "next", detail: rollout.estimateMs ? undefined : status === "paused" ? "no new offers" : "cannot estimate yet" }
        : { name: STATUS_WORD[status].replace(/^./, (letter) => letter.toUpperCase()), state: "failed", detail: rollout.statusReason ?? end },
  ];
}

/** When it will be done, counted from when these numbers arrived (epoch ms). */
export function toEstimate(rollout: RolloutDto, asOfMs: number): Estimate {
  if (rollout.finishedAt) return { kind: "done", at: rollout.finishedAt, tookMs: toMs(rollout.finishedAt) - toMs(rollout.acceptedAt) };
  if (!rollout.estimateMs || rollout.status === "paused") return { kind: "unknown" };
  return { kind: "range", from: asOfMs + rollout.estimateMs.from, to: asOfMs + rollout.estimateMs.to };
}

const WAVE_STATE = { pending: "waiting", waiting: "waiting", open: "open", soaking: "open", passed: "passed", failed: "failed" } as const;

/** The wave rail. Failed targets stand with the stuck ones; those that are gone count nowhere. */
export function toWaves(rollout: RolloutDetail): Wave[] {
  return rollout.waves.map((wave) => {
    const { counts } = wave;
    const when = wave.finishedAt
      ? `${wave.status} ${formatTime(wave.finishedAt)} UTC`
      : wave.openedAt
        ? `${wave.status === "soaking" ? "soaking" : "open"} since ${formatTime(wave.openedAt)} UTC`
        : wave.status === "waiting"
          ? "waits"
          : "opens next";
    return {
      name: rollout.waves.length > 1 ? `${wave.ordinal} ${wave.name}` : wave.name,
      state: WAVE_STATE[wave.status],
      when,
      counts: { verified: counts.verified, inFlight: counts.inFlight, stuck: counts.stuck + counts.failed, waiting: counts.waiting },
    };
  });
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
  [/stuck|failed/, "stuck"],
  [/verified|succeeded|passed|finished|done/, "match"],
  [/hold|held/, "lock"],
  [/paused/, "paused"],
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

/** What "stop here" leaves behind, in a sentence. */
export function describeStopHere(rollout: RolloutDto): string {
  const { counts } = rollout;
  const moved = counts.verified + counts.inFlight;
  const left = counts.total - moved;
  const from = rollout.from?.version ?? "what they run now";
  return `${formatCount(moved)} ${plural(moved, "target stays", "targets stay")} on ${rollout.to?.version ?? "nothing"} or ${plural(moved, "reaches", "reach")} it, ${formatCount(left)} ${plural(left, "keeps", "keep")} ${from}. Promotions are held here until somebody lifts it.`;
}

import { shortDigest } from "@/lib/domain/fleet/digests";
import type { REPORTED_EVENT_KINDS } from "@/lib/domain/fleet/health";

/** Where a line of the journal comes from. Of one moment they stand in this order. */
export const JOURNAL_SOURCES = ["decision", "rollout", "event", "span", "silence", "gap"] as const;
export type JournalSource = (typeof JOURNAL_SOURCES)[number];

type EventKind = (typeof REPORTED_EVENT_KINDS)[number];

/** What an agent's journal told of one instance. Times in epoch ms. */
export interface RuntimeEvent {
  id: string;
  at: number;
  learnedAt: number;
  kind: EventKind;
  /** Whatever stands for one instance: agent, target and key. */
  instance: string;
  by: string | null;
  digest: string | null;
  detail: Readonly<Record<string, unknown>>;
}

/** A start so soon (ms) after a stop is one restart. */
export const RESTART_WITHIN_MS = 60_000;
/** A runtime that says so itself says it right after. */
const SAID_WITHIN_MS = 5_000;

export interface FoldedEvent extends RuntimeEvent {
  /** With what code it had ended, for a stop and a restart. */
  exitCode: number | null;
  oom: boolean;
}

/**
 * A runtime tells of a restart in up to four events (killed for memory, ended, started, restarted): they become one. What
 * belongs to no restart stays as it is, save that a stop says whether memory was the reason.
 * @param events of any instances, in any order
 */
export function foldRestarts(events: readonly RuntimeEvent[]): FoldedEvent[] {
  const folded: FoldedEvent[] = [];
  const byInstance = new Map<string, RuntimeEvent[]>();
  for (const event of events) byInstance.set(event.instance, [...(byInstance.get(event.instance) ?? []), event]);
  for (const own of byInstance.values()) {
    let oom: FoldedEvent | null = null;
    let stop: FoldedEvent | null = null;
    let restart: FoldedEvent | null = null;
    for (const event of own.toSorted((a, b) => a.at - b.at || ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))) {
      const one: FoldedEvent = { ...event, exitCode: exitCodeOf(event), oom: event.kind === "oom" };
      if (event.kind === "stop" && oom !== null && event.at - oom.at <= RESTART_WITHIN_MS) {
        drop(folded, oom);
        one.oom = true;
        oom = null;
      }
      if (event.kind === "start" && stop !== null && event.at - stop.at <= RESTART_WITHIN_MS) {
        drop(folded, stop);
        // What is learned of a restart is learned with its start.
        Object.assign(one, { kind: "restart", exitCode: stop.exitCode, oom: stop.oom, by: event.by ?? stop.by });
        restart = one;
        stop = null;
      } else if (event.kind === "restart" && restart !== null && event.at - restart.at <= SAID_WITHIN_MS) {
        continue;
      }
      if (event.kind === "oom") oom = one;
      if (event.kind === "stop") stop = one;
      folded.push(one);
    }
  }
  return folded;
}

const ORDER: readonly EventKind[] = ["oom", "stop", "start", "restart", "exec", "settings", "declared"];

function drop(list: FoldedEvent[], event: FoldedEvent): void {
  const at = list.indexOf(event);
  if (at !== -1) list.splice(at, 1);
}

function exitCodeOf({ detail }: RuntimeEvent): number | null {
  const code = detail.exitCode;
  return typeof code === "number" ? code : null;
}

/** What happened, in a few words: `restarted (exit 137, out of memory)`. */
export function describeRuntimeEvent({ kind, by, exitCode, oom, digest, detail }: FoldedEvent): string {
  const who = by === null ? "" : ` by ${by}`;
  const ended = [...(exitCode === null ? [] : [`exit ${exitCode}`]), ...(oom ? ["out of memory"] : [])].join(", ");
  const why = ended === "" ? "" : ` (${ended})`;
  switch (kind) {
    case "start":
      return `started${who}`;
    case "stop":
      return `stopped${who}${why}`;
    case "restart":
      return `restarted${who}${why}`;
    case "oom":
      return "killed: out of memory";
    case "exec": {
      const command = detail.command;
      return `a command was run inside${who}${typeof command === "string" && command !== "" ? `: ${command}` : ""}`;
    }
    case "settings":
      return `its settings were changed${who}`;
    case "declared":
      return `what it would start next was changed${who}${digest === null ? "" : ` to ${shortDigest(digest)}`}`;
    default:
      return kind satisfies never;
  }
}

/** How an instance's facts ended, in a few words. `ran` is a version or a digest. */
export function describeSpanEnd({ reason, ran, minutes, exitCode, oom }: { reason: string; ran: string; minutes: number; exitCode: number | null; oom: boolean }): string {
  const ended = [...(exitCode === null ? [] : [`exit ${exitCode}`]), ...(oom ? ["out of memory"] : [])].join(", ");
  const had = `had run ${ran} for ${describeMinutes(minutes)}`;
  switch (reason) {
    case "gone":
      return `gone; ${had}`;
    case "exited":
      return `ended${ended === "" ? "" : ` (${ended})`}; ${had}`;
    case "agent-retired":
      return `its agent retired; ${had}`;
    case "image":
      return `began to run something else; ${had}`;
    case "mapping":
      return `counts as another service, environment, partition or component since; ${had}`;
    case "restart":
      return `was started anew; ${had}`;
    case "state":
    case "health":
      return `its ${reason} changed; ${had}`;
    case "mutated":
      return `its files changed in place; ${had}`;
    case "settings":
      return `its settings changed; ${had}`;
    default:
      return `${reason}; ${had}`;
  }
}

/** Whether something was learned later than a report comes anyway. Times in epoch ms. */
export function isLearnedLater({ at, learnedAt, intervalMs }: { at: number; learnedAt: number; intervalMs: number }): boolean {
  return learnedAt - at > intervalMs;
}

/** `40 s`, `4 min`, `3 h`, `2 d`: as exact as somebody asks. */
export function describeLag(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return seconds < 36 * 3_600 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

function describeMinutes(minutes: number): string {
  return describeLag(minutes * 60_000);
}

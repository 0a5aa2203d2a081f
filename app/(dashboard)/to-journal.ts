import type { EventRow } from "@/components/rollouts/event-list";
import { formatDay, formatDuration, toMs } from "@/components/ui/format";
import type { ShapeKind } from "@/components/ui/status-shape";
import type { InstanceDetail } from "@/lib/contract/fleet";
import type { JournalItem } from "@/lib/contract/journal";

const SHAPES: Record<string, ShapeKind> = {
  start: "flag", stop: "cross", restart: "rolling", oom: "alert", exec: "person", settings: "drift", declared: "flag",
  gone: "cross", exited: "cross", "agent-retired": "cross", image: "drift", mutated: "drift", health: "alert", mapping: "arrow",
};
const SOURCE_SHAPES: Record<JournalItem["source"], ShapeKind> = { decision: "person", rollout: "rolling", event: "neutral", span: "neutral", silence: "unknown", gap: "unknown" };
const MOST_KEY = 24;
/** The same at several copies of one target, so soon after another, is one line. */
const REPEATED_WITHIN_MS = 60_000;

/** The newest of what happened in the same way, how often it did, and when first. */
type Repeated = { item: JournalItem; times: number; since: string };

/** Lines of the journal. A line of another day than the newest says which. @param names say to which instance it happened, where the page does not */
export function toJournalRows(items: readonly JournalItem[], { names }: { names: boolean }): EventRow[] {
  const today = items[0]?.at.slice(0, 10);
  return foldRepeats(items).map(({ item, times, since }, at) => toRow(item, { names, times, since, key: `${item.at} ${item.source} ${at}`, day: item.at.slice(0, 10) === today ? null : formatDay(item.at) }));
}

/** What the journal of an instance is asked for: the last day, of one that is not there any more the last day that it was. */
export function journalOf({ id, ended }: Pick<InstanceDetail, "id" | "ended">): { filter: { instance: string; to?: string }; note: string } {
  return ended === null ? { filter: { instance: id }, note: "the last 24 hours" } : { filter: { instance: id, to: ended.at }, note: "its last 24 hours" };
}

/** @param items newest first */
function foldRepeats(items: readonly JournalItem[]): Repeated[] {
  const folded: Repeated[] = [];
  const newest = new Map<string, Repeated>();
  for (const item of items) {
    const { subject } = item;
    // How long each had run differs by seconds, and says nothing about whether it is the same.
    const key = [item.source, item.kind, subject?.target, subject?.agent, item.by, item.learnedLater, item.sentence.replace(/ for \d+ \S+$/, "")].join("\n");
    const before = newest.get(key);
    if (before && subject !== null && item.entry === null && toMs(before.since) - toMs(item.at) <= REPEATED_WITHIN_MS) {
      before.times += 1;
      before.since = item.at;
      continue;
    }
    const one = { item, times: 1, since: item.at };
    folded.push(one);
    newest.set(key, one);
  }
  return folded;
}

function toRow(item: JournalItem, { names, times, since, key, day }: { names: boolean; times: number; since: string; key: string; day: string | null }): EventRow {
  const subject = names && item.source !== "silence" ? nameOf(item, times) : null;
  const repeated = times === 1 ? null : `${times} times within ${formatDuration(Math.max(1_000, toMs(item.at) - toMs(since)), true)}`;
  const later = item.learnedLater && item.source !== "gap" ? `learned ${formatDuration(toMs(item.learnedAt) - toMs(item.at), true)} later` : null;
  return {
    key,
    at: item.at,
    shape: SHAPES[item.kind] ?? SOURCE_SHAPES[item.source],
    text: subject === null ? (item.source === "silence" ? item.sentence : capitalise(item.sentence)) : `${subject}: ${item.sentence}`,
    detail: [repeated, later, item.entry === null ? null : `entry ${item.entry}`, day].filter(Boolean).join(", ") || undefined,
  };
}

/** A container's id is recognised by its first digits; several are named by their target. */
function nameOf({ subject }: JournalItem, times: number): string | null {
  if (subject === null) return null;
  if (times > 1 && subject.target !== null) return `${subject.target}${subject.agent === null ? "" : ` on ${subject.agent}`}`;
  const id = subject.instance !== null && /^[0-9a-f]{64}$/.test(subject.instance) ? subject.instance.slice(0, 12) : subject.instance;
  const name = id !== null && id.length <= MOST_KEY ? id : (subject.target ?? id);
  return name === null ? null : `${name}${subject.agent === null ? "" : ` on ${subject.agent}`}`;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

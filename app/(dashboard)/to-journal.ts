import type { EventRow } from "@/components/rollouts/event-list";
import { formatDay, formatDuration, toMs } from "@/components/ui/format";
import type { ShapeKind } from "@/components/ui/status-shape";
import type { JournalItem } from "@/lib/contract/journal";

const SHAPES: Record<string, ShapeKind> = {
  start: "flag", stop: "cross", restart: "rolling", oom: "alert", exec: "person", settings: "drift", declared: "flag",
  gone: "cross", exited: "cross", "agent-retired": "cross", image: "drift", mutated: "drift", health: "alert", mapping: "arrow",
};
const SOURCE_SHAPES: Record<JournalItem["source"], ShapeKind> = { decision: "person", rollout: "rolling", event: "neutral", span: "neutral", silence: "unknown", gap: "unknown" };
const MOST_KEY = 24;

/** Lines of the journal. A line of another day than the newest says which. @param names say to which instance it happened, where the page does not */
export function toJournalRows(items: readonly JournalItem[], { names }: { names: boolean }): EventRow[] {
  const today = items[0]?.at.slice(0, 10);
  return items.map((item, at) => toRow(item, { names, key: `${item.at} ${item.source} ${at}`, day: item.at.slice(0, 10) === today ? null : formatDay(item.at) }));
}

function toRow(item: JournalItem, { names, key, day }: { names: boolean; key: string; day: string | null }): EventRow {
  const subject = names && item.source !== "silence" ? nameOf(item) : null;
  const later = item.learnedLater && item.source !== "gap" ? `learned ${formatDuration(toMs(item.learnedAt) - toMs(item.at), true)} later` : null;
  return {
    key,
    at: item.at,
    shape: SHAPES[item.kind] ?? SOURCE_SHAPES[item.source],
    text: subject === null ? (item.source === "silence" ? item.sentence : capitalise(item.sentence)) : `${subject}: ${item.sentence}`,
    detail: [later, item.entry === null ? null : `entry ${item.entry}`, day].filter(Boolean).join(", ") || undefined,
  };
}

/** A container's id is recognised by its first digits. */
function nameOf({ subject }: JournalItem): string | null {
  if (subject === null) return null;
  const id = subject.instance !== null && /^[0-9a-f]{64}$/.test(subject.instance) ? subject.instance.slice(0, 12) : subject.instance;
  const name = id !== null && id.length <= MOST_KEY ? id : (subject.target ?? id);
  return name === null ? null : `${name}${subject.agent === null ? "" : ` on ${subject.agent}`}`;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

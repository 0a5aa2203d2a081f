import { conditionVerb, conditionWord } from "@/app/(dashboard)/words";
import type { LaneSegment } from "@/components/charts/lane";
import { formatCount, formatDateTime, toMs } from "@/components/ui/format";
import { toneOfSeverity } from "@/components/ui/tone";
import type { Tone } from "@/components/ui/tone";
import type { VerdictPart } from "@/components/ui/verdict";
import type { InstanceDetail } from "@/lib/contract/fleet";

/** Silence outweighs what was last known, and what is over is no news. */
export function toneOfInstance(instance: InstanceDetail): Tone {
  if (instance.ended) return "neutral";
  return instance.freshness === "silent" ? "unknown" : toneOfSeverity(instance.severity);
}

/** How an instance ended, by the word in its last span. */
const ENDS: Record<string, string> = {
  exited: "it exited",
  gone: "its host does not list it any more",
  left: "its host left the fleet",
  vanished: "its host fell silent and is gone",
  "re-enrolled": "its host was enrolled again",
  revoked: "its agent was revoked",
};

/** What this instance runs, held against what is assigned. */
export function describeInstance(instance: InstanceDetail): VerdictPart[] {
  const tone = toneOfInstance(instance);
  const key = { strong: instance.key };
  const runs = instance.running.version ?? "bytes that no release names";
  if (instance.ended) return [{ shape: "neutral" }, key, ` is not there any more: ${ENDS[instance.ended.reason] ?? "its facts ended"}. It last ran ${runs}.`];
  if (instance.freshness === "silent") return [{ shape: "unknown" }, key, ` is silent. It last ran ${runs}; what runs now is unknown.`];
  const worst = instance.categories.filter((category) => category !== "in-sync");
  const ill: VerdictPart[] = instance.health === "unhealthy" ? [" ", { shape: "alert" }, "It is unhealthy."] : [];
  if (worst.length === 0) return [key, ` runs ${runs}, as assigned.`, ...ill];
  const [first, ...others] = worst;
  const more = others.length > 0 ? ` Also: ${others.map(conditionWord).join(", ")}.` : "";
  const assigned = instance.assigned ? `; assigned is ${instance.assigned.version}` : "; nothing is assigned";
  return [{ shape: tone === "neutral" || tone === "match" ? "neutral" : tone }, key, ` ${first ? conditionVerb(first) : "deviates"}: ${runs}${assigned}.${more}`, ...ill];
}

const DAY_MS = 86_400_000;

function toneOfHealth(span: InstanceDetail["lane"][number], assigned: string | null): Tone {
  if (span.health === "unhealthy") return "alert";
  return assigned !== null && span.digest !== null && span.digest !== assigned ? "drift" : "match";
}

/** The last 24 hours, ending now (epoch ms), or with what has ended. A gap stays a gap; after the last report nothing is known. */
export function toInstanceLane(instance: InstanceDetail, nowMs: number): { from: number; to: number; segments: LaneSegment[] } {
  const end = instance.ended ? toMs(instance.ended.at) : nowMs;
  const from = end - DAY_MS;
  const until = instance.freshness === "silent" ? toMs(instance.lastReportAt) : nowMs;
  const assigned = instance.assigned?.digest ?? null;
  return {
    from,
    to: end,
    segments: instance.lane
      .map((span): LaneSegment => {
        const words = [span.state === "running" ? null : span.state, span.health === "unhealthy" ? "unhealthy" : null, span.endReason].filter(Boolean).join(", ");
        return {
          from: Math.max(from, toMs(span.from)),
          to: span.to ? toMs(span.to) : until,
          label: span.version ?? (span.digest ? "not registered" : null),
          digest: span.digest,
          tone: toneOfHealth(span, assigned),
          ...(words ? { note: words } : {}),
        };
      })
      .filter((segment) => toMs(segment.to) > from),
  };
}

/** `exit 137, out of memory`. */
export function describeLastExit(instance: InstanceDetail): string {
  const exit = instance.lastExit;
  if (!exit) return instance.restarts === 0 ? "never" : "not told";
  return `exit ${exit.code}${exit.oom ? ", out of memory" : ""}${exit.at ? `, ${formatDateTime(exit.at)} UTC` : ""}`;
}

/** How many files were changed in the writable layer, and the first of them. */
export function describeMutated(instance: InstanceDetail): string {
  if (!instance.mutated || instance.mutated.count === 0) return "none";
  const { count, paths } = instance.mutated;
  const more = count - paths.length;
  return `${formatCount(count)}: ${paths.join(", ")}${more > 0 ? ` and ${formatCount(more)} more` : ""}`;
}

import type { DriftCategory, FindingKind, Severity } from "@/lib/domain/drift/categories";
import { severityOf } from "@/lib/domain/drift/categories";
import type { ShapeKind } from "@/components/ui/status-shape";
import { formatCount } from "@/components/ui/format";
import { toneOfSeverity } from "@/components/ui/tone";
import type { Tone } from "@/components/ui/tone";

/** Everything that a count of instances can be about. */
export type Condition = DriftCategory | FindingKind | "waived";

/** What stands beside a release, or an approval, that was adopted. */
export const NO_EVIDENCE = "adopted, no evidence";

/** The mark beside a release's version: nothing, unless it was adopted. */
export function markOf(release: { adopted?: boolean | undefined } | null | undefined): string | undefined {
  return release?.adopted ? NO_EVIDENCE : undefined;
}

const AFTER_COUNT: Record<Condition, string> = {
  "unknown-artifact": "unknown code",
  unverifiable: "not verifiable",
  recalled: "recalled",
  mutated: "changed in place",
  "wrong-service": "another service's code",
  unapproved: "unapproved",
  behind: "behind",
  ahead: "ahead",
  "settings-differ": "other settings",
  missing: "missing",
  unexpected: "unexpected",
  "will-revert": "will be reverted",
  "tag-moved": "tag moved",
  "not-adopted": "not adopted",
  ignored: "ignored",
  "in-transition": "rolling",
  "in-sync": "as assigned",
  silent: "silent",
  "ledger-refused": "refusing the ledger",
  "clock-skew": "clock is wrong",
  "duplicate-agent": "duplicate agent",
  "partial-rollout": "left by a partial rollout",
  contested: "contested",
  flapping: "comes and goes",
  "pool-shrunk": "agents lost by a pool",
  "pool-below-minimum": "agents short of a pool's minimum",
  waived: "waived",
};

/** What stands after a count: `9 recalled`. */
export function conditionWord(condition: Condition): string {
  return AFTER_COUNT[condition];
}

/** The hue of a condition. */
export function conditionTone(condition: Condition): Tone {
  return condition === "waived" ? "neutral" : toneOfSeverity(severityOf(condition));
}

/** The shape of a hue: the tones are shapes as well. */
export function toneShape(tone: Tone): ShapeKind {
  return tone;
}

const RUNS: Partial<Record<Condition, string>> = {
  "unknown-artifact": "runs unknown code",
  unverifiable: "runs code that nobody can verify",
  recalled: "runs recalled code",
  mutated: "runs files changed in place",
  "wrong-service": "runs another service's code",
  unapproved: "runs unapproved code",
  behind: "is behind",
  ahead: "is ahead",
  "settings-differ": "runs with other settings",
  missing: "misses copies",
  unexpected: "has copies that nobody asked for",
  "will-revert": "will be reverted by another tool",
  "tag-moved": "runs a moved tag",
  silent: "is silent",
};

/** A service's state as a verb: `runs recalled code`. */
export function conditionVerb(condition: Condition): string {
  return RUNS[condition] ?? `is ${AFTER_COUNT[condition]}`;
}

const SEVERITY_ORDER: readonly Severity[] = ["critical", "drift", "rolling", "unknown", "warning", "neutral", "match"];

/** Position for "worst first" on a page: what burns, then what drifts, moves, is unknown. */
export function rankSeverity(severity: Severity): number {
  return SEVERITY_ORDER.indexOf(severity);
}

/** `1 instance`, `9 instances`. Counts are written elsewhere with their separators. */
export function plural(count: number, singular: string, many = `${singular}s`): string {
  return count === 1 ? singular : many;
}

/** What runs and is nobody's, in a sentence or two; empty where everything is somebody's. */
export function describeUnjudged({ unmapped, ignored, rules }: { unmapped: number; ignored: number; rules: number }): string {
  return [
    ...(unmapped > 0 ? [`${formatCount(unmapped)} ${plural(unmapped, "instance belongs", "instances belong")} to no known service.`] : []),
    ...(ignored > 0 ? [`${formatCount(ignored)} ${plural(ignored, "instance is", "instances are")} ignored by ${formatCount(rules)} ${plural(rules, "rule")}.`] : []),
  ].join(" ");
}

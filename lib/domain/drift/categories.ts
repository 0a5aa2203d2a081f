/** How a category looks and weighs. One hue each in the visual language; `neutral` has none. */
export const SEVERITIES = ["critical", "drift", "warning", "unknown", "rolling", "neutral", "match"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What can be said about one combination of facts, worst first. The order is the meaning of "worst". */
export const DRIFT_CATEGORIES = [
  "unknown-artifact",
  "unverifiable",
  "recalled",
  "mutated",
  "wrong-service",
  "unapproved",
  "behind",
  "ahead",
  "settings-differ",
  "missing",
  "unexpected",
  "will-revert",
  "tag-moved",
  "not-adopted",
  "ignored",
  "in-transition",
  "in-sync",
] as const;
export type DriftCategory = (typeof DRIFT_CATEGORIES)[number];

const CATEGORY_SEVERITY: Record<DriftCategory, Severity> = {
  "unknown-artifact": "critical",
  unverifiable: "critical",
  recalled: "critical",
  mutated: "critical",
  "wrong-service": "critical",
  unapproved: "drift",
  behind: "drift",
  ahead: "drift",
  "settings-differ": "drift",
  missing: "drift",
  unexpected: "drift",
  "will-revert": "warning",
  "tag-moved": "warning",
  "not-adopted": "neutral",
  ignored: "neutral",
  "in-transition": "rolling",
  "in-sync": "match",
};

/** The categories that open a finding. `not-adopted`, `ignored`, `in-transition` and `in-sync` never do. */
export const FINDING_CATEGORIES = [
  "unknown-artifact",
  "unverifiable",
  "recalled",
  "mutated",
  "wrong-service",
  "unapproved",
  "behind",
  "ahead",
  "settings-differ",
  "missing",
  "unexpected",
  "will-revert",
  "tag-moved",
] as const satisfies readonly DriftCategory[];
export type FindingCategory = (typeof FINDING_CATEGORIES)[number];

/** Disagreements that are not about one combination of facts: an agent, the ledger, a rollout, a pool. */
export const OTHER_FINDING_KINDS = [
  "silent",
  "ledger-refused",
  "clock-skew",
  "duplicate-agent",
  "partial-rollout",
  "contested",
  "flapping",
  "pool-shrunk",
  "pool-below-minimum",
] as const;
export type OtherFindingKind = (typeof OTHER_FINDING_KINDS)[number];

/** Every kind of finding there is. */
export const FINDING_KINDS = [...FINDING_CATEGORIES, ...OTHER_FINDING_KINDS] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

const OTHER_KIND_SEVERITY: Record<OtherFindingKind, Severity> = {
  silent: "unknown",
  "ledger-refused": "critical",
  "clock-skew": "warning",
  "duplicate-agent": "critical",
  "partial-rollout": "drift",
  contested: "drift",
  flapping: "drift",
  "pool-shrunk": "warning",
  "pool-below-minimum": "drift",
};

const RANK: ReadonlyMap<string, number> = new Map(DRIFT_CATEGORIES.map((category, index) => [category, index]));
const OPENS_FINDING: ReadonlySet<string> = new Set(FINDING_CATEGORIES);

/** Position in the list, 0 is the worst. */
export function rankCategory(category: DriftCategory): number {
  return RANK.get(category) ?? DRIFT_CATEGORIES.length;
}

/** Sorts worst first and drops repetitions. */
export function sortWorstFirst(categories: Iterable<DriftCategory>): DriftCategory[] {
  return [...new Set(categories)].sort((a, b) => rankCategory(a) - rankCategory(b));
}

/** Whether a category opens a finding. */
export function opensFinding(category: DriftCategory): category is FindingCategory {
  return OPENS_FINDING.has(category);
}

/** The hue of a category or of any kind of finding. */
export function severityOf(kind: DriftCategory | FindingKind): Severity {
  if (kind in CATEGORY_SEVERITY) return CATEGORY_SEVERITY[kind as DriftCategory];
  return OTHER_KIND_SEVERITY[kind as OtherFindingKind];
}

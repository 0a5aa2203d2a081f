import { conditionTone, conditionWord, markOf, plural } from "@/app/(dashboard)/words";
import type { CauseGroupProps } from "@/components/drift/cause-group";
import type { FindingRow } from "@/components/drift/findings-table";
import { formatCount } from "@/components/ui/format";
import type { VerdictPart } from "@/components/ui/verdict";
import { isWaivable } from "@/lib/domain/drift/waivable";
import type { FindingDto, FindingGroup, FindingsDto } from "@/lib/contract/fleet";

/** How many findings of how many causes, and what rollouts explain. */
export function describeDrift(dto: FindingsDto): VerdictPart[] {
  const explained: VerdictPart[] = dto.inTransition.flatMap((moving): VerdictPart[] => [
    ` ${moving.service} in ${moving.environment}: ${formatCount(moving.instances)} in transition, explained by `,
    { link: `R-${moving.rollout.number}`, href: `/rollouts/${moving.rollout.id}` },
    ".",
  ]);
  const excused: VerdictPart[] = dto.waived.length > 0 ? [` ${formatCount(dto.waived.length)} ${plural(dto.waived.length, "cause is", "causes are")} waived.`] : [];
  if (dto.groups.length === 0) {
    return [{ strong: dto.waived.length > 0 ? "Nothing counts." : "All clear." }, ` ${formatCount(dto.checkedInstances)} ${plural(dto.checkedInstances, "instance")} checked.`, ...excused, ...explained];
  }
  const causes = dto.groups.length;
  return [
    { strong: `${formatCount(dto.instances)} ${plural(dto.instances, "instance")}, ${formatCount(causes)} ${plural(causes, "cause")}.` },
    ` ${formatCount(dto.checkedInstances)} checked.`,
    ...excused,
    ...explained,
  ];
}

/** Whether the running side is what was last heard, not what is known. */
function isLastKnown(group: FindingGroup): boolean {
  return group.kind === "silent" || group.kind === "missing";
}

/** A cause as its component wants it; the page adds the sentence, buttons and rows. */
export function toCause(group: FindingGroup): Omit<CauseGroupProps, "sentence" | "actions" | "children"> {
  const where = [group.service, group.environment].filter(Boolean).join(" in ");
  return {
    tone: conditionTone(group.kind),
    count: group.instances,
    title: group.title,
    running: group.running ? { version: group.running.version, digest: group.running.digest, note: isLastKnown(group) ? "last known" : conditionWord(group.kind) } : null,
    assigned: group.assigned ? { version: group.assigned.version, digest: group.assigned.digest, mark: markOf(group.assigned) } : null,
    lastKnown: isLastKnown(group),
    shared: group.shared.map(({ dimension, value, share, baseline }) => ({ label: value.startsWith(dimension) ? value : `${dimension} ${value}`, share, baseline })),
    ...(where ? { sharedBaseline: `all of ${where}` } : {}),
  };
}

/** Where a cause is: `payments / production`. */
export function describeWhere(group: FindingGroup): string {
  const parts = [group.service ?? "no service", group.environment, group.partition === "default" ? null : group.partition];
  return parts.filter(Boolean).join(" / ");
}

/** One finding as a row. A link only where one instance stands behind it. */
export function toFindingRow(finding: FindingDto): FindingRow {
  const [key] = finding.sampleKeys;
  const [instance] = finding.sampleInstances;
  return {
    id: finding.id,
    name: key ?? finding.target?.key ?? finding.agent ?? finding.service ?? "unknown",
    ...(instance ? { href: `/instances/${instance}` } : {}),
    running: finding.running ? { version: finding.running.version, digest: finding.running.digest } : null,
    agent: finding.target?.agent ?? finding.agent,
    region: finding.target?.region ?? null,
    detail: [finding.detail, finding.by ? `by ${finding.by}` : null].filter(Boolean).join(", ") || null,
    count: finding.count,
    since: finding.since,
    targetId: finding.target?.id ?? null,
    whyNot: finding.canReconverge ? null : "Its host does not let Plumbline act (--act), or nothing is assigned.",
  };
}

/** Whether single targets of a cause can be chosen and put back: somebody may act on at least one of them. */
export function isSelectable(group: FindingGroup): boolean {
  return offersReconverge(group) && group.rows.length > 1 && group.rows.some((row) => row.canReconverge && row.target !== null);
}

/** Whether putting back what is assigned is an answer at all: not after a split, where both sides are as decided, nor where the recalled release is the assigned one. */
export function offersReconverge(group: FindingGroup): boolean {
  const isItself = group.kind === "recalled" && group.assigned !== null && group.assigned.version === group.running?.version;
  return group.kind !== "partial-rollout" && !isItself;
}

/** What to do about it, where the buttons do not say it. */
export function adviceFor(group: FindingGroup): string | null {
  switch (group.kind) {
    case "contested":
      return "First change it where its manager keeps its own version, or take it out of the manager's hands; then reconverge. Otherwise the next attempt ends the same way.";
    case "partial-rollout":
      return "Promote the release again to finish it, or roll back to be where it was: either resolves this.";
    case "will-revert":
      return "Change what the runtime would start next (a manifest, a unit, a compose file); replacing copies does not help.";
    case "recalled":
      return group.assigned ? "Respond takes it out of every place at once, by one confirmation." : null;
    default:
      return null;
  }
}

/** Where a recalled release is left everywhere at once; null where it is not known which release it is. */
export function respondHref(group: FindingGroup): string | null {
  if (group.kind !== "recalled" || group.service === null || !group.running?.version) return null;
  return `/rollouts/groups/new?${new URLSearchParams({ kind: "recall", service: group.service, version: group.running.version })}`;
}

/** Targets of a cause that can be named one by one; null where a row stands for many: then all that deviate are meant. */
export function targetsOf(group: FindingGroup): string[] | null {
  if (group.rows.length < group.findings) return null;
  const ids = group.rows.map((row) => row.target?.id);
  return ids.every((id) => id !== undefined) ? [...new Set(ids)] : null;
}

/** How long what is waived may stay so, in days; the longest is the server's own limit. */
export const WAIVER_DAYS = [1, 7, 30, 90] as const;

/** Why a cause cannot be waived; null when it can. */
export function whyNotWaive(group: Pick<FindingGroup, "kind" | "service" | "environment">): string | null {
  if (group.kind === "recalled") return "What is recalled cannot be waived: roll it back, or lift the recall.";
  if (group.kind === "unknown-artifact") return "Code that nobody knows cannot be waived: register it, or replace it.";
  if (group.service === null || group.environment === null) return "It belongs to no service in an environment.";
  return isWaivable(group.kind) ? null : "Only drift can be waived.";
}

/** Why a cause cannot be put right from here; null when it can. */
export function whyNotReconverge(group: FindingGroup): string | null {
  if (group.kind === "silent") return "Nothing can be reconverged until its agent reports again.";
  if (group.service === null || group.environment === null) return "It belongs to no service in an environment.";
  if (group.assigned === null) return "Nothing is assigned here: promote a release first.";
  if (group.kind === "unexpected") return "Nothing is stopped from here: end it on its host, or promote a release for it.";
  if (!group.canReconverge) return "None of these targets lets Plumbline act. Allow it on the host with --act.";
  return null;
}

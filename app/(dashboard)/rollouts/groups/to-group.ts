import { plural } from "@/app/(dashboard)/words";
import { formatCount, formatDateTime } from "@/components/ui/format";
import type { VerdictPart } from "@/components/ui/verdict";
import type { GroupDto, GroupMember, GroupPreview } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";

/** What the group is about, as its URL says it. */
export type GroupSubject =
  | { kind: "as-of"; environment: string; at: string }
  | { kind: "recall"; service: string; version: string }
  | { kind: "rollback"; service: string; environment: string; version: string | null }
  | { kind: "promote"; service: string; environment: string; version: string };

/** The subject as the API's query. */
export function toQuery(subject: GroupSubject): Record<string, string> {
  if (subject.kind !== "rollback") return { ...subject };
  const { version, ...place } = subject;
  return version === null ? place : { ...place, version };
}

interface PlaceName {
  service: string;
  environment: string;
  partition: string;
}

export function keyOfPlace(place: PlaceName): string {
  return `${place.service}/${place.environment}/${place.partition}`;
}

/** `payments / production`, and the partition where it is not the default one. */
export function placeWords(place: PlaceName): string {
  return [place.service, place.environment, ...(place.partition === "default" ? [] : [place.partition])].join(" / ");
}

/** What the list says, in a sentence, and what is not on it. */
export function describePreview(preview: GroupPreview): { parts: VerdictPart[]; sub: string } {
  const { parts, sub } = describeMembers(preview);
  return { parts, sub: preview.left === 0 ? sub : `${sub} ${formatCount(preview.left)} more ${plural(preview.left, "place is", "places are")} left for the next decision: come back when these are done.` };
}

function describeMembers(preview: GroupPreview): { parts: VerdictPart[]; sub: string } {
  const { members } = preview;
  const possible = members.filter((member) => member.allowed).length;
  const refused = members.length - possible;
  const cannot = refused > 0 ? ` ${formatCount(refused)} of them cannot be started from here.` : "";
  if (preview.service !== null) {
    const pinned = members.filter((member) => member.warnings.some(({ reason }) => reason === "pinned") || member.reasons.some(({ reason }) => reason === "pinned")).length;
    return {
      parts: [{ strong: preview.service }, ` has ${formatCount(members.length)} ${plural(members.length, "partition")} in ${preview.environment ?? ""}: each ${preview.kind === "promote" ? "gets the release" : "goes back"} by a rollout of its own.`],
      sub: members.length === 0 ? "Nothing is assigned there, and no target was reported." : `${pinned > 0 ? `${formatCount(pinned)} pinned ${plural(pinned, "one is", "ones are")} left out unless you choose ${plural(pinned, "it", "them")}.` : "None is pinned."}${cannot}`,
    };
  }
  if (preview.kind === "as-of") {
    const then = `${formatDateTime(preview.at ?? preview.asOf)} UTC`;
    const where = preview.environment ?? "";
    return members.length === 0
      ? { parts: [{ strong: where }, ` is assigned as it was at ${then}.`], sub: `${formatCount(preview.unchanged)} ${plural(preview.unchanged, "assignment")} compared. What runs may still differ: see Drift.` }
      : { parts: [{ strong: `${formatCount(members.length)} ${plural(members.length, "assignment")}` }, ` in ${where} ${plural(members.length, "differs", "differ")} from ${then}.`], sub: `${formatCount(preview.unchanged)} ${plural(preview.unchanged, "other is", "others are")} as then.${cannot}` };
  }
  const name = `${preview.release?.service ?? ""} ${preview.release?.version ?? ""}`;
  const assigned = members.filter((member) => member.kind === "rollback" || member.kind === "stop").length;
  const beside = members.length - assigned;
  if (members.length === 0) return { parts: [{ strong: name }, " is recalled, and nowhere to be found: not assigned, not running."], sub: "Nothing is to be done." };
  const words = [assigned > 0 ? `assigned in ${formatCount(assigned)} ${plural(assigned, "place")}` : "", beside > 0 ? `running in ${formatCount(beside)} ${assigned > 0 ? "more" : plural(beside, "place")}` : ""].filter(Boolean).join(", ");
  return { parts: [{ strong: name }, ` is recalled: ${words}.`], sub: `Where it is assigned, the last known good takes its place; where it only runs, what is assigned does.${cannot}` };
}

/** What would be done in a place: `roll back`, `put back`, `stop`. */
export function aimWords(member: Pick<GroupMember, "kind">): string {
  switch (member.kind) {
    case "rollback":
      return "roll back";
    case "reconverge":
      return "put back";
    case "stop":
      return "stop";
    case "promote":
      return "promote";
    case "replace":
      return "replace";
    case null:
      return "nothing";
    default:
      return member.kind satisfies never;
  }
}

/** Those that are chosen before anybody chose. */
export function initialChoice(preview: GroupPreview): ReadonlySet<string> {
  return new Set(preview.members.filter((member) => member.suggested && member.allowed).map(keyOfPlace));
}

/** What the one button does with what is chosen: `roll back 3 services: 1,204 instances`. */
export function describeAct(members: readonly GroupMember[], chosen: ReadonlySet<string>): { act: string; reach: string } {
  const picked = members.filter((member) => member.allowed && chosen.has(keyOfPlace(member)));
  const instances = picked.reduce((sum, member) => sum + member.instances, 0);
  const stops = picked.filter((member) => member.kind === "stop").length;
  const kinds = new Set(picked.map((member) => member.kind));
  const verb = kinds.size === 1 && picked[0] ? aimWords(picked[0]) : stops > 0 ? "change" : "put back";
  return {
    act: `${verb} ${formatCount(picked.length)} ${plural(picked.length, "place")}`,
    reach: `${formatCount(instances)} ${plural(instances, "instance")} in ${formatCount(picked.length)} ${plural(picked.length, "place")}${stops > 0 && kinds.size > 1 ? `, ${formatCount(stops)} of them stopped` : ""}`,
  };
}

/** Why the button cannot fire yet; null when it can. */
export function whyNotYet({ chosen, reason, reasonOptional = false, typed, expected, refusal }: { chosen: number; reason: string; reasonOptional?: boolean; typed: string; expected: string; refusal: string | null }): string | null {
  if (refusal) return refusal;
  if (chosen === 0) return "Choose at least one place.";
  if (!reasonOptional && reason.trim() === "") return "Say why, in a few words.";
  if (typed.trim() !== expected) return `Type ${expected} first.`;
  return null;
}

/** What a group is called above its page. */
export function groupCrumb(group: Pick<GroupDto, "kind">): string {
  switch (group.kind) {
    case "as-of":
      return "back to a moment";
    case "recall":
      return "response to a recall";
    case "rollback":
      return "back in several partitions";
    case "promote":
      return "forward in several partitions";
    default:
      return group.kind satisfies never;
  }
}

/** The receipt in a sentence. */
export function describeGroup(group: GroupDto): VerdictPart[] {
  const { counts, rollouts } = group;
  const open = rollouts.filter((rollout) => isActiveRollout(rollout.status)).length;
  const stuck = counts.stuck + counts.failed;
  const what: VerdictPart[] =
    group.service !== null
      ? [{ strong: group.service }, ` in ${group.environment ?? ""} ${group.kind === "promote" ? (open > 0 ? "gets a release" : "got a release") : open > 0 ? "is going back" : "went back"} in ${formatCount(rollouts.length)} ${plural(rollouts.length, "partition")}: `]
      : group.kind === "as-of"
      ? [{ strong: group.environment ?? "" }, ` ${open > 0 ? "is going" : "went"} back to how it was at ${formatDateTime(group.at ?? group.createdAt)} UTC: `]
      : [{ strong: `${group.release?.service ?? ""} ${group.release?.version ?? ""}` }, ` ${open > 0 ? "is being taken" : "was taken"} out of ${formatCount(rollouts.length)} ${plural(rollouts.length, "place")}: `];
  const done = rollouts.every((rollout) => rollout.status === "succeeded" || rollout.status === "succeeded-will-revert");
  const ended = done ? ", done." : open === 0 ? ", none under way." : `, ${formatCount(open)} of ${formatCount(rollouts.length)} ${plural(rollouts.length, "rollout")} under way.`;
  return [...what, { strong: `${formatCount(counts.verified)} of ${formatCount(counts.total)}` }, ` ${plural(counts.total, "target")} verified`, ...(stuck > 0 ? [", ", { strong: `${formatCount(stuck)} stuck` }] : []), ended];
}

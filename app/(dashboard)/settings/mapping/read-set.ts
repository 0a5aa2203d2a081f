import type { MappingDto, MappingPreview } from "@/lib/contract/mapping";
import type { MatchField, SetField } from "@/lib/domain/fleet/mapping-rules";
import { formatCount } from "@/components/ui/format";
import { plural } from "@/app/(dashboard)/words";

/** Rules as they are typed and kept in a file. */
export function writeSet(set: MappingDto["set"]): string {
  return JSON.stringify(set, null, 2);
}

/** What was typed, as JSON; or why it is no JSON. What the rules must be is the server's to say. */
export function readSet(text: string): { ok: true; set: unknown } | { ok: false; error: string } {
  try {
    return { ok: true, set: JSON.parse(text) as unknown };
  } catch (error) {
    // Each browser says it in its own words; most say where.
    return { ok: false, error: `This is not JSON: ${error instanceof Error ? error.message : "it cannot be read"}` };
  }
}

/** A rule that looks at one thing and decides one. */
export interface RuleDraft {
  name: string;
  look: MatchField | "label";
  /** The label's name, where one is looked at. */
  label: string;
  pattern: string;
  effect: "ignore" | SetField;
  /** The reason, or what is set. */
  value: string;
}

/** What a draft lacks; null when it is a rule. What names and patterns may be is the server's to say. */
export function whyNoRule(draft: RuleDraft, taken: readonly string[]): string | null {
  if (draft.name.trim() === "") return "Give it a name.";
  if (taken.includes(draft.name.trim())) return "There is a rule of this name.";
  if (draft.look === "label" && draft.label.trim() === "") return "Name the label.";
  if (draft.pattern.trim() === "") return "Say what it is; * stands for any characters.";
  if (draft.value.trim() === "") return draft.effect === "ignore" ? "Say why nobody judges it." : `Name the ${draft.effect}.`;
  return null;
}

/** The rules with one more at their end. Text that holds no rules comes back as it was. */
export function appendRule(text: string, draft: RuleDraft): string {
  const set = rulesIn(text);
  if (!set) return text;
  const [pattern, value] = [draft.pattern.trim(), draft.value.trim()];
  const rule = {
    name: draft.name.trim(),
    match: draft.look === "label" ? { labels: { [draft.label.trim()]: pattern } } : { [draft.look]: pattern },
    ...(draft.effect === "ignore" ? { ignore: value } : { set: { [draft.effect]: value } }),
  };
  return JSON.stringify({ ...set, rules: [...set.rules, rule] }, null, 2);
}

/** The names of the rules in a text, as far as it can be read; null where it holds no rules. */
export function ruleNames(text: string): string[] | null {
  return rulesIn(text)?.rules.flatMap((rule) => (typeof rule === "object" && rule !== null && "name" in rule && typeof rule.name === "string" ? [rule.name] : [])) ?? null;
}

function rulesIn(text: string): { rules: unknown[] } | null {
  const read = readSet(text);
  const set = read.ok && typeof read.set === "object" && read.set !== null ? (read.set as { rules?: unknown }) : null;
  return set && Array.isArray(set.rules) ? { ...set, rules: set.rules } : null;
}

/** The page's sentence. */
export function describeMapping({ set: { rules }, ignored, version }: MappingDto): string {
  if (version === 0 || rules.length === 0) return "No rules: containers belong where their labels and images say.";
  const instances = ignored.reduce((sum, one) => sum + one.instances, 0);
  const ignoring = ignored.length === 0 ? "none of them ignores anything" : `${formatCount(ignored.length)} of them ${plural(ignored.length, "ignores", "ignore")} ${formatCount(instances)} ${plural(instances, "instance")}`;
  return `${formatCount(rules.length)} ${plural(rules.length, "rule says", "rules say")} whose containers are; ${ignoring}.`;
}

/** What a preview comes to, in a sentence. */
export function describePreview({ moved, instances, targets, ignored, unmapped }: MappingPreview): string {
  if (moved.instances === 0 && moved.targets === 0) return `Nothing moves: all ${formatCount(instances)} instances stay where they are.`;
  return `${formatCount(moved.instances)} of ${formatCount(instances)} instances in ${formatCount(moved.targets)} of ${formatCount(targets)} targets move. Ignored: ${formatCount(ignored.before)} → ${formatCount(ignored.after)}. Of no known service: ${formatCount(unmapped.before)} → ${formatCount(unmapped.after)}.`;
}

/** What is worth knowing of the rules beside what moves, one line each. */
export function listNotes({ rules, problems, changes, changesInAll }: MappingPreview): string[] {
  return [
    ...problems.filter(({ severity }) => severity === "warning").map(({ path, message }) => `${path} ${message}.`),
    ...rules.flatMap(({ name, matches, decides, overlaps }) => {
      if (matches === 0) return [`${name} matches nothing that runs now.`];
      return overlaps.length > 0 ? [`${name} matches ${formatCount(matches)} and decides ${formatCount(decides)}; earlier rules decide the others: ${overlaps.join(", ")}.`] : [];
    }),
    ...(changesInAll > changes.length ? [`The largest ${formatCount(changes.length)} of ${formatCount(changesInAll)} changes are shown.`] : []),
  ];
}

import { matchesGlob } from "@/lib/domain/access/glob";
import { isName } from "@/lib/domain/fleet/names";

export interface PreviewRule {
  id: string;
  pattern: string;
  /** How many more there may be. */
  free: number;
}

export interface ChosenPreviews {
  made: { name: string; rule: string }[];
  /** Matched by a rule that has as many as it may. */
  refused: { name: string; rule: string }[];
}

/**
 * Which of the reported names become preview environments. A name belongs to the first rule that matches it; where that has
 * no place left it is refused, and no later rule is asked. What matches none, or is no name, is neither.
 */
export function choosePreviews(names: readonly string[], rules: readonly PreviewRule[]): ChosenPreviews {
  const free = new Map(rules.map((rule) => [rule.id, rule.free]));
  const chosen: ChosenPreviews = { made: [], refused: [] };
  for (const name of new Set(names)) {
    const rule = isName(name) ? rules.find(({ pattern }) => matchesGlob(pattern, name)) : undefined;
    if (!rule) continue;
    const left = free.get(rule.id) ?? 0;
    (left > 0 ? chosen.made : chosen.refused).push({ name, rule: rule.id });
    free.set(rule.id, left - 1);
  }
  return chosen;
}

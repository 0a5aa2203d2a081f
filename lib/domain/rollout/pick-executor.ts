import { matchesGlob } from "../access/glob";

/** Which places something is meant for; `*` stands for any characters. */
export interface PlacePattern {
  name: string;
  servicePattern: string;
  environmentPattern: string;
}

const literals = (pattern: string): number => pattern.replaceAll("*", "").length;
const isExact = (pattern: string): number => (pattern.includes("*") ? 0 : 1);

/** What ranks a pattern, the weightiest first; larger is more specific. */
function rank({ servicePattern, environmentPattern }: PlacePattern): number[] {
  return [isExact(servicePattern) + isExact(environmentPattern), isExact(servicePattern), literals(servicePattern), literals(environmentPattern)];
}

/**
 * The one that is meant for a place: of those whose patterns cover it, the most specific. A name beats a pattern, the
 * service's beats the environment's, more letters beat fewer; then the first by name. Null when none covers it.
 */
export function pickExecutor<T extends PlacePattern>(executors: readonly T[], place: { service: string; environment: string }): T | null {
  const covering = executors.filter((each) => matchesGlob(each.servicePattern, place.service) && matchesGlob(each.environmentPattern, place.environment));
  const [first] = covering.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const at = left.findIndex((value, index) => value !== right[index]);
    if (at >= 0) return (right[at] ?? 0) - (left[at] ?? 0);
    return a.name < b.name ? -1 : 1;
  });
  return first ?? null;
}

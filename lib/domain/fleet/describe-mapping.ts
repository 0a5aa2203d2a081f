import { MATCH_FIELDS, SET_FIELDS, type MappingRule } from "@/lib/domain/fleet/mapping-rules";
import { DEFAULT_COMPONENT, DEFAULT_PARTITION } from "@/lib/domain/fleet/names";

/** A rule in words: what must be so, and what follows. */
export function describeRule({ match, ignore, set }: MappingRule): { where: string; effect: string } {
  const where = [
    ...MATCH_FIELDS.flatMap((field) => (match[field] === undefined ? [] : [`${field} is ${match[field]}`])),
    ...Object.entries(match.labels ?? {}).map(([label, pattern]) => `label ${label} is ${pattern}`),
  ];
  const sets = SET_FIELDS.flatMap((field) => (set?.[field] === undefined ? [] : [`${field} is ${set[field]}`]));
  return { where: where.join(", "), effect: ignore === undefined ? sets.join(", ") : `ignored: ${ignore}` };
}

/** Where instances are, or would be. */
export interface DescribedPlace {
  service: string | null;
  environment: string;
  partition: string;
  component: string;
  ignoredBy: string | null;
}

/** A move between two places: what both share is said once, at neither where it is the usual. */
export function describeChange({ from, to }: { from: DescribedPlace; to: DescribedPlace }): { from: string; to: string } {
  const differs = (field: "environment" | "partition" | "component"): boolean => from[field] !== to[field];
  const say = (place: DescribedPlace): string => {
    if (place.ignoredBy !== null) return `ignored by ${place.ignoredBy}`;
    const parts = [
      place.service ?? "no service",
      ...(differs("environment") ? [`in ${place.environment}`] : []),
      ...(differs("partition") || place.partition !== DEFAULT_PARTITION ? [`partition ${place.partition}`] : []),
      ...(differs("component") || place.component !== DEFAULT_COMPONENT ? [`component ${place.component}`] : []),
    ];
    return parts.join(", ");
  };
  return { from: say(from), to: say(to) };
}

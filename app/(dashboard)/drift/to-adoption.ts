import { plural } from "@/app/(dashboard)/words";
import { formatCount } from "@/components/ui/format";
import type { AdoptionPreview } from "@/lib/contract/adoption";

/** What an adoption would do, in a sentence or two. */
export function describeAdoption({ totals, elsewhere, refusal }: Pick<AdoptionPreview, "totals" | "elsewhere" | "refusal">): string {
  const left = totals.leftOutInstances > 0 ? ` ${formatCount(totals.leftOutInstances)} ${plural(totals.leftOutInstances, "instance is", "instances are")} left out.` : " Nothing is left out.";
  if (totals.places === 0) return `${refusal ?? "Nothing would be assigned."}${totals.leftOutInstances > 0 ? left : ""}`;
  const would = `${formatCount(totals.services)} ${plural(totals.services, "service")} get ${formatCount(totals.releases)} ${plural(totals.releases, "release")} at ${formatCount(totals.places)} ${plural(totals.places, "place")}: ${formatCount(totals.instances)} ${plural(totals.instances, "instance")}.`;
  const others = elsewhere > 0 ? ` ${formatCount(elsewhere)} ${plural(elsewhere, "instance", "instances")} of these services in other environments will be findings until they are adopted too.` : "";
  return refusal === null ? `${would}${left}${others}` : `${would} ${refusal}`;
}

type Counted = { rows: readonly { service: string; cells: readonly { environment: string; categories: readonly { category: string; instances: number }[] }[] }[] };

/** What was observed and nobody decided about, within a filter: services and instances of the matrix. */
export function countNotAdopted(matrix: Counted | undefined, filter: { environment: string | null; service: string | null }): { services: number; instances: number } {
  const rows = (matrix?.rows ?? []).filter(({ service }) => filter.service === null || service === filter.service);
  const counts = rows.map(({ cells }) =>
    cells
      .filter(({ environment }) => filter.environment === null || environment === filter.environment)
      .flatMap(({ categories }) => categories)
      .reduce((sum, { category, instances }) => sum + (category === "not-adopted" ? instances : 0), 0),
  );
  return { services: counts.filter((count) => count > 0).length, instances: counts.reduce((sum, count) => sum + count, 0) };
}

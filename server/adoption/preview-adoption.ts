import type { z } from "zod";
import type { adoptionQuery, AdoptionPreview } from "@/lib/contract/adoption";
import { adoptionRevision } from "@/lib/domain/drift/adoption-revision";
import { explainLeftOut } from "@/lib/domain/drift/explain-left-out";
import { placeText, type AdoptionPlan } from "@/lib/domain/drift/plan-adoption";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { explainUnadoptable, readAdoption } from "./read-adoption";

/**
 * What an adoption would assign and what it would leave out, worst first. The lists are cut at `limit`; totals and revision
 * are about everything that the reader may see. Nothing is written.
 */
export async function previewAdoption({ ctx, input }: { ctx: Ctx; input: z.output<typeof adoptionQuery> }): Promise<AdoptionPreview> {
  authorise(ctx, "fleet.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const { plan } = await readAdoption(ctx.db, input);
  const visible = hideForeign(ctx, plan);
  const leftOutAt = new Map<string, number>();
  for (const one of visible.leftOut) leftOutAt.set(placeText(one), (leftOutAt.get(placeText(one)) ?? 0) + one.instances);
  const places = visible.places.flatMap((place): AdoptionPreview["places"] => {
    const release = visible.releases[place.release];
    if (!release) return [];
    return [{
      service: place.service,
      environment: place.environment,
      partition: place.partition,
      version: release.version,
      registered: release.known !== null,
      approves: place.approves,
      instances: place.instances,
      leftOut: leftOutAt.get(placeText(place)) ?? 0,
      components: release.components.map(({ name, digest, repository, artifact }) => ({ name, digest, repository, digests: "known" in artifact ? [digest] : artifact.digests.map((one) => one.digest) })),
    }];
  });
  return {
    revision: adoptionRevision(visible),
    asOf: new Date().toISOString(),
    totals: {
      services: new Set(places.map(({ service }) => service)).size,
      releases: new Set(visible.places.map(({ release }) => release)).size,
      places: places.length,
      instances: places.reduce((sum, { instances }) => sum + instances, 0),
      leftOut: visible.leftOut.length,
      leftOutInstances: visible.leftOut.reduce((sum, { instances }) => sum + instances, 0),
    },
    elsewhere: await countElsewhere(ctx, input.environment, visible),
    refusal: explainUnadoptable(visible),
    // Stable beyond the first key: the plan is in the order of names.
    places: places.toSorted((a, b) => b.leftOut - a.leftOut).slice(0, input.limit),
    leftOut: visible.leftOut.slice(0, input.limit).map((one) => ({ ...one, sentence: explainLeftOut(one.reason) })),
  };
}

/** Copies of new services that stay undecided where the reader may see them, because only one environment is adopted. */
async function countElsewhere(ctx: Ctx, environment: string | undefined, { places }: AdoptionPlan): Promise<number> {
  if (environment === undefined || places.length === 0) return 0;
  const rows = await ctx.db.$queryRaw<{ service: string; environment: string; instances: number }[]>`
    SELECT c.service_name AS service, e.name::text AS environment, sum(k.instances)::int AS instances FROM combinations c JOIN environments e ON e.id = c.environment_id AND e.name <> ${environment} AND e.retired_at IS NULL
    JOIN combination_counts k ON k.combination_id = c.id
    WHERE c.service_id IS NULL AND c.service_name = ANY(${[...new Set(places.map(({ service }) => service))]}::text[]) GROUP BY 1, 2`;
  return rows.filter((row) => visibleTo(ctx, "fleet.read", row)).reduce((sum, { instances }) => sum + instances, 0);
}

function hideForeign(ctx: Ctx, plan: AdoptionPlan): AdoptionPlan {
  const sees = ({ service, environment }: { service: string | null; environment: string }): boolean => visibleTo(ctx, "fleet.read", service === null ? { environment } : { service, environment });
  return { ...plan, places: plan.places.filter(sees), leftOut: plan.leftOut.filter(sees) };
}

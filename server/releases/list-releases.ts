import type { z } from "zod";
import type { Page } from "@/lib/contract/primitives";
import type { listReleasesQuery, ReleaseDto } from "@/lib/contract/releases";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { decodeCursor, encodeCursor } from "@/server/http/number-cursor";
import { notFound } from "@/server/errors";
import { loadReleases } from "./load-releases";

/** Releases that the actor may see, newest first. */
export async function listReleases({ ctx, input }: { ctx: Ctx; input: z.output<typeof listReleasesQuery> }): Promise<Page<ReleaseDto>> {
  authorise(ctx, "releases.read", { ...(input.service !== undefined && { service: input.service }) });
  const before = decodeCursor(input.cursor);
  const services = await ctx.db.$queryRaw<{ id: string; name: string }[]>`
    SELECT id, name::text FROM services
    WHERE ${input.service ?? null}::text IS NULL OR name = ${input.service ?? null} OR id = (SELECT service_id FROM service_aliases WHERE name = ${input.service ?? null})`;
  const visible = services.filter((service) => visibleTo(ctx, "releases.read", { service: service.name }));
  const rows = await ctx.db.$queryRaw<{ id: string; registered_order: bigint }[]>`
    SELECT id, registered_order FROM releases
    WHERE service_id = ANY(${visible.map((service) => service.id)}::uuid[]) AND (${before}::bigint IS NULL OR registered_order < ${before}::bigint)
    ORDER BY registered_order DESC LIMIT ${input.limit + 1}`;
  const shown = rows.slice(0, input.limit);
  return { items: await loadReleases(ctx.db, shown.map((row) => row.id)), nextCursor: rows.length > input.limit ? encodeCursor(shown.at(-1)?.registered_order) : null };
}

/** One release by id. @throws AppError not-found, also for one of a service that the actor may not see */
export async function getRelease({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<ReleaseDto> {
  authorise(ctx, "releases.read");
  const [release] = await loadReleases(ctx.db, [input.id]);
  if (!release || !visibleTo(ctx, "releases.read", { service: release.service })) throw notFound("release");
  return release;
}

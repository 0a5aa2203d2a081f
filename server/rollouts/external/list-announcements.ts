import type { z } from "zod";
import type { AnnouncementDto, announcementsQuery } from "@/lib/contract/deployments";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { decodeCursor, encodeCursor } from "@/server/http/number-cursor";
import { loadAnnouncements } from "./load-announcements";

/** What deployers said that the actor may see, the last first; refused ones too. */
export async function listAnnouncements({ ctx, input }: { ctx: Ctx; input: z.output<typeof announcementsQuery> }): Promise<Page<AnnouncementDto>> {
  authorise(ctx, "deployments.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const before = decodeCursor(input.cursor);
  const places = await ctx.db.$queryRaw<{ service_id: string; environment_id: string; service: string; environment: string }[]>`
    SELECT s.id AS service_id, e.id AS environment_id, s.name::text AS service, e.name::text AS environment FROM services s, environments e
    WHERE EXISTS (SELECT FROM announcements n WHERE n.service_id = s.id AND n.environment_id = e.id) AND (${input.service ?? null}::text IS NULL OR s.name = ${input.service ?? null}) AND (${input.environment ?? null}::text IS NULL OR e.name = ${input.environment ?? null})`;
  const visible = places.filter(({ service, environment }) => visibleTo(ctx, "deployments.read", { service, environment }));
  const rows = await ctx.db.$queryRaw<{ id: string; seq: bigint }[]>`
    SELECT n.id::text, n.seq FROM announcements n
    JOIN unnest(${visible.map((place) => place.service_id)}::uuid[], ${visible.map((place) => place.environment_id)}::uuid[]) v(service_id, environment_id) ON v.service_id = n.service_id AND v.environment_id = n.environment_id
    WHERE (${before}::bigint IS NULL OR n.seq < ${before}::bigint) ORDER BY n.seq DESC LIMIT ${input.limit + 1}`;
  const shown = rows.slice(0, input.limit);
  return { items: await loadAnnouncements(ctx.db, shown.map(({ id }) => id)), nextCursor: rows.length > input.limit ? encodeCursor(shown.at(-1)?.seq) : null };
}

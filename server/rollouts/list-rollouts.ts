import type { z } from "zod";
import type { Page } from "@/lib/contract/primitives";
import type { listRolloutsQuery, RolloutDto } from "@/lib/contract/rollouts";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { decodeCursor, encodeCursor } from "@/server/http/number-cursor";
import { loadRollouts } from "./load-rollouts";

/** Rollouts that the actor may see, newest first. */
export async function listRollouts({ ctx, input }: { ctx: Ctx; input: z.output<typeof listRolloutsQuery> }): Promise<Page<RolloutDto>> {
  authorise(ctx, "rollouts.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const before = decodeCursor(input.cursor);
  const places = await ctx.db.$queryRaw<{ service_id: string; environment_id: string; service: string; environment: string }[]>`
    SELECT s.id AS service_id, e.id AS environment_id, s.name::text AS service, e.name::text AS environment FROM services s, environments e
    WHERE (${input.service ?? null}::text IS NULL OR s.name = ${input.service ?? null}) AND (${input.environment ?? null}::text IS NULL OR e.name = ${input.environment ?? null})`;
  const visible = places.filter(({ service, environment }) => visibleTo(ctx, "rollouts.read", { service, environment }));
  const active = input.status === undefined ? null : input.status === "active";
  const rows = await ctx.db.$queryRaw<{ id: string; number: bigint }[]>`
    SELECT r.id, r.number FROM rollouts r
    JOIN unnest(${visible.map((place) => place.service_id)}::uuid[], ${visible.map((place) => place.environment_id)}::uuid[]) v(service_id, environment_id)
      ON v.service_id = r.service_id AND v.environment_id = r.environment_id
    WHERE (${before}::bigint IS NULL OR r.number < ${before}::bigint) AND (${active}::boolean IS NULL OR (r.finished_at IS NULL) = ${active}::boolean)
      AND (${input.since ?? null}::timestamptz IS NULL OR coalesce(r.finished_at, 'infinity') >= ${input.since ?? null}::timestamptz)
    ORDER BY r.number DESC LIMIT ${input.limit + 1}`;
  const shown = rows.slice(0, input.limit);
  return { items: await loadRollouts(ctx.db, shown.map((row) => row.id)), nextCursor: rows.length > input.limit ? encodeCursor(shown.at(-1)?.number) : null };
}

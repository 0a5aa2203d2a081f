import type { z } from "zod";
import type { DeliveryDto, listDeliveriesQuery } from "@/lib/contract/notifications";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { decodeCursor, encodeCursor } from "@/server/http/number-cursor";
import { loadDeliveries } from "./load-deliveries";

/**
 * What was sent, is to be sent, or was given up, newest first: about rollouts that the actor may see, and tests of channels
 * whose services and environments he may see all of. @throws AppError forbidden
 */
export async function listDeliveries({ ctx, input }: { ctx: Ctx; input: z.output<typeof listDeliveriesQuery> }): Promise<Page<DeliveryDto>> {
  authorise(ctx, "deliveries.read");
  const before = decodeCursor(input.cursor);
  const places = await ctx.db.$queryRaw<{ service_id: string; environment_id: string; service: string; environment: string }[]>`
    SELECT s.id::text AS service_id, e.id::text AS environment_id, s.name::text AS service, e.name::text AS environment FROM services s, environments e`;
  const visible = places.filter(({ service, environment }) => visibleTo(ctx, "deliveries.read", { service, environment }));
  const channels = await ctx.db.$queryRaw<{ id: string; service: string; environment: string }[]>`
    SELECT id::text, service_pattern AS service, environment_pattern AS environment FROM channels`;
  const seen = channels.filter(({ service, environment }) => visibleTo(ctx, "deliveries.read", { service, environment }));
  const rows = await ctx.db.$queryRaw<{ id: string; seq: bigint }[]>`
    SELECT d.id::text, d.seq FROM deliveries d LEFT JOIN rollouts r ON r.id = d.rollout_id
    WHERE (${before}::bigint IS NULL OR d.seq < ${before}::bigint)
      AND (${input.rollout ?? null}::uuid IS NULL OR d.rollout_id = ${input.rollout ?? null}::uuid)
      AND (${input.channel ?? null}::uuid IS NULL OR d.channel_id = ${input.channel ?? null}::uuid)
      AND (${input.executor ?? null}::uuid IS NULL OR d.executor_id = ${input.executor ?? null}::uuid)
      AND (${input.status ?? null}::text IS NULL OR d.status = ${input.status ?? null})
      AND CASE WHEN r.id IS NULL THEN d.channel_id = ANY(${seen.map(({ id }) => id)}::uuid[])
        ELSE (r.service_id, r.environment_id) IN (SELECT * FROM unnest(${visible.map((place) => place.service_id)}::uuid[], ${visible.map((place) => place.environment_id)}::uuid[])) END
    ORDER BY d.seq DESC LIMIT ${input.limit + 1}`;
  const shown = rows.slice(0, input.limit);
  return { items: await loadDeliveries(ctx.db, shown.map(({ id }) => id)), nextCursor: rows.length > input.limit ? encodeCursor(shown.at(-1)?.seq) : null };
}

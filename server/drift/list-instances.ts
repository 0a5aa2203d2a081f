import type { z } from "zod";
import type { InstanceDto, instancesQuery } from "@/lib/contract/fleet";
import type { Page } from "@/lib/contract/primitives";
import { rankCategory, type DriftCategory } from "@/lib/domain/drift/categories";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import { loadInstances } from "./load-instances";
import { decodeTextCursor, encodeTextCursor } from "./text-cursor";

/** Instances that the actor may see, the worst first: by drift, and among equals the unhealthy before the others. */
export async function listInstances({ ctx, input }: { ctx: Ctx; input: z.output<typeof instancesQuery> }): Promise<Page<InstanceDto>> {
  authorise(ctx, "instances.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const [rank, id] = (decodeTextCursor(input.cursor, 2) ?? [null, null]).map((part) => (part === null ? null : wholeNumber(part)));
  const silent = input.category === "silent";
  const combinations = await ctx.db.$queryRaw<{ id: bigint; service: string | null; environment: string; worst: DriftCategory }[]>`
    SELECT c.id, c.service_name AS service, e.name::text AS environment, c.categories[1] AS worst FROM combinations c JOIN environments e ON e.id = c.environment_id
    WHERE (${input.service ?? null}::text IS NULL OR c.service_name = ${input.service ?? null}) AND (${input.environment ?? null}::text IS NULL OR e.name = ${input.environment ?? null})
      AND (${silent || input.category === undefined} OR ${input.category ?? null} = ANY(c.categories))
      AND EXISTS (SELECT FROM combination_counts k WHERE k.combination_id = c.id)`;
  const visible = combinations.filter(({ service, environment }) => visibleTo(ctx, "instances.read", { ...(service !== null && { service }), environment }));
  const rows = await ctx.db.$queryRaw<{ id: bigint; rank: number }[]>`
    SELECT i.id, r.rank FROM unnest(${visible.map((row) => row.id)}::bigint[], ${visible.map((row) => rankCategory(row.worst))}::int[]) c(id, rank)
    JOIN instances i ON i.combination_id = c.id
    CROSS JOIN LATERAL (SELECT 2 * c.rank + CASE WHEN i.health = 'unhealthy' THEN 0 ELSE 1 END AS rank) r
    WHERE (${rank ?? null}::int IS NULL OR (r.rank, i.id) > (${rank ?? null}::int, ${id ?? null}::bigint))
      AND (${input.region ?? null}::text IS NULL OR i.region = ${input.region ?? null})
      AND (NOT ${silent} OR EXISTS (SELECT FROM agent_scopes s WHERE s.id = i.agent_scope_id AND s.freshness = 'silent'))
    ORDER BY r.rank, i.id LIMIT ${input.limit + 1}`;
  const shown = rows.slice(0, input.limit);
  const last = shown.at(-1);
  return { items: await loadInstances(ctx.db, shown.map((row) => row.id)), nextCursor: rows.length > input.limit && last ? encodeTextCursor([String(last.rank), last.id.toString()]) : null };
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new AppError("invalid", "The cursor is not one of this list.", { fields: [{ path: "cursor", message: "is not one of this list" }] });
}

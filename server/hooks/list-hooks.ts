import type { HookDto } from "@/lib/contract/hooks";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { describeHook, type HookRow } from "./hook-row";

const MOST = 500;

/** The hooks by name, without their secrets. @throws AppError forbidden */
export async function listHooks({ ctx }: { ctx: Ctx }): Promise<Page<HookDto>> {
  authorise(ctx, "hooks.read");
  const rows = await ctx.db.$queryRaw<HookRow[]>`
    SELECT h.id::text, h.name::text, h.kind, h.service_pattern, h.environment_pattern, a.display_name AS created_by, h.created_at, h.last_called_at, h.removed_at
    FROM hooks h JOIN actors a ON a.id = h.actor_id WHERE h.removed_at IS NULL ORDER BY h.name LIMIT ${MOST}`;
  const visible = rows.filter((row) => visibleTo(ctx, "hooks.read", { service: row.service_pattern, environment: row.environment_pattern }));
  return { items: visible.map((row) => describeHook(ctx, row)), nextCursor: null };
}

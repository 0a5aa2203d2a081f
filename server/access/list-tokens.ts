import type { TokenDto } from "@/lib/contract/access";
import type { Page } from "@/lib/contract/primitives";
import type { Ctx } from "@/server/context";
import { authorise } from "./authorise";

const MOST = 500;
type Row = { id: string; name: string; team: string | null; roles: string[]; expires_at: Date; last_used_at: Date | null; revoked_at: Date | null; created_by: string | null };

/** The API tokens, newest first, without their secrets. @throws AppError forbidden */
export async function listTokens({ ctx }: { ctx: Ctx }): Promise<Page<TokenDto>> {
  authorise(ctx, "tokens.create");
  const rows = await ctx.db.$queryRaw<Row[]>`
    SELECT t.id::text, t.name, t.team, t.expires_at, t.last_used_at, t.revoked_at, c.display_name AS created_by,
      ARRAY(SELECT b.role || ' ' || b.service_pattern || '/' || b.environment_pattern FROM role_bindings b WHERE b.actor_id = t.actor_id ORDER BY 1) AS roles
    FROM api_tokens t LEFT JOIN actors c ON c.id = t.created_by ORDER BY t.created_at DESC, t.id LIMIT ${MOST}`;
  return {
    items: rows.map((row) => ({
      id: row.id,
      name: row.name,
      team: row.team,
      roles: row.roles,
      expiresAt: row.expires_at.toISOString(),
      lastUsedAt: row.last_used_at?.toISOString() ?? null,
      revokedAt: row.revoked_at?.toISOString() ?? null,
      createdBy: row.created_by,
    })),
    nextCursor: null,
  };
}

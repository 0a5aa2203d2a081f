import type { EnvironmentDto } from "@/lib/contract/fleet";
import type { Page } from "@/lib/contract/primitives";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { authorise, visibleTo } from "./authorise";

type Row = { name: string; protected: boolean; mode: EnvironmentDto["mode"]; kind: EnvironmentDto["kind"]; ordinal: number; requiredApprovals: number };

/** The environments that the reader may see, in their order. @throws AppError forbidden */
export async function listEnvironments({ ctx }: { ctx: Ctx }): Promise<Page<EnvironmentDto>> {
  authorise(ctx, "fleet.read");
  const rows = await readEnvironments(ctx.db);
  return { items: rows.filter(({ name }) => visibleTo(ctx, "fleet.read", { environment: name })), nextCursor: null };
}

export function readEnvironments(db: Db | Tx): Promise<EnvironmentDto[]> {
  return db.$queryRaw<Row[]>`
    SELECT name, protected, mode, kind, ordinal, required_approvals AS "requiredApprovals" FROM environments WHERE retired_at IS NULL ORDER BY ordinal`;
}

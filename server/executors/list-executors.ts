import { executorConfig, type ExecutorPage } from "@/lib/contract/executors";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { checkPublicKey } from "./check-key";
import { describeExecutor, type ExecutorRow } from "./executor-row";

const MOST = 500;
type Row = Omit<ExecutorRow, "secret"> & { last_at: Date | null; last_status: "pending" | "sent" | "failed" | null; last_error: string | null };

/** The executors by name, without their secrets, and the key that verifies what checks are asked. @throws AppError forbidden */
export async function listExecutors({ ctx }: { ctx: Ctx }): Promise<ExecutorPage> {
  authorise(ctx, "executors.read");
  const rows = await ctx.db.$queryRaw<Row[]>`
    SELECT x.id::text, x.name::text, x.service_pattern, x.environment_pattern, x.config, a.display_name AS created_by, x.created_at, x.removed_at,
      d.created_at AS last_at, d.status AS last_status, d.last_error
    FROM executors x JOIN actors a ON a.id = x.actor_id
    LEFT JOIN LATERAL (SELECT created_at, status, last_error FROM deliveries WHERE executor_id = x.id ORDER BY created_at DESC, id LIMIT 1) d ON true
    WHERE x.removed_at IS NULL ORDER BY x.name LIMIT ${MOST}`;
  const visible = rows.filter((row) => visibleTo(ctx, "executors.read", { service: row.service_pattern, environment: row.environment_pattern }));
  return {
    items: visible.map(({ last_at, last_status, last_error, ...row }) =>
      describeExecutor({ ...row, config: executorConfig.parse(row.config) }, last_at && last_status ? { at: last_at.toISOString(), status: last_status, error: last_error } : null),
    ),
    nextCursor: null,
    checkKey: checkPublicKey(ctx.keys),
  };
}

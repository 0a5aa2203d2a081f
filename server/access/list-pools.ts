import type { PoolDto } from "@/lib/contract/access";
import type { Page } from "@/lib/contract/primitives";
import type { Ctx } from "@/server/context";
import { authorise, visibleTo } from "./authorise";
import { loadPools } from "./load-pools";

/** The pools of which the reader may see an environment, by name. @throws AppError forbidden */
export async function listPools({ ctx }: { ctx: Ctx }): Promise<Page<PoolDto>> {
  authorise(ctx, "fleet.read");
  const pools = await loadPools(ctx.db);
  return { items: pools.filter((pool) => pool.environments.some((environment) => visibleTo(ctx, "fleet.read", { environment }))), nextCursor: null };
}

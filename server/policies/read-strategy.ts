import { environmentStrategySchema } from "@/lib/contract/strategies";
import { DEFAULT_STRATEGY, type EnvironmentStrategy } from "@/lib/domain/rollout/strategy";
import type { Db, Tx } from "@/server/db";

/**
 * How an environment rolls out now: the newest version that was decided, version 0 where nobody ever said. A preview
 * environment made from a template rolls out as the template does, and names the template's version.
 */
export async function readStrategy(db: Db | Tx, environmentId: string): Promise<{ version: number; strategy: EnvironmentStrategy }> {
  const [row] = await db.$queryRaw<{ version: number; strategy: unknown }[]>`
    SELECT s.version, s.strategy FROM environments e JOIN strategies s ON s.environment_id = coalesce(e.template_id, e.id)
    WHERE e.id = ${environmentId}::uuid ORDER BY s.version DESC LIMIT 1`;
  return row ? { version: row.version, strategy: environmentStrategySchema.parse(row.strategy) } : { version: 0, strategy: DEFAULT_STRATEGY };
}

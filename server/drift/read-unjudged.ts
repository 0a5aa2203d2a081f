import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import type { KnownEnvironment } from "./read-references";

export type Unjudged = { /** Instances by the rule that ignores them. */ byRule: Map<string, number>; ignored: number; unmapped: number };

/** What runs and is nobody's, where the actor may see it: ignored by a rule, or of no service that anything says. From the counters. */
export async function readUnjudged(ctx: Ctx, db: Db | Tx, environments: readonly KnownEnvironment[]): Promise<Unjudged> {
  const rows = await db.$queryRaw<{ rule: string | null; environment_id: string; instances: number }[]>`
    SELECT c.ignored_by AS rule, c.environment_id::text, sum(k.instances)::int AS instances
    FROM combinations c JOIN combination_counts k ON k.combination_id = c.id WHERE c.service_name IS NULL GROUP BY 1, 2`;
  const visible = new Set(environments.filter(({ name }) => visibleTo(ctx, "fleet.read", { environment: name })).map(({ id }) => id));
  const byRule = new Map<string, number>();
  let unmapped = 0;
  for (const { rule, environment_id, instances } of rows) {
    if (!visible.has(environment_id)) continue;
    if (rule === null) unmapped += instances;
    else byRule.set(rule, (byRule.get(rule) ?? 0) + instances);
  }
  return { byRule, unmapped, ignored: [...byRule.values()].reduce((sum, instances) => sum + instances, 0) };
}

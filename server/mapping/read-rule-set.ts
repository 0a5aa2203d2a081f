import { EMPTY_RULE_SET, type MappingRuleSet } from "@/lib/domain/fleet/mapping-rules";
import { mappingRuleSet } from "@/lib/contract/mapping";
import type { Db, Tx } from "@/server/db";

/** The rules in force with their version; version 0 and none as long as nobody decided any. */
export async function readRuleSet(db: Db | Tx): Promise<{ version: number; set: MappingRuleSet }> {
  const [row] = await db.$queryRaw<{ version: number; rules: unknown }[]>`SELECT version, rules FROM mapping_rule_sets ORDER BY version DESC LIMIT 1`;
  return row ? { version: row.version, set: mappingRuleSet.parse(row.rules) } : { version: 0, set: EMPTY_RULE_SET };
}

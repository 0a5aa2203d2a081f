import { mappingRuleSet, type MappingDto } from "@/lib/contract/mapping";
import { checkRuleSet } from "@/lib/domain/fleet/mapping-rules";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { readEnvironments } from "@/server/drift/read-references";
import { readUnjudged } from "@/server/drift/read-unjudged";
import { readRuleSet } from "./read-rule-set";

const MOST_VERSIONS = 50;

/** The rules in force, what they ignore now, and the versions before. */
export async function getMapping({ ctx }: { ctx: Ctx }): Promise<MappingDto> {
  authorise(ctx, "mapping.read");
  return loadMapping(ctx, ctx.db);
}

/** The same in a transaction. */
export async function loadMapping(ctx: Ctx, db: Db | Tx): Promise<MappingDto> {
  const { version, set } = await readRuleSet(db);
  const { byRule, unmapped } = await readUnjudged(ctx, db, await readEnvironments(db));
  const history = await db.$queryRaw<{ version: number; rules: number; aliases: number; reason: string | null; by: string; at: Date; entry: bigint }[]>`
    SELECT m.version, jsonb_array_length(m.rules -> 'rules') AS rules, (SELECT count(*)::int FROM jsonb_object_keys(m.rules -> 'aliases')) AS aliases, t.text AS reason, a.display_name AS by, m.created_at AS at, m.entry_seq AS entry
    FROM mapping_rule_sets m JOIN actors a ON a.id = m.actor_id LEFT JOIN ledger_texts t ON t.entry_seq = m.entry_seq AND t.field = 'reason'
    ORDER BY m.version DESC LIMIT ${MOST_VERSIONS}`;
  return {
    version,
    set: mappingRuleSet.parse(set),
    warnings: checkRuleSet(set),
    ignored: set.rules.flatMap(({ name, ignore }) => (ignore === undefined ? [] : [{ rule: name, reason: ignore, instances: byRule.get(name) ?? 0 }])),
    unmapped,
    history: history.map((row) => ({ ...row, at: row.at.toISOString(), entry: Number(row.entry) })),
  };
}

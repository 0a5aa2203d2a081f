import { recordChanges } from "@/server/changes/record-change";
import { sqlArray, type Tx } from "@/server/db";

/** How many more (or fewer) instances one scope shows of one combination. */
export type CountMove = { scopeId: bigint; combinationId: bigint; instances: number; unhealthy: number };

/** Adds up moves of one counter, so that each row is written once, and drops those that come to nothing. */
export function sumMoves(moves: readonly CountMove[]): CountMove[] {
  const sums = new Map<string, CountMove>();
  for (const move of moves) {
    const key = `${move.scopeId} ${move.combinationId}`;
    const sum = sums.get(key) ?? { ...move, instances: 0, unhealthy: 0 };
    sums.set(key, { ...sum, instances: sum.instances + move.instances, unhealthy: sum.unhealthy + move.unhealthy });
  }
  return [...sums.values()].filter((sum) => sum.instances !== 0 || sum.unhealthy !== 0);
}

/**
 * Moves the counters. The scopes' rows are locked first, in one order: a counter is then only ever written by one
 * transaction. A combination that nobody runs any more loses its findings.
 */
export async function moveCounts(tx: Tx, moves: readonly CountMove[], now: Date): Promise<void> {
  const sums = sumMoves(moves);
  if (sums.length === 0) return;
  const scopeIds = [...new Set(sums.map((sum) => sum.scopeId))];
  await tx.$executeRaw`/* prepared: counts-lock */ SELECT 1 FROM agent_scopes WHERE id = ANY(${sqlArray(scopeIds)}::bigint[]) ORDER BY id FOR NO KEY UPDATE`;
  await tx.$executeRaw`
    /* prepared: counts-move */ MERGE INTO combination_counts c
    USING (SELECT * FROM unnest(${sqlArray(sums.map((sum) => sum.scopeId))}::bigint[], ${sqlArray(sums.map((sum) => sum.combinationId))}::bigint[],
      ${sqlArray(sums.map((sum) => sum.instances))}::int[], ${sqlArray(sums.map((sum) => sum.unhealthy))}::int[]) d(scope_id, combination_id, instances, unhealthy)) d
    ON c.agent_scope_id = d.scope_id AND c.combination_id = d.combination_id
    WHEN MATCHED AND c.instances + d.instances <= 0 THEN DELETE
    WHEN MATCHED THEN UPDATE SET instances = c.instances + d.instances, unhealthy = c.unhealthy + d.unhealthy
    WHEN NOT MATCHED THEN INSERT (agent_scope_id, combination_id, instances, unhealthy) VALUES (d.scope_id, d.combination_id, d.instances, d.unhealthy)`;
  const lessened = sums.filter((sum) => sum.instances < 0).map((sum) => sum.combinationId);
  if (lessened.length > 0) await resolveUnpopulated(tx, now, lessened);
}

/** Resolves the findings of combinations that nobody runs any more; of all of them when none is named. */
export async function resolveUnpopulated(tx: Tx, now: Date, combinationIds: readonly bigint[] | null = null): Promise<void> {
  const rows = await tx.$queryRaw<{ service_id: string | null; service_name: string | null; environment_id: string | null }[]>`
    UPDATE findings f SET resolved_at = ${now}, resolved_reason = 'nobody runs it any more'
    WHERE f.resolved_at IS NULL AND f.combination_id IS NOT NULL
      AND (${combinationIds}::bigint[] IS NULL OR f.combination_id = ANY(${combinationIds}::bigint[]))
      AND NOT EXISTS (SELECT FROM combination_counts c WHERE c.combination_id = f.combination_id)
    RETURNING service_id::text, service_name, environment_id::text`;
  await recordChanges(tx, rows.map((row) => ({ topic: "findings", serviceId: row.service_id, serviceName: row.service_name, environmentId: row.environment_id })));
}

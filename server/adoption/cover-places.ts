import { FINDING_CATEGORIES } from "@/lib/domain/drift/categories";
import { Prisma, type Tx } from "@/server/db";
import { COMBINATION_COLUMNS, keyOfRow, type CombinationRow } from "@/server/drift/combination";
import { placeCombinations } from "@/server/drift/place-combinations";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";
import { loadDeclared } from "@/server/drift/load-declared";
import { repointInstances } from "@/server/drift/repoint-instances";

/** An adoption by its entry, and its time. */
type Entry = { seq: bigint; at: Date };
type Group = CombinationRow & { release_id: string; declared: string | null };

/**
 * Every target at an adopted place is expected to run what was assigned: a desired row of generation 0, which no agent is told.
 * @returns how many there are
 */
export async function coverTargets(tx: Tx, { seq, at }: Entry): Promise<number> {
  return tx.$executeRaw`
    INSERT INTO target_desired (target_id, release_id, entry_seq, generation, updated_at)
    SELECT t.id, a.release_id, a.entry_seq, 0, ${at}::timestamptz FROM assignments a
    JOIN targets t ON t.service_id = a.service_id AND t.environment_id = a.environment_id AND t.partition = a.partition AND t.gone_at IS NULL
    WHERE a.entry_seq = ${seq}
    ON CONFLICT DO NOTHING`;
}

/**
 * Points the copies at adopted places, those in other services' targets too, to the combinations of what was assigned, and moves
 * the counters.
 * @returns how many were moved
 */
export async function moveInstances(tx: Tx, { seq, at }: Entry): Promise<number> {
  const groups = await tx.$queryRaw<Group[]>`
    SELECT DISTINCT ${COMBINATION_COLUMNS}, a.release_id::text, declared.digest AS declared
    FROM assignments a JOIN combinations c ON c.service_id = a.service_id AND c.environment_id = a.environment_id AND c.partition = a.partition AND c.desired_kind = 'none'
    JOIN instances i ON i.combination_id = c.id JOIN targets t ON t.id = i.target_id
    LEFT JOIN LATERAL (SELECT e ->> 'declared' AS digest FROM jsonb_array_elements(t.components) e WHERE e ->> 'name' = i.component LIMIT 1) declared ON true
    WHERE a.entry_seq = ${seq}`;
  if (groups.length === 0) return 0;
  const matches = await loadDeclared(tx, groups.map(({ declared, release_id }) => ({ digest: declared, releaseId: release_id })));
  const keys = groups.map((group) => ({
    ...keyOfRow(group),
    desiredKind: "release" as const,
    desiredReleaseId: group.release_id,
    unexpected: false,
    declaredMatches: matches(group.declared, group.release_id, group.component),
  }));
  const placed = await placeCombinations(tx, keys);
  const to = keys.map((key) => placed.idOf(key));
  return repointInstances(
    tx,
    Prisma.sql`
      unnest(${groups.map(({ id }) => id)}::bigint[], ${groups.map(({ declared }) => declared)}::text[], ${to}::bigint[]) m(from_id, declared, to_id)
      JOIN instances i ON i.combination_id = m.from_id JOIN targets t ON t.id = i.target_id
      LEFT JOIN LATERAL (SELECT e ->> 'declared' AS digest FROM jsonb_array_elements(t.components) e WHERE e ->> 'name' = i.component LIMIT 1) declared ON true
      WHERE m.declared IS NOT DISTINCT FROM declared.digest`,
    { now: at },
  );
}

/** Findings of the targets at adopted places where something deviates, or did. */
export async function refreshPlaces(tx: Tx, { seq, at }: Entry): Promise<void> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>`
    SELECT t.id FROM assignments a JOIN targets t ON t.service_id = a.service_id AND t.environment_id = a.environment_id AND t.partition = a.partition
    WHERE a.entry_seq = ${seq} AND (
      t.under_since IS NOT NULL
      OR EXISTS (SELECT FROM findings f WHERE f.target_id = t.id AND f.resolved_at IS NULL)
      OR EXISTS (SELECT FROM instances i JOIN combinations c ON c.id = i.combination_id WHERE i.target_id = t.id AND c.categories && ${[...FINDING_CATEGORIES]}::text[]))`;
  await refreshTargetFindings(tx, rows.map(({ id }) => id), { now: at });
}

import { recordChanges } from "@/server/changes/record-change";
import { Prisma, sqlArray, type Tx } from "@/server/db";
import { COMBINATION_COLUMNS, desiredOf, keyOfRow, type CombinationRow } from "./combination";
import { loadDeclared } from "./load-declared";
import { placeCombinations } from "./place-combinations";
import { refreshTargetFindings } from "./refresh-findings";
import { lockVerdicts } from "./rejudge";
import { repointInstances } from "./repoint-instances";

type Group = CombinationRow & { covered: boolean; release_id: string | null; declared: string | null; assigned: boolean };

/**
 * After desired rows moved: points the instances of these targets to the combination of their target's new desired row,
 * moves the counters and brings the targets' findings up to date.
 */
export async function regroupTargets(tx: Tx, targetIds: readonly bigint[], { now }: { now: Date }): Promise<void> {
  if (targetIds.length === 0) return;
  await lockVerdicts(tx);
  // A mesh proxy beside the service is judged against its own owner, whatever its target should run.
  const groups = await tx.$queryRaw<Group[]>`
    SELECT DISTINCT ${COMBINATION_COLUMNS},
      d.target_id IS NOT NULL AS covered, d.release_id::text, declared.digest AS declared,
      EXISTS (SELECT FROM assignments a WHERE a.service_id = t.service_id AND a.environment_id = t.environment_id AND a.partition = t.partition AND a.release_id IS NOT NULL) AS assigned
    FROM targets t JOIN instances i ON i.target_id = t.id JOIN combinations c ON c.id = i.combination_id LEFT JOIN target_desired d ON d.target_id = t.id
    LEFT JOIN LATERAL (SELECT e ->> 'declared' AS digest FROM jsonb_array_elements(t.components) e WHERE e ->> 'name' = i.component LIMIT 1) declared ON true
    WHERE t.id = ANY(${sqlArray(targetIds)}::bigint[]) AND c.service_id = t.service_id`;
  const matches = await loadDeclared(tx, groups.map((group) => ({ digest: group.declared, releaseId: group.release_id, component: group.component })));
  const keys = groups.map((group) => {
    const desired = desiredOf(group.covered ? { releaseId: group.release_id } : null, group.assigned);
    return { ...keyOfRow(group), ...desired, declaredMatches: matches(group.declared, group.release_id, group.component) };
  });
  const placed = await placeCombinations(tx, keys);
  const moves = groups.flatMap((group, at) => {
    const key = keys[at];
    const to = key ? placed.idOf(key) : group.id;
    return to === group.id ? [] : [{ group, to }];
  });
  if (moves.length > 0) {
    await repointInstances(
      tx,
      Prisma.sql`
        instances i JOIN targets t ON t.id = i.target_id LEFT JOIN target_desired d ON d.target_id = t.id
        LEFT JOIN LATERAL (SELECT e ->> 'declared' AS digest FROM jsonb_array_elements(t.components) e WHERE e ->> 'name' = i.component LIMIT 1) declared ON true
        JOIN unnest(${sqlArray(moves.map(({ group }) => group.id))}::bigint[], ${sqlArray(moves.map(({ group }) => group.covered))}::boolean[], ${sqlArray(moves.map(({ group }) => group.release_id))}::uuid[],
          ${sqlArray(moves.map(({ group }) => group.declared))}::text[], ${sqlArray(moves.map(({ to }) => to))}::bigint[]) m(from_id, covered, release_id, declared, to_id)
          ON m.from_id = i.combination_id AND m.covered = (d.target_id IS NOT NULL) AND m.release_id IS NOT DISTINCT FROM d.release_id AND m.declared IS NOT DISTINCT FROM declared.digest
        WHERE i.target_id = ANY(${sqlArray(targetIds)}::bigint[])`,
      { now },
    );
  }
  await refreshTargetFindings(tx, targetIds, { now });
  const places = new Map(groups.map((group) => [`${group.service_id} ${group.environment_id}`, group]));
  await recordChanges(tx, [...places.values()].map((row) => ({ topic: "fleet", serviceId: row.service_id, serviceName: row.service_name, environmentId: row.environment_id })));
}

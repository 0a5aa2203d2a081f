import { admitTarget } from "@/lib/domain/drift/judge-target";
import type { Tx } from "@/server/db";

/** Runtimes that keep a declared count themselves, where a container started by hand is not. */
const ORCHESTRATED = ["kubernetes", "systemd"];

type Row = { id: bigint; assigned: boolean; has_row: boolean; present: boolean; runtime: string; others: number };

/**
 * Decides for targets that a report shows for the first time whether the assignment here is theirs, or whether they run
 * beside what was decided. Who is admitted gets a desired row of generation 0: expected, never offered.
 */
export async function admitTargets(tx: Tx, targetIds: readonly bigint[], { now }: { now: Date }): Promise<void> {
  if (targetIds.length === 0) return;
  const rows = await tx.$queryRaw<Row[]>`
    SELECT t.id, a.entry_seq IS NOT NULL AS assigned, d.target_id IS NOT NULL AS has_row, coalesce(t.first_seen_at <= a.updated_at, false) AS present, ag.runtime,
      (SELECT count(*)::int FROM targets o LEFT JOIN target_desired od ON od.target_id = o.id
        WHERE o.agent_scope_id = t.agent_scope_id AND o.service_id = t.service_id AND o.gone_at IS NULL AND o.id <> t.id
          -- Copies that come together are all first, unless one of them was expected here before and only came back.
          AND (od.target_id IS NOT NULL OR o.id <> ALL(${targetIds}::bigint[]))) AS others
    FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents ag ON ag.id = s.agent_id
    LEFT JOIN assignments a ON a.service_id = t.service_id AND a.environment_id = t.environment_id AND a.partition = t.partition
    LEFT JOIN target_desired d ON d.target_id = t.id
    WHERE t.id = ANY(${targetIds}::bigint[])`;
  const admitted = rows.filter(
    (row) =>
      !row.has_row &&
      admitTarget({ assigned: row.assigned, hasDesiredRow: row.has_row, presentAtAssignment: row.present, orchestrated: ORCHESTRATED.includes(row.runtime), othersOfServiceInScope: row.others }) === "admitted",
  );
  if (admitted.length === 0) return;
  // Every wave is open from the start, so a newcomer gets what the assignment says, in a promotion too.
  await tx.$executeRaw`
    INSERT INTO target_desired (target_id, release_id, entry_seq, generation, updated_at)
    SELECT t.id, a.release_id, a.entry_seq, 0, ${now}::timestamptz FROM targets t
    JOIN assignments a ON a.service_id = t.service_id AND a.environment_id = t.environment_id AND a.partition = t.partition
    WHERE t.id = ANY(${admitted.map((row) => row.id)}::bigint[])
    ON CONFLICT DO NOTHING`;
}

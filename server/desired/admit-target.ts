import { admitTarget } from "@/lib/domain/drift/judge-target";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import type { Tx } from "@/server/db";

/** Runtimes that keep a declared count themselves, where a container started by hand is not. */
const ORCHESTRATED = ["kubernetes", "systemd"];

type Row = { id: bigint; assigned: boolean; has_row: boolean; present: boolean; runtime: string; others: number };
type Rollout = { target_id: bigint; rollout_id: string; kind: RolloutKind; wave: number; from_release_id: string | null; from_entry_seq: bigint | null };

/**
 * Decides for targets that a report shows for the first time whether the assignment here is theirs, or whether they run
 * beside what was decided. Who is admitted gets a desired row of generation 0: expected, never offered. While a rollout runs
 * a newcomer of a rollback (or of a promotion whose last wave is open) takes part in it at once; in a promotion before that it
 * is expected to run what was assigned before.
 * @param expected targets of which something was expected where they were: they are no copies that somebody started by hand
 */
export async function admitTargets(tx: Tx, targetIds: readonly bigint[], { expected = [], now }: { expected?: readonly bigint[]; now: Date }): Promise<void> {
  if (targetIds.length === 0) return;
  await waitForDecisions(tx, targetIds);
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
  const arriving = new Set(expected);
  const admitted = rows.filter(
    (row) =>
      !row.has_row &&
      admitTarget({ assigned: row.assigned, hasDesiredRow: row.has_row || arriving.has(row.id), presentAtAssignment: row.present, orchestrated: ORCHESTRATED.includes(row.runtime), othersOfServiceInScope: row.others }) === "admitted",
  );
  if (admitted.length === 0) return;
  const ids = admitted.map((row) => row.id);
  const rollouts = await tx.$queryRaw<Rollout[]>`
    SELECT t.id AS target_id, r.id AS rollout_id, r.kind, w.wave, r.from_release_id, r.from_entry_seq
    FROM targets t JOIN rollouts r ON r.service_id = t.service_id AND r.environment_id = t.environment_id AND r.partition = t.partition AND r.status IN ('planned', 'running', 'paused')
    JOIN LATERAL (
      -- The first wave that has not passed, where it is open or the rollout goes back; the last one otherwise.
      SELECT CASE WHEN r.kind = 'promote' THEN max(ordinal) FILTER (WHERE last AND opened_at IS NOT NULL) ELSE coalesce(min(ordinal) FILTER (WHERE status NOT IN ('passed', 'failed')), max(ordinal)) END AS wave
      FROM (SELECT ordinal, status, opened_at, ordinal = max(ordinal) OVER () AS last FROM waves WHERE rollout_id = r.id) all_waves) w ON true
    WHERE t.id = ANY(${ids}::bigint[]) AND r.kind IN ('promote', 'rollback', 'stop')`;
  const waits = rollouts.filter(({ kind, wave, from_entry_seq }) => kind === "promote" && wave === null && from_entry_seq !== null);
  const joins = rollouts.filter(({ wave }) => wave !== null);
  await tx.$executeRaw`
    INSERT INTO target_desired (target_id, release_id, entry_seq, generation, updated_at)
    SELECT t.id, CASE WHEN w.target_id IS NULL THEN a.release_id ELSE w.release_id END, coalesce(w.entry_seq, a.entry_seq), 0, ${now}::timestamptz FROM targets t
    JOIN assignments a ON a.service_id = t.service_id AND a.environment_id = t.environment_id AND a.partition = t.partition
    LEFT JOIN unnest(${waits.map(({ target_id }) => target_id)}::bigint[], ${waits.map(({ from_release_id }) => from_release_id)}::uuid[], ${waits.map(({ from_entry_seq }) => from_entry_seq)}::bigint[]) w(target_id, release_id, entry_seq) ON w.target_id = t.id
    WHERE t.id = ANY(${ids}::bigint[])
    ON CONFLICT DO NOTHING`;
  if (joins.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO rollout_targets (rollout_id, target_id, wave, newcomer, updated_at)
    SELECT j.rollout_id, j.target_id, j.wave, true, ${now}::timestamptz
    FROM unnest(${joins.map(({ rollout_id }) => rollout_id)}::uuid[], ${joins.map(({ target_id }) => target_id)}::bigint[], ${joins.map(({ wave }) => wave)}::int[]) j(rollout_id, target_id, wave)
    ON CONFLICT DO NOTHING`;
}

/**
 * A decision about a place that is being made is waited for, and the next one waits for this report: else a target that is
 * reported in the same moment would be seen by neither, and be nobody's for ever.
 */
async function waitForDecisions(tx: Tx, targetIds: readonly bigint[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO partitions (service_id, environment_id, name)
    SELECT DISTINCT service_id, environment_id, partition FROM targets WHERE id = ANY(${targetIds}::bigint[]) AND service_id IS NOT NULL AND partition = 'default' ORDER BY 1, 2
    ON CONFLICT DO NOTHING`;
  await tx.$queryRaw`
    SELECT 1 FROM partitions p WHERE (p.service_id, p.environment_id, p.name) IN (
      SELECT service_id, environment_id, partition FROM targets WHERE id = ANY(${targetIds}::bigint[]) AND service_id IS NOT NULL)
    ORDER BY p.service_id, p.environment_id, p.name FOR SHARE`;
}

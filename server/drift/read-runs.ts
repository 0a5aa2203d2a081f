import type { ServiceDto } from "@/lib/contract/fleet";
import type { Db } from "@/server/db";

const MOST = 50;

type Row = { target: string; agent: string; kind: ServiceDto["runs"][number]["kind"]; environment: string; digest: string; version: string | null; runs: bigint; failed: bigint; first_at: Date; last_at: Date; last_exit: number | null };

/** Runs of a service that are over, by target and bytes, the latest first: jobs, one-shots, and what was over before it was seen. */
export async function readRuns(db: Db, service: string, environmentIds: readonly string[]): Promise<ServiceDto["runs"]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT t.key AS target, a.name AS agent, t.kind, e.name::text AS environment, r.digest, r.runs, r.failed, r.first_at, r.last_at, r.last_exit,
      (SELECT v.version FROM artifact_digests d JOIN release_components c ON c.artifact_id = d.artifact_id JOIN releases v ON v.id = c.release_id
        WHERE d.digest = r.digest AND v.service_id = t.service_id ORDER BY v.entry_seq LIMIT 1) AS version
    FROM run_rollups r JOIN targets t ON t.id = r.target_id JOIN environments e ON e.id = t.environment_id JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
    WHERE t.service_name = ${service} AND t.environment_id = ANY(${environmentIds}::uuid[]) ORDER BY r.last_at DESC, t.id LIMIT ${MOST}`;
  return rows.map(({ first_at, last_at, last_exit, runs, failed, digest, ...row }) => ({
    ...row, digest: digest === "" ? null : digest, runs: Number(runs), failed: Number(failed), firstAt: first_at.toISOString(), lastAt: last_at.toISOString(), lastExit: last_exit,
  }));
}

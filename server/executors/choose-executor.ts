import { pickExecutor } from "@/lib/domain/rollout/pick-executor";
import type { Db, Tx } from "@/server/db";

export type ExecutorKind = "webhook" | "github" | "gitlab";
type Row = { id: string; name: string; kind: ExecutorKind; service_pattern: string; environment_pattern: string };

/** Who carries out what is decided about a place, when something else deploys there; the most specific one. Null: the agents do. */
export async function chooseExecutor(tx: Db | Tx, place: { service: string; environment: string }): Promise<{ id: string; name: string; kind: ExecutorKind } | null> {
  const rows = await tx.$queryRaw<Row[]>`SELECT id::text, name::text, kind, service_pattern, environment_pattern FROM executors WHERE removed_at IS NULL`;
  const chosen = pickExecutor(rows.map((row) => ({ ...row, servicePattern: row.service_pattern, environmentPattern: row.environment_pattern })), place);
  return chosen && { id: chosen.id, name: chosen.name, kind: chosen.kind };
}

import type { Tx } from "@/server/db";
import { lockVerdicts } from "@/server/drift/rejudge";

/**
 * Before rules or names change: waits for reports that are being taken by the old ones, and holds back new ones, decisions
 * about places and verdicts. In the order of every decision: places, verdicts, scopes, the ledger last.
 */
export async function lockMapping(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.mapping', 0))`;
  await tx.$executeRaw`SELECT 1 FROM partitions ORDER BY service_id, environment_id, name FOR SHARE`;
  await lockVerdicts(tx);
  await tx.$executeRaw`SELECT 1 FROM agent_scopes ORDER BY id FOR NO KEY UPDATE`;
}

import { recordChanges } from "@/server/changes/record-change";
import { sqlArray, type Tx } from "@/server/db";

/**
 * Raises the desired-state version of agents, in the transaction that changes what one of their documents says, and wakes
 * those that wait for it. Rows are locked in one order, so that two decisions never wait for each other.
 */
export async function raiseDesired(tx: Tx, agentIds: readonly string[]): Promise<void> {
  if (agentIds.length === 0) return;
  const rows = await tx.$queryRaw<{ id: string }[]>`
    WITH locked AS MATERIALIZED (
      SELECT id FROM agents WHERE id = ANY(${sqlArray(agentIds)}::uuid[]) AND state <> 'retired' AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE)
    UPDATE agents a SET desired_version = a.desired_version + 1 FROM locked WHERE a.id = locked.id RETURNING a.id`;
  await recordChanges(tx, rows.map(({ id }) => ({ topic: "desired", key: id })));
}

import { recordChanges } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { moveCounts, type CountMove } from "@/server/drift/move-counts";
import { observeTargets } from "@/server/rollouts/observe-targets";
import { endInstances } from "./write-instances";

type ScopeRow = { id: bigint; scope: string; last_report_at: Date };

/**
 * Takes an agent off the present for good: its spans end when they were last seen, with the reason; its counters, targets
 * and findings go. Whoever comes back enrols again. Idempotent.
 * @returns false when it was retired already, or is not there
 */
export async function retireAgent(tx: Tx, agentId: string, { reason, now }: { reason: string; now: Date }): Promise<boolean> {
  const scopes = await tx.$queryRaw<ScopeRow[]>`SELECT id, scope, last_report_at FROM agent_scopes WHERE agent_id = ${agentId}::uuid ORDER BY scope`;
  await tx.$executeRaw`
    SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(${scopes.map(({ scope }) => `plumbline.report:${agentId}:${scope}`)}::text[]) WITH ORDINALITY k(key, place) ORDER BY place`;
  const scopeIds = scopes.map(({ id }) => id);
  const instances = await tx.$queryRaw<{ id: bigint; agent_scope_id: bigint }[]>`SELECT id, agent_scope_id FROM instances WHERE agent_scope_id = ANY(${scopeIds}::bigint[])`;
  const moves: CountMove[] = [];
  for (const scope of scopes) {
    const ended = instances.filter((instance) => instance.agent_scope_id === scope.id).map(({ id }) => ({ id, reason: "agent-retired", lastExit: null }));
    moves.push(...(await endInstances(tx, ended, scope.last_report_at)));
  }
  await moveCounts(tx, moves, now);
  const targets = await tx.$queryRaw<{ id: bigint }[]>`
    UPDATE targets SET gone_at = ${now}, under_since = NULL WHERE agent_scope_id = ANY(${scopeIds}::bigint[]) AND gone_at IS NULL RETURNING id`;
  await tx.$executeRaw`
    UPDATE findings SET resolved_at = ${now}, resolved_reason = 'the agent retired'
    WHERE resolved_at IS NULL AND (agent_scope_id = ANY(${scopeIds}::bigint[]) OR target_id IN (SELECT id FROM targets WHERE agent_scope_id = ANY(${scopeIds}::bigint[])))`;
  await tx.$executeRaw`DELETE FROM report_parts WHERE agent_id = ${agentId}::uuid`;
  const retired = await tx.$executeRaw`
    UPDATE agents SET state = 'retired', retired_at = ${now}, retired_reason = ${reason.slice(0, 200)} WHERE id = ${agentId}::uuid AND retired_at IS NULL`;
  if (retired === 0) return false;
  await observeTargets(tx, targets.map(({ id }) => id), { now });
  await recordChanges(tx, [{ topic: "agent", key: agentId }, { topic: "fleet", key: agentId }, { topic: "findings", key: agentId }]);
  return true;
}

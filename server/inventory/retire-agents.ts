import { recordChanges, type Change } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { moveCounts } from "@/server/drift/move-counts";
import { observeTargets } from "@/server/rollouts/observe-targets";
import { endInstances, type EndedInstance } from "./write-instances";

/** How an agent ended; its instances' spans end with the same word. */
export const RETIREMENTS = ["left", "vanished", "re-enrolled", "revoked"] as const;
export type Retirement = (typeof RETIREMENTS)[number];

type ScopeRow = { id: bigint; agent_id: string; last_report_at: Date };

const FINDING_ENDS: Record<Retirement, string> = {
  left: "the agent left",
  vanished: "the agent is gone",
  "re-enrolled": "the host was enrolled again",
  revoked: "the agent was revoked",
};

/**
 * Takes agents off the present for good: their instances' spans end now when they said so themselves, else when they were
 * last seen; their counters, targets and findings go. Whoever comes back enrols again. Idempotent.
 * @param heardBy of agents that are taken for vanished: when they were heard last; whoever was heard since stays
 * @returns those that retired now; who was retired already, or is not there, is left out
 */
export async function retireAgents(tx: Tx, agentIds: readonly string[], { how, reason, successor = null, heardBy = new Map(), now }: { how: Retirement; reason: string; successor?: string | null; heardBy?: ReadonlyMap<string, Date>; now: Date }): Promise<string[]> {
  if (agentIds.length === 0) return [];
  // In the order in which reports take them, so that neither waits for the other in a circle.
  await tx.$executeRaw`
    SELECT pg_advisory_xact_lock(k.id) FROM (
      SELECT DISTINCT hashtextextended('plumbline.report:' || agent_id || ':' || scope, 0) AS id FROM agent_scopes WHERE agent_id = ANY(${agentIds}::uuid[]) ORDER BY 1) k`;
  // Only now, when no report of theirs is under way: one may have come since it was decided that they are gone.
  const present = await tx.$queryRaw<{ id: string }[]>`
    SELECT id::text FROM agents a WHERE id = ANY(${agentIds}::uuid[]) AND retired_at IS NULL
      AND NOT EXISTS (SELECT FROM unnest(${[...heardBy.keys()]}::uuid[], ${[...heardBy.values()]}::timestamptz[]) h(agent_id, at) JOIN agent_scopes s ON s.agent_id = h.agent_id WHERE h.agent_id = a.id AND s.last_report_at > h.at)`;
  if (present.length === 0) return [];
  const ids = present.map(({ id }) => id);
  const scopes = await tx.$queryRaw<ScopeRow[]>`SELECT id, agent_id::text, last_report_at FROM agent_scopes WHERE agent_id = ANY(${ids}::uuid[]) ORDER BY id`;
  const scopeIds = scopes.map(({ id }) => id);
  const seenAt = new Map(scopes.map((scope) => [scope.id, scope.last_report_at]));
  const instances = await tx.$queryRaw<{ id: bigint; agent_scope_id: bigint }[]>`SELECT id, agent_scope_id FROM instances WHERE agent_scope_id = ANY(${scopeIds}::bigint[])`;
  const ended = instances.map(({ id, agent_scope_id }): EndedInstance => ({ id, reason: how, lastExit: null, at: how === "left" ? now : (seenAt.get(agent_scope_id) ?? now) }));
  await moveCounts(tx, await endInstances(tx, ended, now), now);
  const targets = await tx.$queryRaw<{ id: bigint }[]>`
    UPDATE targets SET gone_at = ${now}, under_since = NULL WHERE agent_scope_id = ANY(${scopeIds}::bigint[]) AND gone_at IS NULL RETURNING id`;
  await tx.$executeRaw`
    UPDATE findings SET resolved_at = ${now}, resolved_reason = ${FINDING_ENDS[how]}
    WHERE resolved_at IS NULL AND (agent_scope_id = ANY(${scopeIds}::bigint[]) OR target_id = ANY(ARRAY(SELECT id FROM targets WHERE agent_scope_id = ANY(${scopeIds}::bigint[]))))`;
  await tx.$executeRaw`DELETE FROM report_parts WHERE agent_id = ANY(${ids}::uuid[])`;
  const retired = await tx.$queryRaw<{ id: string }[]>`
    UPDATE agents SET state = 'retired', retired_at = ${now}, retired_reason = ${reason.slice(0, 200)}, successor_id = ${successor}::uuid
    WHERE id IN (SELECT id FROM agents WHERE id = ANY(${ids}::uuid[]) AND retired_at IS NULL ORDER BY id FOR NO KEY UPDATE) RETURNING id::text`;
  await observeTargets(tx, targets.map(({ id }) => id), { now });
  await recordChanges(tx, retired.flatMap(({ id: key }): Change[] => [{ topic: "agent", key }, { topic: "fleet", key }, { topic: "findings", key }]));
  return retired.map(({ id }) => id);
}

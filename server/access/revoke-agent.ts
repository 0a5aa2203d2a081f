import type { z } from "zod";
import type { RevokedDto, revokeAgentRequest } from "@/lib/contract/access";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { notFound } from "@/server/errors";
import { retireAgents } from "@/server/inventory/retire-agents";
import { appendEntry } from "@/server/ledger/append-entry";
import { authorise } from "./authorise";

/**
 * Ends an agent's right to report and to act, at once, and takes it off the present: its spans end when they were last
 * seen. Revoking twice is revoking.
 * @throws AppError forbidden, not-found
 */
export async function revokeAgent({ ctx, input }: { ctx: Ctx; input: z.output<typeof revokeAgentRequest> }): Promise<RevokedDto> {
  return transact(ctx.db, async (tx) => {
    const [agent] = await tx.$queryRaw<{ revoked_at: Date | null; environments: string[] }[]>`
      SELECT g.revoked_at, ARRAY(SELECT e.name::text FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = g.pool_id) AS environments
      FROM agents g WHERE g.id = ${input.agent}::uuid FOR UPDATE OF g`;
    for (const environment of agent?.environments ?? []) authorise(ctx, "agents.revoke", { environment });
    if (!agent) {
      authorise(ctx, "agents.revoke");
      throw notFound("agent");
    }
    if (agent.revoked_at) return { id: input.agent, revokedAt: agent.revoked_at.toISOString() };
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    await retireAgents(tx, [input.agent], { how: "revoked", reason: "revoked", now: clock?.now ?? new Date() });
    await recordChanges(tx, [{ topic: "agent", key: input.agent }, { topic: "desired", key: input.agent }]);
    const { at } = await appendEntry(tx, ctx, { type: "agent-revoked", scope: { service: null, environment: null }, payload: { agent: input.agent }, texts: { reason: input.reason } });
    await tx.$executeRaw`UPDATE agents SET revoked_at = ${at} WHERE id = ${input.agent}::uuid`;
    return { id: input.agent, revokedAt: at.toISOString() };
  });
}

import type { Tx } from "@/server/db";
import type { RolloutRow } from "./read-rollout-state";
import { tellRollout } from "./tell-rollout";

/**
 * Targets that appeared while a promotion ran had the previous release; when its last wave opens they belong to it, and
 * wait for their offer like everyone else there.
 */
export async function adoptNewcomers(tx: Tx, rollout: RolloutRow, { wave, now }: { wave: number; now: Date }): Promise<void> {
  if (rollout.kind !== "promote") return;
  const count = await tx.$executeRaw`
    INSERT INTO rollout_targets (rollout_id, target_id, wave, newcomer, updated_at)
    SELECT ${rollout.id}::uuid, t.id, ${wave}, true, ${now}::timestamptz
    FROM targets t JOIN target_desired d ON d.target_id = t.id JOIN rollouts r ON r.id = ${rollout.id}::uuid JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
    WHERE t.service_id = ${rollout.serviceId}::uuid AND t.environment_id = ${rollout.environmentId}::uuid AND t.partition = ${rollout.partition} AND t.gone_at IS NULL
      AND a.state <> 'retired' AND t.first_seen_at > r.created_at AND d.release_id IS DISTINCT FROM r.to_release_id
    ORDER BY t.id ON CONFLICT DO NOTHING`;
  if (count > 0) await tellRollout(tx, { rolloutId: rollout.id, at: now, kind: "newcomers", detail: { targets: count, wave } });
}

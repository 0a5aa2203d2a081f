import { FLAP_QUIET_MS } from "@/lib/domain/drift/flapping";
import { SETTLE_MS } from "@/lib/domain/drift/judge-target";
import type { App } from "@/server/context";
import { transact } from "@/server/db";
import { resolveUnpopulated } from "@/server/drift/move-counts";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";
import { waiverSql } from "@/server/policies/waiver-sql";

const BATCH = 500;

/**
 * Opens `missing` for targets that have had too few copies for the settle time, ends what came and went and was quiet or
 * waived since, and findings that nobody shows any more.
 */
export async function settleMissing(app: App, now = new Date()): Promise<void> {
  const before = new Date(now.getTime() - SETTLE_MS);
  await transact(app.db, async (tx) => {
    const due = await tx.$queryRaw<{ id: bigint }[]>`
      SELECT t.id FROM targets t JOIN target_desired d ON d.target_id = t.id AND d.release_id IS NOT NULL JOIN agent_scopes s ON s.id = t.agent_scope_id
      WHERE t.under_since <= ${before} AND t.gone_at IS NULL AND s.freshness <> 'silent' AND t.kind IN ('service', 'daemon')
        AND NOT EXISTS (SELECT FROM findings f WHERE f.target_id = t.id AND f.kind = 'missing' AND f.resolved_at IS NULL)
        AND NOT EXISTS (SELECT FROM rollouts r WHERE r.service_id = t.service_id AND r.environment_id = t.environment_id AND r.partition = t.partition AND r.status IN ('planned', 'running', 'paused'))
      ORDER BY t.id LIMIT ${BATCH}`;
    const over = await tx.$queryRaw<{ id: bigint }[]>`
      SELECT f.target_id AS id FROM findings f WHERE f.kind = 'flapping' AND f.resolved_at IS NULL AND ((f.cause ->> 'lastAt')::timestamptz <= ${new Date(now.getTime() - FLAP_QUIET_MS)}
        OR EXISTS (SELECT FROM jsonb_array_elements_text(f.cause -> 'kinds') k(kind) WHERE ${waiverSql("f", "k.kind")} IS NOT NULL)) ORDER BY f.target_id LIMIT ${BATCH}`;
    await refreshTargetFindings(tx, [...due, ...over].map(({ id }) => id), { now });
    await resolveUnpopulated(tx, now);
  });
}

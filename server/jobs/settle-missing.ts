import { SETTLE_MS } from "@/lib/domain/drift/judge-target";
import type { App } from "@/server/context";
import { transact } from "@/server/db";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";

const BATCH = 2_000;

/**
 * Copies that stayed too few for longer than the settle time become a finding, though no report says anything new.
 * @param now the moment to judge by
 */
export async function settleMissing(app: App, now: Date = new Date()): Promise<void> {
  await transact(app.db, async (tx) => {
    const due = await tx.$queryRaw<{ id: bigint }[]>`
      SELECT t.id FROM targets t
      WHERE t.under_since <= ${new Date(now.getTime() - SETTLE_MS)} AND t.gone_at IS NULL
        AND NOT EXISTS (SELECT FROM findings f WHERE f.target_id = t.id AND f.kind = 'missing' AND f.resolved_at IS NULL)
      ORDER BY t.id LIMIT ${BATCH} FOR NO KEY UPDATE OF t SKIP LOCKED`;
    await refreshTargetFindings(tx, due.map(({ id }) => id), { now });
  });
}

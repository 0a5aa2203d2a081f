import type { InventoryReport } from "@/lib/contract/agent";
import { isClockSkewed } from "@/lib/domain/drift/agent-presence";
import { createBatcher } from "@/server/batch";
import type { App } from "@/server/context";
import { sqlArray, type Db } from "@/server/db";

type Presence = { agentId: string; scope: string; bootId: string; seq: number; observedAt: Date; receivedAt: Date };
type Row = { ord: number; desired_version: bigint };

/** Whether a report says nothing but "as before, and all of it was seen". */
export function isUnchanged(report: InventoryReport, receivedAt: number): boolean {
  return (
    report.kind === "delta" && report.parts === 1 && report.coverage.complete && report.coverage.errors.length === 0 &&
    report.targets.length === 0 && report.instances.length === 0 && report.removed.length === 0 && report.events.length === 0 &&
    !isClockSkewed(Date.parse(report.observedAt), receivedAt)
  );
}

const batchers = new WeakMap<Db, (presence: Presence) => Promise<bigint | null>>();

/**
 * Records an unchanged report: one row of presence and nothing else. Those that arrive while a write is under way go
 * together in the next one; each is answered when its own is committed.
 * @returns the agent's desired-state version; null when this report is not simply the next one of a scope in good order
 */
export function recordPresence(app: App, presence: Presence): Promise<bigint | null> {
  let record = batchers.get(app.db);
  if (!record) {
    record = createBatcher((batch) => writePresence(app.db, batch), { maxSize: 500, concurrency: 2 });
    batchers.set(app.db, record);
  }
  return record(presence);
}

/** Rows that a report or decision holds are skipped: those few take the long way, and nobody waits for them. */
async function writePresence(db: Db, batch: readonly Presence[]): Promise<(bigint | null)[]> {
  const rows = await db.$queryRaw<Row[]>`
    /* prepared: report-unchanged */ WITH next AS MATERIALIZED (
      SELECT s.id, n.ord, n.seq, n.observed_at, n.received_at, a.desired_version
      FROM unnest(${sqlArray(batch.map(({ agentId }) => agentId))}::uuid[], ${sqlArray(batch.map(({ scope }) => scope))}::text[], ${sqlArray(batch.map(({ bootId }) => bootId))}::text[], ${sqlArray(batch.map(({ seq }) => BigInt(seq)))}::bigint[],
        ${sqlArray(batch.map(({ observedAt }) => observedAt))}::timestamptz[], ${sqlArray(batch.map(({ receivedAt }) => receivedAt))}::timestamptz[]) WITH ORDINALITY n(agent_id, scope, boot_id, seq, observed_at, received_at, ord)
      JOIN agent_scopes s ON s.agent_id = n.agent_id AND s.scope = n.scope AND s.boot_id = n.boot_id AND s.seq = n.seq - 1
      JOIN agents a ON a.id = s.agent_id
      WHERE s.freshness = 'fresh' AND s.coverage_complete AND abs(s.clock_skew_ms) <= 120000 AND a.state = 'active' AND a.revoked_at IS NULL
      FOR NO KEY UPDATE OF s SKIP LOCKED
    )
    UPDATE agent_scopes s SET seq = next.seq, last_report_at = next.received_at, observed_at = next.observed_at,
      clock_skew_ms = round(extract(epoch FROM next.observed_at - next.received_at) * 1000)
    FROM next WHERE s.id = next.id AND s.seq = next.seq - 1 RETURNING next.ord::int, next.desired_version`;
  const found = new Map(rows.map((row) => [row.ord, row.desired_version]));
  return batch.map((_, at) => found.get(at + 1) ?? null);
}

import { recordChanges } from "@/server/changes/record-change";
import { systemContext, type App } from "@/server/context";
import { transact } from "@/server/db";
import { appendEntry } from "@/server/ledger/append-entry";

const BATCH = 50;

/**
 * Ends preview environments for which nothing has reported for their rule's time to live, each with an entry of its own.
 * What ran there is history; a report that names one again opens it again.
 */
export async function endPreviews(app: App, now = new Date()): Promise<void> {
  const due = await app.db.$queryRaw<{ id: string }[]>`
    SELECT e.id::text FROM environments e JOIN preview_rules r ON r.id = e.preview_rule_id JOIN ledger_entries l ON l.seq = e.entry_seq
    WHERE e.kind = 'preview' AND e.retired_at IS NULL AND l.at < ${now}::timestamptz - make_interval(secs => r.ttl_ms / 1000.0)
      AND NOT EXISTS (SELECT FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id
        WHERE t.environment_id = e.id AND coalesce(t.gone_at, s.last_report_at) >= ${now}::timestamptz - make_interval(secs => r.ttl_ms / 1000.0))
    ORDER BY e.ordinal LIMIT ${BATCH}`;
  for (const { id } of due) await endPreview(app, id, now);
}

/** Each by itself: the ledger's head is held for one entry at a time, and decisions go between. */
async function endPreview(app: App, id: string, now: Date): Promise<void> {
  await transact(app.db, async (tx) => {
    const [environment] = await tx.$queryRaw<{ name: string; rule: string }[]>`
      SELECT name::text, preview_rule_id::text AS rule FROM environments WHERE id = ${id}::uuid AND kind = 'preview' AND retired_at IS NULL FOR NO KEY UPDATE`;
    if (!environment) return;
    await tx.$executeRaw`UPDATE findings SET resolved_at = ${now}, resolved_reason = 'the preview ended' WHERE environment_id = ${id}::uuid AND resolved_at IS NULL`;
    await recordChanges(tx, [{ topic: "settings", environmentId: id }, { topic: "fleet", environmentId: id }, { topic: "findings", environmentId: id }]);
    const { seq } = await appendEntry(tx, systemContext(app, "preview"), { type: "environment-retired", environmentId: id, scope: { service: null, environment: environment.name }, payload: { kind: "preview", rule: environment.rule, reason: "nothing reported for its time to live" } });
    await tx.$executeRaw`UPDATE environments SET retired_at = ${now}, entry_seq = ${seq} WHERE id = ${id}::uuid`;
  });
}

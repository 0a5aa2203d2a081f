import { nextPresence } from "@/lib/domain/drift/agent-presence";
import type { AgentState, Freshness, ListeningGap } from "@/lib/domain/fleet/freshness";
import { freshnessDeadlines, freshnessOf } from "@/lib/domain/fleet/freshness";
import { recordChanges } from "@/server/changes/record-change";
import type { App } from "@/server/context";
import { transact } from "@/server/db";
import { retireAgent } from "@/server/inventory/retire-agent";

type ScopeRow = { id: bigint; agent_id: string; freshness: Freshness; last_report_at: Date; interval_ms: number };
type AgentRow = { id: string; state: AgentState; last_heard_at: Date; interval_ms: number; ttl_ms: bigint | null };

/** At most this many scopes and agents a run; the next run takes the rest. */
const BATCH = 2_000;

/**
 * Time passes without a report: scopes become late and silent, one `silent` finding opens per agent and scope, and
 * ephemeral agents retire. The way back is the next report's. Nothing is written while nothing changes.
 * @param now the moment to judge by
 */
export async function watchSilence(app: App, now: Date = new Date()): Promise<void> {
  const gaps = await readGaps(app, now);
  await transact(app.db, async (tx) => {
    const rows = await tx.$queryRaw<ScopeRow[]>`
      SELECT s.id, s.agent_id::text, s.freshness, s.last_report_at, a.interval_ms FROM agent_scopes s JOIN agents a ON a.id = s.agent_id
      WHERE s.freshness <> 'silent' AND a.state <> 'retired'
        AND s.last_report_at < ${now}::timestamptz - make_interval(secs => 2 * CASE s.freshness WHEN 'late' THEN 1.5 ELSE 1 END * a.interval_ms / 1000.0)
      ORDER BY s.id LIMIT ${BATCH} FOR NO KEY UPDATE OF s SKIP LOCKED`;
    const moved = rows.flatMap((row) => {
      const times = { lastReportAt: row.last_report_at.getTime(), intervalMs: row.interval_ms, gaps };
      const freshness = freshnessOf({ ...times, now: now.getTime() });
      return freshness === row.freshness || freshness === "fresh" ? [] : [{ row, freshness, since: new Date(freshnessDeadlines(times).silentAt) }];
    });
    if (moved.length === 0) return;
    await tx.$executeRaw`
      UPDATE agent_scopes s SET freshness = n.freshness FROM unnest(${moved.map(({ row }) => row.id)}::bigint[], ${moved.map(({ freshness }) => freshness)}::text[]) n(id, freshness) WHERE s.id = n.id`;
    const silent = moved.filter(({ freshness }) => freshness === "silent");
    await tx.$executeRaw`
      INSERT INTO findings (kind, agent_scope_id, cause, count, since, opened_at)
      SELECT 'silent', n.id, '{}', coalesce((SELECT sum(c.instances)::int FROM combination_counts c WHERE c.agent_scope_id = n.id), 0), n.since, ${now}
      FROM unnest(${silent.map(({ row }) => row.id)}::bigint[], ${silent.map(({ since }) => since)}::timestamptz[]) n(id, since)
      ON CONFLICT DO NOTHING`;
    await recordChanges(tx, [
      ...moved.map(({ row }) => ({ topic: "agent" as const, key: row.agent_id })),
      ...(silent.length > 0 ? [{ topic: "fleet" as const }, { topic: "findings" as const }] : []),
    ]);
  });
  await moveAgents(app, gaps, now);
}

/** An agent is as present as the scope of it that was heard last; one that never reported counts from its enrolment. */
async function moveAgents(app: App, gaps: readonly ListeningGap[], now: Date): Promise<void> {
  const agents = await app.db.$queryRaw<AgentRow[]>`
    SELECT a.id::text, a.state, a.interval_ms, CASE WHEN p.ephemeral THEN coalesce(p.ttl_ms, 3600000) END AS ttl_ms,
      coalesce((SELECT max(s.last_report_at) FROM agent_scopes s WHERE s.agent_id = a.id), a.enrolled_at) AS last_heard_at
    FROM agents a JOIN pools p ON p.id = a.pool_id
    WHERE a.state IN ('active', 'late') OR (a.state = 'silent' AND p.ephemeral)
    ORDER BY a.id`;
  const moves = agents.flatMap((row) => {
    const move = nextPresence(
      { state: row.state, lastHeardAt: row.last_heard_at.getTime(), intervalMs: row.interval_ms, ephemeralTtlMs: row.ttl_ms === null ? null : Number(row.ttl_ms) },
      now.getTime(),
      gaps,
    );
    return move === null || move.to === "active" ? [] : [{ id: row.id, before: row.state, to: move.to }];
  });
  const changed = moves.filter(({ to }) => to !== "retired").slice(0, BATCH);
  if (changed.length > 0) {
    await app.db.$executeRaw`
      UPDATE agents a SET state = n.state FROM unnest(${changed.map(({ id }) => id)}::uuid[], ${changed.map(({ before }) => before)}::text[], ${changed.map(({ to }) => to)}::text[]) n(id, before, state)
      WHERE a.id = n.id AND a.state = n.before`;
  }
  for (const { id } of moves.filter(({ to }) => to === "retired").slice(0, 50)) await transact(app.db, (tx) => retireAgent(tx, id, { reason: "its time to live ended", now }));
}

async function readGaps(app: App, now: Date): Promise<ListeningGap[]> {
  const rows = await app.db.$queryRaw<{ started_at: Date; ended_at: Date }[]>`
    SELECT started_at, ended_at FROM gaps WHERE ended_at > ${now}::timestamptz - interval '2 days' ORDER BY started_at`;
  return rows.map((row) => ({ from: row.started_at.getTime(), to: row.ended_at.getTime() }));
}

import { nextPresence } from "@/lib/domain/drift/agent-presence";
import { freshnessOf, type AgentState, type Freshness, type ListeningGap } from "@/lib/domain/fleet/freshness";
import { recordChanges } from "@/server/changes/record-change";
import type { App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { retireAgents } from "@/server/inventory/retire-agents";
import { GAP_SECONDS } from "./heartbeat";

type Row = {
  agent_id: string; state: AgentState; interval_ms: number; ttl_ms: bigint | null; enrolled_at: Date;
  scope_id: bigint | null; last_report_at: Date | null; freshness: Freshness | null;
};

const BATCH = 2_000;
/** So many retire in one transaction, and so many of these in one turn: silence is not noticed later because many are gone. */
const RETIRED_AT_ONCE = 50;
const MOST_TURNS = 10;
/** How long a silent ephemeral agent stays when its pool does not say. */
const DEFAULT_TTL_MS = 10 * 60_000;
/** A duplicate agent that kept quiet for as many intervals is gone. */
const DUPLICATE_INTERVALS = 10;

/**
 * Moves agents and their scopes on to late and silent when nothing is heard, opening one finding per silent scope, and
 * retires ephemeral ones whose time to live is over. Time in which Plumbline itself did not listen counts for nobody.
 */
export async function watchSilence(app: App, now = new Date()): Promise<void> {
  const overdue = await transact(app.db, async (tx) => {
    // Only who is overdue by the clock is read; gaps can only postpone that.
    const rows = await tx.$queryRaw<Row[]>`
      SELECT a.id::text AS agent_id, a.state, a.interval_ms, CASE WHEN p.ephemeral THEN coalesce(p.ttl_ms, ${DEFAULT_TTL_MS}::bigint) END AS ttl_ms, a.enrolled_at, s.id AS scope_id, s.last_report_at, s.freshness
      FROM agents a JOIN pools p ON p.id = a.pool_id LEFT JOIN agent_scopes s ON s.agent_id = a.id
      WHERE a.retired_at IS NULL AND coalesce(s.last_report_at, a.enrolled_at) < ${now}::timestamptz - make_interval(secs => 2 * a.interval_ms / 1000.0)
        -- Who is silent is looked at again only when its time to live may be over: many of them would crowd the others out.
        AND NOT (a.state = 'silent' AND coalesce(s.freshness, 'silent') = 'silent' AND NOT (p.ephemeral
          AND coalesce(s.last_report_at, a.enrolled_at) < ${now}::timestamptz - make_interval(secs => (3 * a.interval_ms + coalesce(p.ttl_ms, ${DEFAULT_TTL_MS}::bigint)) / 1000.0)))
      ORDER BY a.id, s.id LIMIT ${BATCH}`;
    const retiring = rows.length > 0 ? await moveOn(tx, rows, await readGaps(tx, rows, now), now) : [];
    await tx.$executeRaw`
      UPDATE findings f SET resolved_at = ${now}, resolved_reason = 'only one is heard'
      FROM agent_scopes s JOIN agents a ON a.id = s.agent_id
      WHERE f.kind = 'duplicate-agent' AND f.resolved_at IS NULL AND s.id = f.agent_scope_id
        AND (f.cause ->> 'lastAt')::timestamptz < ${now}::timestamptz - make_interval(secs => ${DUPLICATE_INTERVALS}::int * a.interval_ms / 1000.0)`;
    return retiring;
  });
  for (let at = 0; at < Math.min(overdue.length, RETIRED_AT_ONCE * MOST_TURNS); at += RETIRED_AT_ONCE) {
    const some = overdue.slice(at, at + RETIRED_AT_ONCE);
    await transact(app.db, (tx) => retireAgents(tx, some.map(({ id }) => id), { how: "vanished", reason: "silent for its time to live", heardBy: new Map(some.map(({ id, heardAt }) => [id, heardAt])), now }));
  }
}

/** When nobody listened: what is recorded, and what still lasts because the web has given no sign of life. */
async function readGaps(tx: Tx, rows: readonly Row[], now: Date): Promise<ListeningGap[]> {
  const oldest = rows.map((row) => row.last_report_at ?? row.enrolled_at).reduce((a, b) => (a < b ? a : b));
  // A worker that is up before the web would otherwise blame the agents for a gap that nobody has written yet.
  const gaps = await tx.$queryRaw<{ started_at: Date; ended_at: Date | null }[]>`
    SELECT at AS started_at, NULL::timestamptz AS ended_at FROM heartbeats WHERE role = 'web' AND at < ${now}::timestamptz - make_interval(secs => ${GAP_SECONDS}::float8)
    UNION ALL (SELECT started_at, ended_at FROM gaps WHERE ended_at >= ${oldest} ORDER BY started_at LIMIT 10000)`;
  return gaps.map((gap) => ({ from: gap.started_at.getTime(), to: gap.ended_at?.getTime() ?? null }));
}

/** Writes what has become late and silent; returns the agents that are to retire, and when each was heard last. */
async function moveOn(tx: Tx, rows: readonly Row[], gaps: readonly ListeningGap[], now: Date): Promise<{ id: string; heardAt: Date }[]> {
  const scopes = rows.flatMap((row) => {
    if (row.scope_id === null || row.last_report_at === null) return [];
    const freshness = freshnessOf({ lastReportAt: row.last_report_at.getTime(), intervalMs: row.interval_ms, now: now.getTime(), gaps });
    // Only a report makes fresh what was not.
    return freshness === row.freshness || freshness === "fresh" ? [] : [{ id: row.scope_id, freshness }];
  });
  // An agent is as well as the best of its scopes: it was heard when any of them was.
  const agents = new Map<string, Row[]>();
  for (const row of rows) agents.set(row.agent_id, [...(agents.get(row.agent_id) ?? []), row]);
  const heard = await tx.$queryRaw<{ id: string; at: Date | null }[]>`
    SELECT agent_id::text AS id, max(last_report_at) AS at FROM agent_scopes WHERE agent_id = ANY(${[...agents.keys()]}::uuid[]) GROUP BY 1`;
  const heardAt = new Map(heard.map((row) => [row.id, row.at]));
  const moves = [...agents].flatMap(([id, [row]]) => {
    if (!row) return [];
    const ttl = row.ttl_ms === null ? null : Number(row.ttl_ms);
    const lastHeardAt = heardAt.get(id) ?? row.enrolled_at;
    const next = nextPresence({ state: row.state, lastHeardAt: lastHeardAt.getTime(), intervalMs: row.interval_ms, ephemeralTtlMs: ttl }, now.getTime(), gaps);
    return next === null || next.to === "active" ? [] : [{ id, to: next.to, heardAt: lastHeardAt }];
  });

  if (scopes.length > 0) {
    await tx.$executeRaw`
      WITH due AS MATERIALIZED (
        SELECT s.id, n.freshness FROM unnest(${scopes.map(({ id }) => id)}::bigint[], ${scopes.map(({ freshness }) => freshness)}::text[]) n(id, freshness) JOIN agent_scopes s ON s.id = n.id
        WHERE s.last_report_at < ${now}::timestamptz ORDER BY s.id FOR NO KEY UPDATE OF s),
      moved AS (UPDATE agent_scopes s SET freshness = due.freshness FROM due WHERE s.id = due.id RETURNING s.id, s.freshness, s.last_report_at)
      INSERT INTO findings (kind, agent_scope_id, count, since, opened_at)
      SELECT 'silent', moved.id, coalesce((SELECT sum(k.instances)::int FROM combination_counts k WHERE k.agent_scope_id = moved.id), 0), moved.last_report_at, ${now}
      FROM moved WHERE moved.freshness = 'silent' ON CONFLICT DO NOTHING`;
  }
  const states = moves.filter(({ to }) => to !== "retired");
  if (states.length > 0) {
    await tx.$executeRaw`
      UPDATE agents a SET state = n.state FROM unnest(${states.map(({ id }) => id)}::uuid[], ${states.map(({ to }) => to)}::text[]) n(id, state) WHERE a.id = n.id AND a.state <> 'retired'`;
  }
  if (scopes.length + states.length > 0) await recordChanges(tx, [{ topic: "agent" }, { topic: "fleet" }, { topic: "findings" }]);
  return moves.filter(({ to }) => to === "retired").map(({ id, heardAt: at }) => ({ id, heardAt: at }));
}

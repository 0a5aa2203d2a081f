import { describeLag } from "@/lib/domain/fleet/journal";
import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { Prisma, type Db } from "@/server/db";
import { describeEvent } from "@/server/rollouts/get-rollout";
import type { JournalSubject } from "./find-subject";
import { inWindow, isKnown, type JournalWindow, type PlacedItem } from "./journal-window";

type DecisionRow = { seq: bigint; at: Date; type: string; by: string | null; version: string | null; reason: string | null };
type StepRow = { id: bigint; at: Date; kind: string; key: string | null; agent: string | null; detail: unknown; rollout: string; number: bigint };
type SilenceRow = { scope_id: bigint; since: Date; opened_at: Date; resolved_at: Date | null; agent: string; count: number };
type GapRow = { id: bigint; started_at: Date; ended_at: Date };

/** The ledger's entries about a place, and about its service everywhere; for who may read the ledger. */
export async function readDecisions(ctx: Ctx, { service, serviceId, environment, environmentId }: JournalSubject, window: JournalWindow): Promise<PlacedItem[]> {
  if (serviceId === null || !visibleTo(ctx, "ledger.read", { ...(service !== null && { service }), environment })) return [];
  const rows = await ctx.db.$queryRaw<DecisionRow[]>`
    WITH found AS MATERIALIZED (
      SELECT l.seq, l.at, l.type, l.actor_id FROM ledger_entries l
      WHERE l.service_id = ${serviceId}::uuid AND (l.environment_id = ${environmentId}::uuid OR l.environment_id IS NULL) AND ${inWindow("decision", window, "l.at", "l.seq")} AND ${isKnown(window, "l.at")}
      ORDER BY l.at DESC, l.seq DESC LIMIT ${window.limit})
    SELECT f.seq, f.at, f.type, a.display_name AS by, x.text AS reason,
      coalesce(r.version, (SELECT v.version FROM rollouts o JOIN releases v ON v.id = o.to_release_id WHERE o.service_id = ${serviceId}::uuid AND o.entry_seq = f.seq LIMIT 1)) AS version
    FROM found f LEFT JOIN actors a ON a.id = f.actor_id
    LEFT JOIN releases r ON r.entry_seq = f.seq LEFT JOIN ledger_texts x ON x.entry_seq = f.seq AND x.field = 'reason' ORDER BY f.at DESC, f.seq DESC`;
  return rows.map((row): PlacedItem => {
    const at = row.at.toISOString();
    const what = row.type.replaceAll("-", " ");
    return {
      at: row.at,
      id: row.seq,
      item: { at, source: "decision", kind: row.type, sentence: `${what}${row.version === null ? "" : ` ${row.version}`}${row.by === null ? "" : ` by ${row.by}`}${row.reason === null ? "" : `: ${row.reason}`}`, by: row.by, subject: null, until: null, learnedAt: at, learnedLater: false, rollout: null, entry: Number(row.seq) },
    };
  });
}

/** What rollouts did at a place; for an instance also what became of its target. */
export async function readRolloutSteps(ctx: Ctx, { serviceId, environmentId, instance }: JournalSubject, window: JournalWindow): Promise<PlacedItem[]> {
  if (serviceId === null) return [];
  const rows = await ctx.db.$queryRaw<StepRow[]>`
    SELECT ev.id, ev.at, ev.kind, t.key, a.name AS agent, ev.detail, r.id::text AS rollout, r.number
    FROM rollouts r JOIN rollout_events ev ON ev.rollout_id = r.id LEFT JOIN targets t ON t.id = ev.target_id LEFT JOIN agent_scopes s ON s.id = t.agent_scope_id LEFT JOIN agents a ON a.id = s.agent_id
    WHERE r.service_id = ${serviceId}::uuid AND r.environment_id = ${environmentId}::uuid AND r.created_at <= ${window.to}::timestamptz AND (r.finished_at IS NULL OR r.finished_at >= ${window.from}::timestamptz - interval '1 day')
      AND (ev.target_id IS NULL OR ev.target_id = ${instance?.targetId ?? null}::bigint) AND ${inWindow("rollout", window, "ev.at", "ev.id")} AND ${isKnown(window, "ev.at")}
    ORDER BY ev.at DESC, ev.id DESC LIMIT ${window.limit}`;
  return rows.map((row): PlacedItem => {
    const at = row.at.toISOString();
    return {
      at: row.at,
      id: row.id,
      item: { at, source: "rollout", kind: row.kind, sentence: `rollout ${row.number}: ${describeEvent(row)}`, by: null, subject: row.key === null ? null : { instance: null, target: row.key, agent: row.agent }, until: null, learnedAt: at, learnedLater: false, rollout: { id: row.rollout, number: Number(row.number) }, entry: null },
    };
  });
}

/** The times in which agents that report the place were silent. It was learned when the silence was long enough to be one. */
export async function readSilences(db: Db, { service, environmentId, instance }: JournalSubject, window: JournalWindow): Promise<PlacedItem[]> {
  const scopes = instance
    ? Prisma.sql`SELECT t.agent_scope_id AS id FROM targets t WHERE t.id = ${instance.targetId}`
    : Prisma.sql`SELECT DISTINCT t.agent_scope_id AS id FROM targets t WHERE t.service_name = ${service} AND t.environment_id = ${environmentId}::uuid AND (t.gone_at IS NULL OR t.gone_at >= ${window.from})`;
  const rows = await db.$queryRaw<SilenceRow[]>`
    WITH scopes AS MATERIALIZED (${scopes})
    SELECT f.agent_scope_id AS scope_id, f.since, f.opened_at, f.resolved_at, a.name AS agent, f.count
    FROM findings f JOIN agent_scopes s ON s.id = f.agent_scope_id JOIN agents a ON a.id = s.agent_id
    WHERE f.kind = 'silent' AND f.agent_scope_id IN (SELECT id FROM scopes) AND ${inWindow("silence", window, "f.since", "f.agent_scope_id", "coalesce(f.resolved_at, 'infinity')")} AND ${isKnown(window, "f.opened_at")}
    ORDER BY f.since DESC, f.agent_scope_id DESC LIMIT ${window.limit}`;
  return rows.map((row): PlacedItem => {
    // At that moment nobody knew that it would end.
    const until = row.resolved_at !== null && (window.knownAt === null || row.resolved_at <= window.knownAt) ? row.resolved_at : null;
    return {
      at: row.since,
      id: row.scope_id,
      item: {
        at: row.since.toISOString(), source: "silence", kind: "silent", sentence: `${row.agent} was last heard${until === null ? "; it is silent since, and what runs there is unknown" : `, and again after ${describeLag(until.getTime() - row.since.getTime())}`}`,
        by: null, subject: { instance: null, target: null, agent: row.agent }, until: until?.toISOString() ?? null, learnedAt: row.opened_at.toISOString(), learnedLater: true, rollout: null, entry: null,
      },
    };
  });
}

/** The times in which Plumbline itself did not listen: whatever happened then was learned later, or never. */
export async function readGaps(db: Db, window: JournalWindow): Promise<PlacedItem[]> {
  const rows = await db.$queryRaw<GapRow[]>`
    SELECT g.id, g.started_at, g.ended_at FROM gaps g WHERE ${inWindow("gap", window, "g.started_at", "g.id", "g.ended_at")} AND ${isKnown(window, "g.ended_at")} ORDER BY g.started_at DESC, g.id DESC LIMIT ${window.limit}`;
  return rows.map((row): PlacedItem => ({
    at: row.started_at,
    id: row.id,
    item: {
      at: row.started_at.toISOString(), source: "gap", kind: "not-listening", sentence: `Plumbline did not listen for ${describeLag(row.ended_at.getTime() - row.started_at.getTime())}`, by: null, subject: null,
      until: row.ended_at.toISOString(), learnedAt: row.ended_at.toISOString(), learnedLater: true, rollout: null, entry: null,
    },
  }));
}

import { describeRuntimeEvent, describeSpanEnd, foldRestarts, isLearnedLater, type RuntimeEvent } from "@/lib/domain/fleet/journal";
import { shortDigest } from "@/lib/domain/fleet/digests";
import { Prisma, type Db } from "@/server/db";
import { digestOfImage, readImages } from "@/server/drift/read-references";
import type { JournalSubject } from "./find-subject";
import { inWindow, isKnown, type JournalWindow, type PlacedItem } from "./journal-window";

type EventRow = { id: bigint; at: Date; learned_at: Date; kind: RuntimeEvent["kind"]; target: string; instance: string | null; agent: string; by: string | null; digest: string | null; detail: Record<string, unknown>; interval_ms: number };
type SpanRow = { id: bigint; started_at: Date; ended_at: Date; learned_at: Date; end_reason: string; instance: string; target: string | null; agent: string; image_id: bigint; version: string | null; last_exit: { code?: number; oom?: boolean } | null; interval_ms: number };

/** Targets of a place are many, but not without end. */
const MOST_TARGETS = 20_000;

/** What the agents' journals told of the targets of a place, or of one instance; up to four events of one restart are one line. */
export async function readRuntimeEvents(db: Db, { service, environmentId, instance }: JournalSubject, window: JournalWindow): Promise<PlacedItem[]> {
  const places = instance
    ? Prisma.sql`SELECT s.agent_id, t.key, a.name AS agent, a.interval_ms FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id WHERE t.id = ${instance.targetId}`
    : Prisma.sql`
      SELECT DISTINCT s.agent_id, t.key, a.name AS agent, a.interval_ms FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
      WHERE t.service_name = ${service} AND t.environment_id = ${environmentId}::uuid AND (t.gone_at IS NULL OR t.gone_at >= ${window.from}) LIMIT ${MOST_TARGETS}`;
  const rows = await db.$queryRaw<EventRow[]>`
    WITH places AS MATERIALIZED (${places})
    SELECT e.id, e.at, e.learned_at, e.kind, p.key AS target, e.instance_key AS instance, p.agent, e.by, e.digest::text, e.detail, p.interval_ms FROM places p
    CROSS JOIN LATERAL (
      SELECT * FROM events e WHERE e.agent_id = p.agent_id AND e.target_key = p.key AND (${instance?.key ?? null}::text IS NULL OR e.instance_key IS NULL OR e.instance_key = ${instance?.key ?? null})
        AND ${inWindow("event", window, "e.at", "e.id")} AND ${isKnown(window, "e.learned_at")}
      ORDER BY e.at DESC, e.id DESC LIMIT ${window.limit}) e
    ORDER BY e.at DESC, e.id DESC LIMIT ${window.limit}`;
  const byId = new Map(rows.map((row) => [row.id.toString(), row]));
  const folded = new Map(
    foldRestarts(rows.map((row): RuntimeEvent => ({ id: row.id.toString(), at: row.at.getTime(), learnedAt: row.learned_at.getTime(), kind: row.kind, instance: `${row.agent} ${row.target} ${row.instance ?? ""}`, by: row.by, digest: row.digest, detail: row.detail }))).map((event) => [event.id, event]),
  );
  // What was folded away keeps its place in the order, so that the next page begins after it, but has no line.
  return [...byId.values()].map((row): PlacedItem => {
    const event = folded.get(row.id.toString());
    return {
      at: row.at,
      id: row.id,
      item: {
        at: row.at.toISOString(), source: "event", kind: event?.kind ?? row.kind, sentence: event ? describeRuntimeEvent(event) : "", by: row.by, subject: { instance: row.instance, target: row.target, agent: row.agent },
        until: null, learnedAt: row.learned_at.toISOString(), learnedLater: isLearnedLater({ at: row.at.getTime(), learnedAt: row.learned_at.getTime(), intervalMs: row.interval_ms }), rollout: null, entry: null,
      },
    };
  });
}

/** How the facts of instances ended: what ran, for how long, and why it no longer does. */
export async function readSpans(db: Db, { service, environmentId, instance }: JournalSubject, window: JournalWindow): Promise<PlacedItem[]> {
  const whose = instance
    ? Prisma.sql`s.instance_id = ${instance.id}::uuid`
    : Prisma.sql`s.service_name = ${service ?? ""} AND s.environment_id = ${environmentId}::uuid AND tstzrange(s.started_at, s.ended_at) && tstzrange(${window.from}::timestamptz, ${window.to}::timestamptz, '[]')`;
  const rows = await db.$queryRaw<SpanRow[]>`
    WITH found AS MATERIALIZED (
      SELECT * FROM spans s WHERE ${whose} AND ${inWindow("span", window, "s.ended_at", "s.id")} AND ${isKnown(window, "s.learned_at")} ORDER BY s.ended_at DESC, s.id DESC LIMIT ${window.limit})
    SELECT f.id, f.started_at, f.ended_at, f.learned_at, f.end_reason, f.instance_key AS instance, t.key AS target, a.name AS agent, f.image_id, r.version, f.last_exit, a.interval_ms
    FROM found f JOIN agents a ON a.id = f.agent_id LEFT JOIN targets t ON t.id = f.target_id LEFT JOIN combinations c ON c.id = f.combination_id LEFT JOIN releases r ON r.id = c.running_release_id
    ORDER BY f.ended_at DESC, f.id DESC`;
  const images = await readImages(db, rows.map(({ image_id }) => image_id));
  return rows.map((row): PlacedItem => {
    const digest = digestOfImage(images.get(row.image_id));
    return {
      at: row.ended_at,
      id: row.id,
      item: {
        at: row.ended_at.toISOString(), source: "span", kind: row.end_reason,
        sentence: describeSpanEnd({ reason: row.end_reason, ran: row.version ?? (digest === null ? "unknown bytes" : shortDigest(digest)), minutes: (row.ended_at.getTime() - row.started_at.getTime()) / 60_000, exitCode: row.last_exit?.code ?? null, oom: row.last_exit?.oom ?? false }),
        by: null, subject: { instance: row.instance, target: row.target, agent: row.agent }, until: null, learnedAt: row.learned_at.toISOString(),
        learnedLater: isLearnedLater({ at: row.ended_at.getTime(), learnedAt: row.learned_at.getTime(), intervalMs: row.interval_ms }), rollout: null, entry: null,
      },
    };
  });
}

import type { EnvironmentDto } from "@/lib/contract/fleet";
import type { FindingKind } from "@/lib/domain/drift/categories";
import { titleOfFinding } from "@/lib/domain/drift/describe-finding";
import { decideFindingNotice, TOLD_AFTER_MS, TOLD_AGAIN_MS, TOLD_KINDS } from "@/lib/domain/drift/finding-notices";
import type { FindingNotice } from "@/lib/domain/notifications/events";
import { findingKey, type Notice } from "@/lib/domain/notifications/notice";
import { recordChanges } from "@/server/changes/record-change";
import type { App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { waiverSql } from "@/server/policies/waiver-sql";

type CauseRow = {
  service: string; service_id: string | null; environment_id: string; environment: string; protected: boolean; kind: FindingKind;
  mode: EnvironmentDto["mode"]; retired: boolean; findings: number; instances: number; oldest: Date | null; waived: boolean; ended: Date | null;
  state: "open" | "resolved" | null; told_instances: number | null; opened_told_at: Date | null;
};
type Decided = CauseRow & { event: FindingNotice };

/** Only what was opened lately can be new. Everything, and what has grown, is looked at when a worker starts, and now and then. */
const RECENT_MS = TOLD_AFTER_MS + 60_000;
const WHOLE_MS = 10 * 60_000;
/** So many causes are told at once; the others a moment later. */
const MOST_CAUSES = 200;

/**
 * The job that tells channels of findings: one message per cause (a kind of finding of a service in an environment), in
 * environments that enforce, and nothing of what is waived.
 */
export function notifyFindings(): (app: App) => Promise<void> {
  let wholeAt: number | null = null;
  return async (app) => {
    const [clock] = await app.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp()::timestamptz(3) AS now`;
    const now = clock?.now ?? new Date(0);
    const whole = wholeAt === null || now.getTime() - wholeAt >= WHOLE_MS;
    const { more } = await tellFindings(app, { now, whole });
    // What is left of everything is looked for in everything.
    if (whole && !more) wholeAt = now.getTime();
  };
}

/**
 * Tells what is due now, in one transaction with the note that it was told. Its work is what was opened lately and what was
 * told and is not over, never the instances; of what was told a moment ago it only asks whether any of it is left.
 * @param whole look at everything that is open, not only at what was opened lately
 * @returns how many causes were told, and whether more are due
 */
export async function tellFindings(app: App, { now, whole = true }: { now: Date; whole?: boolean }): Promise<{ told: number; more: boolean }> {
  return transact(app.db, async (tx) => {
    // A worker whose lease has ended may still be at it: each reads what the one before has told.
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.finding-notices', 0))`;
    const causes = await readCauses(tx, { now, whole });
    const due = causes.flatMap((row): Decided[] => {
      const event = decideFindingNotice(
        {
          kind: row.kind,
          enforced: row.mode === "enforce" && !row.retired,
          open: row.oldest === null ? null : { instances: row.instances, oldestAt: row.oldest.getTime() },
          waived: row.waived,
          endedAt: row.ended?.getTime() ?? null,
          told: row.state === null || row.opened_told_at === null ? null : { state: row.state, instances: row.told_instances ?? 0, openedToldAt: row.opened_told_at.getTime() },
        },
        now.getTime(),
      );
      return event === null ? [] : [{ ...row, event }];
    });
    const told = due.slice(0, MOST_CAUSES);
    if (told.length > 0) {
      await noteTold(tx, told, now);
      await writeDeliveries(tx, told, now);
    }
    // Where an environment enforces again, it is told anew.
    await tx.$executeRaw`DELETE FROM finding_notices n USING environments e WHERE e.id = n.environment_id AND n.state = 'resolved' AND (e.mode <> 'enforce' OR e.retired_at IS NOT NULL)`;
    return { told: told.length, more: due.length > told.length };
  });
}

async function readCauses(tx: Tx, { now, whole }: { now: Date; whole: boolean }): Promise<CauseRow[]> {
  const since = whole ? null : new Date(now.getTime() - RECENT_MS);
  return tx.$queryRaw<CauseRow[]>`
    WITH enforcing AS MATERIALIZED (SELECT id, name, protected FROM environments WHERE mode = 'enforce' AND kind = 'permanent' AND retired_at IS NULL),
    fresh AS MATERIALIZED (
      SELECT DISTINCT f.service_name, f.environment_id, f.kind FROM findings f
      WHERE f.resolved_at IS NULL AND f.service_name IS NOT NULL AND f.environment_id IN (SELECT id FROM enforcing) AND f.kind = ANY(${TOLD_KINDS}::text[])
        AND (${since}::timestamptz IS NULL OR f.opened_at > ${since}::timestamptz)),
    causes AS MATERIALIZED (
      SELECT c.*, n.state, n.instances AS told_instances, n.opened_told_at,
        n.state IS NULL OR n.state = 'resolved' OR (c.fresh AND n.opened_told_at <= ${new Date(now.getTime() - TOLD_AGAIN_MS)}) AS weighed
      FROM (SELECT service_name, environment_id, kind, bool_or(fresh) AS fresh
        FROM (SELECT *, true AS fresh FROM fresh UNION ALL SELECT service_name, environment_id, kind, false FROM finding_notices WHERE state = 'open') x GROUP BY 1, 2, 3) c
      LEFT JOIN finding_notices n ON n.service_name = c.service_name AND n.environment_id = c.environment_id AND n.kind = c.kind)
    SELECT c.service_name::text AS service, s.id::text AS service_id, e.id::text AS environment_id, e.name::text AS environment, e.protected, e.mode, e.retired_at IS NOT NULL AS retired, c.kind,
      coalesce(o.findings, 0) AS findings, coalesce(o.instances, 0) AS instances, o.oldest, coalesce(d.waived, false) AS waived, d.ended, c.state, c.told_instances, c.opened_told_at
    FROM causes c JOIN environments e ON e.id = c.environment_id LEFT JOIN services s ON s.name = c.service_name
    LEFT JOIN LATERAL (
      SELECT count(*)::int AS findings, coalesce(sum(x.instances), 0)::int AS instances, min(x.opened_at) AS oldest FROM (
        SELECT f.opened_at, CASE WHEN f.combination_id IS NULL THEN f.count
          ELSE coalesce((SELECT sum(k.instances)::int FROM combination_counts k WHERE k.combination_id = f.combination_id), 0) END AS instances
        FROM findings f WHERE c.weighed AND f.environment_id = c.environment_id AND f.service_name = c.service_name AND f.kind = c.kind AND f.resolved_at IS NULL AND ${waiverSql("f", "f.kind")} IS NULL) x
      WHERE x.instances > 0
      HAVING c.weighed
      UNION ALL
      SELECT 1, c.told_instances, c.opened_told_at WHERE NOT c.weighed AND EXISTS (
        SELECT FROM findings f WHERE f.environment_id = c.environment_id AND f.service_name = c.service_name AND f.kind = c.kind AND f.resolved_at IS NULL AND ${waiverSql("f", "f.kind")} IS NULL
          AND (f.combination_id IS NULL OR EXISTS (SELECT FROM combination_counts k WHERE k.combination_id = f.combination_id)))) o ON true
    LEFT JOIN LATERAL (
      -- What is open, not waived and shown by nobody ends in a moment.
      SELECT bool_or(x.waived) AS waived, max(x.ended) FILTER (WHERE NOT x.waived) AS ended FROM (
        SELECT coalesce(f.resolved_at, ${now}::timestamptz) AS ended, f.resolved_at IS NULL AND ${waiverSql("f", "f.kind")} IS NOT NULL AS waived FROM findings f
        WHERE coalesce(o.findings, 0) = 0 AND f.environment_id = c.environment_id AND f.service_name = c.service_name AND f.kind = c.kind AND (f.resolved_at IS NULL OR f.resolved_at >= c.opened_told_at)) x) d ON true
    ORDER BY c.environment_id, c.service_name, c.kind`;
}

async function noteTold(tx: Tx, told: readonly Decided[], now: Date): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO finding_notices AS n (service_name, environment_id, kind, state, instances, told_at, opened_told_at)
    SELECT t.service, t.environment_id, t.kind, t.state, t.instances, ${now}, ${now}
    FROM unnest(${told.map(({ service }) => service)}::text[], ${told.map(({ environment_id }) => environment_id)}::uuid[], ${told.map(({ kind }) => kind)}::text[],
      ${told.map(({ event }) => (event === "finding-opened" ? "open" : "resolved"))}::text[], ${told.map(({ instances }) => instances)}::int[]) t(service, environment_id, kind, state, instances)
    ON CONFLICT (service_name, environment_id, kind) DO UPDATE SET state = excluded.state, instances = excluded.instances, told_at = excluded.told_at,
      opened_told_at = CASE WHEN excluded.state = 'open' THEN excluded.opened_told_at ELSE n.opened_told_at END`;
}

/** One row of the outbox for every channel that wants to know. */
async function writeDeliveries(tx: Tx, told: readonly Decided[], now: Date): Promise<void> {
  const bodies = told.map((row): Notice => {
    const over = row.event === "finding-resolved";
    return {
      v: 1, event: row.event, at: now.toISOString(), rollout: null, wave: null, settles: [],
      finding: {
        kind: row.kind, service: row.service, environment: row.environment, protected: row.protected, instances: over ? 0 : row.instances, findings: over ? 0 : row.findings,
        since: ((over ? row.ended : row.oldest) ?? now).toISOString(), title: titleOfFinding({ kind: row.kind, service: row.service, environment: row.environment, agent: null }),
      },
      reason: over ? whyOver(row) : row.state === "open" ? `It has grown: ${row.told_instances} before.` : null,
    };
  });
  // Patterns hold no character but * that LIKE would not take for itself, once _ is escaped.
  const written = await tx.$queryRaw<{ place: number }[]>`
    WITH told AS MATERIALIZED (
      SELECT * FROM unnest(${told.map(({ service }) => service)}::text[], ${told.map(({ environment }) => environment)}::text[], ${told.map(({ event }) => event)}::text[],
        ${told.map(findingKey)}::text[], ${bodies.map((body) => JSON.stringify(body))}::text[]) WITH ORDINALITY t(service, environment, event, order_key, body, place)),
    written AS (
      INSERT INTO deliveries (channel_id, order_key, event, body, next_attempt_at, created_at)
      SELECT c.id, t.order_key, t.event, t.body::jsonb, ${now}, ${now} FROM told t JOIN channels c ON c.enabled AND c.removed_at IS NULL AND t.event = ANY(c.events)
        AND t.service LIKE replace(replace(c.service_pattern, '_', '\\_'), '*', '%') AND t.environment LIKE replace(replace(c.environment_pattern, '_', '\\_'), '*', '%')
      ORDER BY t.place, c.created_at, c.id RETURNING body)
    SELECT DISTINCT t.place::int FROM told t JOIN written w ON w.body = t.body::jsonb`;
  await recordChanges(tx, written.flatMap(({ place }) => {
    const row = told[place - 1];
    return row ? [{ topic: "delivery" as const, serviceId: row.service_id, serviceName: row.service, environmentId: row.environment_id }] : [];
  }));
}

/** Why it counts as over, where something of it may be left. */
function whyOver({ environment, mode, retired, waived }: CauseRow): string | null {
  if (retired) return `${environment} is retired.`;
  if (mode !== "enforce") return `${environment} only observes now: nobody is told of what is found there.`;
  return waived ? "What is left is covered by a waiver." : null;
}

import { ACCEPTS, inventoryReport, type InventoryReport, type InventoryResponse } from "@/lib/contract/agent";
import { isClockSkewed } from "@/lib/domain/drift/agent-presence";
import { recordChanges, type Change } from "@/server/changes/record-change";
import { sqlArray, type Db, type Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { applyReports } from "./apply-reports";
import { loadLedgerNames, type ReportableEnvironment } from "./mapping-rules";
import { poolEnvironmentsSql } from "./pool-environments-sql";
import { refuseContradictions } from "./refuse-contradictions";

/** A report as it came in; `receivedAt` is when. */
export type Incoming = { agentId: string; report: InventoryReport; receivedAt: Date };
/** What one of them is answered. A refusal may come with a finding, which must stay: it is not thrown in the transaction. */
export type Outcome = { answer: InventoryResponse } | { refusal: AppError };
export type Taken = { outcomes: Outcome[]; createdCombinations: bigint[]; ledgerSize: bigint };

type ScopeRow = {
  ord: number;
  desired_version: bigint;
  agent: string;
  pool: string;
  agent_state: string;
  allowed: boolean;
  environments: ReportableEnvironment[];
  id: bigint | null;
  boot_id: string | null;
  seq: bigint | null;
  last_report_at: Date | null;
  freshness: string | null;
  clock_skew_ms: bigint | null;
  boot_closed_at: Date | null;
  live_targets: number;
  live_instances: number;
};
/** A report that is the next one of its scope, whole. */
type Accepted = { at: number; incoming: Incoming; row: ScopeRow; opens: boolean };

/**
 * Takes reports of scopes that differ, in the caller's transaction: for many the statements of one.
 * @returns what each is answered, in their order
 * @throws AppError when one of them contradicts what is stored: then none is taken
 */
export async function takeReports(tx: Tx, db: Db, incoming: readonly Incoming[]): Promise<Taken> {
  const now = new Date(Math.max(...incoming.map(({ receivedAt }) => receivedAt.getTime())));
  await lockScopes(tx, incoming);
  const rows = await readScopes(tx, incoming);
  const outcomes: Outcome[] = [];
  const accepted: Accepted[] = [];
  for (const [at, one] of incoming.entries()) {
    const row = rows.get(at);
    const decided = row?.allowed ? decide(one.report, row) : { refusal: notFound("scope of this agent") };
    if ("refusal" in decided) {
      outcomes[at] = { refusal: decided.refusal };
      if (row && decided.refusal.extras.type === "boot-closed") await noteDuplicateAgent(tx, row, one);
      continue;
    }
    if (!row) continue;
    outcomes[at] = { answer: answer(one.report, { duplicate: decided.duplicate, desiredVersion: row.desired_version }) };
    if (decided.duplicate) continue;
    // A report in parts goes alone, since it is long.
    const report = one.report.parts === 1 ? one.report : await joinParts(tx, one);
    if (report) accepted.push({ at, incoming: { ...one, report }, row, opens: decided.opens });
  }
  if (accepted.length === 0) return { outcomes, createdCombinations: [], ledgerSize: 0n };

  const scopeIds = await markPresent(tx, accepted);
  // Read when the scopes are ours: an adoption that they waited for gave names to what these reports show.
  const [head] = await tx.$queryRaw<{ size: bigint }[]>`/* prepared: report-ledger */ SELECT size FROM ledger_head`;
  const ledgerSize = head?.size ?? 0n;
  const reports = accepted.map(({ incoming: { agentId, report }, row }, at) => ({
    report,
    scope: { id: scopeIds[at] ?? 0n, agentId, agent: row.agent, pool: row.pool, heardAt: row.last_report_at, environments: row.environments, live: { targets: row.live_targets, instances: row.live_instances } },
  }));
  const names = await loadLedgerNames(db, tx, ledgerSize);
  const { createdCombinations } = await applyReports(tx, reports, { db, names, now });
  await settlePresence(tx, accepted, scopeIds);
  return { outcomes, createdCombinations, ledgerSize };
}

/** What an unchanged or accepted report is answered. */
export function answer(report: InventoryReport, { duplicate, desiredVersion }: { duplicate: boolean; desiredVersion: bigint }): InventoryResponse {
  return { accepted: true, duplicate, seq: report.seq, desiredVersion: Number(desiredVersion), accepts: { ...ACCEPTS } };
}

/** Whether a report is the next one of its scope. */
function decide(report: InventoryReport, row: ScopeRow): { duplicate: boolean; opens: boolean } | { refusal: AppError } {
  if (row.boot_closed_at !== null && row.id !== null) {
    return { refusal: new AppError("conflict", "This run of the agent was ended by a newer one. Begin a new one, with a new bootId, seq 1 and a full report.", { type: "boot-closed" }) };
  }
  const current = row.boot_id === report.bootId ? Number(row.seq) : null;
  if (current !== null && report.seq <= current) return { duplicate: true, opens: false };
  const opens = current === null;
  if ((opens && (report.seq !== 1 || report.kind !== "full")) || (!opens && report.kind === "delta" && report.seq !== current + 1)) {
    const message = opens ? "A new run of the agent begins with seq 1 and a full report." : `The last report was ${current}; ${report.seq} leaves a gap. Send a full report.`;
    return { refusal: new AppError("conflict", message, { type: "resync-required" }) };
  }
  return { duplicate: false, opens };
}

/**
 * Taken in one order, so that two batches never wait for each other. Whoever changes the mapping waits for reports that are
 * being taken by the old one, and they for it.
 */
async function lockScopes(tx: Tx, incoming: readonly Incoming[]): Promise<void> {
  await tx.$executeRaw`/* prepared: report-mapping */ SELECT pg_advisory_xact_lock_shared(hashtextextended('plumbline.mapping', 0))`;
  await tx.$executeRaw`
    /* prepared: report-lock */ SELECT pg_advisory_xact_lock(k.id) FROM (
      SELECT DISTINCT hashtextextended(name, 0) AS id FROM unnest(${sqlArray(incoming.map(({ agentId, report }) => `plumbline.report:${agentId}:${report.scope}`))}::text[]) n(name) ORDER BY 1) k`;
}

/** By the report's place; agents that are retired or revoked are left out. */
async function readScopes(tx: Tx, incoming: readonly Incoming[]): Promise<Map<number, ScopeRow>> {
  const rows = await tx.$queryRaw<ScopeRow[]>`
    /* prepared: report-scopes */ SELECT n.ord::int, a.desired_version, a.name AS agent, p.name::text AS pool, a.state AS agent_state, n.scope = ANY(p.scopes) AS allowed,
      ${poolEnvironmentsSql("p.id")} AS environments,
      s.id, s.boot_id, s.seq, s.last_report_at, s.freshness, s.clock_skew_ms, b.closed_at AS boot_closed_at,
      (SELECT count(*)::int FROM targets t WHERE t.agent_scope_id = s.id AND t.gone_at IS NULL AND n.whole) AS live_targets,
      (SELECT count(*)::int FROM instances i WHERE i.agent_scope_id = s.id AND n.whole) AS live_instances
    FROM unnest(${sqlArray(incoming.map(({ agentId }) => agentId))}::uuid[], ${sqlArray(incoming.map(({ report }) => report.scope))}::text[], ${sqlArray(incoming.map(({ report }) => report.bootId))}::text[],
      ${sqlArray(incoming.map(({ report }) => report.kind === "full"))}::boolean[]) WITH ORDINALITY n(agent_id, scope, boot_id, whole, ord)
    JOIN agents a ON a.id = n.agent_id AND a.retired_at IS NULL AND a.revoked_at IS NULL JOIN pools p ON p.id = a.pool_id
    LEFT JOIN agent_scopes s ON s.agent_id = a.id AND s.scope = n.scope
    LEFT JOIN agent_boots b ON b.agent_scope_id = s.id AND b.boot_id = n.boot_id`;
  return new Map(rows.map((row) => [row.ord - 1, row]));
}

/**
 * Writes that the scopes were heard, on which boot and how completely; opens boots where they are new and ends the earlier
 * ones for good. @returns the scopes' ids, in order
 */
async function markPresent(tx: Tx, accepted: readonly Accepted[]): Promise<bigint[]> {
  const sorted = accepted.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const of = <T>(pick: (incoming: Incoming) => T): T[] => sorted.map(({ incoming }) => pick(incoming));
  const stored = await tx.$queryRaw<{ id: bigint; agent_id: string; scope: string }[]>`
    /* prepared: report-present */ INSERT INTO agent_scopes AS s (agent_id, scope, boot_id, seq, last_report_at, observed_at, clock_skew_ms, freshness, coverage_complete, coverage_errors)
    SELECT n.agent_id, n.scope, n.boot_id, n.seq, n.received_at, n.observed_at, n.skew_ms, 'fresh', n.complete, n.errors::jsonb
    FROM unnest(${sqlArray(of(({ agentId }) => agentId))}::uuid[], ${sqlArray(of(({ report }) => report.scope))}::text[], ${sqlArray(of(({ report }) => report.bootId))}::text[], ${sqlArray(of(({ report }) => BigInt(report.seq)))}::bigint[],
      ${sqlArray(of(({ receivedAt }) => receivedAt))}::timestamptz[], ${sqlArray(of(({ report }) => new Date(report.observedAt)))}::timestamptz[], ${sqlArray(of((one) => BigInt(skewOf(one))))}::bigint[],
      ${sqlArray(of(({ report }) => report.coverage.complete))}::boolean[], ${sqlArray(of(({ report }) => JSON.stringify(report.coverage.errors)))}::text[]) n(agent_id, scope, boot_id, seq, received_at, observed_at, skew_ms, complete, errors)
    ON CONFLICT (agent_id, scope) DO UPDATE SET boot_id = excluded.boot_id, seq = excluded.seq, last_report_at = excluded.last_report_at, observed_at = excluded.observed_at,
      clock_skew_ms = excluded.clock_skew_ms, freshness = 'fresh', coverage_complete = excluded.coverage_complete, coverage_errors = excluded.coverage_errors
    RETURNING s.id, s.agent_id, s.scope`;
  const byName = new Map(stored.map((row) => [`${row.agent_id} ${row.scope}`, row.id]));
  const ids = accepted.map((one) => {
    const id = byName.get(sortKey(one));
    if (id === undefined) throw new Error("no scope");
    return id;
  });
  const opening = accepted.flatMap(({ opens, incoming }, at) => (opens ? [{ scopeId: ids[at] ?? 0n, bootId: incoming.report.bootId, at: incoming.receivedAt }] : []));
  if (opening.length > 0) {
    const opened = [opening.map(({ scopeId }) => scopeId), opening.map(({ bootId }) => bootId), opening.map(({ at }) => at)] as const;
    await tx.$executeRaw`
      UPDATE agent_boots b SET closed_at = n.at FROM unnest(${sqlArray(opened[0])}::bigint[], ${sqlArray(opened[2])}::timestamptz[]) n(scope_id, at) WHERE b.agent_scope_id = n.scope_id AND b.closed_at IS NULL`;
    await tx.$executeRaw`INSERT INTO agent_boots (agent_scope_id, boot_id, opened_at) SELECT * FROM unnest(${sqlArray(opened[0])}::bigint[], ${sqlArray(opened[1])}::text[], ${sqlArray(opened[2])}::timestamptz[])`;
  }
  const back = accepted.filter(({ row }) => row.agent_state === "late" || row.agent_state === "silent").map(({ incoming }) => incoming.agentId);
  if (back.length > 0) await tx.$executeRaw`UPDATE agents SET state = 'active' WHERE id = ANY(${sqlArray(back)}::uuid[]) AND state IN ('late', 'silent')`;
  return ids;
}

function sortKey({ incoming: { agentId, report } }: Accepted): string {
  return `${agentId} ${report.scope}`;
}

function skewOf({ report, receivedAt }: Incoming): number {
  return Date.parse(report.observedAt) - receivedAt.getTime();
}

/** Findings about the reporting itself: silence ends with any report, a skewed clock with a right one. */
async function settlePresence(tx: Tx, accepted: readonly Accepted[], scopeIds: readonly bigint[]): Promise<void> {
  const facts = accepted.map(({ incoming, row }, at) => ({
    agentId: incoming.agentId,
    scopeId: scopeIds[at] ?? 0n,
    skewMs: skewOf(incoming),
    at: incoming.receivedAt,
    skewed: isClockSkewed(skewOf(incoming), 0),
    wasSkewed: isClockSkewed(Number(row.clock_skew_ms ?? 0n), 0),
    wasAway: (row.freshness !== null && row.freshness !== "fresh") || row.agent_state !== "active",
    isNew: row.id === null,
  }));
  const skewed = facts.filter((one) => one.skewed && !one.wasSkewed);
  if (skewed.length > 0) {
    await tx.$executeRaw`
      INSERT INTO findings (kind, agent_scope_id, cause, since, opened_at)
      SELECT 'clock-skew', n.scope_id, jsonb_build_object('skewMs', n.skew_ms), n.at, n.at
      FROM unnest(${sqlArray(skewed.map(({ scopeId }) => scopeId))}::bigint[], ${sqlArray(skewed.map(({ skewMs }) => BigInt(skewMs)))}::bigint[], ${sqlArray(skewed.map(({ at }) => at))}::timestamptz[]) n(scope_id, skew_ms, at) ON CONFLICT DO NOTHING`;
  }
  const over = facts.flatMap(({ scopeId, at, ...one }) => [...(one.wasSkewed && !one.skewed ? [{ scopeId, at, kind: "clock-skew" }] : []), ...(one.wasAway ? [{ scopeId, at, kind: "silent" }] : [])]);
  if (over.length > 0) {
    await tx.$executeRaw`
      UPDATE findings f SET resolved_at = n.at, resolved_reason = 'reported again'
      FROM unnest(${sqlArray(over.map(({ scopeId }) => scopeId))}::bigint[], ${sqlArray(over.map(({ kind }) => kind))}::text[], ${sqlArray(over.map(({ at }) => at))}::timestamptz[]) n(scope_id, kind, at)
      WHERE f.agent_scope_id = n.scope_id AND f.kind = n.kind AND f.resolved_at IS NULL`;
  }
  await recordChanges(tx, facts.flatMap(({ agentId, ...one }): Change[] => {
    if (one.isNew || one.wasAway) return (["agent", "fleet", "findings"] as const).map((topic) => ({ topic, key: agentId }));
    return one.skewed === one.wasSkewed ? [] : [{ topic: "findings", key: agentId }];
  }));
}

/** Two processes with one identity: a run that was ended looks at its host after the newer one had begun. */
async function noteDuplicateAgent(tx: Tx, { id, boot_closed_at: closedAt, clock_skew_ms: skewMs }: ScopeRow, { report, receivedAt }: Incoming): Promise<void> {
  if (id === null || closedAt === null || Date.parse(report.observedAt) - Number(skewMs ?? 0n) <= closedAt.getTime()) return;
  const cause = JSON.stringify({ bootId: report.bootId, lastAt: receivedAt.toISOString() });
  const added = await tx.$executeRaw`
    INSERT INTO findings (kind, agent_scope_id, cause, since, opened_at) VALUES ('duplicate-agent', ${id}, ${cause}::jsonb, ${receivedAt}, ${receivedAt}) ON CONFLICT DO NOTHING`;
  if (added === 0) await tx.$executeRaw`UPDATE findings SET cause = ${cause}::jsonb WHERE agent_scope_id = ${id} AND kind = 'duplicate-agent' AND resolved_at IS NULL`;
  else await recordChanges(tx, [{ topic: "findings" }]);
}

/** Keeps a part; the whole report when this was the last that was missing, else null. */
async function joinParts(tx: Tx, { agentId, report, receivedAt }: Incoming): Promise<InventoryReport | null> {
  const { scope, bootId } = report;
  const seq = BigInt(report.seq);
  await tx.$executeRaw`
    INSERT INTO report_parts (agent_id, scope, boot_id, seq, part, parts, body, received_at)
    VALUES (${agentId}::uuid, ${scope}, ${bootId}, ${seq}, ${report.part}, ${report.parts}, ${JSON.stringify(report)}::jsonb, ${receivedAt}) ON CONFLICT DO NOTHING`;
  const [kept] = await tx.$queryRaw<{ same: boolean; here: bigint }[]>`
    SELECT bool_and(parts = ${report.parts} AND body ->> 'kind' = ${report.kind}) AS same, count(*) AS here FROM report_parts
    WHERE agent_id = ${agentId}::uuid AND scope = ${scope} AND boot_id = ${bootId} AND seq = ${seq}`;
  if (!kept?.same) throw new AppError("invalid", "The parts of a report agree on how many they are, and on its kind.", { fields: [{ path: "parts", message: "differs from the other parts" }] });
  if (Number(kept.here) < report.parts) return null;
  const rows = await tx.$queryRaw<{ body: unknown }[]>`
    SELECT body FROM report_parts WHERE agent_id = ${agentId}::uuid AND scope = ${scope} AND boot_id = ${bootId} AND seq = ${seq} ORDER BY part`;
  await tx.$executeRaw`DELETE FROM report_parts WHERE agent_id = ${agentId}::uuid AND scope = ${scope} AND (boot_id <> ${bootId} OR seq <= ${seq})`;
  const whole = rows.map(({ body }) => inventoryReport.parse(body)).reduce((joined, part) => ({
    ...joined,
    coverage: { complete: joined.coverage.complete && part.coverage.complete, errors: [...joined.coverage.errors, ...part.coverage.errors].slice(0, 100) },
    images: [...joined.images, ...part.images],
    targets: [...joined.targets, ...part.targets],
    // Each part has its own dictionary of images.
    instances: [...joined.instances, ...part.instances.map((instance) => ({ ...instance, image: instance.image + joined.images.length }))],
    removed: [...joined.removed, ...part.removed],
    events: [...joined.events, ...part.events],
  }));
  refuseContradictions(whole);
  return whole;
}

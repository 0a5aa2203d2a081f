import { ACCEPTS, inventoryReport, type InventoryReport, type InventoryResponse } from "@/lib/contract/agent";
import { isClockSkewed } from "@/lib/domain/drift/agent-presence";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { remapCombinations } from "@/server/drift/adopt-service";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError, notFound, type FieldProblem } from "@/server/errors";
import { applyReport } from "./apply-report";
import { loadLedgerNames, type ReportableEnvironment } from "./mapping-rules";
import { isUnchanged, recordPresence } from "./record-presence";

type ScopeRow = {
  desired_version: bigint;
  agent_state: string;
  allowed: boolean;
  ledger_size: bigint;
  environments: ReportableEnvironment[];
  id: bigint | null;
  boot_id: string | null;
  seq: bigint | null;
  last_report_at: Date | null;
  freshness: string | null;
  clock_skew_ms: bigint | null;
  /** Whether this boot was opened before, and when it was closed. */
  boot_known: boolean;
  boot_closed_at: Date | null;
  live_targets: number;
  live_instances: number;
};

type Outcome = { answer: InventoryResponse; created: bigint[]; ledgerSize: bigint } | { refusal: AppError };

/**
 * Takes one inventory report of the agent that asks, in one transaction. Idempotent on (agent, scope, bootId, seq).
 * @param now when it was received; the database's rows carry this time
 * @throws AppError not-found for a scope that is not the agent's; conflict `resync-required` (a gap, or a boot that did
 *   not begin with a full report) and `boot-closed`; invalid with the fields that contradict each other
 */
export async function recordInventory({ ctx, input, now = new Date() }: { ctx: Ctx; input: InventoryReport; now?: Date }): Promise<InventoryResponse> {
  authorise(ctx, "agent.report");
  if (isUnchanged(input, now.getTime())) {
    const version = await recordPresence(ctx, { agentId: ctx.actor.id, scope: input.scope, bootId: input.bootId, seq: input.seq, observedAt: new Date(input.observedAt), receivedAt: now });
    if (version !== null) return answer(input, { duplicate: false, desiredVersion: version });
  }
  refuseContradictions(input);
  const outcome = await transact(ctx.db, (tx) => record(tx, ctx, input, now));
  // A refusal may come with a finding, which must stay.
  if ("refusal" in outcome) throw outcome.refusal;
  if (outcome.created.length > 0) await judgeAgain(ctx, outcome, now);
  return outcome.answer;
}

function answer(report: InventoryReport, { duplicate, desiredVersion }: { duplicate: boolean; desiredVersion: bigint }): InventoryResponse {
  return { accepted: true, duplicate, seq: report.seq, desiredVersion: Number(desiredVersion), accepts: { ...ACCEPTS } };
}

async function record(tx: Tx, ctx: Ctx, report: InventoryReport, now: Date): Promise<Outcome> {
  const agentId = ctx.actor.id;
  await tx.$executeRaw`/* prepared: report-lock */ SELECT pg_advisory_xact_lock(hashtextextended(${`plumbline.report:${agentId}:${report.scope}`}, 0))`;
  const row = await readScope(tx, agentId, report);
  if (!row?.allowed) throw notFound("scope of this agent");
  const accepted = (duplicate: boolean, created: bigint[] = []): Outcome => ({ answer: answer(report, { duplicate, desiredVersion: row.desired_version }), created, ledgerSize: row.ledger_size });

  if (row.boot_closed_at !== null && row.id !== null) {
    await noteDuplicateAgent(tx, { scopeId: row.id, report, closedAt: row.boot_closed_at, skewMs: Number(row.clock_skew_ms ?? 0n), now });
    return { refusal: new AppError("conflict", "This run of the agent was ended by a newer one. Begin a new one, with a new bootId, seq 1 and a full report.", { type: "boot-closed" }) };
  }
  const current = row.boot_id === report.bootId ? Number(row.seq) : null;
  if (current !== null && report.seq <= current) return accepted(true);
  const opens = current === null;
  if ((opens && (report.seq !== 1 || report.kind !== "full")) || (!opens && report.kind === "delta" && report.seq !== current + 1)) {
    const message = opens ? "A new run of the agent begins with seq 1 and a full report." : `The last report was ${current}; ${report.seq} leaves a gap. Send a full report.`;
    return { refusal: new AppError("conflict", message, { type: "resync-required" }) };
  }
  const whole = report.parts === 1 ? report : await joinParts(tx, agentId, report, now);
  if (!whole) return accepted(false);
  if (whole !== report) refuseContradictions(whole);

  const scopeId = await markPresent(tx, { agentId, row, report: whole, opens, now });
  const names = await loadLedgerNames(ctx.db, tx, row.ledger_size);
  const applied = await applyReport(tx, { db: ctx.db, id: scopeId, agentId, heardAt: row.last_report_at, environments: row.environments, names, live: { targets: row.live_targets, instances: row.live_instances } }, whole, now);
  await settlePresence(tx, { agentId, scopeId, row, report: whole, now });
  return accepted(false, applied.createdCombinations);
}

async function readScope(tx: Tx, agentId: string, report: InventoryReport): Promise<ScopeRow | undefined> {
  const [row] = await tx.$queryRaw<ScopeRow[]>`
    /* prepared: report-scope */ SELECT a.desired_version, a.state AS agent_state, ${report.scope} = ANY(p.scopes) AS allowed, (SELECT size FROM ledger_head) AS ledger_size,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'name', e.name) ORDER BY e.ordinal), '[]') FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = p.id) AS environments,
      s.id, s.boot_id, s.seq, s.last_report_at, s.freshness, s.clock_skew_ms, b.boot_id IS NOT NULL AS boot_known, b.closed_at AS boot_closed_at,
      (SELECT count(*)::int FROM targets t WHERE t.agent_scope_id = s.id AND t.gone_at IS NULL AND ${report.kind === "full"}) AS live_targets,
      (SELECT count(*)::int FROM instances i WHERE i.agent_scope_id = s.id AND ${report.kind === "full"}) AS live_instances
    FROM agents a JOIN pools p ON p.id = a.pool_id
    LEFT JOIN agent_scopes s ON s.agent_id = a.id AND s.scope = ${report.scope}
    LEFT JOIN agent_boots b ON b.agent_scope_id = s.id AND b.boot_id = ${report.bootId}
    WHERE a.id = ${agentId}::uuid AND a.retired_at IS NULL AND a.revoked_at IS NULL`;
  return row;
}

/** Writes that the scope was heard, on which boot and how completely; opens the boot where it is new and ends the earlier one for good. */
async function markPresent(tx: Tx, { agentId, row, report, opens, now }: { agentId: string; row: ScopeRow; report: InventoryReport; opens: boolean; now: Date }): Promise<bigint> {
  const observedAt = new Date(report.observedAt);
  const skewMs = BigInt(observedAt.getTime() - now.getTime());
  const [stored] = await tx.$queryRaw<{ id: bigint }[]>`
    /* prepared: report-present */ INSERT INTO agent_scopes AS s (agent_id, scope, boot_id, seq, last_report_at, observed_at, clock_skew_ms, freshness, coverage_complete, coverage_errors)
    VALUES (${agentId}::uuid, ${report.scope}, ${report.bootId}, ${BigInt(report.seq)}, ${now}, ${observedAt}, ${skewMs}, 'fresh', ${report.coverage.complete}, ${JSON.stringify(report.coverage.errors)}::jsonb)
    ON CONFLICT (agent_id, scope) DO UPDATE SET boot_id = excluded.boot_id, seq = excluded.seq, last_report_at = excluded.last_report_at, observed_at = excluded.observed_at,
      clock_skew_ms = excluded.clock_skew_ms, freshness = 'fresh', coverage_complete = excluded.coverage_complete, coverage_errors = excluded.coverage_errors
    RETURNING s.id`;
  if (!stored) throw new Error("no scope");
  if (opens) {
    await tx.$executeRaw`UPDATE agent_boots SET closed_at = ${now} WHERE agent_scope_id = ${stored.id} AND closed_at IS NULL`;
    await tx.$executeRaw`INSERT INTO agent_boots (agent_scope_id, boot_id, opened_at) VALUES (${stored.id}, ${report.bootId}, ${now})`;
  }
  if (row.agent_state === "late" || row.agent_state === "silent") {
    await tx.$executeRaw`UPDATE agents SET state = 'active' WHERE id = ${agentId}::uuid AND state IN ('late', 'silent')`;
  }
  return stored.id;
}

/** Findings about the reporting itself: silence ends with any report, a skewed clock with a right one. */
async function settlePresence(tx: Tx, { agentId, scopeId, row, report, now }: { agentId: string; scopeId: bigint; row: ScopeRow; report: InventoryReport; now: Date }): Promise<void> {
  const observedAt = Date.parse(report.observedAt);
  const skewed = isClockSkewed(observedAt, now.getTime());
  const wasSkewed = isClockSkewed(Number(row.clock_skew_ms ?? 0n), 0);
  const wasAway = (row.freshness !== null && row.freshness !== "fresh") || row.agent_state !== "active";
  if (skewed && !wasSkewed) {
    await tx.$executeRaw`
      INSERT INTO findings (kind, agent_scope_id, cause, since, opened_at) VALUES ('clock-skew', ${scopeId}, ${JSON.stringify({ skewMs: observedAt - now.getTime() })}::jsonb, ${now}, ${now}) ON CONFLICT DO NOTHING`;
  }
  const over = [...(wasSkewed && !skewed ? ["clock-skew"] : []), ...(wasAway ? ["silent"] : [])];
  if (over.length > 0) {
    await tx.$executeRaw`
      UPDATE findings SET resolved_at = ${now}, resolved_reason = 'reported again' WHERE agent_scope_id = ${scopeId} AND kind = ANY(${over}::text[]) AND resolved_at IS NULL`;
  }
  if (skewed !== wasSkewed) await recordChanges(tx, [{ topic: "findings", key: agentId }]);
  if (row.id === null || wasAway) {
    await recordChanges(tx, [{ topic: "agent", key: agentId }, { topic: "fleet", key: agentId }, { topic: "findings", key: agentId }]);
  }
}

/** Two processes with one identity: a run that was ended looks at its host after the newer one had begun. */
async function noteDuplicateAgent(tx: Tx, { scopeId, report, closedAt, skewMs, now }: { scopeId: bigint; report: InventoryReport; closedAt: Date; skewMs: number; now: Date }): Promise<void> {
  if (Date.parse(report.observedAt) - skewMs <= closedAt.getTime()) return;
  const cause = JSON.stringify({ bootId: report.bootId, lastAt: now.toISOString() });
  const added = await tx.$executeRaw`
    INSERT INTO findings (kind, agent_scope_id, cause, since, opened_at) VALUES ('duplicate-agent', ${scopeId}, ${cause}::jsonb, ${now}, ${now}) ON CONFLICT DO NOTHING`;
  if (added === 0) await tx.$executeRaw`UPDATE findings SET cause = ${cause}::jsonb WHERE agent_scope_id = ${scopeId} AND kind = 'duplicate-agent' AND resolved_at IS NULL`;
  else await recordChanges(tx, [{ topic: "findings" }]);
}

/** Keeps a part; the whole report when this was the last that was missing, else null. */
async function joinParts(tx: Tx, agentId: string, report: InventoryReport, now: Date): Promise<InventoryReport | null> {
  if (report.part > report.parts) throw new AppError("invalid", "There is no such part.", { fields: [{ path: "part", message: "must not be above parts" }] });
  const { scope, bootId } = report;
  const seq = BigInt(report.seq);
  await tx.$executeRaw`
    INSERT INTO report_parts (agent_id, scope, boot_id, seq, part, parts, body, received_at)
    VALUES (${agentId}::uuid, ${scope}, ${bootId}, ${seq}, ${report.part}, ${report.parts}, ${JSON.stringify(report)}::jsonb, ${now}) ON CONFLICT DO NOTHING`;
  const [kept] = await tx.$queryRaw<{ same: boolean; here: bigint }[]>`
    SELECT bool_and(parts = ${report.parts} AND body ->> 'kind' = ${report.kind}) AS same, count(*) AS here FROM report_parts
    WHERE agent_id = ${agentId}::uuid AND scope = ${scope} AND boot_id = ${bootId} AND seq = ${seq}`;
  if (!kept?.same) throw new AppError("invalid", "The parts of a report agree on how many they are, and on its kind.", { fields: [{ path: "parts", message: "differs from the other parts" }] });
  if (Number(kept.here) < report.parts) return null;
  const rows = await tx.$queryRaw<{ body: unknown }[]>`
    SELECT body FROM report_parts WHERE agent_id = ${agentId}::uuid AND scope = ${scope} AND boot_id = ${bootId} AND seq = ${seq} ORDER BY part`;
  await tx.$executeRaw`DELETE FROM report_parts WHERE agent_id = ${agentId}::uuid AND scope = ${scope} AND (boot_id <> ${bootId} OR seq <= ${seq})`;
  return rows.map(({ body }) => inventoryReport.parse(body)).reduce((whole, part) => ({
    ...whole,
    coverage: { complete: whole.coverage.complete && part.coverage.complete, errors: [...whole.coverage.errors, ...part.coverage.errors].slice(0, 100) },
    images: [...whole.images, ...part.images],
    targets: [...whole.targets, ...part.targets],
    // Each part has its own dictionary of images.
    instances: [...whole.instances, ...part.instances.map((instance) => ({ ...instance, image: instance.image + whole.images.length }))],
    removed: [...whole.removed, ...part.removed],
    events: [...whole.events, ...part.events],
  }));
}

/** What a schema cannot say: indices that point nowhere, and keys that are given twice. */
function refuseContradictions(report: InventoryReport): void {
  const fields: FieldProblem[] = [];
  const once = (list: "targets" | "instances"): void => {
    const seen = new Set<string>();
    report[list].forEach(({ key }, at) => {
      if (seen.has(key)) fields.push({ path: `${list}[${at}].key`, message: "is given twice" });
      seen.add(key);
    });
  };
  once("targets");
  once("instances");
  report.instances.forEach(({ image }, at) => {
    if (image >= report.images.length) fields.push({ path: `instances[${at}].image`, message: "is not an index into images" });
  });
  if (report.part > report.parts) fields.push({ path: "part", message: "must not be above parts" });
  const [first] = fields;
  if (first) throw new AppError("invalid", `${first.path} ${first.message}.`, { fields: fields.slice(0, 50) });
}

/**
 * A decision at the same moment could not see combinations that this report had not committed, nor this report the
 * decision. Now one of both sees the other: verdicts of new combinations are taken again, behind any decision.
 */
async function judgeAgain(ctx: Ctx, { created, ledgerSize }: { created: bigint[]; ledgerSize: bigint }, now: Date): Promise<void> {
  await transact(ctx.db, async (tx) => {
    await rejudgeCombinations(tx, { combinationIds: created }, { now });
    const [head] = await tx.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`;
    if (head && head.size !== ledgerSize) await remapCombinations(tx, created, { now });
  });
}

import { randomUUID } from "node:crypto";
import type { InventoryReport } from "@/lib/contract/agent";
import { choosePreviews } from "@/lib/domain/fleet/choose-previews";
import { ENVIRONMENT_LABEL } from "@/lib/domain/fleet/map-facts";
import { sanitizeName } from "@/lib/domain/fleet/names";
import { recordChanges } from "@/server/changes/record-change";
import { systemContext, type App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { appendEntry } from "@/server/ledger/append-entry";

type RuleRow = { id: string; pattern: string; template_id: string; template: string; free: number };

/** Previews that one report may bring about; the rest comes with the next one that names them. */
const MOST_AT_ONCE = 50;

/**
 * Makes the preview environments that a report names, when a rule of its agent's pool covers them: before the report is
 * taken, in transactions of their own, since every environment is an entry in the ledger. One that had ended is there again.
 */
export async function ensurePreviews(app: App, agentId: string, report: InventoryReport): Promise<void> {
  const named = new Set(report.targets.flatMap(({ labels }) => sanitizeName(labels[ENVIRONMENT_LABEL]) ?? []));
  if (named.size === 0) return;
  const unknown = await app.db.$queryRaw<{ name: string }[]>`
    SELECT n.name FROM unnest(${[...named]}::text[]) n(name)
    WHERE EXISTS (SELECT FROM agents a JOIN pool_preview_rules pr ON pr.pool_id = a.pool_id WHERE a.id = ${agentId}::uuid)
      AND NOT EXISTS (SELECT FROM environments e WHERE e.name = n.name AND (e.retired_at IS NULL OR e.kind = 'permanent')) ORDER BY n.name LIMIT ${MOST_AT_ONCE}`;
  if (unknown.length === 0) return;
  const refused = await transact(app.db, (tx) => makePreviews(tx, app, agentId, unknown.map(({ name }) => name)));
  for (const { name, rule } of refused) app.log.warn({ environment: name, rule, agent: agentId }, "a preview environment was not made: its rule has as many as it may");
}

async function makePreviews(tx: Tx, app: App, agentId: string, names: readonly string[]): Promise<{ name: string; rule: string }[]> {
  // One at a time: what is free, and the next place in the order, are taken from what is there.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.environments', 0))`;
  const rules = await tx.$queryRaw<RuleRow[]>`
    SELECT r.id::text, r.pattern, t.id::text AS template_id, t.name::text AS template,
      r.max_environments - (SELECT count(*)::int FROM environments e WHERE e.preview_rule_id = r.id AND e.kind = 'preview' AND e.retired_at IS NULL) AS free
    FROM agents a JOIN pool_preview_rules pr ON pr.pool_id = a.pool_id JOIN preview_rules r ON r.id = pr.rule_id AND r.removed_at IS NULL JOIN environments t ON t.id = r.template_id AND t.retired_at IS NULL
    WHERE a.id = ${agentId}::uuid ORDER BY r.created_at, r.id`;
  const still = await tx.$queryRaw<{ name: string }[]>`
    SELECT n.name FROM unnest(${[...names]}::text[]) n(name) WHERE NOT EXISTS (SELECT FROM environments e WHERE e.name = n.name AND (e.retired_at IS NULL OR e.kind = 'permanent')) ORDER BY 1`;
  const { made, refused } = choosePreviews(still.map(({ name }) => name), rules);
  const [last] = refused.slice(-1);
  if (last) {
    await tx.$executeRaw`
      UPDATE preview_rules r SET refused = r.refused + n.names, last_refused = jsonb_build_object('name', n.last, 'at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
      FROM (SELECT rule_id, count(*) AS names, max(name) AS last FROM unnest(${refused.map(({ rule }) => rule)}::uuid[], ${refused.map(({ name }) => name)}::text[]) x(rule_id, name) GROUP BY 1) n WHERE r.id = n.rule_id`;
  }
  if (made.length > 0) await recordChanges(tx, [{ topic: "settings" }, { topic: "fleet" }]);
  for (const { name, rule } of made) {
    const of = rules.find(({ id }) => id === rule);
    if (of) await makePreview(tx, app, { name, rule: of });
  }
  return refused;
}

async function makePreview(tx: Tx, app: App, { name, rule }: { name: string; rule: RuleRow }): Promise<void> {
  const [before] = await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM environments WHERE name = ${name}`;
  const id = before?.id ?? randomUUID();
  const { seq } = await appendEntry(tx, systemContext(app, "preview"), {
    type: before ? "environment-changed" : "environment-created",
    environmentId: id,
    scope: { service: null, environment: name },
    payload: { kind: "preview", rule: rule.id, pattern: rule.pattern, template: rule.template, change: before ? "opened-again" : "opened" },
  });
  await tx.$executeRaw`
    INSERT INTO environments AS e (id, name, ordinal, protected, mode, kind, template_id, required_approvals, preview_rule_id, entry_seq)
    SELECT ${id}::uuid, ${name}, (SELECT max(ordinal) + 1 FROM environments), t.protected, t.mode, 'preview', t.id, t.required_approvals, ${rule.id}::uuid, ${seq} FROM environments t WHERE t.id = ${rule.template_id}::uuid
    ON CONFLICT (id) DO UPDATE SET protected = excluded.protected, mode = excluded.mode, template_id = excluded.template_id, required_approvals = excluded.required_approvals,
      preview_rule_id = excluded.preview_rule_id, entry_seq = excluded.entry_seq, retired_at = NULL`;
}

import type { PreviewRuleDto } from "@/lib/contract/previews";
import type { Db, Tx } from "@/server/db";

const MINUTE_MS = 60_000;
const MOST = 200;
type Row = Omit<PreviewRuleDto, "ttlMinutes" | "refused"> & { ttl_ms: bigint; refused: bigint };

/** The rules in force, by pattern; one of them when it is named. */
export async function loadPreviewRules(db: Db | Tx, pattern: string | null = null): Promise<PreviewRuleDto[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT r.id::text, r.pattern, t.name::text AS template, r.ttl_ms, r.max_environments AS "maxEnvironments", r.refused, r.last_refused AS "lastRefused",
      ARRAY(SELECT p.name::text FROM pool_preview_rules pr JOIN pools p ON p.id = pr.pool_id WHERE pr.rule_id = r.id ORDER BY p.name) AS pools,
      (SELECT count(*)::int FROM environments e WHERE e.preview_rule_id = r.id AND e.kind = 'preview' AND e.retired_at IS NULL) AS environments
    FROM preview_rules r JOIN environments t ON t.id = r.template_id WHERE r.removed_at IS NULL AND (${pattern}::text IS NULL OR r.pattern = ${pattern}) ORDER BY r.pattern LIMIT ${MOST}`;
  return rows.map(({ ttl_ms, refused, ...row }) => ({ ...row, ttlMinutes: Number(ttl_ms) / MINUTE_MS, refused: Number(refused) }));
}

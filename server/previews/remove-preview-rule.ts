import type { z } from "zod";
import type { PreviewRuleDto, removePreviewRuleRequest } from "@/lib/contract/previews";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { loadPreviewRules } from "./load-preview-rules";

/**
 * Takes a rule away: nothing is made by it any more. The previews that are there end as they would have.
 * @throws AppError forbidden, not-found
 */
export async function removePreviewRule({ ctx, input }: { ctx: Ctx; input: z.output<typeof removePreviewRuleRequest> }): Promise<PreviewRuleDto> {
  authorise(ctx, "environments.write", { environment: input.pattern });
  return transact(ctx.db, async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.environments', 0))`;
    const [rule] = await loadPreviewRules(tx, input.pattern);
    if (!rule) throw notFound("preview rule");
    authorise(ctx, "environments.write", { environment: rule.template });
    await recordChanges(tx, [{ topic: "settings", key: rule.id }]);
    const { seq, at } = await appendEntry(tx, ctx, { type: "preview-rule-changed", scope: { service: null, environment: rule.template }, payload: { rule: rule.id, change: "removed", pattern: rule.pattern }, texts: { reason: input.reason } });
    await tx.$executeRaw`UPDATE preview_rules SET removed_at = ${at}, entry_seq = ${seq} WHERE id = ${rule.id}::uuid`;
    return { ...rule, pools: [] };
  });
}

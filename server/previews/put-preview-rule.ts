import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { PreviewRuleDto, putPreviewRuleRequest } from "@/lib/contract/previews";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { loadPreviewRules } from "./load-preview-rules";

const MINUTE_MS = 60_000;

/**
 * Makes a rule by which preview environments come about, or changes the one of that pattern. A name that two rules match
 * is made by the one that was there first.
 * @throws AppError forbidden (the right is needed for the template, the former one too, and for every name that the pattern
 *   covers; and for the pools that get or lose it, the right to change them), not-found (template), invalid (a pool that is not there, a template that is a preview itself)
 */
export async function putPreviewRule({ ctx, input }: { ctx: Ctx; input: z.output<typeof putPreviewRuleRequest> }): Promise<PreviewRuleDto> {
  authorise(ctx, "environments.write", { environment: input.template });
  authorise(ctx, "environments.write", { environment: input.pattern });
  const pools = [...new Set(input.pools)].sort();
  return transact(ctx.db, async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.environments', 0))`;
    const [template] = await tx.$queryRaw<{ id: string; kind: string }[]>`SELECT id::text, kind FROM environments WHERE name = ${input.template} AND retired_at IS NULL`;
    if (!template) throw notFound("environment");
    if (template.kind === "preview") throw new AppError("invalid", `${input.template} is a preview itself.`, { fields: [{ path: "template", message: "is a preview" }] });
    const [before] = await loadPreviewRules(tx, input.pattern);
    if (before) authorise(ctx, "environments.write", { environment: before.template });
    await authorisePools(tx, ctx, [...pools, ...(before?.pools ?? [])]);
    const found = await tx.$queryRaw<{ id: string; name: string }[]>`SELECT id::text, name::text FROM pools WHERE name = ANY(${pools}::text[])`;
    const missing = pools.filter((pool) => !found.some(({ name }) => name === pool));
    if (missing.length > 0) throw new AppError("invalid", `There is no pool ${missing.join(", ")}.`, { type: "unknown-pool", fields: missing.map((pool) => ({ path: `pools[${input.pools.indexOf(pool)}]`, message: "is not a pool" })) });
    if (before && before.template === input.template && before.ttlMinutes === input.ttlMinutes && before.maxEnvironments === input.maxEnvironments && before.pools.join() === pools.join()) return before;
    const id = before?.id ?? randomUUID();
    await recordChanges(tx, [{ topic: "settings", key: id }]);
    const { seq } = await appendEntry(tx, ctx, {
      type: "preview-rule-changed",
      environmentId: template.id,
      scope: { service: null, environment: input.template },
      payload: { rule: id, change: before ? "changed" : "created", pattern: input.pattern, template: input.template, ttlMinutes: input.ttlMinutes, maxEnvironments: input.maxEnvironments, pools },
    });
    await tx.$executeRaw`
      INSERT INTO preview_rules AS r (id, pattern, template_id, ttl_ms, max_environments, actor_id, entry_seq)
      VALUES (${id}::uuid, ${input.pattern}, ${template.id}::uuid, ${input.ttlMinutes * MINUTE_MS}::bigint, ${input.maxEnvironments}::int, ${ctx.actor.id}::uuid, ${seq})
      ON CONFLICT (id) DO UPDATE SET template_id = excluded.template_id, ttl_ms = excluded.ttl_ms, max_environments = excluded.max_environments, actor_id = excluded.actor_id, entry_seq = excluded.entry_seq`;
    await tx.$executeRaw`DELETE FROM pool_preview_rules WHERE rule_id = ${id}::uuid`;
    await tx.$executeRaw`INSERT INTO pool_preview_rules (pool_id, rule_id) SELECT pool_id, ${id}::uuid FROM unnest(${found.map((pool) => pool.id)}::uuid[]) n(pool_id)`;
    const [rule] = await loadPreviewRules(tx, input.pattern);
    if (!rule) throw notFound("preview rule");
    return rule;
  });
}

/** A rule widens where a pool's hosts may report: who makes it may change each of these pools. */
async function authorisePools(tx: Tx, ctx: Ctx, pools: readonly string[]): Promise<void> {
  const rows = await tx.$queryRaw<{ environment: string }[]>`
    SELECT DISTINCT e.name::text AS environment FROM pools p JOIN pool_environments pe ON pe.pool_id = p.id JOIN environments e ON e.id = pe.environment_id WHERE p.name = ANY(${[...pools]}::text[]) ORDER BY 1`;
  for (const { environment } of rows) authorise(ctx, "pools.change", { environment });
}

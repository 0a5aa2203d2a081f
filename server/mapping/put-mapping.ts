import { createHash } from "node:crypto";
import type { z } from "zod";
import { mappingRuleSet, type MappingDto, type MappingRuleSetDto, type putMappingRequest } from "@/lib/contract/mapping";
import { checkRuleSet, listRuleChanges } from "@/lib/domain/fleet/mapping-rules";
import { canonicalize, type JsonObject } from "@/lib/domain/ledger/canonical-json";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { readLedgerNames } from "@/server/inventory/mapping-rules";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { applyRemap } from "./apply-remap";
import { loadMapping } from "./get-mapping";
import { lockMapping } from "./lock-mapping";
import { planRemap } from "./plan-remap";
import { readRuleSet } from "./read-rule-set";
import { listRefusals } from "./refuse-remap";

/** A ledger entry holds the rules themselves up to this many characters, else their hash alone. */
const MOST_IN_ENTRY = 16_000;
/** A fleet of a hundred thousand is moved in one transaction. */
const TIMEOUT_MS = 120_000;

/**
 * Decides whose containers are from now on, and moves the fleet there in the same transaction; reports wait for it. Versions
 * are kept; the same rules again are no new version.
 * @throws AppError unprocessable with what is wrong with the rules; conflict with what changed when another version stands
 *   than the one that was changed, and when a rollout that is under way would lose or get targets
 */
export async function putMapping({ ctx, input }: { ctx: Ctx; input: z.output<typeof putMappingRequest> }): Promise<MappingDto> {
  authorise(ctx, "mapping.write");
  refuseErrors(input.set);
  refuseSecrets(Object.fromEntries(input.set.rules.map(({ ignore }, at) => [`set.rules[${at}].ignore`, ignore])));
  return transact(
    ctx.db,
    async (tx) => {
      await lockMapping(tx);
      const before = await readRuleSet(tx);
      if (before.version !== input.version) {
        const [newest] = (await loadMapping(ctx, tx)).history;
        throw new AppError("conflict", "The mapping was changed since you looked.", {
          type: "stale-view",
          changed: [newest ? `Version ${newest.version} stands, by ${newest.by} at ${newest.at}.` : "No rules were decided yet.", ...listRuleChanges(input.set, before.set)],
        });
      }
      const bytes = toBytes(input.set);
      if (bytes === toBytes(mappingRuleSet.parse(before.set))) return loadMapping(ctx, tx);

      const plan = await planRemap(tx, await readLedgerNames(tx, input.set));
      const refused = await listRefusals(tx, plan);
      if (refused.length > 0) throw new AppError("conflict", refused.join(" "), { type: "mapping-refused", reasons: refused.map((sentence) => ({ reason: "mapping-refused", sentence })) });
      const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
      await applyRemap(tx, plan, { now: clock?.now ?? new Date() });

      const version = before.version + 1;
      await recordChanges(tx, [{ topic: "settings", key: "mapping" }, { topic: "fleet" }, { topic: "findings" }]);
      const { seq, at } = await appendEntry(tx, ctx, {
        type: "mapping-changed",
        scope: { service: null, environment: null },
        payload: { version, rules: input.set.rules.length, aliases: Object.keys(input.set.aliases).length, sha256: createHash("sha256").update(bytes).digest("hex"), set: bytes.length <= MOST_IN_ENTRY ? (JSON.parse(bytes) as JsonObject) : null },
        texts: { reason: input.reason },
      });
      await tx.$executeRaw`INSERT INTO mapping_rule_sets (version, rules, actor_id, entry_seq, created_at) VALUES (${version}, ${bytes}::jsonb, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
      return loadMapping(ctx, tx);
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

/** The order of labels and aliases means nothing, and is not kept. */
function toBytes(set: MappingRuleSetDto): string {
  return canonicalize(JSON.parse(JSON.stringify(set)) as JsonObject);
}

/** @throws AppError unprocessable with every error and its place */
function refuseErrors(set: MappingRuleSetDto): void {
  const errors = checkRuleSet(set).filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (!first) return;
  throw new AppError("unprocessable", errors.length === 1 ? `The rules are not taken: ${first.path} ${first.message}.` : `The rules are not taken: ${errors.length} things are wrong with them.`, {
    type: "mapping-invalid",
    fields: errors.slice(0, 100).map(({ path, message }) => ({ path: `set.${path}`, message })),
  });
}

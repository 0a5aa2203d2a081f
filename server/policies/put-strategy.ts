import { createHash } from "node:crypto";
import type { z } from "zod";
import { environmentStrategySchema, type putStrategyRequest, type StrategyDto } from "@/lib/contract/strategies";
import { describeDetails, describeLastKnownGood, describeStrategy } from "@/lib/domain/rollout/describe-strategy";
import type { EnvironmentStrategy, Strategy } from "@/lib/domain/rollout/strategy";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { findEnvironment } from "@/server/releases/find-release";
import { loadStrategy } from "./list-strategies";
import { readStrategy } from "./read-strategy";

/**
 * Decides how an environment rolls out from now on; what is under way goes on as it was planned. Versions are kept. The
 * same strategy again is no new version.
 * @throws AppError not-found; conflict with what changed when another version stands than the one that was changed, or when a
 * preview follows its template; unprocessable for an address with a password in it
 */
export async function putStrategy({ ctx, input }: { ctx: Ctx; input: z.output<typeof putStrategyRequest> }): Promise<StrategyDto> {
  authorise(ctx, "strategies.write", { environment: input.environment });
  for (const [field, url] of Object.entries(addressesOf(input.strategy))) refuseSecrets({ [field]: url });
  return transact(ctx.db, async (tx) => {
    const environment = await findEnvironment(tx, input.environment);
    // A version is the next number: two writers take turns.
    const [locked] = await tx.$queryRaw<{ template: string | null }[]>`
      SELECT (SELECT t.name::text FROM environments t WHERE t.id = e.template_id) AS template FROM environments e WHERE e.id = ${environment.id}::uuid FOR NO KEY UPDATE OF e`;
    if (locked?.template) throw new AppError("conflict", `${environment.name} is a preview and rolls out as ${locked.template} does. Change it there.`, { type: "follows-template" });
    const before = await readStrategy(tx, environment.id);
    const strategy: EnvironmentStrategy = { ...input.strategy, lastKnownGood: input.strategy.lastKnownGood ?? before.strategy.lastKnownGood };
    if (before.version !== input.version) {
      const { history } = await loadStrategy(tx, environment.id);
      const [newest] = history;
      throw new AppError("conflict", "The strategy was changed since you looked.", {
        type: "stale-view",
        changed: [newest ? `Version ${newest.version} stands, by ${newest.by} at ${newest.at}.` : "Nobody has changed the default yet.", ...listChanges(strategy, before.strategy)],
      });
    }
    const bytes = JSON.stringify(environmentStrategySchema.parse(strategy));
    if (bytes === JSON.stringify(environmentStrategySchema.parse(before.strategy))) return loadStrategy(tx, environment.id);

    const version = before.version + 1;
    await recordChanges(tx, [{ topic: "settings", environmentId: environment.id, key: environment.name }]);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "strategy-changed",
      environmentId: environment.id,
      scope: { service: null, environment: environment.name },
      // The addresses that it asks stay beside the entry; the hash says which strategy it was.
      payload: { version, promote: describeStrategy(strategy.promote), rollback: describeStrategy(strategy.rollback), lastKnownGood: describeLastKnownGood(strategy.lastKnownGood), sha256: createHash("sha256").update(bytes).digest("hex") },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`
      INSERT INTO strategies (environment_id, version, strategy, actor_id, entry_seq, created_at)
      VALUES (${environment.id}::uuid, ${version}, ${bytes}::jsonb, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    return loadStrategy(tx, environment.id);
  });
}

/** The addresses that a strategy asks, by where they stand. */
function addressesOf({ promote, rollback }: Pick<EnvironmentStrategy, "promote" | "rollback">): Record<string, string> {
  const of = (name: string, { gate, waves }: Strategy): [string, string][] => [
    ...(gate.check ? [[`strategy.${name}.gate.check.url`, gate.check.url] as [string, string]] : []),
    ...waves.flatMap(({ check }, at): [string, string][] => (check ? [[`strategy.${name}.waves.${at}.check.url`, check.url]] : [])),
  ];
  return Object.fromEntries([...of("promote", promote), ...of("rollback", rollback)]);
}

/** How what stands differs from what was sent, in words. */
function listChanges(sent: EnvironmentStrategy, stands: EnvironmentStrategy): string[] {
  const [wanted, standing] = [describeLastKnownGood(sent.lastKnownGood), describeLastKnownGood(stands.lastKnownGood)];
  const directions = (["promote", "rollback"] as const).flatMap((kind) => {
    const say = (strategy: Strategy): string => [`${describeStrategy(strategy)}.`, ...describeDetails(strategy)].join(" ");
    return say(sent[kind]) === say(stands[kind]) ? [] : [`${kind === "promote" ? "Promotions" : "Rollbacks"} go: ${say(stands[kind])}`];
  });
  return wanted === standing ? directions : [...directions, `Known to be good is what ${standing}.`];
}

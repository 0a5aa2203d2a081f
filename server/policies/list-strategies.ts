import type { z } from "zod";
import { environmentStrategySchema, type StrategyDto, type strategiesQuery } from "@/lib/contract/strategies";
import type { Page } from "@/lib/contract/primitives";
import { describeDetails, describeLastKnownGood, describeStrategy, listWaves, WAY_BACK } from "@/lib/domain/rollout/describe-strategy";
import type { Strategy } from "@/lib/domain/rollout/strategy";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { notFound } from "@/server/errors";
import { readStrategy } from "./read-strategy";

type EnvironmentRow = { id: string; name: string; protected: boolean; template: string | null; followed: string };
type VersionRow = { version: number; strategy: unknown; reason: string | null; by: string; created_at: Date; entry_seq: bigint };

const MOST_VERSIONS = 50;

/** How each environment rolls out, in their order, in words and with the versions before. @throws AppError not-found for one that is named and not there */
export async function listStrategies({ ctx, input }: { ctx: Ctx; input: z.output<typeof strategiesQuery> }): Promise<Page<StrategyDto>> {
  authorise(ctx, "strategies.read", { ...(input.environment !== undefined && { environment: input.environment }) });
  const environments = await ctx.db.$queryRaw<EnvironmentRow[]>`
    SELECT e.id::text, e.name::text, e.protected, t.name::text AS template, coalesce(t.id, e.id)::text AS followed FROM environments e LEFT JOIN environments t ON t.id = e.template_id
    WHERE e.retired_at IS NULL AND (${input.environment ?? null}::text IS NULL OR e.name = ${input.environment ?? null}) ORDER BY e.ordinal`;
  const visible = environments.filter(({ name }) => visibleTo(ctx, "strategies.read", { environment: name }));
  if (input.environment !== undefined && visible.length === 0) throw notFound("environment");
  return { items: await Promise.all(visible.map((environment) => describeEnvironment(ctx.db, environment))), nextCursor: null };
}

/** One environment's, as it stands. @throws AppError not-found */
export async function loadStrategy(db: Db | Tx, environmentId: string): Promise<StrategyDto> {
  const [environment] = await db.$queryRaw<EnvironmentRow[]>`
    SELECT e.id::text, e.name::text, e.protected, t.name::text AS template, coalesce(t.id, e.id)::text AS followed FROM environments e LEFT JOIN environments t ON t.id = e.template_id WHERE e.id = ${environmentId}::uuid`;
  if (!environment) throw notFound("environment");
  return describeEnvironment(db, environment);
}

async function describeEnvironment(db: Db | Tx, environment: EnvironmentRow): Promise<StrategyDto> {
  const { version, strategy } = await readStrategy(db, environment.id);
  const rows = await db.$queryRaw<VersionRow[]>`
    SELECT s.version, s.strategy, t.text AS reason, a.display_name AS by, s.created_at, s.entry_seq FROM strategies s JOIN actors a ON a.id = s.actor_id
    LEFT JOIN ledger_texts t ON t.entry_seq = s.entry_seq AND t.field = 'reason'
    WHERE s.environment_id = ${environment.followed}::uuid ORDER BY s.version DESC LIMIT ${MOST_VERSIONS}`;
  const { promote, rollback, lastKnownGood } = environmentStrategySchema.parse(strategy);
  return {
    environment: environment.name,
    protected: environment.protected,
    template: environment.template,
    version,
    strategy: { promote, rollback, lastKnownGood },
    promote: describe(promote),
    rollback: describe(rollback, [WAY_BACK]),
    lastKnownGood: describeLastKnownGood(lastKnownGood),
    history: rows.map((row) => {
      const was = environmentStrategySchema.parse(row.strategy);
      return { version: row.version, promote: describeStrategy(was.promote), rollback: describeStrategy(was.rollback), lastKnownGood: describeLastKnownGood(was.lastKnownGood), reason: row.reason, by: row.by, at: row.created_at.toISOString(), entry: Number(row.entry_seq) };
    }),
  };
}

function describe(strategy: Strategy, more: readonly string[] = []): StrategyDto["promote"] {
  return { sentence: describeStrategy(strategy), details: [...more, ...describeDetails(strategy)], waves: listWaves(strategy.cut) };
}

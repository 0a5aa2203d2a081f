import type { z } from "zod";
import type { RolloutTargetDto, rolloutTargetsQuery } from "@/lib/contract/executors";
import type { Page } from "@/lib/contract/primitives";
import type { TargetStatus } from "@/lib/domain/rollout/statuses";
import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { decodeCursor, encodeCursor } from "@/server/http/number-cursor";

type Row = { id: bigint; wave: number; status: TargetStatus; key: string; agent: string; scope: string; labels: Record<string, string> };

/** Everyone who takes part in a rollout, or in one of its waves, by pages. @throws AppError not-found, invalid (cursor) */
export async function listRolloutTargets({ ctx, input }: { ctx: Ctx; input: z.output<typeof rolloutTargetsQuery> & { id: string } }): Promise<Page<RolloutTargetDto>> {
  const after = decodeCursor(input.cursor) ?? 0n;
  const [rollout] = await ctx.db.$queryRaw<{ service: string; environment: string }[]>`
    SELECT s.name::text AS service, e.name::text AS environment FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id
    WHERE r.id = ${input.id}::uuid`;
  if (!rollout || !visibleTo(ctx, "rollouts.read", rollout)) throw notFound("rollout");
  const rows = await ctx.db.$queryRaw<Row[]>`
    SELECT t.id, rt.wave, rt.status, t.key, a.name AS agent, s.scope, t.labels
    FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
    WHERE rt.rollout_id = ${input.id}::uuid AND rt.target_id > ${after} AND (${input.wave ?? null}::int IS NULL OR rt.wave = ${input.wave ?? null}::int)
    ORDER BY rt.target_id LIMIT ${input.limit + 1}`;
  const shown = rows.slice(0, input.limit);
  return {
    items: shown.map(({ id, ...row }) => ({ id: id.toString(), ...row })),
    nextCursor: rows.length > shown.length ? encodeCursor(shown.at(-1)?.id) : null,
  };
}

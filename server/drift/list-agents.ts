import type { z } from "zod";
import type { AgentDto } from "@/lib/contract/fleet";
import type { Page } from "@/lib/contract/primitives";
import { cursor, limit } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { decodeTextCursor, encodeTextCursor } from "./text-cursor";

type Row = Omit<AgentDto, "lastReportAt" | "coverageComplete" | "desiredVersion" | "heldVersion" | "refusal"> & { last_report_at: Date | null; coverage_complete: boolean; desired_version: bigint; held_version: bigint; refusal: string | null };

/** An agent that ended is listed so many days: of a fleet that comes and goes nearly all that ever were have. */
const RETIRED_DAYS = 7;

/** Agents of environments that the actor may see, by name; last those that retired within a week. */
export async function listAgents({ ctx, input }: { ctx: Ctx; input: { limit: z.output<typeof limit>; cursor?: z.output<typeof cursor> | undefined } }): Promise<Page<AgentDto>> {
  authorise(ctx, "fleet.read");
  const [order, name, id] = decodeTextCursor(input.cursor, 3) ?? [null, null, null];
  const environments = await ctx.db.$queryRaw<{ id: string; name: string }[]>`SELECT id::text, name::text FROM environments`;
  const visible = environments.filter((environment) => visibleTo(ctx, "fleet.read", { environment: environment.name })).map((environment) => environment.id);
  const rows = await ctx.db.$queryRaw<(Row & { place: number })[]>`
    SELECT a.id::text, a.name, p.name::text AS pool, a.runtime, a.agent_version AS version, a.state, a.region, (a.state = 'retired')::int AS place,
      ARRAY(SELECT e.name::text FROM pool_environments pe JOIN environments e ON e.id = pe.environment_id WHERE pe.pool_id = p.id ORDER BY e.ordinal) AS environments,
      coalesce(n.instances, 0) AS instances, n.last_report_at, coalesce(n.complete, true) AS coverage_complete, a.desired_version, a.held_version, a.ledger_refusal ->> 'reason' AS refusal
    FROM (
      SELECT * FROM agents a WHERE (a.retired_at IS NULL OR a.retired_at > now() - make_interval(days => ${RETIRED_DAYS}::int))
        AND EXISTS (SELECT FROM pool_environments pe WHERE pe.pool_id = a.pool_id AND pe.environment_id = ANY(${visible}::uuid[]))
        AND (${order}::text IS NULL OR ((a.state = 'retired')::int, a.name, a.id::text) > (${order}::int, ${name}::text, ${id}::text))
      ORDER BY (a.state = 'retired')::int, a.name, a.id::text LIMIT ${input.limit + 1}) a
    JOIN pools p ON p.id = a.pool_id
    LEFT JOIN LATERAL (SELECT max(s.last_report_at) AS last_report_at, bool_and(s.coverage_complete) AS complete,
        sum((SELECT sum(k.instances) FROM combination_counts k WHERE k.agent_scope_id = s.id))::int AS instances
      FROM agent_scopes s WHERE s.agent_id = a.id) n ON true
    ORDER BY (a.state = 'retired')::int, a.name, a.id::text`;
  const shown = rows.slice(0, input.limit);
  const last = shown.at(-1);
  return {
    items: shown.map((row) => ({
      id: row.id, name: row.name, pool: row.pool, runtime: row.runtime, version: row.version, state: row.state, region: row.region, environments: row.environments, instances: row.instances,
      lastReportAt: row.last_report_at?.toISOString() ?? null, coverageComplete: row.coverage_complete, desiredVersion: Number(row.desired_version), heldVersion: Number(row.held_version), refusal: row.refusal,
    })),
    nextCursor: rows.length > input.limit && last ? encodeTextCursor([String(last.place), last.name, last.id]) : null,
  };
}

import { z } from "zod";
import type { recallsQuery, StandingRecall } from "@/lib/contract/policies";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";

type Row = { id: string; service: string; version: string; reason: string | null; by: string; created_at: Date; entry_seq: bigint; lifted_at: Date | null; agreed: unknown; mine: boolean; running: unknown };

const MOST = 500;
const agreements = z.array(z.object({ by: z.string(), at: z.string(), reason: z.string().nullable() }));
const places = z.array(z.object({ environment: z.string(), instances: z.number() }));

/** Recalled releases, the newest recall first: who agreed to lift each, and where it still runs. */
export async function listRecalls({ ctx, input }: { ctx: Ctx; input: z.output<typeof recallsQuery> }): Promise<Page<StandingRecall>> {
  authorise(ctx, "releases.read", { ...(input.service !== undefined && { service: input.service }) });
  const rows = await ctx.db.$queryRaw<Row[]>`
    SELECT rc.id::text, s.name::text AS service, r.version, t.text AS reason, a.display_name AS by, rc.created_at, rc.entry_seq, rc.lifted_at,
      coalesce((
        SELECT jsonb_agg(jsonb_build_object('by', p.display_name, 'at', to_char(l.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'reason', lt.text) ORDER BY l.created_at)
        FROM recall_lifts l JOIN actors p ON p.id = l.person_id LEFT JOIN ledger_texts lt ON lt.entry_seq = l.entry_seq AND lt.field = 'reason' WHERE l.recall_id = rc.id), '[]') AS agreed,
      EXISTS (SELECT FROM recall_lifts l WHERE l.recall_id = rc.id AND l.person_id = ${ctx.actor.personId}::uuid) AS mine,
      CASE WHEN rc.lifted_at IS NULL THEN coalesce((
        SELECT jsonb_agg(jsonb_build_object('environment', e.name, 'instances', k.instances) ORDER BY e.ordinal) FROM (
          SELECT c.environment_id, sum(cc.instances)::int AS instances FROM combinations c JOIN combination_counts cc ON cc.combination_id = c.id
          WHERE EXISTS (
            SELECT FROM image_digests i JOIN artifact_digests d ON d.digest = i.digest JOIN release_components x ON x.artifact_id = d.artifact_id WHERE i.image_id = c.image_id AND x.release_id = r.id)
          GROUP BY 1) k JOIN environments e ON e.id = k.environment_id), '[]') ELSE '[]' END AS running
    FROM recalls rc JOIN releases r ON r.id = rc.release_id JOIN services s ON s.id = r.service_id JOIN actors a ON a.id = rc.actor_id
    LEFT JOIN ledger_texts t ON t.entry_seq = rc.entry_seq AND t.field = 'reason'
    WHERE (${input.service ?? null}::text IS NULL OR s.name = ${input.service ?? null}) AND (${input.state === "all"} OR rc.lifted_at IS NULL)
    ORDER BY rc.lifted_at IS NULL DESC, rc.created_at DESC LIMIT ${MOST}`;
  return {
    items: rows
      .filter(({ service }) => visibleTo(ctx, "releases.read", { service }))
      .map((row) => ({
        id: row.id,
        service: row.service,
        version: row.version,
        reason: row.reason,
        by: row.by,
        at: row.created_at.toISOString(),
        entry: Number(row.entry_seq),
        liftedAt: row.lifted_at?.toISOString() ?? null,
        agreed: agreements.parse(row.agreed),
        agreedByYou: row.mine,
        running: places.parse(row.running).filter(({ environment }) => visibleTo(ctx, "fleet.read", { service: row.service, environment })),
      })),
    nextCursor: null,
  };
}

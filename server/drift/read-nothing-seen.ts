import { explainNothingSeen, findSimilar, type NothingSeen } from "@/lib/domain/drift/explain-unknown";
import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { KnownEnvironment } from "./read-references";

type Asked = { service: string; adopted: boolean; environment: string | null; environments: readonly KnownEnvironment[] };
type HoldingRow = { target: string; agent: string; service: string | null; environment: string; because: string };

const MOST_HOLDING = 5;
const MOST_LOOKED_AT = 500;
/** So many names are looked at for one that somebody may have meant. */
const MOST_NAMES = 20_000;

/** Why nothing of a service is seen, of what the actor may see: names that are close, containers that hold the name, agents that are silent or not there. */
export async function readNothingSeen(ctx: Ctx, { service, adopted, environment, environments }: Asked): Promise<string[]> {
  const { db } = ctx;
  const all = await db.$queryRaw<{ name: string }[]>`SELECT name::text FROM environments WHERE retired_at IS NULL`;
  const names = await db.$queryRaw<{ name: string }[]>`
    SELECT name::text FROM services UNION SELECT name::text FROM service_aliases UNION (SELECT DISTINCT c.service_name::text FROM combinations c WHERE c.service_name IS NOT NULL LIMIT ${MOST_NAMES}) LIMIT ${MOST_NAMES}`;
  const visible = names.filter((row) => visibleTo(ctx, "findings.read", { service: row.name, ...(environment !== null && { environment }) }));
  const environmentIds = environments.filter(({ name }) => environment === null || name === environment).map(({ id }) => id);
  const [agents] = await db.$queryRaw<{ live: number; silent: string[] | null }[]>`
    SELECT (count(*) FILTER (WHERE a.state <> 'silent'))::int AS live, (array_agg(a.name ORDER BY a.name) FILTER (WHERE a.state = 'silent'))[1:1000] AS silent
    FROM agents a WHERE a.retired_at IS NULL AND EXISTS (SELECT FROM pool_environments pe WHERE pe.pool_id = a.pool_id AND pe.environment_id = ANY(${environmentIds}::uuid[]))`;
  const elsewhere = await db.$queryRaw<{ name: string }[]>`
    SELECT e.name::text FROM environments e WHERE e.id = ANY(${environments.filter(({ name }) => name !== environment).map(({ id }) => id)}::uuid[])
      AND EXISTS (SELECT FROM combinations c JOIN combination_counts k ON k.combination_id = c.id WHERE c.service_name = ${service} AND c.environment_id = e.id AND k.instances > 0)
    ORDER BY e.kind = 'preview', e.ordinal`;
  const facts: NothingSeen = {
    service,
    environment,
    adopted,
    environmentKnown: environment !== null && all.some(({ name }) => name === environment),
    similarServices: findSimilar(service, visible.map(({ name }) => name)),
    similarEnvironments: environment === null ? [] : findSimilar(environment, environments.map(({ name }) => name)),
    elsewhere: elsewhere.map(({ name }) => name),
    agents: { live: agents?.live ?? 0, silent: agents?.silent ?? [] },
    holding: await readHolding(ctx, service),
  };
  return explainNothingSeen(facts);
}

/** Running containers that hold the name in a label, their target or their repository, and count as something else. */
async function readHolding(ctx: Ctx, service: string): Promise<HoldingRow[]> {
  const like = `%${service.replaceAll("_", "\\_")}%`;
  const rows = await ctx.db.$queryRaw<HoldingRow[]>`
    WITH by_target AS MATERIALIZED (
      SELECT t.id AS target_id, t.service_name::text AS service, t.environment_id, CASE WHEN t.key ILIKE ${like} THEN 'its name' ELSE 'the label ' || (
        SELECT j.key || '=' || j.value FROM jsonb_each_text(t.labels) j WHERE j.value ILIKE ${like} ORDER BY j.key LIMIT 1) END AS because
      FROM targets t WHERE t.gone_at IS NULL AND (t.key ILIKE ${like} OR t.labels::text ILIKE ${like}) LIMIT ${MOST_LOOKED_AT}),
    by_image AS MATERIALIZED (
      SELECT i.target_id, c.service_name::text AS service, c.environment_id, 'its repository ' || coalesce((
        SELECT d ->> 'repository' FROM jsonb_array_elements(m.digests) d WHERE d ->> 'repository' ILIKE ${like} LIMIT 1), m.reference) AS because
      FROM images m JOIN combinations c ON c.image_id = m.id JOIN LATERAL (SELECT x.target_id FROM instances x WHERE x.combination_id = c.id LIMIT 1) i ON true
      WHERE m.reference ILIKE ${like} OR m.digests::text ILIKE ${like} LIMIT ${MOST_LOOKED_AT})
    SELECT DISTINCT ON (h.service, h.environment_id) t.key AS target, a.name AS agent, h.service, e.name::text AS environment, h.because
    FROM (SELECT * FROM by_target UNION ALL SELECT * FROM by_image) h JOIN targets t ON t.id = h.target_id JOIN environments e ON e.id = h.environment_id
    JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
    WHERE h.service IS DISTINCT FROM ${service} AND h.because IS NOT NULL
    ORDER BY h.service, h.environment_id, h.because, t.key LIMIT 100`;
  return rows.filter((row) => visibleTo(ctx, "findings.read", { ...(row.service !== null && { service: row.service }), environment: row.environment })).slice(0, MOST_HOLDING);
}

import type { MapDto } from "@/lib/contract/fleet";
import { DRIFT_CATEGORIES, SEVERITIES, severityOf, type Severity } from "@/lib/domain/drift/categories";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";

const MOST_CELLS = 250_000;

type Row = { agent: string; region: string; severity: number; instances: number };

/** Every instance as one byte (its severity's place), grouped by agent, worst first; expanded from the counters. */
export async function getMap({ ctx, now = new Date() }: { ctx: Ctx; now?: Date }): Promise<MapDto> {
  authorise(ctx, "fleet.read");
  const places = await ctx.db.$queryRaw<{ service: string | null; environment_id: string; environment: string }[]>`
    SELECT DISTINCT c.service_name AS service, e.id::text AS environment_id, e.name::text AS environment FROM combinations c JOIN environments e ON e.id = c.environment_id`;
  const hidden = places.filter(({ service, environment }) => !visibleTo(ctx, "fleet.read", { ...(service !== null && { service }), environment }));
  const rows = await ctx.db.$queryRaw<Row[]>`
    WITH scopes AS MATERIALIZED (
      SELECT s.id, a.name AS agent, s.freshness = 'silent' AS silent,
        coalesce(a.region, (SELECT i.region FROM instances i WHERE i.agent_scope_id = s.id AND i.region IS NOT NULL LIMIT 1), '') AS region
      FROM agent_scopes s JOIN agents a ON a.id = s.agent_id WHERE a.retired_at IS NULL),
    verdicts AS MATERIALIZED (
      SELECT c.id, v.severity FROM combinations c
      JOIN unnest(${[...DRIFT_CATEGORIES]}::text[], ${DRIFT_CATEGORIES.map((category) => SEVERITIES.indexOf(severityOf(category)))}::int[]) v(category, severity) ON v.category = c.categories[1]
      WHERE NOT EXISTS (SELECT FROM unnest(${hidden.map(({ service }) => service)}::text[], ${hidden.map(({ environment_id }) => environment_id)}::uuid[]) h(service, environment_id)
        WHERE h.environment_id = c.environment_id AND h.service IS NOT DISTINCT FROM c.service_name))
    SELECT s.agent, s.region, CASE WHEN s.silent THEN ${SEVERITIES.indexOf("unknown")} ELSE v.severity END AS severity, sum(k.instances)::int AS instances
    FROM combination_counts k JOIN scopes s ON s.id = k.agent_scope_id JOIN verdicts v ON v.id = k.combination_id
    GROUP BY 1, 2, 3 ORDER BY 2, 1, 3`;
  const groups: MapDto["groups"] = [];
  let total = 0;
  let drawn = 0;
  let at = 0;
  while (at < rows.length) {
    const first = rows[at];
    if (!first) break;
    const own: Row[] = [];
    for (let row = rows[at]; row && row.agent === first.agent && row.region === first.region; row = rows[at]) {
      own.push(row);
      at += 1;
    }
    const instances = own.reduce((sum, row) => sum + row.instances, 0);
    total += instances;
    if (drawn + instances > MOST_CELLS) continue;
    drawn += instances;
    const bytes = Buffer.alloc(instances);
    let offset = 0;
    for (const row of own) {
      bytes.fill(row.severity, offset, offset + row.instances);
      offset += row.instances;
    }
    groups.push({ region: first.region, agent: first.agent, instances, counts: own.map((row) => ({ severity: severityAt(row.severity), instances: row.instances })), cells: bytes.toString("base64") });
  }
  return { asOf: now.toISOString(), total, groups, truncated: drawn < total };
}

function severityAt(place: number): Severity {
  return SEVERITIES[place] ?? "unknown";
}

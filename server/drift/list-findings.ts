import type { z } from "zod";
import type { FindingDto, FindingGroup, FindingsDto, findingsQuery } from "@/lib/contract/fleet";
import type { Page } from "@/lib/contract/primitives";
import { SEVERITIES, severityOf, type FindingKind } from "@/lib/domain/drift/categories";
import { describeFinding, titleOfFinding } from "@/lib/domain/drift/describe-finding";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { waiverSql } from "@/server/policies/waiver-sql";
import { loadFindings } from "./load-findings";
import { readCells } from "./read-cells";
import { digestOfImage, readEnvironments, readImages, readReleases } from "./read-references";
import { readShares } from "./read-shares";
import { decodeTextCursor, encodeTextCursor } from "./text-cursor";

type Query = z.output<typeof findingsQuery>;
type GroupRow = {
  kind: FindingKind; service: string | null; environment_id: string | null; environment: string | null; partition: string | null; image_id: bigint | null; running_release_id: string | null;
  findings: number; instances: number; counted_here: number; since: Date; ids: string[]; waived: boolean;
};

const MOST_GROUPS = 200;
const MOST_ROWS = 50;
/** Rows over all groups: a page shows causes, and a few of each. */
const ROWS_IN_ALL = 600;

/** Findings grouped by cause, worst and largest first, with what the affected share. What is waived stands apart and is not counted; previews are asked for by name. */
export async function listFindings({ ctx, input, now = new Date() }: { ctx: Ctx; input: Query; now?: Date }): Promise<FindingsDto> {
  authorise(ctx, "findings.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const environments = (await readEnvironments(ctx.db)).filter(({ kind, name }) => kind === "permanent" || name === input.environment);
  const [{ cells, unmapped, ignored }, rows, moving] = await Promise.all([readCells(ctx, environments, input), readGroups(ctx, input), readInTransition(ctx)]);
  const groups = mergeByCause(rows.filter((row) => isVisible(ctx, row)));
  groups.sort((a, b) => SEVERITIES.indexOf(severityOf(a.kind)) - SEVERITIES.indexOf(severityOf(b.kind)) || b.instances - a.instances || (keyOf(a) < keyOf(b) ? -1 : 1));
  const counting = groups.filter(({ waived }) => !waived);
  const shown = [...counting.slice(0, MOST_GROUPS), ...groups.filter(({ waived }) => waived).slice(0, MOST_GROUPS)];
  const perGroup = Math.max(1, Math.min(MOST_ROWS, Math.floor(ROWS_IN_ALL / Math.max(1, shown.length))));
  const [details, shares, releases, images] = await Promise.all([
    loadFindings(ctx.db, shown.flatMap((group) => group.ids.slice(0, perGroup))),
    readShares(ctx.db, shown),
    readReleases(ctx.db, shown.map((group) => group.running_release_id)),
    readImages(ctx.db, shown.map((group) => group.image_id)),
  ]);
  const byId = new Map(details.map((finding) => [finding.id, finding]));
  const dtos = shown.map((group, at): { waived: boolean; group: FindingGroup } => ({ waived: group.waived, group: toGroup(group, shares[at] ?? []) }));
  return {
    asOf: now.toISOString(),
    total: counting.reduce((sum, group) => sum + group.findings, 0),
    // What deviates in two ways is one instance.
    instances: counting.reduce((sum, group) => sum + group.counted_here, 0),
    checkedInstances: cells.reduce((sum, cell) => sum + cell.instances - cell.silent, 0) + unmapped,
    unmapped,
    ignored,
    groups: dtos.filter(({ waived }) => !waived).map(({ group }) => group),
    waived: dtos.filter(({ waived }) => waived).map(({ group }) => group),
    inTransition: moving.filter((row) => visibleTo(ctx, "findings.read", row) && (input.service === undefined || input.service === row.service) && (input.environment === undefined || input.environment === row.environment)),
  };

  function toGroup(group: GroupRow, shared: FindingGroup["shared"]): FindingGroup {
    const own = group.ids.slice(0, perGroup).flatMap((id) => byId.get(id) ?? []);
    const running = releases.get(group.running_release_id ?? "");
    const image = group.image_id === null ? undefined : images.get(group.image_id);
    const first = own[0];
    const facts = {
      kind: group.kind, service: group.service, environment: group.environment, instances: group.instances, runningVersion: running?.version ?? null, runningService: running?.service ?? null,
      runningDigest: digestOfImage(image), assignedVersion: first?.assigned?.version ?? null, approvedFor: running?.approvedFor ?? [], agent: group.kind.startsWith("pool-") && group.findings > 1 ? null : (first?.agent ?? null), detail: own.length === 1 ? (first?.detail ?? null) : null,
    };
    return {
      key: keyOf(group),
      kind: group.kind,
      severity: severityOf(group.kind),
      title: titleOfFinding(facts),
      sentence: describeFinding(facts),
      service: group.service,
      environment: group.environment,
      partition: group.partition,
      assigned: first?.assigned ?? null,
      running: image ? { version: running?.version ?? null, digest: digestOfImage(image), reference: image.reference } : null,
      instances: group.instances,
      findings: group.findings,
      since: group.since.toISOString(),
      shared,
      canReconverge: own.some((finding) => finding.canReconverge),
      waiver: first?.waiver ?? null,
      rows: own,
    };
  }
}

/** Findings one by one, newest first; for scripts and long lists. */
export async function listFindingsPage({ ctx, input }: { ctx: Ctx; input: Query }): Promise<Page<FindingDto>> {
  authorise(ctx, "findings.read", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  const [at, after] = decodeTextCursor(input.cursor, 2) ?? [null, null];
  const hidden = await readHiddenPlaces(ctx);
  const rows = await ctx.db.$queryRaw<{ id: string; at: string }[]>`
    SELECT f.id::text, to_char(f.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at FROM findings f LEFT JOIN environments e ON e.id = f.environment_id
    WHERE (${input.state} = 'all' OR (f.resolved_at IS NULL) = (${input.state} = 'open'))
      AND (${input.service ?? null}::text IS NULL OR f.service_name = ${input.service ?? null}) AND (${input.environment ?? null}::text IS NULL OR e.name = ${input.environment ?? null})
      AND (${input.kind ?? null}::text IS NULL OR f.kind = ${input.kind ?? null})
      AND (${at}::text IS NULL OR (f.opened_at, f.id) < (${at}::timestamptz, ${after}::uuid))
      AND NOT EXISTS (SELECT FROM unnest(${hidden.map(({ service }) => service)}::text[], ${hidden.map(({ environment_id }) => environment_id)}::uuid[]) h(service, environment_id)
        WHERE h.service IS NOT DISTINCT FROM f.service_name AND h.environment_id IS NOT DISTINCT FROM f.environment_id)
    ORDER BY f.opened_at DESC, f.id DESC LIMIT ${input.limit + 1}`;
  const shown = rows.slice(0, input.limit);
  const last = shown.at(-1);
  return { items: await loadFindings(ctx.db, shown.map(({ id }) => id)), nextCursor: rows.length > input.limit && last ? encodeTextCursor([last.at, last.id]) : null };
}

/** The (service, environment) pairs that have findings which the actor may not see. */
async function readHiddenPlaces(ctx: Ctx): Promise<{ service: string | null; environment_id: string | null }[]> {
  const places = await ctx.db.$queryRaw<{ service: string | null; environment_id: string | null; environment: string | null }[]>`
    SELECT DISTINCT f.service_name AS service, f.environment_id::text, e.name::text AS environment FROM findings f LEFT JOIN environments e ON e.id = f.environment_id`;
  return places.filter((place) => !isVisible(ctx, place));
}

function isVisible(ctx: Ctx, { service, environment }: { service: string | null; environment: string | null }): boolean {
  return visibleTo(ctx, "findings.read", { ...(service !== null && { service }), ...(environment !== null && { environment }) });
}

function readGroups(ctx: Ctx, input: Query): Promise<GroupRow[]> {
  return ctx.db.$queryRaw<GroupRow[]>`
    WITH counted AS (
      SELECT f.id, f.kind, f.service_name, f.environment_id, f.partition, f.image_id, f.since, f.opened_at, f.pool_id IS NOT NULL AS about_pool, ${waiverSql("f", "f.kind")} IS NOT NULL AND f.resolved_at IS NULL AS waived,
        coalesce(f.target_id || '/' || f.image_id, f.combination_id::text, f.id::text) AS place,
        CASE WHEN f.combination_id IS NULL OR f.resolved_at IS NOT NULL THEN f.count
          ELSE coalesce((SELECT sum(k.instances)::int FROM combination_counts k WHERE k.combination_id = f.combination_id), 0) END AS instances
      FROM findings f LEFT JOIN environments e ON e.id = f.environment_id
      WHERE (e.kind IS DISTINCT FROM 'preview' OR ${input.environment ?? null}::text IS NOT NULL) AND (${input.state} = 'all' OR (f.resolved_at IS NULL) = (${input.state} = 'open'))
        AND (${input.service ?? null}::text IS NULL OR f.service_name = ${input.service ?? null}) AND (${input.environment ?? null}::text IS NULL OR e.name = ${input.environment ?? null})
        AND (${input.kind ?? null}::text IS NULL OR f.kind = ${input.kind ?? null})
    ), placed AS (
      SELECT *, row_number() OVER (PARTITION BY place, waived ORDER BY instances DESC, id) = 1 AS first_here FROM counted WHERE instances > 0
    ), grouped AS (
      SELECT kind, service_name, environment_id, partition, image_id, waived, count(*)::int AS findings, sum(instances)::int AS instances, coalesce(sum(instances) FILTER (WHERE first_here AND NOT about_pool), 0)::int AS counted_here, min(since) AS since,
        (array_agg(id::text ORDER BY instances DESC, opened_at DESC, id))[1:${MOST_ROWS}::int] AS ids
      FROM placed GROUP BY 1, 2, 3, 4, 5, 6
      ORDER BY instances DESC LIMIT 2000)
    SELECT g.kind, g.service_name AS service, g.environment_id::text, e.name::text AS environment, g.partition, g.image_id, g.findings, g.instances, g.counted_here, g.since, g.ids, g.waived,
      (SELECT c.running_release_id::text FROM combinations c WHERE c.image_id = g.image_id AND c.environment_id = g.environment_id AND c.service_name IS NOT DISTINCT FROM g.service_name
        ORDER BY c.judged_at DESC LIMIT 1) AS running_release_id
    FROM grouped g LEFT JOIN environments e ON e.id = g.environment_id`;
}

/** One release under several references is one cause. */
function mergeByCause(rows: readonly GroupRow[]): GroupRow[] {
  const groups = new Map<string, GroupRow>();
  for (const row of rows) {
    const key = `${keyOf(row)} ${row.waived}`;
    const before = groups.get(key);
    groups.set(key, before ? { ...before, findings: before.findings + row.findings, instances: before.instances + row.instances, counted_here: before.counted_here + row.counted_here, since: before.since < row.since ? before.since : row.since, ids: [...before.ids, ...row.ids] } : row);
  }
  return [...groups.values()];
}

function keyOf(group: GroupRow): string {
  return [group.kind, group.service ?? "", group.environment ?? "", group.partition ?? "", group.running_release_id ?? group.image_id?.toString() ?? ""].join("/");
}

async function readInTransition(ctx: Ctx): Promise<FindingsDto["inTransition"]> {
  const rows = await ctx.db.$queryRaw<{ service: string; environment: string; instances: number; id: string; number: bigint }[]>`
    SELECT s.name::text AS service, e.name::text AS environment, r.id::text, r.number, coalesce((
        SELECT sum(k.instances)::int FROM combinations c JOIN combination_counts k ON k.combination_id = c.id
        WHERE c.service_id = r.service_id AND c.environment_id = r.environment_id AND c.partition = r.partition AND 'in-transition' = ANY(c.categories)), 0) AS instances
    FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id WHERE r.status IN ('planned', 'running', 'paused')`;
  return rows.filter(({ instances }) => instances > 0).map(({ service, environment, instances, id, number }) => ({ service, environment, instances, rollout: { id, number: Number(number) } }));
}

import { DRIFT_CATEGORIES, opensFinding, severityOf, SEVERITIES, type DriftCategory, type Severity } from "@/lib/domain/drift/categories";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { pinnedSql } from "@/server/policies/pin-sql";
import { waiverSql } from "@/server/policies/waiver-sql";
import type { KnownEnvironment } from "./read-references";
import { readUnjudged } from "./read-unjudged";

/** `waived`: it deviates only in ways that a waiver in force excuses. */
export type CellCategory = DriftCategory | "silent" | "waived";

/** What the counters say about one service in one environment. */
export type Cell = {
  service: string;
  serviceId: string | null;
  environment: KnownEnvironment;
  instances: number;
  unhealthy: number;
  silent: number;
  /** Deviating and not silent. */
  deviating: number;
  inSync: number;
  /** By the worst of each combination; silent ones apart, and copies that are missing. */
  categories: Map<CellCategory, number>;
  assigned: { partition: string; releaseId: string | null }[];
  rollout: { id: string; number: number; kind: RolloutKind; verified: number; total: number } | null;
  held: boolean;
  /** By name, in declared order, then those in which only something runs. */
  partitions: Map<string, CellPartition>;
  oldestReportAt: Date | null;
  newestReportAt: Date | null;
};

/** The part of a cell that one partition is. */
export type CellPartition = Pick<Cell, "instances" | "categories"> & { releaseId: string | null; rolling: boolean; pin: { reason: string | null; until: Date | null } | null };

type CountRow = { service: string; service_id: string | null; environment_id: string; partition: string; worst: DriftCategory | "waived"; silent: boolean; instances: number; unhealthy: number; oldest: Date; newest: Date };
type PlaceRow = {
  service: string; service_id: string; environment_id: string; partition: string; assigned: boolean; release_id: string | null; held: boolean;
  rollout_id: string | null; number: bigint | null; kind: RolloutKind | null; verified: number | null; total: number | null; pinned: boolean; pin_reason: string | null; pin_until: Date | null;
};

export type Cells = { cells: Cell[]; /** Instances of which nothing says whose they are. */ unmapped: number; /** What rules ignore, and how many rules do. */ ignored: { instances: number; rules: number } };

/**
 * The present by service and environment, from the counters: nothing is counted instance by instance. Only what the
 * actor may see; a service of the ledger that runs nowhere has cells where something is assigned to it.
 */
export async function readCells(ctx: Ctx, environments: readonly KnownEnvironment[], filter: { service?: string | undefined; environment?: string | undefined } = {}): Promise<Cells> {
  const { db } = ctx;
  const service = filter.service ?? null;
  const environmentId = filter.environment === undefined ? null : (environments.find(({ name }) => name === filter.environment)?.id ?? "00000000-0000-0000-0000-000000000000");
  const [counts, places, missing, unjudged] = await Promise.all([
    db.$queryRaw<CountRow[]>`
      WITH counted AS (
        SELECT k.combination_id, s.freshness = 'silent' AS silent, sum(k.instances)::int AS instances, sum(k.unhealthy)::int AS unhealthy, min(s.last_report_at) AS oldest, max(s.last_report_at) AS newest
        FROM combination_counts k JOIN agent_scopes s ON s.id = k.agent_scope_id GROUP BY 1, 2)
      SELECT c.service_name AS service, c.service_id::text, c.environment_id::text, c.partition, coalesce((SELECT u.category FROM unnest(c.categories) WITH ORDINALITY u(category, place) WHERE w.categories IS NULL OR NOT u.category = ANY(w.categories) ORDER BY u.place LIMIT 1), 'waived') AS worst, k.silent, sum(k.instances)::int AS instances, sum(k.unhealthy)::int AS unhealthy,
        min(k.oldest) AS oldest, max(k.newest) AS newest
      FROM counted k JOIN combinations c ON c.id = k.combination_id
      LEFT JOIN (SELECT service_id, environment_id, partition::text AS partition, array_agg(category) AS categories FROM waivers WHERE ended_seq IS NULL AND expires_at > clock_timestamp() GROUP BY 1, 2, 3) w
        ON w.service_id = c.service_id AND w.environment_id = c.environment_id AND w.partition = c.partition
      WHERE c.service_name IS NOT NULL AND (${service}::text IS NULL OR c.service_name = ${service}) AND (${environmentId}::uuid IS NULL OR c.environment_id = ${environmentId}::uuid)
      GROUP BY 1, 2, 3, 4, 5, 6`,
    db.$queryRaw<PlaceRow[]>`
      SELECT s.name::text AS service, s.id::text AS service_id, p.environment_id::text, p.name::text AS partition, a.entry_seq IS NOT NULL AS assigned, a.release_id::text, h.id IS NOT NULL AS held,
        r.id::text AS rollout_id, r.number, r.kind, t.verified, t.total, n.id IS NOT NULL AS pinned, n.expires_at AS pin_until, (SELECT x.text FROM ledger_texts x WHERE x.entry_seq = n.entry_seq AND x.field = 'reason') AS pin_reason
      FROM partitions p JOIN services s ON s.id = p.service_id
      LEFT JOIN assignments a ON a.service_id = p.service_id AND a.environment_id = p.environment_id AND a.partition = p.name
      LEFT JOIN holds h ON h.service_id = p.service_id AND h.environment_id = p.environment_id AND h.partition = p.name AND h.lifted_at IS NULL
      LEFT JOIN pins n ON n.service_id = p.service_id AND n.environment_id = p.environment_id AND n.partition = p.name AND ${pinnedSql("n")}
      LEFT JOIN rollouts r ON r.service_id = p.service_id AND r.environment_id = p.environment_id AND r.partition = p.name AND r.status IN ('planned', 'running', 'paused')
      LEFT JOIN LATERAL (SELECT (count(*) FILTER (WHERE x.status = 'verified'))::int AS verified, (count(*) FILTER (WHERE x.status NOT IN ('gone', 'withdrawn')))::int AS total
        FROM rollout_targets x WHERE x.rollout_id = r.id) t ON r.id IS NOT NULL
      WHERE p.removed_at IS NULL AND s.merged_into IS NULL AND (a.entry_seq IS NOT NULL OR h.id IS NOT NULL OR r.id IS NOT NULL OR n.id IS NOT NULL)
        AND (${service}::text IS NULL OR s.name = ${service}) AND (${environmentId}::uuid IS NULL OR p.environment_id = ${environmentId}::uuid)
      ORDER BY p.name = 'default', p.ordinal, p.name`,
    db.$queryRaw<{ service: string; environment_id: string; partition: string; copies: number }[]>`
      SELECT f.service_name AS service, f.environment_id::text, coalesce(f.partition, 'default') AS partition, sum(f.count)::int AS copies FROM findings f
      WHERE f.resolved_at IS NULL AND f.kind = 'missing' AND f.service_name IS NOT NULL AND ${waiverSql("f", "f.kind")} IS NULL AND (${service}::text IS NULL OR f.service_name = ${service}) GROUP BY 1, 2, 3`,
    filter.service === undefined ? readUnjudged(ctx, db, environments.filter(({ id, kind }) => (environmentId === null ? kind === "permanent" : id === environmentId))) : null,
  ]);

  const byId = new Map(environments.map((environment) => [environment.id, environment]));
  const cells = new Map<string, Cell>();
  const cellOf = (name: string, serviceId: string | null, id: string): Cell | null => {
    const environment = byId.get(id);
    if (!environment || !visibleTo(ctx, "fleet.read", { service: name, environment: environment.name })) return null;
    const key = `${name} ${id}`;
    const cell = cells.get(key) ?? { service: name, serviceId, environment, instances: 0, unhealthy: 0, silent: 0, deviating: 0, inSync: 0, categories: new Map(), assigned: [], rollout: null, held: false, partitions: new Map(), oldestReportAt: null, newestReportAt: null };
    cells.set(key, cell);
    return cell;
  };
  for (const row of places) {
    const cell = cellOf(row.service, row.service_id, row.environment_id);
    if (!cell) continue;
    cell.serviceId ??= row.service_id;
    if (row.assigned) cell.assigned.push({ partition: row.partition, releaseId: row.release_id });
    cell.held ||= row.held;
    if (row.rollout_id !== null && row.kind !== null) cell.rollout ??= { id: row.rollout_id, number: Number(row.number), kind: row.kind, verified: row.verified ?? 0, total: row.total ?? 0 };
    Object.assign(partitionOf(cell, row.partition), { releaseId: row.release_id, rolling: row.rollout_id !== null, pin: row.pinned ? { reason: row.pin_reason, until: row.pin_until } : null });
  }
  for (const row of counts) {
    const cell = cellOf(row.service, row.service_id, row.environment_id);
    if (cell) addCounts(cell, row);
  }
  for (const row of missing) {
    const cell = cellOf(row.service, null, row.environment_id);
    if (!cell) continue;
    addCategory(cell, "missing", row.copies);
    addCategory(partitionOf(cell, row.partition), "missing", row.copies);
  }
  return { cells: [...cells.values()], unmapped: unjudged?.unmapped ?? 0, ignored: { instances: unjudged?.ignored ?? 0, rules: unjudged?.byRule.size ?? 0 } };
}

function partitionOf(cell: Cell, name: string): CellPartition {
  const found = cell.partitions.get(name) ?? { instances: 0, categories: new Map(), releaseId: null, rolling: false, pin: null };
  cell.partitions.set(name, found);
  return found;
}

function addCategory(cell: Pick<Cell, "categories">, category: CellCategory, instances: number): void {
  cell.categories.set(category, (cell.categories.get(category) ?? 0) + instances);
}

function addCounts(cell: Cell, row: CountRow): void {
  cell.serviceId ??= row.service_id;
  cell.instances += row.instances;
  cell.unhealthy += row.unhealthy;
  if (row.silent) cell.silent += row.instances;
  else if (row.worst !== "waived" && opensFinding(row.worst)) cell.deviating += row.instances;
  else if (row.worst === "in-sync") cell.inSync += row.instances;
  const part = partitionOf(cell, row.partition);
  part.instances += row.instances;
  for (const counted of [cell, part]) addCategory(counted, row.silent ? "silent" : row.worst, row.instances);
  if (cell.oldestReportAt === null || row.oldest < cell.oldestReportAt) cell.oldestReportAt = row.oldest;
  if (cell.newestReportAt === null || row.newest > cell.newestReportAt) cell.newestReportAt = row.newest;
}

export function severityOfCategory(category: CellCategory): Severity {
  if (category === "waived") return "neutral";
  return category === "silent" ? "unknown" : severityOf(category);
}

/** What is waived is named after everything else: it is a cell's worst only where nothing else runs. */
function rank(category: CellCategory): number {
  if (category === "waived") return SEVERITIES.length * 100;
  return SEVERITIES.indexOf(severityOfCategory(category)) * 100 + (category === "silent" ? 0 : DRIFT_CATEGORIES.indexOf(category));
}

/** Worst first, by how it weighs and then by the categories' order. */
export function sortCategories(categories: ReadonlyMap<CellCategory, number>): { category: CellCategory; instances: number }[] {
  return [...categories].map(([category, instances]) => ({ category, instances })).sort((a, b) => rank(a.category) - rank(b.category));
}

export function worstOf(cell: Pick<Cell, "categories">): { worst: CellCategory | null; severity: Severity } {
  const [first] = sortCategories(cell.categories);
  return first ? { worst: first.category, severity: severityOfCategory(first.category) } : { worst: null, severity: "neutral" };
}

export function worseSeverity(a: Severity, b: Severity): Severity {
  return SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b;
}

import type { MatrixCell, MatrixDto, MatrixRow } from "@/lib/contract/fleet";
import { SEVERITIES, type Severity } from "@/lib/domain/drift/categories";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { ledgerFault, readNewestCheckpoint } from "@/server/ledger/sign-checkpoint";
import { readCells, sortCategories, worseSeverity, worstOf, type Cell } from "./read-cells";
import { environmentDtoOf, readEnvironments, readReleases, refOf, type ReleaseFacts } from "./read-references";

const MOST_ROWS = 500;

/** Service × environment: what is assigned, what runs and how much of it deviates, from the counters. */
export async function getMatrix({ ctx, now = new Date() }: { ctx: Ctx; now?: Date }): Promise<MatrixDto> {
  authorise(ctx, "fleet.read");
  const environments = (await readEnvironments(ctx.db)).filter(({ name }) => visibleTo(ctx, "fleet.read", { environment: name }));
  const [{ cells: all, unmapped, ignored }, reporting, checkpoint] = await Promise.all([readCells(ctx, environments), readReporting(ctx), readNewestCheckpoint(ctx.db)]);
  const cells = all.filter(({ environment }) => environment.kind === "permanent");
  const releases = await readReleases(ctx.db, cells.flatMap((cell) => cell.assigned.map(({ releaseId }) => releaseId)));
  const byService = new Map<string, Cell[]>();
  for (const cell of all) byService.set(cell.service, [...(byService.get(cell.service) ?? []), cell]);
  const rows = [...byService].map(([service, everywhere]): MatrixRow => {
    const own = everywhere.filter(({ environment }) => environment.kind === "permanent");
    const previews = everywhere.filter(({ environment, instances }) => environment.kind === "preview" && instances > 0);
    return {
      service,
      adopted: everywhere.some(({ serviceId }) => serviceId !== null),
      severity: own.map((cell) => worstOf(cell).severity).reduce<Severity>(worseSeverity, "match"),
      cells: own.toSorted((a, b) => a.environment.ordinal - b.environment.ordinal).map((cell) => cellDto(cell, releases)),
      previews: previews.length === 0 ? null : { environments: previews.length, instances: previews.reduce((total, { instances }) => total + instances, 0) },
    };
  });
  rows.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || (a.service < b.service ? -1 : 1));
  const sum = (pick: (cell: Cell) => number): number => cells.reduce((total, cell) => total + pick(cell), 0);
  return {
    asOf: now.toISOString(),
    environments: environments.filter(({ kind }) => kind === "permanent").map(environmentDtoOf),
    previews: environments.filter(({ kind }) => kind === "preview").length,
    rows: rows.slice(0, MOST_ROWS),
    rowsInAll: rows.length,
    totals: {
      instances: sum((cell) => cell.instances) + unmapped + ignored.instances,
      inSync: sum((cell) => cell.inSync),
      silent: sum((cell) => cell.silent),
      deviating: sum((cell) => cell.deviating),
      unmapped,
      ignored: ignored.instances,
      ignoringRules: ignored.rules,
      agents: reporting.agents,
      silentAgents: reporting.silent_agents,
    },
    coverage: { complete: reporting.incomplete === 0, scopes: reporting.scopes, incomplete: reporting.incomplete },
    ledger: { size: checkpoint?.size ?? 0, root: checkpoint ? Buffer.from(checkpoint.root).toString("base64") : null, heldBy: reporting.witnesses, agents: reporting.agents, fault: ledgerFault(ctx)?.message ?? null },
  };
}

function cellDto(cell: Cell, releases: ReadonlyMap<string, ReleaseFacts>): MatrixCell {
  return {
    environment: cell.environment.name,
    assigned: cell.assigned.map(({ partition, releaseId }) => ({ partition, release: refOf(releases.get(releaseId ?? "")) })),
    instances: cell.instances,
    unhealthy: cell.unhealthy,
    categories: sortCategories(cell.categories),
    ...worstOf(cell),
    rollout: cell.rollout,
    held: cell.held,
    pinned: [...cell.partitions.values()].filter(({ pin }) => pin !== null).length,
    partitions: cell.partitions.size < 2 ? [] : [...cell.partitions].map(([name, part]) => ({
      name, assigned: refOf(releases.get(part.releaseId ?? "")), instances: part.instances, categories: sortCategories(part.categories), severity: worstOf(part).severity,
      pin: part.pin && { reason: part.pin.reason, until: part.pin.until?.toISOString() ?? null }, rolling: part.rolling,
    })),
    oldestReportAt: cell.oldestReportAt?.toISOString() ?? null,
    newestReportAt: cell.newestReportAt?.toISOString() ?? null,
  };
}

type Reporting = { agents: number; silent_agents: number; witnesses: number; scopes: number; incomplete: number };

async function readReporting({ db }: Ctx): Promise<Reporting> {
  const [row] = await db.$queryRaw<Reporting[]>`
    SELECT count(DISTINCT a.id)::int AS agents, (count(DISTINCT a.id) FILTER (WHERE a.state = 'silent'))::int AS silent_agents,
      (count(DISTINCT a.id) FILTER (WHERE a.checkpoint_size > 0))::int AS witnesses, count(s.id)::int AS scopes, (count(s.id) FILTER (WHERE NOT s.coverage_complete))::int AS incomplete
    FROM agents a LEFT JOIN agent_scopes s ON s.agent_id = a.id WHERE a.retired_at IS NULL`;
  return row ?? { agents: 0, silent_agents: 0, witnesses: 0, scopes: 0, incomplete: 0 };
}

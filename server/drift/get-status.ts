import type { z } from "zod";
import type { StatusDto, statusQuery } from "@/lib/contract/fleet";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { waiverSql } from "@/server/policies/waiver-sql";
import { readCells, worstOf } from "./read-cells";
import { readEnvironments, readReleases } from "./read-references";

const NO_DRIFT = new Set(["match", "neutral", "rolling", "warning"]);

/** For scripts: whether everything that the actor may see is as assigned. What is silent is unknown, so never in sync. */
export async function getStatus({ ctx, input, now = new Date() }: { ctx: Ctx; input: z.output<typeof statusQuery>; now?: Date }): Promise<StatusDto> {
  authorise(ctx, "fleet.read", input);
  const environments = await readEnvironments(ctx.db);
  // A name that is misspelt must not look as if it were in sync.
  if (input.environment !== undefined && !environments.some(({ name }) => name === input.environment)) throw notFound("environment");
  // A preview is asked for by its name, or not at all.
  const { cells } = await readCells(ctx, environments.filter(({ kind, name }) => kind === "permanent" || name === input.environment), input);
  if (input.service !== undefined && cells.length === 0 && !(await isService(ctx, input.service))) throw notFound("service");
  const releases = await readReleases(ctx.db, cells.flatMap((cell) => cell.assigned.map(({ releaseId }) => releaseId)));
  const rows = cells.map((cell) => ({
    service: cell.service,
    environment: cell.environment.name,
    ...worstOf(cell),
    assigned: cell.assigned.flatMap(({ releaseId }) => releases.get(releaseId ?? "")?.version ?? []).join(", ") || null,
    instances: cell.instances,
    deviating: cell.deviating,
    silent: cell.silent,
  }));
  rows.sort((a, b) => (a.service === b.service ? (a.environment < b.environment ? -1 : 1) : a.service < b.service ? -1 : 1));
  const findings = await ctx.db.$queryRaw<{ service: string | null; environment: string | null }[]>`
    SELECT DISTINCT f.service_name AS service, e.name::text AS environment FROM findings f LEFT JOIN environments e ON e.id = f.environment_id
    WHERE f.resolved_at IS NULL AND ${waiverSql("f", "f.kind")} IS NULL AND (e.kind IS DISTINCT FROM 'preview' OR ${input.environment ?? null}::text IS NOT NULL) AND f.kind NOT IN ('clock-skew', 'will-revert', 'tag-moved', 'pool-shrunk', 'pool-below-minimum')
      AND (${input.service ?? null}::text IS NULL OR f.service_name = ${input.service ?? null}) AND (${input.environment ?? null}::text IS NULL OR e.name = ${input.environment ?? null})`;
  const shown = new Set(rows.map((row) => `${row.service} ${row.environment}`));
  const open = findings.some((row) => (row.service === null ? input.service === undefined && input.environment === undefined : shown.has(`${row.service} ${row.environment}`)));
  return { inSync: !open && rows.every((row) => row.silent === 0 && NO_DRIFT.has(row.severity)), asOf: now.toISOString(), instances: rows.reduce((sum, row) => sum + row.instances, 0), cells: rows.slice(0, 2_000) };
}

async function isService({ db }: Ctx, name: string): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`SELECT 1 FROM services WHERE name = ${name} UNION ALL SELECT 1 FROM service_aliases WHERE name = ${name} LIMIT 1`;
  return rows.length > 0;
}

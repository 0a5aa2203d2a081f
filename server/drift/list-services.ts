import type { ServiceSummary } from "@/lib/contract/fleet";
import type { Page } from "@/lib/contract/primitives";
import type { Severity } from "@/lib/domain/drift/categories";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { readCells, worseSeverity, worstOf } from "./read-cells";
import { readEnvironments } from "./read-references";
import { decodeTextCursor, encodeTextCursor } from "./text-cursor";

/** The services that the actor may see, by name: those of the ledger, and names that run without being in it. */
export async function listServices({ ctx, input }: { ctx: Ctx; input: { limit: number; cursor?: string | undefined } }): Promise<Page<ServiceSummary>> {
  authorise(ctx, "fleet.read");
  const [after] = decodeTextCursor(input.cursor, 1) ?? [""];
  const { cells } = await readCells(ctx, (await readEnvironments(ctx.db)).filter(({ kind }) => kind === "permanent"));
  const known = await ctx.db.$queryRaw<{ name: string; owner_team: string | null }[]>`SELECT name::text, owner_team FROM services WHERE merged_into IS NULL`;
  const summaries = new Map<string, ServiceSummary>();
  for (const { name, owner_team } of known) {
    if (visibleTo(ctx, "fleet.read", { service: name })) summaries.set(name, { name, adopted: true, ownerTeam: owner_team, severity: "match", instances: 0, deviating: 0, silent: 0, environments: [] });
  }
  for (const cell of cells) {
    const before = summaries.get(cell.service) ?? { name: cell.service, adopted: false, ownerTeam: null, severity: "match" as Severity, instances: 0, deviating: 0, silent: 0, environments: [] };
    summaries.set(cell.service, {
      ...before,
      severity: worseSeverity(before.severity, worstOf(cell).severity),
      instances: before.instances + cell.instances,
      deviating: before.deviating + cell.deviating,
      silent: before.silent + cell.silent,
      environments: [...before.environments, cell.environment.name],
    });
  }
  const rows = [...summaries.values()].filter(({ name }) => name > (after ?? "")).sort((a, b) => (a.name < b.name ? -1 : 1));
  const shown = rows.slice(0, input.limit);
  const last = shown.at(-1);
  return { items: shown, nextCursor: rows.length > input.limit && last ? encodeTextCursor([last.name]) : null };
}

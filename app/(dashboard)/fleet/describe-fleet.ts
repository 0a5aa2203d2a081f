import { conditionVerb, conditionWord, describeUnjudged, plural, rankSeverity } from "@/app/(dashboard)/words";
import { formatCount } from "@/components/ui/format";
import { toneOfSeverity } from "@/components/ui/tone";
import type { VerdictPart } from "@/components/ui/verdict";
import type { MatrixCell, MatrixDto } from "@/lib/contract/fleet";
import { severityOf } from "@/lib/domain/drift/categories";

/** How many cells the sentence names before it only counts. */
const NAMED = 3;

const ROLLOUT_VERB = { promote: "is rolling out", rollback: "is rolling back", reconverge: "is being put back", replace: "is being replaced", stop: "is stopping" } as const;

type Off = { service: string; cell: MatrixCell };

/** Whether a cell is worth a word: something deviates, is silent, or moves. */
export function cellDeviates(cell: MatrixCell): boolean {
  return cell.severity !== "match" && cell.severity !== "neutral" ? true : cell.rollout !== null;
}

/** Deviating cells, worst first; among equals the environment with more at stake first. */
export function listDeviating(dto: MatrixDto): Off[] {
  const stake = new Map(dto.environments.map((environment) => [environment.name, environment.ordinal]));
  return dto.rows
    .flatMap((row) => row.cells.filter(cellDeviates).map((cell) => ({ service: row.service, cell })))
    .sort(
      (a, b) =>
        rankSeverity(a.cell.severity) - rankSeverity(b.cell.severity) ||
        (stake.get(b.cell.environment) ?? 0) - (stake.get(a.cell.environment) ?? 0) ||
        a.service.localeCompare(b.service, "en"),
    );
}

function describeCellState({ service, cell }: Off): VerdictPart[] {
  const tone = toneOfSeverity(cell.severity);
  const href = `/services/${encodeURIComponent(service)}?environment=${encodeURIComponent(cell.environment)}`;
  const name: VerdictPart[] = [{ shape: tone === "match" || tone === "neutral" ? "rolling" : tone }, { strong: service }];
  const bad = cell.categories.filter(({ category, instances }) => instances > 0 && !["in-sync", "not-adopted", "in-transition", "waived"].includes(category));
  const serious = bad.filter(({ category }) => category !== "silent" && category !== "waived" && severityOf(category) !== "warning");
  if (serious.length === 0 && cell.rollout) {
    const { kind, verified, total } = cell.rollout;
    return [...name, ` ${ROLLOUT_VERB[kind]} in ${cell.environment}, `, { link: `${formatCount(verified)} of ${formatCount(total)} verified`, href: `/rollouts/${cell.rollout.id}` }, ". "];
  }
  const [worst, second] = serious.length > 0 ? serious : bad;
  if (!worst) return [...name, ` deviates in ${cell.environment}. `];
  if (worst.category === "silent") return [...name, `: `, { link: `${formatCount(worst.instances)} silent`, href }, ` in ${cell.environment}. `];
  const more = second && second.category !== "silent" ? ` and ${formatCount(second.instances)} ${conditionWord(second.category)}` : "";
  return [...name, ` ${conditionVerb(worst.category)} in ${cell.environment}: `, { link: `${formatCount(worst.instances)} ${plural(worst.instances, "instance")}`, href }, `${more}. `];
}

/** The fleet in one sentence or a few: what deviates, worst first, or that nothing does. */
export function describeFleet(dto: MatrixDto): VerdictPart[] {
  const { totals } = dto;
  if (totals.agents === 0 && totals.instances === 0) return ["No host reports yet. Connect one, and this page says what really runs on it."];
  const deviating = listDeviating(dto);
  if (deviating.length === 0) {
    if (totals.instances === 0) return [{ strong: `${formatCount(totals.agents)} ${plural(totals.agents, "agent")}` }, ` ${plural(totals.agents, "reports", "report")}, and nothing runs yet.`];
    const silent = totals.silentAgents > 0 ? ` ${formatCount(totals.silentAgents)} ${plural(totals.silentAgents, "agent is", "agents are")} silent.` : "";
    if (totals.inSync === 0) return [{ strong: `${formatCount(totals.instances)} ${plural(totals.instances, "instance")}` }, ` ${plural(totals.instances, "runs", "run")}; nothing is assigned to them yet.${silent}`];
    return ["Everything that is assigned runs as assigned: ", { strong: `${formatCount(totals.inSync)} ${plural(totals.inSync, "instance")}` }, ` of ${formatCount(dto.rows.length)} ${plural(dto.rows.length, "service")}.${silent}`];
  }
  const parts = deviating.slice(0, NAMED).flatMap(describeCellState);
  const rest = deviating.length - NAMED;
  if (rest > 0) parts.push(rest === 1 ? "One more deviates." : `${formatCount(rest)} more deviate.`);
  return parts;
}

/** Under the sentence: how much deviates of how much. */
export function describeTotals(dto: MatrixDto): string {
  const cells = dto.rows.reduce((sum, row) => sum + row.cells.length, 0);
  const deviating = listDeviating(dto).length;
  const { inSync, instances, unmapped, ignored, ignoringRules } = dto.totals;
  return [
    `${formatCount(deviating)} of ${formatCount(cells)} deviate; ${formatCount(inSync)} of ${formatCount(instances)} instances run as assigned.`,
    ...(dto.rowsInAll > dto.rows.length ? [`The worst ${formatCount(dto.rows.length)} of ${formatCount(dto.rowsInAll)} services are shown.`] : []),
    describeUnjudged({ unmapped, ignored, rules: ignoringRules }),
  ].join(" ").trim();
}

/** Where findings are recorded and nobody is told; empty when every environment enforces. */
export function describeObserving({ environments }: Pick<MatrixDto, "environments">): string {
  const observing = environments.filter(({ mode }) => mode === "observe").map(({ name }) => name);
  if (observing.length === 0) return "";
  const where = observing.length === environments.length ? "Every environment observes" : `${observing.join(", ")} ${plural(observing.length, "observes", "observe")}`;
  return `${where}: findings are recorded, nobody is told.`;
}

/** What the numbers cover. Always printed. */
export function describeCoverage(dto: MatrixDto): string {
  const { scopes, incomplete, complete } = dto.coverage;
  const { agents, silentAgents } = dto.totals;
  if (agents === 0) return "Coverage: no agent reports.";
  const heard = `${formatCount(agents - silentAgents)} of ${formatCount(agents)} ${plural(agents, "agent")} heard`;
  const scopeWords = complete && incomplete === 0 ? `all ${formatCount(scopes)} ${plural(scopes, "scope")} complete` : `${formatCount(incomplete)} of ${formatCount(scopes)} scopes incomplete`;
  return `Coverage: ${heard}, ${scopeWords}.`;
}

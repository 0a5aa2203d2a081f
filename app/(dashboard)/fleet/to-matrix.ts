import { NO_EVIDENCE, conditionTone, conditionWord, plural, toneShape } from "@/app/(dashboard)/words";
import { formatCount, formatDateTime } from "@/components/ui/format";
import type { MatrixCell, MatrixEnvironment, MatrixNote, MatrixPartition, MatrixRow } from "@/components/fleet/prepare-matrix";
import type { Part } from "@/components/ui/proportion-bar";
import { TONES, deviates, toneOfSeverity } from "@/components/ui/tone";
import type { MatrixCell as CellDto, MatrixDto } from "@/lib/contract/fleet";
import { cellDeviates } from "./describe-fleet";

const SHORT: Record<string, string> = { development: "dev", staging: "stg", production: "prod" };

/** The proportion bar: one part per hue, worst first. */
export function toParts(categories: CellDto["categories"]): Part[] {
  return categories
    .filter(({ instances }) => instances > 0)
    .map(({ category, instances }) => ({ tone: conditionTone(category), count: instances, label: conditionWord(category) }))
    .sort((a, b) => TONES.indexOf(a.tone) - TONES.indexOf(b.tone));
}

function toNotes(cell: CellDto): MatrixNote[] {
  const notes: MatrixNote[] = cell.categories
    .filter(({ category, instances }) => instances > 0 && category !== "in-sync" && category !== "not-adopted" && category !== "in-transition")
    .map(({ category, instances }) => {
      const tone = conditionTone(category);
      return { shape: toneShape(tone), tone, count: instances, text: conditionWord(category) };
    });
  if (cell.rollout) notes.push({ shape: "rolling", tone: "rolling", text: `${formatCount(cell.rollout.verified)} of ${formatCount(cell.rollout.total)} verified` });
  if (cell.unhealthy > 0) notes.push({ shape: "alert", tone: "alert", count: cell.unhealthy, text: "unhealthy" });
  return notes;
}

/** A cell that is divided shows each partition's share, in declared order; releases side by side on purpose have no colour. */
function toSplit(cell: CellDto): Pick<MatrixCell, "parts" | "partitions"> {
  if (cell.partitions.length === 0) return { parts: toParts(cell.categories) };
  const partitions = cell.partitions.map((partition): MatrixPartition => ({
    name: partition.name,
    version: partition.assigned?.version ?? null,
    digest: partition.assigned?.digest ?? null,
    total: partition.instances,
    parts: toParts(partition.categories),
    tone: partition.rolling && !deviates(toneOfSeverity(partition.severity)) ? "rolling" : toneOfSeverity(partition.severity),
    pin: partition.pin && `${partition.pin.reason ?? "the reason was redacted"}${partition.pin.until ? `, until ${formatDateTime(partition.pin.until)} UTC` : ""}`,
    rolling: partition.rolling,
  }));
  return { parts: partitions.flatMap(({ name, parts }) => parts.map((part) => ({ ...part, label: `${name} ${part.label}` }))), partitions };
}

function toCell(service: string, cell: CellDto): MatrixCell {
  const releases = new Map(cell.assigned.flatMap(({ release }) => (release ? [[release.version, release] as const] : [])));
  const [release] = releases.values();
  const severity = toneOfSeverity(cell.severity);
  const tone = cell.rollout && !deviates(severity) ? "rolling" : cell.unhealthy > 0 && !deviates(severity) ? "alert" : severity;
  return {
    href: `/services/${encodeURIComponent(service)}?environment=${encodeURIComponent(cell.environment)}`,
    version: releases.size > 1 ? `${releases.size} releases` : (release?.version ?? null),
    digest: releases.size > 1 ? null : (release?.digest ?? null),
    mark: [...releases.values()].some(({ adopted }) => adopted) ? NO_EVIDENCE : undefined,
    total: cell.instances,
    ...toSplit(cell),
    notes: toNotes(cell),
    tone,
    oldestReportAt: cell.oldestReportAt,
    canRollBack: release !== undefined,
    pinned: cell.pinned,
  };
}

/** The one column of all preview environments: before the others, as changes are; the last one keeps the most room. */
const PREVIEWS: MatrixEnvironment = { name: "previews", short: "pre" };

/** What runs in previews, folded: a number, and no verdict. */
function foldPreviews(service: string, { environments, instances }: NonNullable<MatrixDto["rows"][number]["previews"]>): MatrixCell {
  return {
    href: `/services/${encodeURIComponent(service)}`,
    version: null,
    digest: null,
    total: instances,
    parts: [{ tone: "neutral", count: instances, label: "in previews" }],
    notes: [{ shape: "neutral", tone: "neutral", count: environments, text: plural(environments, "preview") }],
    tone: "neutral",
    oldestReportAt: null,
  };
}

/** Rows of the matrix, in the order given; narrowed to names that contain `search`, or to what deviates. */
export function toMatrix(dto: MatrixDto, filter: { search: string; deviating: boolean }): { environments: MatrixEnvironment[]; rows: MatrixRow[] } {
  const search = filter.search.trim().toLowerCase();
  const environments = [...dto.environments].sort((a, b) => a.ordinal - b.ordinal);
  return {
    environments: [...(dto.previews > 0 ? [PREVIEWS] : []), ...environments.map(({ name, protected: isProtected, mode }) => ({ name, short: SHORT[name] ?? name, protected: isProtected, observing: mode === "observe" }))],
    rows: dto.rows
      .filter((row) => row.service.includes(search) && (!filter.deviating || row.cells.some(cellDeviates)))
      .map((row) => ({
        service: row.service,
        href: `/services/${encodeURIComponent(row.service)}`,
        cells: [
          ...(dto.previews > 0 ? [row.previews ? foldPreviews(row.service, row.previews) : null] : []),
          ...environments.map(({ name }) => {
            const cell = row.cells.find(({ environment }) => environment === name);
            return cell ? toCell(row.service, cell) : null;
          }),
        ],
      })),
  };
}

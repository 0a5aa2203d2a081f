import { formatCount } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import type { Part } from "@/components/ui/proportion-bar";
import type { ShapeKind } from "@/components/ui/status-shape";
import { deviates, worstTone } from "@/components/ui/tone";
import type { Tone } from "@/components/ui/tone";

export interface MatrixEnvironment {
  name: string;
  /** For the phone's narrow column: "stg". The name itself unless given. */
  short?: string;
  protected?: boolean;
  /** Findings are recorded here, and nobody is told. */
  observing?: boolean;
}

/** A deviation in words: its shape, how many, what. */
export interface MatrixNote {
  shape: ShapeKind;
  tone: Tone;
  count?: number;
  text: string;
}

/** One partition of a cell, where there is more than one. */
export interface MatrixPartition {
  name: string;
  version: string | null;
  digest: string | null;
  total: number;
  parts: readonly Part[];
  tone: Tone;
  /** Why it is pinned; null where it is not. */
  pin: string | null;
  rolling: boolean;
}

export interface MatrixCell {
  href: string;
  /** What is assigned; null when nothing is. */
  version: string | null;
  digest: string | null;
  /** What must not be taken for granted about the assigned release. */
  mark?: string | undefined;
  total: number;
  /** Worst first; only `match` when all is well. */
  parts: readonly Part[];
  notes: readonly MatrixNote[];
  tone: Tone;
  /** The oldest report behind this cell; null when nothing ever reported. */
  oldestReportAt: Moment | null;
  /** Absent: there is nothing to roll back. */
  canRollBack?: boolean;
  /** In declared order; absent where there is but one. */
  partitions?: readonly MatrixPartition[];
  /** How many of them, or whether the only one, is pinned. */
  pinned?: number;
}

export interface MatrixRow {
  service: string;
  href: string;
  /** One per environment, in their order; null where the service does not exist. */
  cells: readonly (MatrixCell | null)[];
}

/** The worst tone in a row: what stands in its margin. */
export function toneOfRow(row: MatrixRow): Tone {
  return worstTone(row.cells.map((cell) => cell?.tone ?? "match"));
}

/** A cell as one sentence, for a screen reader. */
export function describeCell(service: string, environment: string, cell: MatrixCell): string {
  const version = `${cell.version ?? "nothing assigned"}${cell.mark ? ` (${cell.mark})` : ""}`;
  const notes = cell.notes.map((note) => (note.count === undefined ? note.text : `${formatCount(note.count)} ${note.text}`));
  const state = notes.length > 0 ? notes.join(", ") : deviates(cell.tone) ? "deviates" : "as assigned";
  const divided = cell.partitions ? `, ${formatCount(cell.partitions.length)} partitions` : "";
  const pinned = cell.pinned ? `, ${cell.partitions ? `${formatCount(cell.pinned)} of them pinned` : "pinned"}` : "";
  return `${service} in ${environment}: ${version}, ${formatCount(cell.total)} instances, ${state}${divided}${pinned}`;
}

export interface GridPosition {
  row: number;
  column: number;
}

/** Where a key takes the focus in a grid of `rows` × `columns`; null when the key does not move it. */
export function moveFocus(key: string, at: GridPosition, rows: number, columns: number): GridPosition | null {
  const clampRow = (row: number) => Math.min(rows - 1, Math.max(0, row));
  const clampColumn = (column: number) => Math.min(columns - 1, Math.max(0, column));
  switch (key) {
    case "ArrowUp":
      return { ...at, row: clampRow(at.row - 1) };
    case "ArrowDown":
      return { ...at, row: clampRow(at.row + 1) };
    case "ArrowLeft":
      return { ...at, column: clampColumn(at.column - 1) };
    case "ArrowRight":
      return { ...at, column: clampColumn(at.column + 1) };
    case "Home":
      return { ...at, column: 0 };
    case "End":
      return { ...at, column: columns - 1 };
    case "PageUp":
      return { ...at, row: clampRow(at.row - 10) };
    case "PageDown":
      return { ...at, row: clampRow(at.row + 10) };
    default:
      return null;
  }
}

/** Where the focus begins: the worst cell of the first row. Column 0 is the service's name. */
export function chooseStart(rows: readonly MatrixRow[]): GridPosition {
  const cells = rows[0]?.cells ?? [];
  const worst = worstTone(cells.map((cell) => cell?.tone ?? "match"));
  const index = deviates(worst) ? cells.findIndex((cell) => cell?.tone === worst) : -1;
  return { row: 0, column: index + 1 };
}

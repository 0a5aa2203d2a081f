import { SEVERITIES } from "@/lib/domain/drift/categories";
import type { Severity } from "@/lib/domain/drift/categories";

/** Which cells come first in a group, so that damage has a straight edge. */
export const MAP_ORDER = ["critical", "drift", "warning", "rolling", "unknown", "neutral", "match"] as const satisfies readonly Severity[];

export interface MapGroup {
  id: string;
  region: string;
  label: string;
  /** Where its header leads; the header is the accessible path to the group. */
  href?: string;
  /** One byte an instance: its severity, as the index in SEVERITIES. */
  cells: Uint8Array;
}

/** A group counted: how many cells of each severity, in MAP_ORDER. */
export interface PackedGroup {
  counts: Uint32Array;
  total: number;
}

const ORDER_OF_CODE = SEVERITIES.map((severity) => MAP_ORDER.indexOf(severity));

/** Counts a group's cells. An unknown byte counts as unknown: it is never drawn as a match. */
export function packGroup(cells: Uint8Array): PackedGroup {
  const byCode = new Uint32Array(256);
  // An indexed loop: this runs over 100,000 bytes on every change.
  for (let index = 0; index < cells.length; index++) {
    const code = cells[index] ?? 255;
    byCode[code] = (byCode[code] ?? 0) + 1;
  }
  const counts = new Uint32Array(MAP_ORDER.length);
  const unknown = MAP_ORDER.indexOf("unknown");
  byCode.forEach((count, code) => {
    const place = ORDER_OF_CODE[code] ?? unknown;
    counts[place] = (counts[place] ?? 0) + count;
  });
  return { counts, total: cells.length };
}

/** Bytes of a group as they travel: base64, one byte a cell. */
export function decodeCells(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Sums of several groups, in MAP_ORDER. */
export function sumCounts(groups: readonly PackedGroup[]): Uint32Array {
  const sum = new Uint32Array(MAP_ORDER.length);
  for (const group of groups) group.counts.forEach((count, place) => (sum[place] = (sum[place] ?? 0) + count));
  return sum;
}

export interface PlacedGroup {
  index: number;
  x: number;
  y: number;
  /** Top of the cells. */
  cellsY: number;
  rows: number;
  columns: number;
  width: number;
}

export interface PlacedRegion {
  region: string;
  x: number;
  y: number;
  width: number;
  total: number;
}

export interface MapLayout {
  /** CSS px from one cell to the next. */
  pitch: number;
  height: number;
  groups: PlacedGroup[];
  regions: PlacedRegion[];
  /** Column by column on a wide screen, row by row on a phone. */
  byColumn: boolean;
}

const REGION_HEIGHT = 22;
const LABEL_HEIGHT = 36;
const GROUP_GAP = 10;
const REGION_GAP = 20;
const SHELF_GAP = 16;
/** Between these, in px, the cells of a shelf choose their height. */
const LEAST_HEIGHT = 80;
const MOST_HEIGHT = 400;

function choosePitch(total: number): number {
  if (total <= 3_000) return 8;
  if (total <= 8_000) return 6;
  return total <= 40_000 ? 4 : 3;
}

interface Measured {
  region: string;
  total: number;
  /** Width that the header needs. */
  labelWidth: number;
}

function placeShelves(groups: readonly Measured[], width: number, pitch: number, rows: number): MapLayout {
  const placed: PlacedGroup[] = [];
  const regions: PlacedRegion[] = [];
  let x = 0;
  let y = 0;
  let shelfHeight = 0;
  groups.forEach((group, index) => {
    const ownRows = Math.max(rows, Math.ceil(group.total / Math.max(1, Math.floor(width / pitch))));
    const columns = Math.ceil(group.total / ownRows);
    const groupWidth = Math.min(width, Math.max(columns * pitch, group.labelWidth));
    const last = regions[regions.length - 1];
    const sameRegion = last?.region === group.region && last.y === y;
    if (x > 0) x += sameRegion ? GROUP_GAP : REGION_GAP;
    if (x > 0 && x + groupWidth > width) {
      x = 0;
      y += shelfHeight + SHELF_GAP;
      shelfHeight = 0;
    }
    const open = regions[regions.length - 1];
    if (open && open.region === group.region && open.y === y) {
      open.width = x + groupWidth - open.x;
      open.total += group.total;
    } else {
      regions.push({ region: group.region, x, y, width: groupWidth, total: group.total });
    }
    placed.push({ index, x, y: y + REGION_HEIGHT, cellsY: y + REGION_HEIGHT + LABEL_HEIGHT, rows: ownRows, columns, width: groupWidth });
    shelfHeight = Math.max(shelfHeight, REGION_HEIGHT + LABEL_HEIGHT + ownRows * pitch);
    x += groupWidth;
  });
  return { pitch, height: y + shelfHeight, groups: placed, regions, byColumn: true };
}

/** Places groups side by side, in cells as many rows high as makes the whole map lowest; on several shelves where it must. */
export function layoutWide(groups: readonly Measured[], width: number): MapLayout {
  const pitch = choosePitch(groups.reduce((sum, group) => sum + group.total, 0));
  let best: MapLayout | undefined;
  for (let rows = Math.ceil(LEAST_HEIGHT / pitch); rows * pitch <= MOST_HEIGHT; rows += 2) {
    const layout = placeShelves(groups, width, pitch, rows);
    if (!best || layout.height < best.height) best = layout;
  }
  return best ?? placeShelves(groups, width, pitch, 1);
}

/** Places groups one below the other, each as wide as the screen. */
export function layoutPhone(groups: readonly Measured[], width: number): MapLayout {
  const pitch = Math.max(4, choosePitch(groups.reduce((sum, group) => sum + group.total, 0)));
  const columns = Math.max(1, Math.floor((width + 1) / pitch));
  const placed: PlacedGroup[] = [];
  let y = 0;
  groups.forEach((group, index) => {
    const rows = Math.ceil(group.total / columns);
    placed.push({ index, x: 0, y, cellsY: y + 28, rows, columns, width });
    y += 28 + rows * pitch + 14;
  });
  return { pitch, height: Math.max(0, y - 14), groups: placed, regions: [], byColumn: false };
}

/** How a severity's cell is drawn: `size` px of the pitch, filled or as an outline. Size is salience too. */
export function cellShape(severity: Severity, pitch: number): { size: number; hollow: boolean } {
  const room = pitch >= 6 ? 1 : 0;
  if (severity === "critical" || severity === "drift" || severity === "warning") return { size: pitch - room, hollow: false };
  if (severity === "rolling") return { size: pitch - 1 - room, hollow: false };
  if (severity === "unknown") return { size: pitch - 1 - room, hollow: true };
  return { size: Math.max(1, Math.round(pitch / 2)), hollow: severity === "neutral" && pitch >= 6 };
}

/** `#rrggbb` as one little-endian ABGR word, as ImageData wants it; opaque black when it is no such colour. */
export function packColour(hex: string): number {
  const value = Number.parseInt(hex.trim().slice(1, 7), 16);
  if (Number.isNaN(value)) return 0xff000000;
  return (0xff000000 | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

/** Writes every cell of a layout into a bitmap of `bitmapWidth` px a line; `scale` device px to a CSS px. */
export function drawCells(
  pixels: Uint32Array,
  bitmapWidth: number,
  layout: MapLayout,
  packed: readonly PackedGroup[],
  colours: Uint32Array,
  scale: number,
): void {
  const step = layout.pitch * scale;
  const shapes = MAP_ORDER.map((severity) => cellShape(severity, layout.pitch));
  for (const group of layout.groups) {
    const counts = packed[group.index]?.counts;
    if (!counts) continue;
    const left = group.x * scale;
    const top = group.cellsY * scale;
    let index = 0;
    for (let place = 0; place < counts.length; place++) {
      const colour = colours[place] ?? 0;
      const shape = shapes[place] ?? { size: 1, hollow: false };
      const size = shape.size * scale;
      const end = index + (counts[place] ?? 0);
      for (; index < end; index++) {
        const major = Math.floor(index / (layout.byColumn ? group.rows : group.columns));
        const minor = index % (layout.byColumn ? group.rows : group.columns);
        let line = (top + (layout.byColumn ? minor : major) * step) * bitmapWidth + left + (layout.byColumn ? major : minor) * step;
        for (let y = 0; y < size; y++, line += bitmapWidth) {
          if (shape.hollow && y >= scale && y < size - scale) {
            pixels.fill(colour, line, line + scale);
            pixels.fill(colour, line + size - scale, line + size);
          } else {
            pixels.fill(colour, line, line + size);
          }
        }
      }
    }
  }
}

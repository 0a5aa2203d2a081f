/** Cells of one wave, in the order in which they fill: verified, in flight, stuck, failed, waiting. Who is gone has none. */
export interface WaveCounts {
  verified: number;
  inFlight: number;
  stuck: number;
  failed: number;
  waiting: number;
}

export const CELL_STATES = ["verified", "inFlight", "stuck", "failed", "waiting"] as const;
export type CellState = (typeof CELL_STATES)[number];

/** Above this many targets a rollout's waves are drawn as proportional bars. */
export const MOST_CELLS = 1_500;

export interface CellBlock {
  state: CellState;
  /** In cells. */
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The rectangles that cover cells `from` up to `to` when cells fill lines of `length`, one line after another. */
function coverRun(from: number, to: number, length: number): { along: number; across: number; alongSize: number; acrossSize: number }[] {
  const blocks: { along: number; across: number; alongSize: number; acrossSize: number }[] = [];
  let start = from;
  while (start < to) {
    const line = Math.floor(start / length);
    const offset = start % length;
    const wholeLines = offset === 0 ? Math.floor((to - start) / length) : 0;
    if (wholeLines > 0) {
      blocks.push({ along: 0, across: line, alongSize: length, acrossSize: wholeLines });
      start += wholeLines * length;
    } else {
      const count = Math.min(length - offset, to - start);
      blocks.push({ along: offset, across: line, alongSize: count, acrossSize: 1 });
      start += count;
    }
  }
  return blocks;
}

/**
 * Covers a wave's cells with few rectangles (to be filled with a pattern) instead of one element a target.
 * By column: columns of `length` cells, left to right. By row: rows of `length` cells, top to bottom.
 */
export function placeCells(counts: WaveCounts, length: number, byColumn: boolean): CellBlock[] {
  let start = 0;
  return CELL_STATES.flatMap((state) => {
    const end = start + counts[state];
    const blocks = coverRun(start, end, length).map((run) =>
      byColumn
        ? { state, x: run.across, y: run.along, width: run.acrossSize, height: run.alongSize }
        : { state, x: run.along, y: run.across, width: run.alongSize, height: run.acrossSize },
    );
    start = end;
    return blocks;
  });
}

/** How many targets a wave has. */
export function countTargets(counts: WaveCounts): number {
  return counts.verified + counts.inFlight + counts.stuck + counts.failed + counts.waiting;
}

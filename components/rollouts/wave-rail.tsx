import { useId } from "react";
import type { ReactNode } from "react";
import { formatCount } from "@/components/ui/format";
import { ProportionBar } from "@/components/ui/proportion-bar";
import { StatusShape } from "@/components/ui/status-shape";
import { RowMark } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import { CELL_STATES, MOST_CELLS, countTargets, placeCells } from "./place-cells";
import type { CellState, WaveCounts } from "./place-cells";

export interface Wave {
  name: string;
  counts: WaveCounts;
  state: "waiting" | "open" | "passed" | "failed";
  /** "open since 02:15:04", "opens when wave 2 has 384 verified". */
  when: string;
}

const PITCH = 10;

/** How cells are laid out: lines of `rows` on a wide screen, of `narrow` on a phone (which leaves some 340 px), `scale` times as large. */
interface Raster {
  rows: number;
  narrow: number;
  scale: number;
}

/** A handful of targets gets larger cells in few rows; hundreds get small ones. */
function chooseRaster(largestWave: number): Raster {
  return largestWave <= 60 ? { rows: 3, narrow: 17, scale: 2 } : { rows: 10, narrow: 34, scale: 1 };
}

const WORDS: Record<CellState, string> = { verified: "verified", inFlight: "in flight", stuck: "stuck", waiting: "waiting" };
const TONE: Record<CellState, Tone> = { verified: "match", inFlight: "rolling", stuck: "stuck", waiting: "neutral" };
const SHAPE = { waiting: "neutral", open: "rolling", passed: "match", failed: "stuck" } as const;

function describeCounts(counts: WaveCounts): string {
  const words = CELL_STATES.filter((state) => counts[state] > 0).map((state) => `${formatCount(counts[state])} ${WORDS[state]}`);
  return words.length > 0 ? words.join(", ") : "no targets";
}

/** One cell of each state, repeated by the rectangles that need it. */
function Patterns({ id }: { id: string }) {
  const pattern = (state: CellState, content: ReactNode) => (
    <pattern id={`${id}${state}`} width={PITCH} height={PITCH} patternUnits="userSpaceOnUse">
      {content}
    </pattern>
  );
  return (
    <defs>
      {pattern("verified", <rect width="8" height="8" fill="var(--match-fill)" />)}
      {pattern(
        "inFlight",
        <>
          <rect x="0.75" y="0.75" width="6.5" height="6.5" fill="none" stroke="var(--rolling-fill)" strokeWidth="1.5" />
          <path d="M0 0h4v8H0z" fill="var(--rolling-fill)" />
        </>,
      )}
      {pattern("stuck", <rect width="9" height="9" fill="var(--drift-fill)" />)}
      {pattern("waiting", <rect x="2.5" y="2.5" width="3" height="3" fill="none" stroke="var(--field)" />)}
    </defs>
  );
}

function Cells({ counts, raster, narrow }: { counts: WaveCounts; raster: Raster; narrow?: boolean }) {
  const id = useId();
  const total = Math.max(1, countTargets(counts));
  const columns = narrow ? Math.min(raster.narrow, total) : Math.ceil(total / raster.rows);
  const rows = narrow ? Math.ceil(total / raster.narrow) : Math.min(raster.rows, total);
  const width = columns * PITCH - 1;
  const height = rows * PITCH - 1;
  return (
    <svg
      className="wave-cells"
      data-narrow={narrow ? "" : undefined}
      viewBox={`0 0 ${width} ${height}`}
      style={{ "--cells": `${width * raster.scale}px` }}
      aria-hidden="true"
    >
      <Patterns id={id} />
      {placeCells(counts, narrow ? raster.narrow : raster.rows, !narrow).map((block) => (
        <rect
          key={`${block.x} ${block.y}`}
          x={block.x * PITCH}
          y={block.y * PITCH}
          width={block.width * PITCH}
          height={block.height * PITCH}
          fill={`url(#${id}${block.state})`}
        />
      ))}
    </svg>
  );
}

/** Waves left to right, one cell a target with a gate between; above 1,500 targets, proportional bars. */
export function WaveRail({ waves }: { waves: readonly Wave[] }) {
  const sizes = waves.map((wave) => countTargets(wave.counts));
  const asCells = sizes.reduce((sum, size) => sum + size, 0) <= MOST_CELLS;
  const raster = chooseRaster(Math.max(...sizes));
  return (
    <ol className="wave-rail" aria-label="Waves" data-bars={asCells ? undefined : ""}>
      {waves.flatMap((wave, index) => {
        const total = countTargets(wave.counts);
        const natural = `${Math.max(104, Math.ceil(total / raster.rows) * PITCH * raster.scale - 1)}px`;
        const passed = wave.state === "passed";
        const element = (
          <li
            key={wave.name}
            className="wave"
            style={asCells ? { "--natural": natural } : { "--natural": `${Math.max(1, total)}px` }}
            aria-label={`Wave ${wave.name}, ${formatCount(total)} targets, ${wave.when}: ${describeCounts(wave.counts)}`}
          >
            {wave.state === "open" ? <span className="wave-mark"><RowMark tone={wave.counts.stuck > 0 ? "stuck" : "rolling"} shape={false} /></span> : null}
            <span className="wave-head">
              <span className="wave-name">
                <StatusShape kind={SHAPE[wave.state]} size={12} />
                <b>{wave.name}</b> <span className="muted">{formatCount(total)}</span>
              </span>
              <span className="muted small">{wave.when}</span>
            </span>
            {asCells ? (
              <>
                <Cells counts={wave.counts} raster={raster} />
                <Cells counts={wave.counts} raster={raster} narrow />
              </>
            ) : (
              <ProportionBar
                decorative
                parts={CELL_STATES.map((state) => ({ tone: TONE[state], count: wave.counts[state], label: WORDS[state] }))}
              />
            )}
            <span className="wave-foot">{describeCounts(wave.counts)}</span>
          </li>
        );
        if (index === waves.length - 1) return [element];
        return [
          element,
          <li key={`${wave.name} gate`} className="wave-gate" data-open={passed ? "" : undefined} aria-label={passed ? "Gate open" : "Gate closed"}>
            <StatusShape kind={passed ? "check" : "lock"} tone={passed ? "match" : "neutral"} />
          </li>,
        ];
      })}
    </ol>
  );
}

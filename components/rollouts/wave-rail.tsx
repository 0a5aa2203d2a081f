import { useId } from "react";
import type { ReactNode } from "react";
import { formatCount } from "@/components/ui/format";
import { ProportionBar } from "@/components/ui/proportion-bar";
import { StatusShape } from "@/components/ui/status-shape";
import type { ShapeKind } from "@/components/ui/status-shape";
import { RowMark } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import type { WaveStatus } from "@/lib/domain/rollout/statuses";
import { CELL_STATES, MOST_CELLS, countTargets, placeCells } from "./place-cells";
import type { CellState, WaveCounts } from "./place-cells";

/** What stands before a wave: not reached, waiting for something, refused, or behind it. */
export interface WaveGateMark {
  state: "closed" | "waiting" | "refused" | "open";
  /** What it waits for, where it does. */
  on: "person" | "check" | "freeze" | null;
  /** "waits for somebody to say go". */
  label: string;
}

export interface Wave {
  ordinal: number;
  name: string;
  counts: WaveCounts;
  /** Who vanished since the plan, or was not told any more, in words: they count nowhere. */
  left: string;
  status: WaveStatus;
  /** "open since 02:15:04 UTC"; may tick. */
  when: ReactNode;
  /** The same, for a screen reader: it must not tick. */
  spoken: string;
  /** Null where nothing stands before it: the first wave, usually. */
  gate: WaveGateMark | null;
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

const WORDS: Record<CellState, string> = { verified: "verified", inFlight: "in flight", stuck: "stuck", failed: "failed", waiting: "waiting" };
const TONE: Record<CellState, Tone> = { verified: "match", inFlight: "rolling", stuck: "stuck", failed: "critical", waiting: "neutral" };

/** The shape and hue of a wave's status. What waits for somebody or soaks is rolling with a sign of its own. */
export const WAVE_SHAPE: Record<WaveStatus, { shape: ShapeKind; tone: Tone }> = {
  pending: { shape: "neutral", tone: "neutral" },
  waiting: { shape: "lock", tone: "rolling" },
  open: { shape: "rolling", tone: "rolling" },
  soaking: { shape: "clock", tone: "rolling" },
  passed: { shape: "match", tone: "match" },
  failed: { shape: "cross", tone: "critical" },
};

const GATE_ON: Record<NonNullable<WaveGateMark["on"]>, ShapeKind> = { person: "person", check: "find", freeze: "lock" };
const GATE_TONE: Record<WaveGateMark["state"], Tone> = { closed: "neutral", waiting: "rolling", refused: "critical", open: "match" };

function gateShape(gate: WaveGateMark): ShapeKind {
  if (gate.state === "open") return "check";
  if (gate.state === "refused") return "cross";
  return gate.state === "waiting" && gate.on ? GATE_ON[gate.on] : "lock";
}

function describeCounts(counts: WaveCounts, left: string): string {
  const words = CELL_STATES.filter((state) => counts[state] > 0).map((state) => `${formatCount(counts[state])} ${WORDS[state]}`);
  if (left) words.push(left);
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
      {pattern("failed", <path d="M0.5 0.5 8 8M8 0.5 0.5 8" fill="none" stroke="var(--critical-fill)" strokeWidth="2.5" />)}
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

function Gate({ gate, first }: { gate: WaveGateMark; first?: boolean }) {
  return (
    <li className="wave-gate" data-state={gate.state} data-first={first ? "" : undefined} data-tone={GATE_TONE[gate.state]} aria-label={gate.label}>
      <StatusShape kind={gateShape(gate)} tone={GATE_TONE[gate.state]} />
    </li>
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
        const natural = `${Math.max(168, Math.ceil(total / raster.rows) * PITCH * raster.scale - 1)}px`;
        const moving = wave.status === "open" || wave.status === "soaking" || wave.status === "waiting" || wave.status === "failed";
        const title = waves.length > 1 ? `${wave.ordinal} · ${wave.name}` : wave.name;
        const shape = wave.status === "waiting" && wave.gate?.on ? GATE_ON[wave.gate.on] : WAVE_SHAPE[wave.status].shape;
        const mark = wave.counts.failed > 0 || wave.status === "failed" ? "critical" : wave.counts.stuck > 0 ? "stuck" : "rolling";
        const element = (
          <li
            key={wave.ordinal}
            className="wave"
            style={asCells ? { "--natural": natural } : { "--natural": `${Math.max(1, total)}px` }}
            aria-label={`Wave ${title}, ${formatCount(total)} targets, ${wave.spoken}: ${describeCounts(wave.counts, wave.left)}`}
          >
            {moving ? <span className="wave-mark"><RowMark tone={mark} shape={false} /></span> : null}
            <span className="wave-head">
              <span className="wave-name">
                <StatusShape kind={shape} tone={WAVE_SHAPE[wave.status].tone} size={12} />
                <b>{title}</b> <span className="muted">{formatCount(total)}</span>
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
            <span className="wave-foot">{describeCounts(wave.counts, wave.left)}</span>
          </li>
        );
        if (!wave.gate) return [element];
        return [<Gate key={`${wave.ordinal} gate`} gate={wave.gate} first={index === 0} />, element];
      })}
    </ol>
  );
}

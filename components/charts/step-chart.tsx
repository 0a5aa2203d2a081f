import { formatCount, formatTime } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import type { Tone } from "@/components/ui/tone";
import { placeMoment } from "./place-lane";

export interface StepChartProps {
  /** What is counted, for its accessible name. */
  label: string;
  from: Moment;
  to: Moment;
  /** Oldest first; the count holds until the next point. */
  points: readonly { at: Moment; count: number }[];
  tone: Tone;
}

const WIDTH = 288;
const BASE = 38;
const RISE = 26;

/** A small count over time, from a zero baseline, with its last value written on it. */
export function StepChart({ label, from, to, points, tone }: StepChartProps) {
  const most = Math.max(1, ...points.map((point) => point.count));
  const last = points[points.length - 1]?.count ?? 0;
  let path = `M0 ${BASE}`;
  for (const point of points) path += `H${(placeMoment(point.at, from, to) * WIDTH).toFixed(1)}V${(BASE - (point.count / most) * RISE).toFixed(1)}`;
  path += `H${WIDTH}`;
  const hollow = tone === "unknown";
  return (
    <svg
      className="step-chart"
      viewBox={`0 0 ${WIDTH} 56`}
      data-tone={tone}
      role="img"
      aria-label={`${label}: ${formatCount(last)} at ${formatTime(to)} UTC, ${formatCount(most)} at most since ${formatTime(from)} UTC`}
    >
      {hollow ? null : <path d={`${path}V${BASE}H0z`} fill="var(--fill)" opacity="0.22" />}
      <path d={path} fill="none" stroke={hollow ? "var(--tone)" : "var(--fill)"} strokeWidth="2" strokeDasharray={hollow ? "4 3" : undefined} />
      <path d={`M0 ${BASE + 0.5}H${WIDTH}`} stroke="var(--ink)" />
      <text x="0" y="52">
        {formatTime(from).slice(0, 5)}
      </text>
      <text x={WIDTH} y="52" textAnchor="end">
        {formatTime(to).slice(0, 5)} UTC
      </text>
      <text className="total" x={WIDTH} y="9" textAnchor="end">
        {formatCount(last)}
      </text>
    </svg>
  );
}

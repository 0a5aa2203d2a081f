import type { ReactNode } from "react";
import { cx } from "./cx";
import type { Tone } from "./tone";

function stroke(d: string, width = 2): ReactNode {
  return <path d={d} fill="none" stroke="currentColor" strokeWidth={width} strokeLinecap="square" />;
}

function solid(d: string): ReactNode {
  return <path d={d} fill="currentColor" />;
}

const SHAPES = {
  match: <circle cx="8" cy="8" r="4.5" fill="currentColor" />,
  drift: solid("M8 1 15 8 8 15 1 8z"),
  critical: stroke("M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5", 3),
  rolling: (
    <>
      <circle cx="8" cy="8" r="5.75" fill="none" stroke="currentColor" strokeWidth="1.75" />
      {solid("M8 2.25a5.75 5.75 0 0 0 0 11.5z")}
    </>
  ),
  paused: solid("M3 2.5h3.5v11H3zM9.5 2.5H13v11H9.5z"),
  unknown: <circle cx="8" cy="8" r="5.75" fill="none" stroke="currentColor" strokeWidth="1.75" strokeDasharray="3.2 2.82" />,
  stuck: solid("M2.5 2.5h11v11h-11z"),
  alert: solid("M8 1.5 15.2 14H.8z"),
  neutral: <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.25" />,
  check: stroke("M2.5 8.5 6.2 12.2 13.5 4", 2.25),
  cross: stroke("M4 4 12 12M12 4 4 12", 1.75),
  arrow: stroke("M1.5 8H14M9.5 3.5 14 8 9.5 12.5", 1.5),
  down: stroke("M4 6.5 8 10.5 12 6.5", 1.5),
  right: stroke("M6 3.5 10.5 8 6 12.5", 1.5),
  close: stroke("M4.5 4.5 11.5 11.5M11.5 4.5 4.5 11.5", 1.25),
  flag: (
    <>
      <path d="M3 1.5v13" stroke="currentColor" strokeWidth="1.5" />
      {solid("M3 2h10l-3 3.5 3 3.5H3z")}
    </>
  ),
  find: (
    <>
      <circle cx="7" cy="7" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" />
      {stroke("M10.5 10.5 14 14", 1.5)}
    </>
  ),
  copy: <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" fill="none" stroke="currentColor" strokeWidth="1.25" />,
  lock: (
    <>
      {solid("M4 7.5h8v6H4z")}
      <path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2" fill="none" stroke="currentColor" strokeWidth="1.5" />
    </>
  ),
  back: stroke("M6.5 3.5 2.5 7.5 6.5 11.5M2.5 7.5H10a3.5 3.5 0 0 1 0 7H8", 1.75),
  arrows: stroke("M8 2v12M2 8h12M6 4l2-2 2 2M6 12l2 2 2-2M4 6 2 8l2 2M12 6l2 2-2 2", 1.25),
  person: (
    <>
      <circle cx="8" cy="4.75" r="2.75" fill="currentColor" />
      {solid("M2.5 14.5a5.5 5.5 0 0 1 11 0z")}
    </>
  ),
  clock: (
    <>
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="1.5" />
      {stroke("M8 4.5V8l2.5 1.75", 1.5)}
    </>
  ),
  menu: stroke("M2.5 5.5h11M2.5 10.5h11", 1.5),
  out: stroke("M9 3h4v4M13 3 7.5 8.5M6 4H3v9h9v-3", 1.5),
} satisfies Record<string, ReactNode>;

/** The names of all shapes: the tones, and the signs that have no hue of their own. */
export type ShapeKind = keyof typeof SHAPES;

const OWN_TONE: Partial<Record<ShapeKind, Tone>> = {
  match: "match",
  check: "match",
  drift: "drift",
  stuck: "stuck",
  cross: "drift",
  critical: "critical",
  alert: "alert",
  rolling: "rolling",
  paused: "paused",
  unknown: "unknown",
};

export interface StatusShapeProps {
  kind: ShapeKind;
  size?: number;
  /** The hue, when not the shape's own. */
  tone?: Tone;
  /** Accessible name; without it the words beside it must say the same. */
  label?: string;
  className?: string;
}

/** A status as a shape: colour is never the only sign. */
export function StatusShape({ kind, size = 14, tone, label, className }: StatusShapeProps) {
  const named = label ? { role: "img", "aria-label": label } : { "aria-hidden": true };
  return (
    <svg className={cx("shape", className)} data-tone={tone ?? OWN_TONE[kind]} width={size} height={size} viewBox="0 0 16 16" {...named}>
      {SHAPES[kind]}
    </svg>
  );
}

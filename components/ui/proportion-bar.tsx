import { cx } from "./cx";
import { formatCount } from "./format";
import type { Tone } from "./tone";

/** A part of a whole. `label` says what it is: "recalled", "as assigned". */
export interface Part {
  tone: Tone;
  count: number;
  label: string;
}

/** What a bar says to someone who cannot see it. */
export function describeParts(parts: readonly Part[]): string {
  const shown = parts.filter((part) => part.count > 0).map((part) => `${formatCount(part.count)} ${part.label}`);
  return shown.length > 0 ? shown.join(", ") : "no instances";
}

export interface ProportionBarProps {
  parts: readonly Part[];
  /** 2 px: everything matches, nothing to look at. */
  quiet?: boolean;
  /** When words beside it say the same. */
  decorative?: boolean;
  className?: string;
}

/** Parts of a whole, worst first as given; the smallest is still 2 px wide. */
export function ProportionBar({ parts, quiet, decorative, className }: ProportionBarProps) {
  const named = decorative ? { "aria-hidden": true } : { role: "img", "aria-label": describeParts(parts) };
  return (
    <span className={cx("bar", className)} data-quiet={quiet ? "" : undefined} {...named}>
      {parts
        .filter((part) => part.count > 0)
        .map((part) => (
          <i key={part.tone + part.label} data-tone={part.tone} style={{ "--share": part.count }} />
        ))}
    </span>
  );
}

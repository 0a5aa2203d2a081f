import type { ComponentProps, ReactNode } from "react";
import { cx } from "./cx";
import { StatusShape } from "./status-shape";
import { deviates } from "./tone";
import type { Tone } from "./tone";

export interface TableProps {
  /** Names the table for a screen reader. */
  label: string;
  /** 28 px rows instead of 36. */
  dense?: boolean;
  /** On a phone each row becomes a block; cells say `data-phone="wide|hide|end"`. */
  stack?: boolean;
  children: ReactNode;
}

/** Ruled paper: rows on the page itself, no card. */
export function Table({ label, dense, stack, children }: TableProps) {
  return (
    <div className="table-scroll">
      <table className={cx("table", stack && "table-stack")} data-dense={dense ? "" : undefined} aria-label={label}>
        {children}
      </table>
    </div>
  );
}

/** The first cell of a row: it hangs from the plumb line, and carries the mark when the row deviates. */
export function HangingCell({ tone, shape = true, className, children, ...rest }: { tone?: Tone; shape?: boolean } & ComponentProps<"th">) {
  return (
    <th scope="row" className={cx("hangs", className)} {...rest}>
      {tone ? <RowMark tone={tone} shape={shape} /> : null}
      {children}
    </th>
  );
}

/** The thick piece of plumb line beside something that deviates, with its shape in the margin. Draws nothing for a match. */
export function RowMark({ tone, shape = true, size = 14 }: { tone: Tone; shape?: boolean; size?: number }) {
  if (!deviates(tone)) return null;
  return (
    <span className="row-mark" data-tone={tone} aria-hidden="true">
      {shape ? <StatusShape kind={tone} size={size} /> : null}
    </span>
  );
}

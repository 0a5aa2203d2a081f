import Link from "next/link";
import type { ReactNode } from "react";
import { formatCount } from "./format";
import { StatusShape } from "./status-shape";

export interface ChipProps {
  children: ReactNode;
  count?: number;
  /** On or off; leave it out for a chip that only acts. */
  pressed?: boolean;
  /** Dashed: it adds a filter. */
  add?: boolean;
  /** Shows the cross: pressing takes the filter away. The accessible name says so. */
  removable?: boolean;
  onClick?: () => void;
  /** A link instead: filters live in the URL and work without a script. */
  href?: string;
}

/** A filter that is on or off. */
export function Chip({ children, count, pressed, add, removable, onClick, href }: ChipProps) {
  const content = (
    <>
      {removable ? <span className="visually-hidden">Remove filter </span> : null}
      {children}
      {count === undefined ? null : <span className="chip-count">{formatCount(count)}</span>}
      {removable ? <StatusShape kind="close" size={10} /> : null}
    </>
  );
  if (href !== undefined) {
    return (
      <Link className="chip" href={href} replace scroll={false} aria-current={pressed ? "true" : undefined} data-add={add ? "" : undefined}>
        {content}
      </Link>
    );
  }
  return (
    <button type="button" className="chip" aria-pressed={pressed} data-add={add ? "" : undefined} onClick={onClick}>
      {content}
    </button>
  );
}

/** Chips in a row, named for a screen reader. */
export function Chips({ label, children }: { label: string; children: ReactNode }) {
  return (
    <fieldset className="chips">
      <legend className="visually-hidden">{label}</legend>
      {children}
    </fieldset>
  );
}

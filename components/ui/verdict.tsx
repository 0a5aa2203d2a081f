import Link from "next/link";
import type { ReactNode } from "react";
import { StatusShape } from "./status-shape";
import type { ShapeKind } from "./status-shape";

/** A piece of a sentence: plain words, strong words, a link, or a shape before a name. */
export type VerdictPart = string | { strong: string } | { link: string; href: string } | { shape: ShapeKind };

/** Renders the pieces of a sentence. */
export function Sentence({ parts }: { parts: readonly VerdictPart[] }) {
  return parts.map((part, index) => {
    if (typeof part === "string") return part;
    if ("strong" in part) return <b key={index}>{part.strong}</b>;
    if ("shape" in part) return <StatusShape key={index} kind={part.shape} />;
    return (
      <Link key={index} href={part.href}>
        {part.link}
      </Link>
    );
  });
}

export interface VerdictProps {
  parts: readonly VerdictPart[];
  /** One quieter line under it: coverage, counts, ages. */
  sub?: ReactNode;
  /** Above it: where this page stands. */
  crumb?: ReactNode;
  /** At the right of it. */
  actions?: ReactNode;
}

/** The page's heading: a sentence that answers it, in words and numbers. */
export function Verdict({ parts, sub, crumb, actions }: VerdictProps) {
  return (
    <div className="lede">
      <div className="lede-words">
        {crumb ? <p className="crumb">{crumb}</p> : null}
        <h1 className="verdict">
          <Sentence parts={parts} />
        </h1>
        {sub ? <p className="verdict-sub">{sub}</p> : null}
      </div>
      {actions ? <div className="lede-actions">{actions}</div> : null}
    </div>
  );
}

export interface SectionHeadProps {
  title: ReactNode;
  note?: ReactNode;
  /** At the right: chips, a zone, a legend. */
  end?: ReactNode;
  level?: 2 | 3;
  id?: string;
}

/** A heading over ruled paper. */
export function SectionHead({ title, note, end, level = 2, id }: SectionHeadProps) {
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <div className="section-head">
      <Heading id={id}>{title}</Heading>
      {note ? <span className="muted">{note}</span> : null}
      {end ? <div className="section-head-end">{end}</div> : null}
    </div>
  );
}

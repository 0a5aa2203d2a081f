import type { ReactNode } from "react";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { StatusShape } from "@/components/ui/status-shape";
import { RowMark } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";

export interface SideFact {
  name: string;
  value: ReactNode;
  /** Set on both sides where they disagree: strong, and said aloud. */
  differs?: boolean;
}

export interface Side {
  version: string | null;
  /** In place of a version: "nothing assigned", "not registered". */
  otherwise?: string;
  digest: string | null;
  facts: readonly SideFact[];
}

export interface SideBySideProps {
  tone: Tone;
  assigned: Side;
  running: Side;
  /** Beside the second heading: the age of the last report. */
  runningNote?: ReactNode;
}

function SideColumn({ title, note, side }: { title: string; note?: ReactNode; side: Side }) {
  return (
    <section className="side" aria-label={title}>
      <h2>
        {title}
        {note ? <>, {note}</> : null}
      </h2>
      <span className="version">{side.version ?? <span className="muted">{side.otherwise ?? "nothing"}</span>}</span>
      <DigestStripe digest={side.digest} copyable />
      <dl className="side-facts">
        {side.facts.map((fact) => (
          <div key={fact.name} className="contents">
            <dt>{fact.name}</dt>
            <dd data-differs={fact.differs ? "" : undefined}>
              {fact.differs ? <StatusShape kind="drift" size={12} label="differs" /> : null}
              {fact.value}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** What should run and what does, fact beside fact. */
export function SideBySide({ tone, assigned, running, runningNote }: SideBySideProps) {
  return (
    <div className="sides">
      <RowMark tone={tone} size={16} />
      <SideColumn title="Assigned" side={assigned} />
      <StatusShape kind="arrow" size={20} label="and" />
      <SideColumn title="Running" note={runningNote} side={running} />
    </div>
  );
}

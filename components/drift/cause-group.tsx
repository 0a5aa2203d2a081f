import type { ReactNode } from "react";
import { StepChart } from "@/components/charts/step-chart";
import type { StepChartProps } from "@/components/charts/step-chart";
import { formatCount, formatShare } from "@/components/ui/format";
import { ReleaseLine } from "@/components/ui/release-line";
import { RowMark } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";

export interface CauseRelease {
  version: string | null;
  digest: string | null;
  /** Beside it, in the cause's hue: "recalled". */
  note?: string;
  /** What must not be taken for granted about it. */
  mark?: string | undefined;
}

/** What the affected instances have in common, against how common it is among all of the service here. Shares 0 to 1. */
export interface SharedDimension {
  label: string;
  share: number;
  baseline: number;
}

export interface CauseGroupProps {
  tone: Tone;
  /** Instances it concerns. */
  count: number;
  title: string;
  /** Where, since when, and what it means. */
  sentence: ReactNode;
  running: CauseRelease | null;
  assigned: CauseRelease | null;
  /** The running side is what was last heard, not what is known. */
  lastKnown?: boolean;
  shared?: readonly SharedDimension[];
  /** What the baseline's tick stands for: "all of catalog in production". */
  sharedBaseline?: string;
  trend?: Omit<StepChartProps, "tone" | "label">;
  /** Buttons: reconverge, waive, open. */
  actions?: ReactNode;
  /** The findings table. */
  children?: ReactNode;
}

function Dimension({ label, share, baseline }: SharedDimension) {
  return (
    <div className="dim">
      <span>{label}</span>
      <span className="dim-track" aria-hidden="true">
        <i style={{ "--share": `${share * 100}%` }} />
        <u style={{ "--baseline": `${baseline * 100}%` }} />
      </span>
      <b>
        {formatShare(share)}
        <span className="visually-hidden">, baseline {formatShare(baseline)}</span>
      </b>
    </div>
  );
}

/** One cause of drift: how many, what, since when; running beside assigned; what the affected share; what can be done. */
export function CauseGroup(props: CauseGroupProps) {
  const { tone, count, title, sentence, running, assigned, lastKnown, shared = [], sharedBaseline, trend, actions, children } = props;
  return (
    <section className="cause" data-tone={tone} aria-label={`${formatCount(count)}: ${title}`}>
      <RowMark tone={tone} size={16} />
      <div className="cause-head">
        <span className="cause-count">{formatCount(count)}</span>
        <div className="cause-words">
          <h2>{title}</h2>
          <p>{sentence}</p>
        </div>
        {actions ? <div className="cause-actions">{actions}</div> : null}
      </div>
      <div className="cause-body">
        <div>
          <h3>{lastKnown ? "Last known, and assigned" : "Assigned and running"}</h3>
          <dl className="pairs">
            <dt>{lastKnown ? "Ran" : "Running"}</dt>
            <dd>
              {running ? <ReleaseLine {...running} otherwise="not registered" /> : <span className="muted">nothing</span>}
              {running?.note ? <span className="tone">{running.note}</span> : null}
            </dd>
            <dt>Assigned</dt>
            <dd>
              {assigned ? <ReleaseLine {...assigned} /> : <span className="muted">nothing</span>}
              {assigned?.note ? <span className="muted">{assigned.note}</span> : null}
            </dd>
          </dl>
        </div>
        {shared.length > 0 ? (
          <div>
            <h3>
              What the {formatCount(count)} share. The tick is {sharedBaseline ?? "the whole service here"}
            </h3>
            {shared.map((dimension) => (
              <Dimension key={dimension.label} {...dimension} />
            ))}
          </div>
        ) : null}
        {trend ? (
          <div>
            <h3>{lastKnown ? "Silent" : "Open findings"}</h3>
            <StepChart {...trend} tone={tone} label={lastKnown ? "Silent instances" : "Open findings"} />
          </div>
        ) : null}
      </div>
      {children ? <div className="cause-rows">{children}</div> : null}
    </section>
  );
}

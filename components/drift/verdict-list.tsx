import { StatusShape } from "@/components/ui/status-shape";
import { toneOfSeverity } from "@/components/ui/tone";
import type { Severity } from "@/lib/domain/drift/categories";

export interface ExplainedVerdict {
  key: string;
  kind: string;
  severity: Severity;
  /** What it is about, where that is not said above. */
  where?: string;
  sentence: string;
  advice: string | null;
  waived: boolean;
}

/** What is to be said, worst first, and what to do about each. */
export function VerdictList({ verdicts }: { verdicts: readonly ExplainedVerdict[] }) {
  return (
    <ul className="doctor-steps">
      {verdicts.map(({ key, kind, severity, where, sentence, advice, waived }) => (
        <li key={key} data-tone={toneOfSeverity(severity)}>
          <StatusShape kind={toneOfSeverity(severity)} size={14} />
          <b>{kind}</b>
          <div className="wrap-anywhere">
            {where ? <span className="muted">{where}: </span> : null}
            {sentence}
            {waived ? <span className="muted"> Waived.</span> : null}
            {advice ? <p>{advice}</p> : null}
          </div>
        </li>
      ))}
    </ul>
  );
}

"use client";

import { NO_EVIDENCE } from "@/app/(dashboard)/words";
import { Field } from "@/components/ui/field";
import type { Candidate } from "./to-promotable";

export interface CandidatesProps {
  candidates: readonly Candidate[];
  /** What is assigned, where going to it means putting it back where something else runs. */
  assigned: { version: string } | null;
  chosen: string;
  onVersion: (version: string | null) => void;
}

/** Which release to go to, and why others may not be chosen. */
export function Candidates({ candidates, assigned, chosen, onVersion }: CandidatesProps) {
  const eligible = candidates.filter((candidate) => candidate.eligible);
  const refused = candidates.filter((candidate) => !candidate.eligible);
  return (
    <>
      {eligible.length > 0 || assigned ? (
        <Field label="Release">
          {(wiring) => (
            <select className="input" {...wiring} value={chosen} onChange={(event) => onVersion(event.target.value)}>
              {chosen === assigned?.version || eligible.some((candidate) => candidate.version === chosen) ? null : <option value={chosen}>{chosen === "" ? "Choose a release" : chosen}</option>}
              {eligible.map((candidate) => (
                <option key={candidate.id} value={candidate.version}>
                  {candidate.version}
                  {candidate.lastKnownGood ? ", last known good" : ""}
                  {candidate.adopted ? `, ${NO_EVIDENCE}` : ""}
                </option>
              ))}
              {assigned ? <option value={assigned.version}>{assigned.version}, as assigned: put it back where something else runs</option> : null}
            </select>
          )}
        </Field>
      ) : null}
      {refused.length > 0 ? (
        <details className="refused">
          <summary>{refused.length === 1 ? "1 release may not be chosen" : `${refused.length} releases may not be chosen`}</summary>
          <ul>
            {refused.map((candidate) => (
              <li key={candidate.id}>
                <b>{candidate.version}</b>{" "}
                <span className="muted">{candidate.reasons.map((reason) => reason.sentence).join(" ")}</span>
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </>
  );
}

"use client";

import { Field, Input } from "@/components/ui/field";
import type { RolloutPreview } from "@/lib/contract/rollouts";

export interface CandidatesProps {
  preview: RolloutPreview;
  version: string | null;
  onVersion: (version: string | null) => void;
  incident: string;
  onIncident: (incident: string) => void;
}

/** Which release to go to, why others may not be chosen, and the incident it belongs to. */
export function Candidates({ preview, version, onVersion, incident, onIncident }: CandidatesProps) {
  const eligible = preview.candidates.filter((candidate) => candidate.eligible);
  const refused = preview.candidates.filter((candidate) => !candidate.eligible);
  const chosen = version ?? preview.to?.version ?? "";
  const { assigned } = preview;
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
      <Input label="Incident, if there is one" name="incident" maxLength={200} autoComplete="off" value={incident} onChange={(event) => onIncident(event.target.value)} />
    </>
  );
}

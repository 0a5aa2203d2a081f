"use client";

import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { MATCH_FIELDS, SET_FIELDS } from "@/lib/domain/fleet/mapping-rules";
import { whyNoRule, type RuleDraft } from "./read-set";

const EMPTY: RuleDraft = { name: "", look: "container", label: "", pattern: "", effect: "ignore", value: "" };

/** The usual rule, asked for field by field: one thing to look at, one to decide. What it writes may be edited as text. */
export function AddRule({ taken, onAdd }: { taken: readonly string[]; onAdd: (draft: RuleDraft) => void }) {
  const [draft, setDraft] = useState(EMPTY);
  const change = (changes: Partial<RuleDraft>) => setDraft({ ...draft, ...changes });
  return (
    <details className="make">
      <summary>Add a rule</summary>
      <div className="entry-form">
        <Input label="Its name" name="rule-name" value={draft.name} maxLength={63} autoCapitalize="none" spellCheck={false} onChange={(event) => change({ name: event.target.value })} />
        <div className="field-pair">
          <Field label="Where the">
            {(wiring) => (
              <select className="input" value={draft.look} onChange={(event) => change({ look: event.target.value as RuleDraft["look"] })} {...wiring}>
                {[...MATCH_FIELDS, "label" as const].map((field) => (
                  <option key={field}>{field}</option>
                ))}
              </select>
            )}
          </Field>
          {draft.look === "label" ? <Input label="Label" name="rule-label" value={draft.label} autoCapitalize="none" spellCheck={false} onChange={(event) => change({ label: event.target.value })} /> : null}
          <Input label="Is" name="rule-pattern" value={draft.pattern} placeholder="istio-*" autoCapitalize="none" spellCheck={false} onChange={(event) => change({ pattern: event.target.value })} />
        </div>
        <div className="field-pair">
          <Field label="Then">
            {(wiring) => (
              <select className="input" value={draft.effect} onChange={(event) => change({ effect: event.target.value as RuleDraft["effect"] })} {...wiring}>
                <option value="ignore">nobody judges it, because</option>
                {SET_FIELDS.map((field) => (
                  <option key={field} value={field}>
                    the {field} is
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Input label={draft.effect === "ignore" ? "Why" : "Name, or a template"} name="rule-value" value={draft.value} maxLength={200} onChange={(event) => change({ value: event.target.value })} />
        </div>
        <div>
          <Button
            disabledReason={whyNoRule(draft, taken)}
            onClick={() => {
              onAdd(draft);
              setDraft(EMPTY);
            }}
          >
            Add it below the others
          </Button>
        </div>
      </div>
    </details>
  );
}

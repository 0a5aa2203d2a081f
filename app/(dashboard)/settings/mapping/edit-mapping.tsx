"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Outcome } from "@/app/(dashboard)/settings/form-parts";
import { useAct, type Act } from "@/app/(dashboard)/settings/use-act";
import { Button } from "@/components/ui/button";
import { Textarea } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { Table } from "@/components/ui/table";
import type { MappingDto, MappingPreview } from "@/lib/contract/mapping";
import { describeChange } from "@/lib/domain/fleet/describe-mapping";
import { ApiError, postJson, putJson } from "@/lib/queries/api-client";
import { keys } from "@/lib/queries/keys";
import { useRefusal } from "@/lib/queries/use-session";
import { AddRule } from "./add-rule";
import { appendRule, describePreview, listNotes, readSet, ruleNames, writeSet } from "./read-set";

/** Changes the rules as text: what they would do to the fleet is shown first, and only what was shown can be applied. */
export function EditMapping({ dto }: { dto: MappingDto }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  // What was there when the form was begun: a version of somebody else must not be overwritten unseen.
  const [base, setBase] = useState(dto);
  const [text, setText] = useState(() => writeSet(dto.set));
  const [reason, setReason] = useState("");
  const [seen, setSeen] = useState<{ text: string; preview: MappingPreview } | null>(null);
  const [changed, setChanged] = useState<readonly string[]>([]);
  const looking = useAct<MappingPreview>();
  const applying = useAct<MappingDto>();
  const read = readSet(text);
  const preview = seen?.text === text ? seen.preview : null;
  const names = ruleNames(text);
  const denied = refusal("mapping.write");

  function begin(from: MappingDto) {
    setBase(from);
    setText(writeSet(from.set));
    setSeen(null);
    setChanged([]);
  }

  function look() {
    applying.clear();
    setChanged([]);
    if (!read.ok) return;
    void looking.run(async () => {
      const answer = await postJson<MappingPreview>("mapping/preview", { set: read.set });
      setSeen({ text, preview: answer });
      return answer;
    });
  }

  function apply() {
    if (!read.ok) return;
    void applying.run(async () => {
      try {
        const saved = await putJson<MappingDto>("mapping", { set: read.set, version: base.version, reason });
        await client.invalidateQueries({ queryKey: keys.mapping });
        begin(saved);
        setReason("");
        return saved;
      } catch (error) {
        if (error instanceof ApiError && error.status === 409) {
          setChanged(error.problem.changed ?? []);
          await client.invalidateQueries({ queryKey: keys.mapping });
        }
        throw error;
      }
    });
  }

  return (
    <details className="make mapping-edit">
      <summary>Change the rules</summary>
      {dto.version > base.version ? (
        <p className="entry-form">
          <span>
            Version {dto.version} stands by now, by {dto.history[0]?.by ?? "somebody"}: {dto.history[0]?.reason ?? "the reason was redacted"}.
          </span>
          <Button size="small" onClick={() => begin(dto)}>
            Begin again from version {dto.version}
          </Button>
        </p>
      ) : null}
      <form
        className="entry-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          apply();
        }}
      >
        {names ? <AddRule taken={names} onAdd={(draft) => setText(appendRule(text, draft))} /> : null}
        <Textarea
          label="Rules and aliases, as JSON"
          hint="As plumbline mapping apply reads it. A rule has a name, a match, and either ignore with a reason or set."
          name="set"
          rows={16}
          value={text}
          onChange={(event) => setText(event.target.value)}
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          error={read.ok ? null : read.error}
        />
        <FieldProblems act={looking} />
        <div>
          <Button disabledReason={denied ?? (read.ok ? null : "It is not JSON yet.")} aria-busy={looking.busy} onClick={look}>
            Preview
          </Button>
        </div>
        <div role="alert">{looking.error ? <p className="entry-error">{looking.error}</p> : null}</div>
        <output className="block">{preview ? <Preview preview={preview} /> : null}</output>
        <Textarea label="Reason, goes into the ledger" name="reason" rows={2} required maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} error={applying.fields.get("reason") ?? null} />
        <div>
          <Button type="submit" disabledReason={denied ?? whyNotApply(preview, reason)} aria-busy={applying.busy}>
            Apply as version {base.version + 1}
          </Button>
        </div>
      </form>
      <Outcome act={applying}>{(saved) => <p>Version {saved.version} is in force.</p>}</Outcome>
      {changed.length > 0 ? (
        <ul className="strategy-details">
          {changed.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ) : null}
    </details>
  );
}

function whyNotApply(preview: MappingPreview | null, reason: string): string | null {
  if (!preview) return "Preview it first.";
  if (preview.refused.length > 0) return "It would be refused, see above.";
  return reason.trim() === "" ? "Say why." : null;
}

/** What the server could not read, with its places. */
function FieldProblems({ act }: { act: Act<MappingPreview> }) {
  if (act.fields.size === 0) return null;
  return (
    <ul className="entry-error">
      {[...act.fields].map(([path, message]) => (
        <li key={path}>
          {path.replace(/^set\./, "")} {message}
        </li>
      ))}
    </ul>
  );
}

function Preview({ preview }: { preview: MappingPreview }) {
  const errors = preview.problems.filter(({ severity }) => severity === "error");
  const notes = listNotes(preview);
  if (errors.length > 0) {
    return (
      <ul className="entry-error">
        {errors.map(({ path, message }) => (
          <li key={`${path} ${message}`}>
            {path} {message}
          </li>
        ))}
      </ul>
    );
  }
  return (
    <>
      <p>{describePreview(preview)}</p>
      {preview.refused.map((line) => (
        <p key={line} className="entry-error">
          {line}
        </p>
      ))}
      {preview.changes.length > 0 ? (
        <Table label="What would move" dense stack>
          <thead>
            <tr>
              <th scope="col" className="num">
                Instances
              </th>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col">By</th>
              <th scope="col">Such as</th>
            </tr>
          </thead>
          <tbody>
            {preview.changes.map((change) => {
              const { from, to } = describeChange(change);
              return (
                <tr key={JSON.stringify([change.from, change.to, change.rule])}>
                  <td className="num" data-phone="end">
                    {formatCount(change.instances)}
                  </td>
                  <td className="wraps" data-phone="wide">
                    {from}
                  </td>
                  <th scope="row" className="wraps" data-phone="wide">
                    {to}
                  </th>
                  <td data-phone="wide">{change.rule ?? "labels and images"}</td>
                  <td className="wraps" data-phone="wide">
                    {change.sample}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      ) : null}
      {notes.length > 0 ? (
        <ul className="strategy-details">
          {notes.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ) : null}
    </>
  );
}

"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { plural } from "@/app/(dashboard)/words";
import { Button } from "@/components/ui/button";
import { Textarea } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import type { PartitionsPreview } from "@/lib/contract/partitions";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { formatSelector, parsePartitions } from "@/lib/domain/fleet/selector";
import { ApiError, postJson, putJson } from "@/lib/queries/api-client";
import type { ServiceEnvironment } from "./to-service";

/** What was looked at: the text that it is about, and what came of it. */
type Looked = { text: string; preview: PartitionsPreview } | { text: string; failure: string };

/** Declares the partitions of a service in an environment. What is declared has been looked at before. */
export function EditPartitions({ service, environment, rows, onClose }: { service: string; environment: string; rows: readonly ServiceEnvironment[]; onClose: () => void }) {
  const client = useQueryClient();
  const [text, setText] = useState(() => rows.filter((row) => row.partition !== DEFAULT_PARTITION).map((row) => `${row.partition} ${formatSelector(row.selector).replaceAll(",", ", ")}`.trim()).join("\n"));
  const [looked, setLooked] = useState<Looked | null>(null);
  const { partitions, wrong } = parsePartitions(text);
  const [line] = wrong;
  const error = line === undefined ? null : `Line ${line} is no partition: write a name, a space and label=glob, or a name alone.`;
  const preview = looked?.text === text && "preview" in looked ? looked.preview : null;

  async function look() {
    try {
      setLooked({ text, preview: await postJson<PartitionsPreview>("partitions/preview", { service, environment, partitions }) });
    } catch (thrown) {
      const fields = thrown instanceof ApiError ? (thrown.problem.fields ?? []) : [];
      setLooked({ text, failure: thrown instanceof ApiError ? (fields.length > 0 ? fields.map(({ path, message }) => `${path} ${message}`).join(". ") : thrown.problem.detail) : "Something went wrong on this page. Reload it and try again." });
    }
  }

  return (
    <ActDialog
      title={`Partitions of ${service} in ${environment}`}
      label="Declare them"
      reason="optional"
      done="The partitions are declared."
      disabledReason={(preview === null ? "Look at what it does first." : preview.allowed ? null : preview.reasons.map(({ sentence }) => sentence).join(" "))}
      onClose={onClose}
      onAct={async (reason) => {
        await putJson("partitions", { service, environment, partitions, ...(reason && { reason }), ...(preview && { revision: preview.revision }) });
        await client.invalidateQueries({ queryKey: ["fleet"] });
      }}
    >
      <p>Each takes the targets whose labels match, the first in the list before the others; a name alone takes what mapping rules put there; default takes the rest. Nothing that runs changes by it.</p>
      <Textarea
        label="One a line: name label=glob, label=glob"
        name="partitions"
        rows={6}
        value={text}
        error={error}
        spellCheck={false}
        placeholder={"canary role=canary\neu region=eu-*"}
        onChange={(event) => setText(event.target.value)}
      />
      <div className="state-actions">
        <Button disabledReason={error} onClick={() => void look()}>
          Look at what it does
        </Button>
      </div>
      <div aria-live="polite">
        {looked?.text === text && "failure" in looked ? <p>{looked.failure}</p> : null}
        {preview ? <Outcome preview={preview} /> : null}
      </div>
    </ActDialog>
  );
}

function Outcome({ preview }: { preview: PartitionsPreview }) {
  return (
    <>
      <p>
        {preview.allowed ? `${formatCount(preview.moved)} ${plural(preview.moved, "target changes", "targets change")} partition.` : "It cannot be done:"} {preview.reasons.map(({ sentence }) => sentence).join(" ")}
      </p>
      <ul className="plain-list" aria-label="Partitions afterwards">
        {preview.partitions.map((one) => (
          <li key={one.name}>
            <b>{one.name}</b> takes {formatCount(one.targets)} {plural(one.targets, "target")}, {one.assigned ?? "nothing"} assigned{one.inherits ? `, as ${one.inherits} has it` : ""}
          </li>
        ))}
      </ul>
      {preview.removed.map(({ name }) => (
        <p key={name}>{name} is removed.</p>
      ))}
      {preview.notes.map((note) => (
        <p key={note} className="muted">
          {note}
        </p>
      ))}
    </>
  );
}

"use client";

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { toSteps } from "@/app/(dashboard)/rollouts/to-rollout";
import { IncidentSummary } from "@/components/rollouts/incident-summary";
import { RollbackDialog } from "@/components/rollouts/rollback-dialog";
import type { RollbackDecision, RollbackProgress } from "@/components/rollouts/rollback-body";
import { Dialog } from "@/components/ui/dialog";
import { formatCount } from "@/components/ui/format";
import { announce } from "@/components/ui/live-region";
import { StateView } from "@/components/ui/state-view";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import { ApiError, postJson } from "@/lib/queries/api-client";
import { previewQuery, rolloutQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { Candidates } from "./candidates";
import type { Place } from "./place";
import { describeDisabled, toRollbackView } from "./to-rollback-view";

type Sending = { kind: "ready" } | { kind: "sending" } | { kind: "changed"; changes: readonly string[] } | { kind: "failed"; message: string; requestId: string | null };

/** How often the receipt asks by itself: a dead live stream must not leave somebody staring at it. */
const RECEIPT_POLL_MS = 2_000;

function readRefusal(error: unknown): Sending {
  if (!(error instanceof ApiError)) return { kind: "failed", message: "Something went wrong on this page. Nothing was sent; reload and try again.", requestId: null };
  const { problem } = error;
  if (error.status === 409 && problem.changed && problem.changed.length > 0) return { kind: "changed", changes: problem.changed };
  const sentences = problem.reasons?.map((reason) => reason.sentence) ?? problem.fields?.map((field) => `${field.path}: ${field.message}`) ?? [];
  return { kind: "failed", message: sentences.length > 0 ? sentences.join(" ") : problem.detail, requestId: problem.requestId === "none" ? null : problem.requestId };
}

/** The receipt, driven by what is observed. */
function useReceipt(id: string | null): RollbackProgress | null {
  const { data } = useQuery({
    ...rolloutQuery(id ?? ""),
    enabled: id !== null,
    refetchInterval: (query) => (query.state.data && !isActiveRollout(query.state.data.status) ? false : RECEIPT_POLL_MS),
  });
  const said = data ? `${formatCount(data.counts.verified)} of ${formatCount(data.counts.total)} verified${isActiveRollout(data.status) ? "" : ", done"}` : null;
  useEffect(() => {
    if (said) announce(said);
  }, [said]);
  if (id === null) return null;
  const rolloutHref = `/rollouts/${id}`;
  if (!data) return { kind: "accepted", rolloutHref, steps: [{ name: "Requested", state: "done" }, { name: "Accepted", state: "done" }, { name: "Acknowledged", state: "now" }, { name: "Verifying", state: "next" }, { name: "Done", state: "next" }] };
  return { kind: "accepted", rolloutHref, steps: toSteps(data), summary: <IncidentSummary text={data.summary} incident={data.incident} /> };
}

/**
 * One rollback from the preview to the receipt. What is shown stands still while somebody decides: the server compares
 * it with the truth when the decision arrives, and says what moved.
 */
export function RollbackFlow({ place, onClose }: { place: Place; onClose: () => void }) {
  const [version, setVersion] = useState<string | null>(null);
  const [incident, setIncident] = useState("");
  const [sending, setSending] = useState<Sending>({ kind: "ready" });
  const [rolloutId, setRolloutId] = useState<string | null>(null);
  const idempotencyKey = useRef<string>(undefined);
  const refusal = useRefusal()("rollouts.rollback", place);
  const preview = useQuery({
    ...previewQuery({ ...place, version }),
    enabled: (query) => query.state.data === undefined,
    refetchInterval: false,
    gcTime: 0,
    placeholderData: (previous) => previous,
  });
  const receipt = useReceipt(rolloutId);

  if (preview.data === undefined) {
    return (
      <Dialog open onClose={onClose} title={`Roll back ${place.service} in ${place.environment}`} width="960px">
        {preview.error ? (
          <StateView
            kind="error"
            title={preview.error instanceof ApiError ? preview.error.problem.title : "The preview could not be loaded"}
            cause={preview.error.message}
            requestId={preview.error instanceof ApiError ? preview.error.problem.requestId : null}
            onRetry={() => void preview.refetch()}
          />
        ) : (
          <StateView kind="loading" label="Loading what a rollback would do" rows={6} />
        )}
      </Dialog>
    );
  }

  const shown = preview.data;
  // Nothing older to go back to: what is left is putting the assigned release back where something else runs.
  if (version === null && shown.to === null && shown.assigned && !preview.isPlaceholderData) setVersion(shown.assigned.version);
  const view = toRollbackView(shown);

  async function confirm(decision: RollbackDecision) {
    setSending({ kind: "sending" });
    // The same key for a retry after a lost answer: it must never act twice.
    idempotencyKey.current ??= crypto.randomUUID();
    try {
      const rollout = await postJson<RolloutDto>(
        "rollbacks",
        {
          ...place,
          ...(shown.to ? { version: shown.to.version } : {}),
          reason: decision.reason,
          ...(incident.trim() ? { incident: incident.trim() } : {}),
          hold: decision.hold,
          revision: shown.revision,
        },
        idempotencyKey.current,
      );
      announce(`Accepted: ledger entry ${formatCount(rollout.entry)}.`);
      setRolloutId(rollout.id);
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) idempotencyKey.current = undefined;
      setSending(readRefusal(error));
    }
  }

  function refresh() {
    setSending({ kind: "ready" });
    void preview.refetch();
  }

  const disabledReason = refusal ?? (preview.isPlaceholderData ? "Looking at that release…" : describeDisabled(shown));
  return (
    <RollbackDialog
      open
      onClose={onClose}
      view={view}
      progress={receipt ?? sending}
      onConfirm={(decision) => void confirm(decision)}
      onRefresh={refresh}
      formAction="/api/v1/rollbacks/form"
      hiddenFields={{ ...place, version: shown.to?.version ?? "", revision: shown.revision }}
      disabledReason={disabledReason}
      chooser={<Candidates preview={shown} version={version} onVersion={(next) => { setSending({ kind: "ready" }); setVersion(next); }} incident={incident} onIncident={setIncident} />}
    />
  );
}

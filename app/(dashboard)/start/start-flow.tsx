"use client";

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { rolloutName, toSteps } from "@/app/(dashboard)/rollouts/to-rollout";
import { ForwardFix } from "@/components/rollouts/forward-fix";
import { Managers } from "@/components/rollouts/managers";
import { IncidentSummary } from "@/components/rollouts/incident-summary";
import type { StartDecision, StartProgress } from "@/components/rollouts/start-body";
import { StartDialog } from "@/components/rollouts/start-dialog";
import { startWords } from "@/components/rollouts/prepare-start";
import { Button } from "@/components/ui/button";
import { Choice } from "@/components/ui/choice";
import { Dialog } from "@/components/ui/dialog";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { announce } from "@/components/ui/live-region";
import { StateView } from "@/components/ui/state-view";
import type { RolloutDto, RolloutPreview } from "@/lib/contract/rollouts";
import type { Verb } from "@/lib/domain/access/permissions";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { ApiError, postJson } from "@/lib/queries/api-client";
import { matrixQuery, previewQuery, releasesQuery, rolloutQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { Candidates } from "./candidates";
import type { Start } from "./start";
import { toPromotable } from "./to-promotable";
import { toRequest } from "./to-request";
import type { Choices, StrategyChoice } from "./to-request";
import { describeDisabled, describeFreeze, toStartView } from "./to-start-view";

type Sending = { kind: "ready" } | { kind: "sending" } | { kind: "changed"; changes: readonly string[] } | { kind: "failed"; message: string; requestId: string | null };

/** How often the receipt asks by itself: a dead live stream must not leave somebody staring at it. */
const RECEIPT_POLL_MS = 2_000;

const VERB: Record<RolloutKind, Verb> = {
  promote: "rollouts.promote",
  rollback: "rollouts.rollback",
  reconverge: "rollouts.reconverge",
  replace: "rollouts.replace",
  stop: "rollouts.stop",
};

function readRefusal(error: unknown): Sending {
  if (!(error instanceof ApiError)) return { kind: "failed", message: "Something went wrong on this page. Nothing was sent; reload and try again.", requestId: null };
  const { problem } = error;
  if (error.status === 409 && problem.changed && problem.changed.length > 0) return { kind: "changed", changes: problem.changed };
  const sentences = problem.reasons?.map((reason) => reason.sentence) ?? problem.fields?.map((field) => `${field.path}: ${field.message}`) ?? [];
  return { kind: "failed", message: sentences.length > 0 ? sentences.join(" ") : problem.detail, requestId: problem.requestId === "none" ? null : problem.requestId };
}

/** The receipt, driven by what is observed. */
function useReceipt(id: string | null): StartProgress | null {
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

export interface StartFlowProps {
  start: Start;
  initialIncident?: string;
  initialReason?: string;
  /** Opens the same somewhere else; without it the place is not offered for choice. */
  onElsewhere?: (start: Start) => void;
  onClose: () => void;
}

/**
 * One act from the preview to the receipt. What is shown stands still while somebody decides: the server compares it with
 * the truth when the decision arrives, and says what moved.
 */
export function StartFlow({ start, initialIncident = "", initialReason, onElsewhere, onClose }: StartFlowProps) {
  const { kind, service, environment, partition } = start;
  const place = { service, environment };
  const [version, setVersion] = useState<string | null>(start.version);
  const [choices, setChoices] = useState<Choices>({ incident: initialIncident, strategy: "environment", overrideFreeze: false });
  const [sending, setSending] = useState<Sending>({ kind: "ready" });
  const [rolloutId, setRolloutId] = useState<string | null>(null);
  const attempt = useRef<{ key: string; text: string }>(undefined);
  const refusal = useRefusal();
  const preview = useQuery({
    ...previewQuery({ kind, service, environment, partition, version, strategy: choices.strategy, targets: start.targets ? start.targets.join(",") : null }),
    enabled: (query) => query.state.data === undefined,
    refetchInterval: false,
    gcTime: 0,
    placeholderData: (previous) => previous,
  });
  const releases = useQuery({ ...releasesQuery(service), enabled: kind === "promote" });
  const promotable = kind === "promote" && releases.data && preview.data ? toPromotable(releases.data.items, environment, preview.data.assigned?.version ?? null) : null;
  const receipt = useReceipt(rolloutId);
  const selected = start.targets ? start.targets.length : null;

  // Nothing older to go back to: what is left is putting the assigned release back where something else runs. Nobody is
  // shown the one while the other is on its way.
  const fallsBack = kind === "rollback" && preview.data?.to === null && preview.data.assigned ? preview.data.assigned.version : null;
  if (fallsBack !== null && version === null && !preview.isPlaceholderData) setVersion(fallsBack);
  const isSettling = fallsBack !== null && (version === null || preview.isPlaceholderData);

  if (preview.data === undefined || isSettling) {
    const { title } = startWords({ kind, service, environment, to: version, selected });
    return (
      <Dialog open onClose={onClose} title={title} width="960px">
        {preview.error ? (
          <StateView
            kind="error"
            title={preview.error instanceof ApiError ? preview.error.problem.title : "The preview could not be loaded"}
            cause={preview.error.message}
            requestId={preview.error instanceof ApiError ? preview.error.problem.requestId : null}
            onRetry={() => void preview.refetch()}
          />
        ) : (
          <StateView kind="loading" label="Loading what it would do" rows={6} />
        )}
      </Dialog>
    );
  }

  const shown = preview.data;
  // The newest that may run here is what a promotion is usually about.
  const newest = promotable?.find((candidate) => candidate.eligible);
  if (kind === "promote" && version === null && newest) setVersion(newest.version);
  const overrides = { freeze: choices.overrideFreeze, forwardFix: true };
  const view = toStartView(shown, { selected, overrides });

  function choose(next: Partial<Choices>) {
    setSending({ kind: "ready" });
    setChoices({ ...choices, ...next });
  }
  function chooseVersion(next: string | null) {
    setSending({ kind: "ready" });
    setVersion(next);
  }

  async function confirm(decision: StartDecision) {
    setSending({ kind: "sending" });
    const { path, body } = toRequest(start, shown, decision, choices);
    const text = JSON.stringify(body);
    // The same key for a retry after a lost answer: it must never act twice. Another decision is another act.
    if (attempt.current?.text !== text) attempt.current = { key: crypto.randomUUID(), text };
    try {
      const rollout = await postJson<RolloutDto>(path, body, attempt.current.key);
      announce(`Accepted: ledger entry ${formatCount(rollout.entry)}.`);
      setRolloutId(rollout.id);
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) attempt.current = undefined;
      setSending(readRefusal(error));
    }
  }

  function refresh() {
    setSending({ kind: "ready" });
    void preview.refetch();
  }

  return (
    <StartDialog
      open
      onClose={onClose}
      view={view}
      progress={receipt ?? sending}
      onConfirm={(decision) => void confirm(decision)}
      onRefresh={refresh}
      disabledReason={refusal(VERB[kind], place) ?? (preview.isPlaceholderData ? "Looking at that choice…" : describeDisabled(shown, overrides))}
      initialReason={initialReason}
      before={
        <>
          {shown.forwardFix ? <ForwardFixWays preview={shown} forwardFix={shown.forwardFix} onVersion={chooseVersion} /> : null}
          <Managers ways={shown.ways} executor={shown.executor} />
        </>
      }
      chooser={
        <>
          {kind === "promote" && onElsewhere ? <EnvironmentChoice value={environment} onChange={(next) => onElsewhere({ ...start, environment: next, version })} /> : null}
          {kind === "promote" ? <Candidates candidates={promotable ?? []} assigned={null} chosen={version ?? ""} onVersion={chooseVersion} /> : null}
          {kind === "rollback" ? <Candidates candidates={shown.candidates} assigned={shown.assigned} chosen={version ?? shown.to?.version ?? ""} onVersion={chooseVersion} /> : null}
          {kind === "promote" || kind === "rollback" ? <HowChoice kind={kind} value={choices.strategy} onChange={(strategy) => choose({ strategy })} /> : null}
          <FreezeOverride preview={shown} checked={choices.overrideFreeze} onChange={(overrideFreeze) => choose({ overrideFreeze })} />
          <Input label="Incident, if there is one" name="incident" maxLength={200} autoComplete="off" value={choices.incident} onChange={(event) => setChoices({ ...choices, incident: event.target.value })} />
        </>
      }
    />
  );
}

/** Another environment is another decision: the dialog begins again there. */
function EnvironmentChoice({ value, onChange }: { value: string; onChange: (environment: string) => void }) {
  const { data } = useQuery(matrixQuery());
  const names = data?.environments.filter((environment) => environment.kind === "permanent").map((environment) => environment.name) ?? [];
  if (names.length < 2) return null;
  return (
    <Field label="Environment">
      {(wiring) => (
        <select className="input" {...wiring} value={value} onChange={(event) => onChange(event.target.value)}>
          {names.includes(value) ? null : <option>{value}</option>}
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
    </Field>
  );
}

function HowChoice({ kind, value, onChange }: { kind: "promote" | "rollback"; value: StrategyChoice; onChange: (value: StrategyChoice) => void }) {
  const options =
    kind === "promote"
      ? ([
          { value: "environment", label: "As the environment says" },
          { value: "all-at-once", label: "Everyone at once", hint: "No wave, no gate, nobody is asked in between." },
        ] as const)
      : ([
          { value: "environment", label: "The fast track", hint: "As the environment says for a way back." },
          { value: "waves", label: "In waves, as a promotion", hint: "Slower: the release that is left runs on until the last wave." },
        ] as const);
  return <Choice<StrategyChoice> legend="How" name="strategy" value={value} onChange={onChange} options={options} />;
}

function FreezeOverride({ preview, checked, onChange }: { preview: RolloutPreview; checked: boolean; onChange: (checked: boolean) => void }) {
  const missing = useRefusal()("freezes.override", { service: preview.service, environment: preview.environment });
  const freeze = describeFreeze(preview);
  if (freeze === null) return null;
  return (
    <Checkbox
      name="overrideFreeze"
      label={`Start in spite of ${freeze}`}
      hint={missing ?? "Your reason and your name go into the ledger with it."}
      checked={checked}
      disabled={missing !== null}
      onChange={(event) => onChange(event.target.checked)}
    />
  );
}

/** Pause what runs, or go back less far; all the same is below, typed. */
function ForwardFixWays({ preview, forwardFix, onVersion }: { preview: RolloutPreview; forwardFix: NonNullable<RolloutPreview["forwardFix"]>; onVersion: (version: string) => void }) {
  const missing = useRefusal()("rollouts.pause", { service: preview.service, environment: preview.environment });
  const [paused, setPaused] = useState<"no" | "sending" | "yes" | { failed: string }>("no");
  const { activeRollout, to } = preview;
  const { newestCompatible } = forwardFix;
  async function pause(id: string, name: string) {
    setPaused("sending");
    try {
      await postJson(`rollouts/${id}/pause`, { reason: `Migration ${forwardFix.migration} of ${forwardFix.release} stands in the way of going back.` });
      setPaused("yes");
      announce(`${name} is paused.`);
    } catch (error) {
      setPaused({ failed: error instanceof ApiError ? error.message : "The request could not be sent." });
    }
  }
  const back = forwardFix.compatibleBackTo ? `It works with releases back to ${forwardFix.compatibleBackTo}.` : "It cannot be undone.";
  return (
    <ForwardFix sentence={`${forwardFix.release} ran migration ${forwardFix.migration} here. ${back}${to ? ` To go to ${to.version} all the same, type the service's name below.` : ""}`}>
      {activeRollout ? (
        paused === "yes" ? (
          <span>{rolloutName(activeRollout)} is paused: nothing more is replaced by it.</span>
        ) : (
          <Button disabledReason={missing} aria-busy={paused === "sending"} onClick={() => void pause(activeRollout.id, rolloutName(activeRollout))}>
            Pause {rolloutName(activeRollout)} and fix forward
          </Button>
        )
      ) : null}
      {newestCompatible && newestCompatible.version !== to?.version ? <Button onClick={() => onVersion(newestCompatible.version)}>Go back to {newestCompatible.version}, the newest that works with it</Button> : null}
      <span role="alert">{typeof paused === "object" ? paused.failed : null}</span>
    </ForwardFix>
  );
}

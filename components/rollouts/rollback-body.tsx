"use client";

import { useEffect, useRef, useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { Age } from "@/components/ui/age";
import { Button, ButtonLink } from "@/components/ui/button";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { Checkbox, Input } from "@/components/ui/field";
import { formatCount, formatDateTime } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import { HoldButton } from "@/components/ui/hold-button";
import { announce } from "@/components/ui/live-region";
import { StatusShape } from "@/components/ui/status-shape";
import { TypeToConfirm } from "@/components/ui/type-to-confirm";
import { prepareBlast, rollbackWords, sortEvidence, summariseEvidence } from "./prepare-rollback";
import type { BlastRadius, EvidenceItem } from "./prepare-rollback";
import { RolloutSteps } from "./rollout-steps";
import type { RolloutStep } from "./rollout-steps";

export interface RollbackRelease {
  version: string | null;
  digest: string | null;
  /** Above it: "From", "To, last known good". */
  label: string;
}

export interface RollbackView {
  /** Another release, or the assigned one put back where something else runs. */
  kind: "rollback" | "reconverge";
  service: string;
  environment: string;
  from: RollbackRelease;
  to: RollbackRelease;
  blast: BlastRadius;
  evidence: readonly EvidenceItem[];
  /** What stays as it is: migrations between the two, configuration, what another tool will put back. */
  willNotUndo: readonly string[];
  /** The version that a hold would keep away; null when there is nothing to hold. */
  holdVersion: string | null;
  confirm: "click" | "hold" | "type";
  asOf: Moment;
  ledgerSize: number;
}

/** Where the request stands. A stale view comes back as `changed`, and says what. */
export type RollbackProgress =
  | { kind: "ready" }
  | { kind: "sending" }
  | { kind: "changed"; changes: readonly string[] }
  | { kind: "failed"; message: string; requestId?: string | null }
  | { kind: "accepted"; steps: readonly RolloutStep[]; rolloutHref: string; summary?: ReactNode };

export interface RollbackDecision {
  reason: string;
  hold: boolean;
}

export interface RollbackBodyProps {
  view: RollbackView;
  progress: RollbackProgress;
  /** The act. Without it (or without a script) the form posts to `formAction`. */
  onConfirm?: (decision: RollbackDecision) => void;
  /** Loads the view again, after it changed. */
  onRefresh?: () => void;
  onCancel?: () => void;
  /** Where the plain form goes; fields: reason, hold ("on"), confirm (typed name), and `hiddenFields`. */
  formAction: string;
  hiddenFields?: Readonly<Record<string, string>>;
  /** Why it cannot be done: named, one sentence. */
  disabledReason?: string | null;
  /** Instead of the act, where rights are missing: "Get 60-minute access". */
  elevate?: { label: string; href: string } | null;
  /** Other releases to go to: a select, usually. */
  chooser?: ReactNode;
  initialReason?: string;
}

function capitalise(words: string): string {
  return words.replace(/^./, (letter) => letter.toUpperCase());
}

function Move({ release }: { release: RollbackRelease }) {
  return (
    <div>
      <span className="muted small block">{release.label}</span>
      <span className="version">{release.version ?? "no release"}</span>
      <DigestStripe digest={release.digest} />
    </div>
  );
}

function Evidence({ view }: { view: RollbackView }) {
  return (
    <section>
      <h3>
        Evidence for {view.to.version ?? "it"} <span>{summariseEvidence(view.evidence)}</span>
      </h3>
      <ul className="weigh-list">
        {sortEvidence(view.evidence).map((item) => (
          <li key={item.text}>
            <StatusShape
              kind={item.ok === null ? "unknown" : item.ok ? "check" : "cross"}
              tone={item.ok === false && item.required ? "critical" : undefined}
              label={item.ok === null ? "not known" : item.ok ? "holds" : "does not hold"}
            />
            <span>
              {item.text} {item.required ? null : <span className="muted">(advisory{item.ok === true ? "" : ", does not block"})</span>}
            </span>
            <span className="aside">{item.at === null ? "" : <Age at={item.at} coarse />}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What came back: what changed meanwhile, or why it failed. Takes the focus, so that it is read first. */
function Answer({ progress, onRefresh }: Pick<RollbackBodyProps, "progress" | "onRefresh">) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => ref.current?.focus(), []);
  if (progress.kind === "changed") {
    return (
      <div className="changed" data-tone="drift" role="alert" tabIndex={-1} ref={ref}>
        <h3>
          <StatusShape kind="drift" /> Something moved since you opened this. Nothing was changed.
        </h3>
        <ul>
          {progress.changes.map((change) => (
            <li key={change}>{change}</li>
          ))}
        </ul>
        {onRefresh ? (
          <div className="state-actions">
            <Button onClick={onRefresh}>Show me the new state</Button>
          </div>
        ) : null}
      </div>
    );
  }
  if (progress.kind !== "failed") return null;
  return (
    <div className="changed" data-tone="critical" role="alert" tabIndex={-1} ref={ref}>
      <h3>
        <StatusShape kind="alert" /> It was not accepted.
      </h3>
      <p>{progress.message}</p>
      {progress.requestId ? (
        <p className="muted">
          Request <code>{progress.requestId}</code>
        </p>
      ) : null}
    </div>
  );
}

/** What became of it, live. The button that was pressed is gone, so the focus comes here, once. */
function Receipt({ progress, onCancel }: { progress: Extract<RollbackProgress, { kind: "accepted" }>; onCancel?: () => void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    ref.current?.focus();
    announce("The rollback is accepted.");
  }, []);
  return (
    <div className="dialog-inner receipt" tabIndex={-1} ref={ref}>
      <RolloutSteps steps={progress.steps} />
      {progress.summary}
      <div className="state-actions">
        <ButtonLink href={progress.rolloutHref} look="act">
          Follow the rollout
        </ButtonLink>
        {onCancel ? <Button onClick={onCancel}>Close</Button> : null}
      </div>
    </div>
  );
}

/**
 * Everything about one rollback, before and after the act: a page of its own on a phone, the inside of a dialog on a
 * desktop. The form beneath works without a script, and a dead live stream never stands in the way.
 */
export function RollbackBody(props: RollbackBodyProps) {
  const { view, progress, onConfirm, onRefresh, onCancel, formAction, hiddenFields = {}, elevate, chooser, initialReason = "" } = props;
  const form = useRef<HTMLFormElement>(null);
  const [reason, setReason] = useState(initialReason);
  const [reasonMissing, setReasonMissing] = useState(false);
  const [hold, setHold] = useState(view.holdVersion !== null);
  const words = rollbackWords(view);

  if (progress.kind === "accepted") return <Receipt progress={progress} onCancel={onCancel} />;

  const sending = progress.kind === "sending";
  const disabledReason = props.disabledReason ?? (sending ? "Sending the request…" : progress.kind === "changed" ? "Look at what changed first." : null);

  function decide() {
    if (reason.trim() === "") {
      setReasonMissing(true);
      form.current?.querySelector<HTMLInputElement>("[name=reason]")?.focus();
      return;
    }
    if (onConfirm) onConfirm({ reason: reason.trim(), hold });
    else form.current?.submit();
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    decide();
  }

  return (
    <form ref={form} method="post" action={formAction} onSubmit={submit} noValidate>
      <div className="dialog-inner">
        {Object.entries(hiddenFields).map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        <Answer key={progress.kind} progress={progress} onRefresh={onRefresh} />
        <div className="move">
          <Move release={view.from} />
          <StatusShape kind="arrow" size={20} label="to" />
          <Move release={view.to} />
        </div>
        <dl className="blast" aria-label="What it reaches">
          {prepareBlast(view.blast).map((figure) => (
            <div key={figure.label}>
              <dt>{figure.label}</dt>
              <dd>{figure.value}</dd>
            </div>
          ))}
        </dl>
        <div className="weigh">
          <Evidence view={view} />
          <section>
            <h3>It will not undo</h3>
            <ul className="weigh-list">
              {view.willNotUndo.length === 0 ? (
                <li data-plain="">
                  <span className="muted">Nothing is known to stay behind: no declared migration lies between the two.</span>
                </li>
              ) : null}
              {view.willNotUndo.map((item) => (
                <li key={item} data-plain="">
                  <span>{item}</span>
                  <span className="aside">stays</span>
                </li>
              ))}
            </ul>
            <div className="weigh-form">
              {chooser}
              {view.holdVersion ? (
                <Checkbox
                  name="hold"
                  label={`Hold ${view.holdVersion}`}
                  hint={`No promotion of ${view.service} here until someone lifts it.`}
                  checked={hold}
                  onChange={(event) => setHold(event.target.checked)}
                />
              ) : null}
              <Input
                label="Reason, goes into the ledger"
                name="reason"
                required
                maxLength={2000}
                autoComplete="off"
                value={reason}
                error={reasonMissing && reason.trim() === "" ? "Say why, in a few words." : null}
                onChange={(event) => setReason(event.target.value)}
              />
            </div>
          </section>
        </div>
      </div>
      <div className="fire">
        <svg className="bob" viewBox="0 0 13 18" aria-hidden="true">
          <path d="M1 4h11v3L6.5 18 1 7z" fill="currentColor" />
        </svg>
        {elevate ? (
          <ButtonLink href={elevate.href} look="act" size="large">
            {elevate.label}
          </ButtonLink>
        ) : view.confirm === "hold" ? (
          <HoldButton label={`Hold to ${words.act}`} action={words.act} onFire={decide} disabledReason={disabledReason} />
        ) : view.confirm === "type" ? (
          <TypeToConfirm expected={view.service} label={capitalise(words.act)} onFire={decide} disabledReason={disabledReason} />
        ) : (
          <Button type="submit" look="act" size="large" disabledReason={disabledReason}>
            <StatusShape kind="back" size={20} /> {capitalise(words.act)}
          </Button>
        )}
        {onCancel ? (
          <Button look="quiet" className="fire-cancel" onClick={onCancel}>
            Cancel
          </Button>
        ) : null}
        <span className="why">
          <span title={`${formatDateTime(view.asOf, true)} UTC`}>
            As seen <Age at={view.asOf} suffix="ago" />
          </span>
          , on ledger entry {formatCount(view.ledgerSize)}. If anything moves first, you are shown what.
          {view.confirm === "hold" && !elevate ? <span className="keyboard-hint"> Keyboard: Enter arms, Enter again fires.</span> : null}
        </span>
      </div>
    </form>
  );
}

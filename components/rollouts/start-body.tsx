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
import { SectionHead } from "@/components/ui/verdict";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { PlannedWaves } from "./planned-waves";
import { joinGate, prepareBlast, startWords } from "./prepare-start";
import type { BlastRadius, EvidenceItem, PlannedWave } from "./prepare-start";
import { RolloutSteps } from "./rollout-steps";
import type { RolloutStep } from "./rollout-steps";
import { Between, Evidence, WordList, hasBetween } from "./weigh";
import type { BetweenView } from "./weigh";

export interface StartRelease {
  version: string | null;
  digest: string | null;
  /** Above it: "From", "To, last known good". */
  label: string;
}

/** Everything that a person weighs before something starts at one place, for every kind of rollout. */
export interface StartView {
  kind: RolloutKind;
  service: string;
  environment: string;
  /** How many targets were selected; null for all of them. */
  selected: number | null;
  from: StartRelease;
  /** Without a version: nothing runs afterwards, or nothing was chosen yet. */
  to: StartRelease;
  blast: BlastRadius;
  waves: readonly PlannedWave[];
  /** How it is carried out: the strategy in a sentence, notes about the plan, who carries it out. */
  plan: readonly string[];
  /** What a person should know beforehand; none of it refuses. */
  warnings: readonly string[];
  evidence: readonly EvidenceItem[];
  /** What stays as it is, or is lost for good: migrations between the two, configuration, data. Null where there is nothing to say. */
  leaves: { title: string; items: readonly string[] } | null;
  /** What differs between the two releases beside their bytes. */
  difference: readonly string[];
  between: BetweenView;
  /** The version that a hold would keep away; null when there is nothing to hold. */
  holdVersion: string | null;
  /** Whether the ledger must be told why. */
  reasonRequired: boolean;
  confirm: "click" | "hold" | "type";
  asOf: Moment;
  ledgerSize: number;
}

/** Where the request stands. A stale view comes back as `changed`, and says what. */
export type StartProgress =
  | { kind: "ready" }
  | { kind: "sending" }
  | { kind: "changed"; changes: readonly string[] }
  | { kind: "failed"; message: string; requestId?: string | null }
  | { kind: "accepted"; steps: readonly RolloutStep[]; rolloutHref: string; summary?: ReactNode };

export interface StartDecision {
  reason: string;
  hold: boolean;
  /** The service's name, where it had to be typed. */
  typed: string | null;
}

export interface StartBodyProps {
  view: StartView;
  progress: StartProgress;
  /** The act. Without it (or without a script) the form posts to `formAction`. */
  onConfirm?: (decision: StartDecision) => void;
  /** Loads the view again, after it changed. */
  onRefresh?: () => void;
  onCancel?: () => void;
  /** Where the plain form goes, where there is one; fields: reason, hold ("on"), confirm (typed name), and `hiddenFields`. */
  formAction?: string;
  hiddenFields?: Readonly<Record<string, string>>;
  /** Why it cannot be done: named, one sentence. */
  disabledReason?: string | null;
  /** Instead of the act, where rights are missing: "Get 60-minute access". */
  elevate?: { label: string; href: string } | null;
  /** First of all: the ways of whoever manages the targets, and what to do instead of going back. */
  before?: ReactNode;
  /** Which release, how, for which incident. */
  chooser?: ReactNode;
  initialReason?: string;
}

function capitalise(words: string): string {
  return words.replace(/^./, (letter) => letter.toUpperCase());
}

function Move({ release }: { release: StartRelease }) {
  return (
    <div>
      <span className="muted small block">{release.label}</span>
      <span className="version">{release.version ?? "nothing"}</span>
      <DigestStripe digest={release.digest} />
    </div>
  );
}

/** What came back: what changed meanwhile, or why it failed. Takes the focus, so that it is read first. */
function Answer({ progress, onRefresh }: Pick<StartBodyProps, "progress" | "onRefresh">) {
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
function Receipt({ progress, onCancel }: { progress: Extract<StartProgress, { kind: "accepted" }>; onCancel?: () => void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    ref.current?.focus();
    announce("It is accepted.");
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

const ACT_SHAPE = { promote: "arrow", rollback: "back", reconverge: "back", replace: "copy", stop: "stuck" } as const;

/**
 * Everything about one act on what runs at a place, before and after it: a page of its own on a phone, the inside of a
 * dialog on a desktop. The form beneath works without a script, and a dead live stream never stands in the way.
 */
export function StartBody(props: StartBodyProps) {
  const { view, progress, onConfirm, onRefresh, onCancel, formAction, hiddenFields = {}, elevate, before, chooser, initialReason = "" } = props;
  const form = useRef<HTMLFormElement>(null);
  const [reason, setReason] = useState(initialReason);
  const [reasonMissing, setReasonMissing] = useState(false);
  const [hold, setHold] = useState(view.holdVersion !== null);
  const words = startWords({ ...view, to: view.to.version });

  if (progress.kind === "accepted") return <Receipt progress={progress} onCancel={onCancel} />;

  const sending = progress.kind === "sending";
  const disabledReason = props.disabledReason ?? (sending ? "Sending the request…" : progress.kind === "changed" ? "Look at what changed first." : null);
  const typed = view.confirm === "type";
  const [only] = view.waves;
  const weighed = view.evidence.length > 0 || view.difference.length > 0 || hasBetween(view.between);

  function decide() {
    if (view.reasonRequired && reason.trim() === "") {
      setReasonMissing(true);
      form.current?.querySelector<HTMLInputElement>("[name=reason]")?.focus();
      return;
    }
    if (onConfirm) onConfirm({ reason: reason.trim(), hold, typed: typed ? view.service : null });
    else form.current?.submit();
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    // Enter in a field reaches the form, whatever the button says of itself; what is held or typed is confirmed there.
    if (!disabledReason && view.confirm === "click") decide();
  }

  return (
    <form ref={form} method="post" action={formAction} onSubmit={submit} noValidate>
      <div className="dialog-inner">
        {Object.entries(hiddenFields).map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        <Answer key={progress.kind} progress={progress} onRefresh={onRefresh} />
        {before}
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
        {view.warnings.length > 0 ? (
          <ul className="warnings" aria-label="Before you go on">
            {view.warnings.map((warning) => (
              <li key={warning}>
                <StatusShape kind="drift" size={12} />
                <span>{warning}</span>
              </li>
            ))}
          </ul>
        ) : null}
        {view.waves.length > 1 || view.plan.length > 0 || view.waves.some((wave) => wave.gate.length > 0) ? (
          <section className="planned" aria-label="How it is carried out">
            <SectionHead level={3} title="How it is carried out" note={view.plan[0]} />
            {view.plan.slice(1).map((note) => (
              <p key={note} className="muted planned-note">
                {note}
              </p>
            ))}
            {view.waves.length > 1 ? <PlannedWaves waves={view.waves} /> : null}
            {view.waves.length === 1 && only ? <p className="planned-note">{joinGate(only.gate)}</p> : null}
          </section>
        ) : null}
        <div className="weigh" data-one={weighed ? undefined : ""}>
          {weighed ? (
            <div>
              {view.evidence.length > 0 ? <Evidence version={view.to.version} evidence={view.evidence} /> : null}
              {hasBetween(view.between) ? <Between between={view.between} back={view.kind === "rollback"} /> : null}
              {view.difference.length > 0 ? <WordList title="What else differs" items={view.difference} /> : null}
            </div>
          ) : null}
          <section>
            {view.leaves ? <WordList title={view.leaves.title} items={view.leaves.items} empty="Nothing is known to stay behind: no declared migration lies between the two." /> : null}
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
                label={view.reasonRequired ? "Reason, goes into the ledger" : "Reason, if you like; goes into the ledger"}
                name="reason"
                required={view.reasonRequired}
                maxLength={2000}
                autoComplete="off"
                value={reason}
                error={view.reasonRequired && reasonMissing && reason.trim() === "" ? "Say why, in a few words." : null}
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
        ) : typed ? (
          <TypeToConfirm expected={view.service} label={capitalise(words.act)} onFire={decide} disabledReason={disabledReason} />
        ) : (
          <Button type="submit" look="act" size="large" disabledReason={disabledReason}>
            <StatusShape kind={ACT_SHAPE[view.kind]} size={20} /> {capitalise(words.act)}
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

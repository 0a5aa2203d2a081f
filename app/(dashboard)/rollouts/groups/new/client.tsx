"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { QueryState } from "@/app/(dashboard)/query-state";
import { aimWords, describeAct, describePreview, initialChoice, keyOfPlace, toQuery, whyNotYet } from "@/app/(dashboard)/rollouts/groups/to-group";
import type { GroupSubject } from "@/app/(dashboard)/rollouts/groups/to-group";
import { GroupMembers } from "@/components/rollouts/group-members";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { useNow } from "@/components/ui/clock";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { formatDateTime, formatDay, formatDuration, formatTime } from "@/components/ui/format";
import { HoldButton } from "@/components/ui/hold-button";
import { announce } from "@/components/ui/live-region";
import { parseMoment } from "@/components/ui/parse-moment";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { GroupDto, GroupPreview } from "@/lib/contract/rollouts";
import { ApiError, postJson } from "@/lib/queries/api-client";
import { groupPreviewQuery } from "@/lib/queries/queries";

export interface GroupPageProps {
  subject: GroupSubject | null;
  /** A service whose partitions are all to get a release that is still to be named. */
  promoting: string | null;
  /** In the order of the chooser: what matters most first. */
  environments: readonly string[];
  environment: string;
  /** The moment as it was written in the address. */
  written: string | null;
  /** Why that is none. */
  why: string | null;
  incident: string;
}

const INTRO = "Every assignment that differs from then is put back, each as a rollout of its own, in one transaction. Nothing moves before you confirm.";

function Crumb() {
  return (
    <>
      <Link className="link" href="/rollouts">
        Rollouts
      </Link>{" "}
      / several services at once
    </>
  );
}

/** Several services by one confirmation: which, from what to what, and what speaks against it. */
export function GroupPage(props: GroupPageProps) {
  const { subject } = props;
  const asOf = subject === null || subject.kind === "as-of";
  if (props.promoting !== null) return <ReleaseForm service={props.promoting} environment={props.environment} />;
  return (
    <>
      {subject === null ? <Verdict crumb={<Crumb />} parts={["Put ", { strong: props.environment || "an environment" }, " back to how it was at a moment."]} sub={INTRO} /> : null}
      {subject ? <Previewed key={JSON.stringify(subject)} subject={subject} incident={props.incident} chooser={asOf ? <MomentForm {...props} /> : null} /> : <MomentForm {...props} />}
      {subject === null && props.environments.length === 0 ? <StateView kind="empty" title="There is no environment yet." body="The first pool or promotion makes one." /> : null}
    </>
  );
}

/** Which release. A plain form: it works before, and without, a script. */
function ReleaseForm({ service, environment }: { service: string; environment: string }) {
  return (
    <>
      <Verdict crumb={<Crumb />} parts={["Promote ", { strong: service }, ` in all partitions of ${environment}.`]} sub="Each partition that is not pinned gets the release by a rollout of its own. Nothing moves before you confirm." />
      <form className="moment-form" method="get" action="/rollouts/groups/new" aria-label="Release">
        <input type="hidden" name="kind" value="promote" />
        <input type="hidden" name="service" value={service} />
        <input type="hidden" name="environment" value={environment} />
        <Input label="Release" name="version" required maxLength={128} autoComplete="off" autoCapitalize="none" spellCheck={false} hint="Its version, such as 1.42.0" />
        <Button type="submit" look="act">
          Show each partition
        </Button>
      </form>
    </>
  );
}

/** Which environment, and when. A plain form: it works before, and without, a script. */
function MomentForm({ environments, environment, written, why, subject, incident }: GroupPageProps) {
  const router = useRouter();
  const now = useNow();
  const [text, setText] = useState(subject?.kind === "as-of" ? `${formatDateTime(subject.at, true)}` : (written ?? ""));
  const [where, setWhere] = useState(environment);
  const [refused, setRefused] = useState(why);
  const parsed = text.trim() === "" ? null : parseMoment(text, now);

  function submit(event: FormEvent) {
    event.preventDefault();
    const moment = parseMoment(text, now);
    if (!moment.ok) {
      setRefused(moment.why);
      return;
    }
    setRefused(null);
    router.push(`/rollouts/groups/new?${new URLSearchParams({ kind: "as-of", environment: where, at: new Date(moment.ms).toISOString(), ...(incident && { incident }) })}`, { scroll: false });
  }

  return (
    <form className="moment-form" method="get" action="/rollouts/groups/new" onSubmit={submit} noValidate aria-label="Environment and moment">
      <input type="hidden" name="kind" value="as-of" />
      <Field label="Environment">
        {(wiring) => (
          <select className="input" name="environment" {...wiring} value={where} onChange={(event) => setWhere(event.target.value)}>
            {environments.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
      <Input
        label="As it was at, UTC"
        name="at"
        value={text}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder="02:03, -40m, yesterday 02:03"
        error={refused}
        hint={parsed?.ok ? `${formatDay(parsed.ms)} ${formatTime(parsed.ms)} UTC, ${formatDuration(now - parsed.ms, true)} ago` : "02:03, -40m, yesterday 02:03, 20 Nov 02:03 or 2026-11-20T02:03Z"}
        onChange={(event) => {
          setText(event.target.value);
          setRefused(null);
        }}
      />
      <Button type="submit" look={subject ? "plain" : "act"}>
        Show what differs
      </Button>
    </form>
  );
}

type Sending = { kind: "ready" } | { kind: "sending" } | { kind: "changed"; changes: readonly string[] } | { kind: "failed"; sentences: readonly string[]; requestId: string | null };

function readRefusal(error: unknown): Sending {
  if (!(error instanceof ApiError)) return { kind: "failed", sentences: ["Something went wrong on this page. Nothing was sent; reload and try again."], requestId: null };
  const { problem } = error;
  if (error.status === 409 && problem.changed && problem.changed.length > 0) return { kind: "changed", changes: problem.changed };
  const sentences = problem.reasons?.map((reason) => reason.sentence) ?? problem.fields?.map((field) => `${field.path}: ${field.message}`) ?? [];
  return { kind: "failed", sentences: sentences.length > 0 ? sentences : [problem.detail], requestId: problem.requestId === "none" ? null : problem.requestId };
}

/** What is shown stands still while somebody decides: the server compares it with the truth when the decision arrives. */
function Previewed({ subject, incident, chooser }: { subject: GroupSubject; incident: string; chooser: ReactNode }) {
  const query = useQuery({ ...groupPreviewQuery(toQuery(subject)), enabled: (state) => state.state.data === undefined, refetchInterval: false, gcTime: 0 });
  const title = subject.kind === "as-of" ? `${subject.environment} as it was` : subject.kind === "recall" ? `${subject.service} ${subject.version}` : `${subject.service} in ${subject.environment}`;
  return (
    <QueryState query={query} title={title}>
      {(preview) => <Preview key={preview.revision + preview.asOf} preview={preview} subject={subject} incident={incident} chooser={chooser} onRefresh={() => void query.refetch()} />}
    </QueryState>
  );
}

function Preview({ preview, subject, incident: given, chooser, onRefresh }: { preview: GroupPreview; subject: GroupSubject; incident: string; chooser: ReactNode; onRefresh: () => void }) {
  const router = useRouter();
  const [chosen, setChosen] = useState(() => initialChoice(preview));
  const [reason, setReason] = useState(given === "" ? "" : `${given}: ${subject.kind === "as-of" ? `back to ${formatDateTime(subject.at)} UTC` : subject.kind === "recall" ? `away from ${subject.version}` : `${aimWords(subject)} ${subject.service}`}`);
  const [incident, setIncident] = useState(given);
  const [typed, setTyped] = useState("");
  const [hold, setHold] = useState(true);
  const [sending, setSending] = useState<Sending>({ kind: "ready" });
  const idempotencyKey = useRef<string>(undefined);
  const { parts, sub } = describePreview(preview);
  const { act, reach } = describeAct(preview.members, chosen);
  const picked = preview.members.filter((member) => member.allowed && chosen.has(keyOfPlace(member)));
  const possible = preview.members.some((member) => member.allowed);
  const promotes = preview.kind === "promote";

  function toggle(key: string) {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
  }

  async function fire() {
    setSending({ kind: "sending" });
    // The same key for a retry after a lost answer: it must never act twice.
    idempotencyKey.current ??= crypto.randomUUID();
    try {
      const group = await postJson<GroupDto>(
        "rollout-groups",
        {
          ...toQuery(subject),
          places: picked.map(({ service, environment, partition }) => ({ service, environment, partition })),
          ...(reason.trim() ? { reason: reason.trim() } : {}),
          ...(incident.trim() ? { incident: incident.trim() } : {}),
          hold: hold && !promotes,
          confirm: typed.trim(),
          revision: preview.revision,
        },
        idempotencyKey.current,
      );
      announce("Accepted.");
      router.push(`/rollouts/groups/${group.id}`);
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) idempotencyKey.current = undefined;
      setSending(readRefusal(error));
    }
  }

  const why =
    sending.kind === "sending"
      ? "Sending the request…"
      : sending.kind === "changed"
        ? "Look at what changed first."
        : whyNotYet({ chosen: picked.length, reason, reasonOptional: promotes, typed, expected: preview.typed, refusal: possible ? null : "None of them can be started from here." });
  return (
    <>
      <Verdict crumb={<Crumb />} parts={parts} sub={<>{sub} As seen <Age at={preview.asOf} suffix="ago" />.</>} />
      {chooser}
      <Answer key={sending.kind} sending={sending} onRefresh={onRefresh} />
      {preview.members.length === 0 ? null : (
        <>
          <SectionHead title={preview.service !== null ? "Partitions" : preview.kind === "as-of" ? "What would be put back" : "Where it is"} note={preview.service !== null ? "in declared order" : "most instances first"} />
          <GroupMembers members={preview.members} chosen={chosen} onToggle={toggle} />
          <section className="group-confirm" aria-label="Confirm">
            <div className="group-fields">
              <Input label={promotes ? "Reason, if you like; goes into the ledger" : "Reason, goes into the ledger"} name="reason" maxLength={2000} autoComplete="off" required={!promotes} value={reason} onChange={(event) => setReason(event.target.value)} />
              <Input label="Incident, if there is one" name="incident" maxLength={200} autoComplete="off" value={incident} onChange={(event) => setIncident(event.target.value)} />
              {promotes ? null : <Checkbox label="Hold these places" hint="No promotion there until someone lifts it." checked={hold} onChange={(event) => setHold(event.target.checked)} />}
            </div>
            <div className="group-fire">
              <Input
                label={
                  <>
                    Type <b className="text-ink">{preview.typed}</b> to confirm
                  </>
                }
                name="confirm"
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
              />
              <HoldButton label={`Hold to ${act}`} action={act} onFire={() => void fire()} disabledReason={why} />
              <p className="why">
                {reach}. If anything moves first, you are shown what. <span className="keyboard-hint">Keyboard: Enter arms, Enter again fires.</span>
              </p>
            </div>
          </section>
        </>
      )}
    </>
  );
}

/** What came back: what changed meanwhile, or why it failed. Takes the focus, so that it is read first. */
function Answer({ sending, onRefresh }: { sending: Sending; onRefresh: () => void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => ref.current?.focus(), []);
  if (sending.kind === "changed") {
    return (
      <div className="changed" data-tone="drift" role="alert" tabIndex={-1} ref={ref}>
        <h2>
          <StatusShape kind="drift" /> Something moved since you opened this. Nothing was changed.
        </h2>
        <ul>
          {sending.changes.map((change) => (
            <li key={change}>{change}</li>
          ))}
        </ul>
        <div className="state-actions">
          <Button onClick={onRefresh}>Show me the new state</Button>
        </div>
      </div>
    );
  }
  if (sending.kind !== "failed") return null;
  return (
    <div className="changed" data-tone="critical" role="alert" tabIndex={-1} ref={ref}>
      <h2>
        <StatusShape kind="alert" /> It was not accepted. Nothing was changed.
      </h2>
      <ul>
        {sending.sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      {sending.requestId ? (
        <p className="muted">
          Request <code>{sending.requestId}</code>
        </p>
      ) : null}
    </div>
  );
}

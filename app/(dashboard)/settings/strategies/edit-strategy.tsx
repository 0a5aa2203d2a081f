"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { Outcome } from "@/app/(dashboard)/settings/form-parts";
import { useAct, type Act } from "@/app/(dashboard)/settings/use-act";
import { Button } from "@/components/ui/button";
import { Checkbox, Field, Input, Textarea } from "@/components/ui/field";
import type { PutStrategyRequest, StrategyDto } from "@/lib/contract/strategies";
import { describeLastKnownGood, describeStrategy } from "@/lib/domain/rollout/describe-strategy";
import { FAILURE_ACTIONS, type FailureAction, type Strategy } from "@/lib/domain/rollout/strategy";
import { ApiError, putJson } from "@/lib/queries/api-client";
import { keys } from "@/lib/queries/keys";
import { useRefusal } from "@/lib/queries/use-session";
import { CUTS, OPERATORS, readForm, readGoodForm, toFields, toGoodFields } from "./read-form";

type Part = keyof StrategyDto["strategy"];
type Direction = Exclude<Part, "lastKnownGood">;
const PARTS = { promote: "A promotion", rollback: "A rollback", lastKnownGood: "What is known to be good" } as const satisfies Record<Part, string>;
const PART_NAMES: readonly Part[] = ["promote", "rollback", "lastKnownGood"];
const CUT_WORDS = { percentages: "in growing percentages", groups: "one region, partition or label after another", targets: "targets that are named", "all-at-once": "everyone at once" } as const satisfies Record<(typeof CUTS)[number], string>;
const ACTION_WORDS = { pause: "pause, and let a person decide", rollback: "roll back by itself", fail: "end it as failed" } as const satisfies Record<FailureAction, string>;

/** Changes how an environment rolls out, one part at a time: what is typed is said back in the sentence that people will read. */
export function EditStrategy({ item }: { item: StrategyDto }) {
  const [part, setPart] = useState<Part>("promote");
  // What was there when the form was begun: a version of somebody else must not be overwritten unseen.
  const [base, setBase] = useState(item);
  const saving = useSave(base, setBase);
  const key = `${part} ${base.version}`;
  return (
    <details className="make">
      <summary>Change how {item.environment} rolls out</summary>
      <div className="entry-form">
        <Field label="What">
          {(wiring) => (
            <select className="input" value={part} onChange={(event) => setPart(PART_NAMES.find((one) => one === event.target.value) ?? part)} {...wiring}>
              {PART_NAMES.map((one) => (
                <option key={one} value={one}>
                  {PARTS[one]}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {item.version > base.version ? (
        <p className="entry-form">
          <span>
            Version {item.version} stands by now, by {item.history[0]?.by ?? "somebody"}: {part === "lastKnownGood" ? item.lastKnownGood : item[part].sentence}.
          </span>
          <Button size="small" onClick={() => setBase(item)}>
            Begin again from version {item.version}
          </Button>
        </p>
      ) : null}
      {part === "lastKnownGood" ? <GoodForm key={key} item={base} saving={saving} /> : <StrategyForm key={key} item={base} direction={part} saving={saving} />}
      {saving.changed.length > 0 ? (
        <ul className="strategy-details">
          {saving.changed.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ) : null}
      <Outcome act={saving.act}>{(saved) => <p>Version {saved.version} is in force in {saved.environment}.</p>}</Outcome>
    </details>
  );
}

interface Saving {
  act: Act<StrategyDto>;
  /** What somebody else changed meanwhile, when it was refused for that. */
  changed: readonly string[];
  /** Sends what was read, as the next version; without it (something is wrong with a field) only forgets what was said before. */
  save: (strategy: StrategyDto["strategy"] | null, reason: string) => void;
}

function useSave(item: StrategyDto, onSaved: (saved: StrategyDto) => void): Saving {
  const client = useQueryClient();
  const act = useAct<StrategyDto>();
  const [changed, setChanged] = useState<readonly string[]>([]);
  return {
    act,
    changed,
    save: (strategy, reason) => {
      setChanged([]);
      act.clear();
      if (strategy === null) return;
      const body: PutStrategyRequest = { environment: item.environment, version: item.version, reason, strategy };
      void act.run(async () => {
        try {
          const saved = await putJson<StrategyDto>("strategies", body);
          await client.invalidateQueries({ queryKey: keys.strategies });
          onSaved(saved);
          return saved;
        } catch (error) {
          if (error instanceof ApiError && error.status === 409) {
            setChanged(error.problem.changed ?? []);
            await client.invalidateQueries({ queryKey: keys.strategies });
          }
          throw error;
        }
      });
    },
  };
}

/** The first field with something wrong in it takes the focus. */
function focusFirst(form: HTMLFormElement, errors: ReadonlyMap<string, string>): void {
  const [first] = errors.keys();
  const control = form.elements.namedItem(first ?? "");
  if (control instanceof HTMLElement) control.focus();
}

function fieldsOf(element: HTMLFormElement): Map<string, string> {
  return new Map([...new FormData(element)].flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
}

function SaveRow({ item, act }: { item: StrategyDto; act: Act<StrategyDto> }) {
  const refusal = useRefusal();
  return (
    <Button type="submit" disabledReason={refusal("strategies.write", { environment: item.environment })} aria-busy={act.busy}>
      Save as version {item.version + 1}
    </Button>
  );
}

function Reason({ act }: { act: Act<StrategyDto> }) {
  return <Textarea label="Reason, goes into the ledger" name="reason" rows={2} required maxLength={2000} error={act.fields.get("reason") ?? null} />;
}

function GoodForm({ item, saving }: { item: StrategyDto; saving: Saving }) {
  const before = toGoodFields(item.strategy.lastKnownGood);
  const [shown, setShown] = useState(before);
  const [errors, setErrors] = useState<ReadonlyMap<string, string>>(new Map());
  const read = readGoodForm(new Map(Object.entries(shown)));
  const field = (name: string) => ({ name, defaultValue: before[name] ?? "", error: errors.get(name) ?? null, inputMode: "decimal" as const });

  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = fieldsOf(event.currentTarget);
    const checked = readGoodForm(fields);
    setErrors(checked.ok ? new Map() : checked.errors);
    if (!checked.ok) focusFirst(event.currentTarget, checked.errors);
    saving.save(checked.ok ? { ...item.strategy, lastKnownGood: checked.value } : null, fields.get("reason") ?? "");
  }

  return (
    <form className="entry-form" onSubmit={save} onInput={(event) => setShown(Object.fromEntries(fieldsOf(event.currentTarget)))} noValidate>
      <p className="why">What a rollback offers first, and what a host falls back to without a server. A release that proved less is offered too, and named by what is missing.</p>
      <div className="field-pair">
        <Input label="Ran on, % of the targets" {...field("minShare")} />
        <Input label="For, minutes" {...field("minRanFor")} />
        <Input label="Unhealthy at most, % of the time" {...field("maxUnhealthy")} />
      </div>
      <Reason act={saving.act} />
      <p>
        Known to be good is then what <b>{read.ok ? `${describeLastKnownGood(read.value)}.` : "…"}</b>
      </p>
      <SaveRow item={item} act={saving.act} />
    </form>
  );
}

function StrategyForm({ item, direction, saving }: { item: StrategyDto; direction: Direction; saving: Saving }) {
  const before: Strategy = item.strategy[direction];
  const [shown, setShown] = useState(() => toFields(before));
  const [errors, setErrors] = useState<ReadonlyMap<string, string>>(new Map());
  const read = readForm(new Map(Object.entries(shown)), before);
  const errorOf = (name: string): string | null => errors.get(name) ?? null;
  const field = (name: string) => ({ name, defaultValue: toFields(before)[name] ?? "", error: errorOf(name) });

  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = fieldsOf(event.currentTarget);
    const checked = readForm(fields, before);
    setErrors(checked.ok ? new Map() : checked.errors);
    if (!checked.ok) focusFirst(event.currentTarget, checked.errors);
    saving.save(checked.ok ? { ...item.strategy, [direction]: checked.value } : null, fields.get("reason") ?? "");
  }

  const cut = shown["cut"];
  const check = shown["check"];
  return (
    <form className="entry-form" onSubmit={save} onInput={(event) => setShown(Object.fromEntries(fieldsOf(event.currentTarget)))} noValidate>
      <Field label="Who goes when">
        {(wiring) => (
          <select className="input" {...wiring} name="cut" defaultValue={before.cut.kind}>
            {CUTS.map((each) => (
              <option key={each} value={each}>
                {CUT_WORDS[each]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {cut === "percentages" ? <Input label="Percentages" hint="Of all targets, growing; the last wave is everyone." {...field("steps")} inputMode="decimal" /> : null}
      {cut === "groups" ? (
        <>
          <Field label="One wave for each">
            {(wiring) => (
              <select className="input" {...wiring} name="by" defaultValue={toFields(before)["by"]}>
                <option value="region">region</option>
                <option value="partition">partition</option>
                <option value="label">value of a label</option>
              </select>
            )}
          </Field>
          {shown["by"] === "label" ? <Input label="Label" {...field("label")} autoCapitalize="none" spellCheck={false} /> : null}
          <Input label="In this order" hint="Names with commas; the others follow by name. A canary is always first." {...field("order")} autoCapitalize="none" spellCheck={false} />
        </>
      ) : null}
      {cut === "targets" ? <Textarea label="Waves" hint="One a line: canary: host-1/web, host-2/web. Everyone else is the last wave." rows={4} {...field("targets")} autoCapitalize="none" spellCheck={false} /> : null}
      <div className="field-pair">
        <Input label="Verified, % of a wave" {...field("passShare")} inputMode="decimal" />
        <Input label="Watched for, minutes" {...field("soak")} inputMode="decimal" />
        <Input label="Failures allowed, % of a wave" {...field("failureThreshold")} inputMode="decimal" />
        <Input label="Or as many targets" hint="The larger of both counts." {...field("maxFailures")} inputMode="numeric" />
      </div>
      <Field label="When more fail">
        {(wiring) => (
          <select className="input" {...wiring} name="onFailure" defaultValue={before.onFailure}>
            {FAILURE_ACTIONS.map((action) => (
              <option key={action} value={action}>
                {ACTION_WORDS[action]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Checkbox name="health" label="Health counts" hint="A verified target that becomes unhealthy or crashes has failed." defaultChecked={before.gate.health} />
      <Checkbox name="goAhead" label="A person says go" hint="Before each further wave." defaultChecked={before.gate.goAhead} />
      <div className="field-pair">
        <Input label="In flight at a time" hint="Empty: no limit." {...field("maxInFlight")} inputMode="numeric" />
        <Input label="Up without a restart, seconds" {...field("minUptime")} inputMode="decimal" />
        <Input label="Stuck after, minutes" hint="Of a replacement, with its pull." {...field("stuckAfter")} inputMode="decimal" />
      </div>
      <Field label="Another system is asked before each further wave">
        {(wiring) => (
          <select className="input" {...wiring} name="check" defaultValue={before.gate.check?.kind ?? "none"}>
            <option value="none">none</option>
            <option value="webhook">a webhook</option>
            <option value="prometheus">Prometheus</option>
          </select>
        )}
      </Field>
      {check === "webhook" || check === "prometheus" ? (
        <>
          <Input label="Address" type="url" {...field("url")} autoCapitalize="none" spellCheck={false} hint={check === "webhook" ? "It is sent the decision, and answers with ok true or false." : "Of the server, without the path of its API."} />
          {check === "prometheus" ? (
            <>
              <Input label="Query" {...field("query")} autoCapitalize="none" spellCheck={false} />
              <div className="field-pair">
                <Field label="Every sample is">
                  {(wiring) => (
                    <select className="input" {...wiring} name="op" defaultValue={toFields(before)["op"]}>
                      {OPERATORS.map((op) => (
                        <option key={op}>{op}</option>
                      ))}
                    </select>
                  )}
                </Field>
                <Input label="Than" {...field("threshold")} inputMode="decimal" />
              </div>
            </>
          ) : null}
          <div className="field-pair">
            <Input label="Asked every, seconds" {...field("every")} inputMode="decimal" />
            <Input label="Answers within, seconds" {...field("timeout")} inputMode="decimal" />
            <Input label="Asked for at most, minutes" hint="Then the rollout pauses." {...field("within")} inputMode="decimal" />
          </div>
        </>
      ) : null}
      {before.waves.length > 0 ? <p className="why">Waves with rules of their own stay as they are; plumbline strategy set changes them.</p> : null}
      <Reason act={saving.act} />
      <p>
        {PARTS[direction]} then goes: <b>{read.ok ? `${describeStrategy(read.value)}.` : "…"}</b>
      </p>
      <SaveRow item={item} act={saving.act} />
    </form>
  );
}

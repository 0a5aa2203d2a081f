"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import type { Answer } from "@/app/(dashboard)/query-state";
import { ListError, Outcome, text } from "@/app/(dashboard)/settings/form-parts";
import { useAct } from "@/app/(dashboard)/settings/use-act";
import { Button } from "@/components/ui/button";
import { Checkbox, Input, Textarea } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { SectionHead } from "@/components/ui/verdict";
import type { FreezeDto, PlaceFreezeRequest } from "@/lib/contract/freezes";
import type { Page } from "@/lib/contract/primitives";
import { isTimeZone, WEEKDAYS } from "@/lib/domain/rollout/freeze-window";
import { postJson } from "@/lib/queries/api-client";
import { keys } from "@/lib/queries/keys";
import { useRefusal } from "@/lib/queries/use-session";
import { EnvironmentField } from "./environment-field";
import { describeDays, describeState, describeWhen, toInstant } from "./to-freezes";
import { useMissingRole } from "./use-missing-role";

export interface FreezesProps {
  query: Answer<Page<FreezeDto>>;
  environments: readonly string[];
}

/** The freezes that stand, and a form that places one. */
export function Freezes({ query: { data, error }, environments }: FreezesProps) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const [lifting, setLifting] = useState<FreezeDto | null>(null);
  const freezes = data?.items ?? [];
  return (
    <section className="section" aria-labelledby="freezes">
      <SectionHead id="freezes" title="Freezes" note="no promotion while one is in force; an approver may override it with a reason" end={freezes.length > 0 ? formatCount(freezes.length) : null} />
      <ListError error={error} what="Freezes" />
      {data && freezes.length === 0 ? <StateView kind="empty" title="No freeze stands." body="Promotions may go at any time." /> : null}
      {freezes.length > 0 ? (
        <Table label="Freezes" stack>
          <thead>
            <tr>
              <th scope="col">Freeze</th>
              <th scope="col">Where</th>
              <th scope="col">Now</th>
              <th scope="col">When</th>
              <th scope="col">By, and why</th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {freezes.map((freeze) => {
              const { tone, words } = describeState(freeze);
              return (
                <tr key={freeze.id}>
                  <HangingCell tone={tone} className="wraps" data-phone="wide">
                    {freeze.name}
                  </HangingCell>
                  <td className="wraps">
                    {freeze.service ?? "all services"} in {freeze.environment}
                  </td>
                  <td className="wraps" data-phone="wide">
                    <StatusShape kind={tone} size={12} /> {words}
                  </td>
                  <td className="wraps" data-phone="wide">
                    {describeWhen(freeze)}
                  </td>
                  <td className="wraps" data-phone="wide">
                    {freeze.by}: <span className="muted">{freeze.reason ?? "the reason was redacted"}</span>
                  </td>
                  <td className="num" data-phone="end">
                    <Button
                      size="small"
                      aria-label={`Lift the freeze ${freeze.name}`}
                      disabledReason={refusal("freezes.lift", { environment: freeze.environment, ...(freeze.service !== null && { service: freeze.service }) })}
                      onClick={() => setLifting(freeze)}
                    >
                      Lift…
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      ) : null}
      <PlaceFreeze environments={environments} />
      {lifting ? (
        <ActDialog
          title={`Lift the freeze ${lifting.name}`}
          label="Lift"
          reason="required"
          done="The freeze is lifted."
          onClose={() => setLifting(null)}
          onAct={async (reason, key) => {
            await postJson("freezes/lift", { freeze: lifting.id, reason }, key);
            await client.invalidateQueries({ queryKey: keys.freezes });
          }}
        >
          <p>
            Promotions of {lifting.service ?? "every service"} in {lifting.environment} are free of it from now on{lifting.schedule ? ", also at the times at which it would come back" : ""}.
          </p>
        </ActDialog>
      ) : null}
    </section>
  );
}

function PlaceFreeze({ environments }: { environments: readonly string[] }) {
  const client = useQueryClient();
  const missing = useMissingRole();
  const act = useAct<FreezeDto>();
  const [recurring, setRecurring] = useState(false);
  const [wrong, setWrong] = useState<ReadonlyMap<string, string>>(new Map());
  const errorOf = (field: string): string | null => wrong.get(field) ?? act.fields.get(field) ?? null;

  function place(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const days = WEEKDAYS.filter((day) => form.getAll("days").includes(day));
    const problems = new Map<string, string>();
    if (recurring && days.length === 0) problems.set("schedule.days", "Choose at least one day.");
    if (recurring && !isTimeZone(text(form, "zone"))) problems.set("schedule.timeZone", "This browser knows no such zone. It is written as in Europe/Berlin.");
    if (!recurring && toInstant(text(form, "endsAt")) === null) problems.set("endsAt", "Say until when.");
    setWrong(problems);
    act.clear();
    if (problems.size > 0) return;
    const startsAt = toInstant(text(form, "startsAt"));
    const endsAt = toInstant(text(form, "endsAt"));
    const body: PlaceFreezeRequest = {
      environment: text(form, "environment"),
      name: text(form, "name"),
      reason: text(form, "reason"),
      ...(text(form, "service") !== "" && { service: text(form, "service") }),
      ...(startsAt !== null && { startsAt }),
      ...(endsAt !== null && { endsAt }),
      ...(recurring && { schedule: { days, from: text(form, "from"), to: text(form, "to"), timeZone: text(form, "zone") } }),
    };
    void act.run(async () => {
      const placed = await postJson<FreezeDto>("freezes", body);
      await client.invalidateQueries({ queryKey: keys.freezes });
      element.reset();
      return placed;
    });
  }

  return (
    <details className="make">
      <summary>Place a freeze</summary>
      <form className="entry-form" onSubmit={place}>
        <Input label="Name" name="name" required maxLength={100} placeholder="Year end" error={errorOf("name")} />
        <EnvironmentField environments={environments} error={errorOf("environment")} />
        <Input label="Service" name="service" hint="Empty: every service there." error={errorOf("service")} autoCapitalize="none" spellCheck={false} />
        <fieldset className="choice">
          <legend className="field-label">Kind</legend>
          <Radio name="kind" label="Once, from a time until a time" checked={!recurring} onChange={() => setRecurring(false)} />
          <Radio name="kind" label="Comes back, by the clock of a place" checked={recurring} onChange={() => setRecurring(true)} />
        </fieldset>
        {recurring ? (
          <>
            <fieldset className="choice-row">
              <legend className="field-label">On these days</legend>
              {WEEKDAYS.map((day) => (
                <Checkbox key={day} name="days" value={day} label={describeDays([day])} />
              ))}
            </fieldset>
            {errorOf("schedule.days") ? <p className="field-error" role="alert">{errorOf("schedule.days")}</p> : null}
            <div className="field-pair">
              <Input label="From" name="from" type="time" required defaultValue="18:00" error={errorOf("schedule.from")} />
              <Input label="To" name="to" type="time" required defaultValue="08:00" hint="Not later than From: the next day." error={errorOf("schedule.to")} />
            </div>
            <Input label="Time zone" name="zone" required defaultValue={readOwnZone()} error={errorOf("schedule.timeZone")} autoCapitalize="none" spellCheck={false} hint="Its clock counts, summer time included." />
          </>
        ) : null}
        <div className="field-pair">
          <Input label={recurring ? "Valid from, UTC" : "From, UTC"} name="startsAt" type="datetime-local" hint="Empty: from now on." error={errorOf("startsAt")} />
          <Input label={recurring ? "Valid until, UTC" : "Until, UTC"} name="endsAt" type="datetime-local" required={!recurring} hint={recurring ? "Empty: until it is lifted." : undefined} error={errorOf("endsAt")} />
        </div>
        <Textarea label="Reason, goes into the ledger" name="reason" rows={2} required maxLength={2000} error={errorOf("reason")} />
        <Button type="submit" disabledReason={missing("freezes.place")} aria-busy={act.busy}>
          Place the freeze
        </Button>
      </form>
      <Outcome act={act}>{(placed) => <p>{placed.name}: {describeState(placed).words}.</p>}</Outcome>
    </details>
  );
}

/** The zone that this browser shows. The form that asks is opened by hand: no server has drawn another. */
function readOwnZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function Radio({ name, label, checked, onChange }: { name: string; label: string; checked: boolean; onChange: () => void }) {
  return (
    <label className="check">
      <input type="radio" name={name} checked={checked} onChange={onChange} />
      <span>{label}</span>
    </label>
  );
}

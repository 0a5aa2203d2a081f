"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import type { Answer } from "@/app/(dashboard)/query-state";
import { ListError, Outcome, text } from "@/app/(dashboard)/settings/form-parts";
import { useAct } from "@/app/(dashboard)/settings/use-act";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { Input, Textarea } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { Table } from "@/components/ui/table";
import { SectionHead } from "@/components/ui/verdict";
import type { HoldDto } from "@/lib/contract/policies";
import type { Page } from "@/lib/contract/primitives";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { postJson } from "@/lib/queries/api-client";
import { keys } from "@/lib/queries/keys";
import { useRefusal } from "@/lib/queries/use-session";
import { EnvironmentField } from "./environment-field";
import { useMissingRole } from "./use-missing-role";

/** The holds that stand, and a form that places one. */
export function Holds({ query: { data, error }, environments }: { query: Answer<Page<HoldDto>>; environments: readonly string[] }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const missing = useMissingRole();
  const act = useAct<HoldDto>();
  const [lifting, setLifting] = useState<HoldDto | null>(null);
  const holds = data?.items ?? [];

  function place(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    void act.run(async () => {
      const placed = await postJson<HoldDto>("holds", { service: text(form, "service"), environment: text(form, "environment"), partition: text(form, "partition") || DEFAULT_PARTITION, reason: text(form, "reason") });
      await client.invalidateQueries({ queryKey: keys.holds });
      element.reset();
      return placed;
    });
  }

  return (
    <section className="section" aria-labelledby="holds">
      <SectionHead id="holds" title="Holds" note="no promotion of this service here, until somebody lifts it; every rollback places one" end={holds.length > 0 ? formatCount(holds.length) : null} />
      <ListError error={error} what="Holds" />
      {data && holds.length === 0 ? <StateView kind="empty" title="Nothing is held." /> : null}
      {holds.length > 0 ? (
        <Table label="Holds" stack>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Where</th>
              <th scope="col">Keeps away</th>
              <th scope="col">Since</th>
              <th scope="col">By, and why</th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {holds.map((hold) => (
              <tr key={hold.id}>
                <th scope="row" data-phone="wide">
                  {hold.service}
                </th>
                <td>
                  {hold.environment}
                  {hold.partition === DEFAULT_PARTITION ? null : ` / ${hold.partition}`}
                </td>
                <td data-phone={hold.version === null ? "hide" : undefined}>{hold.version ?? <span className="muted">every release</span>}</td>
                <td data-phone="end">
                  <Age at={hold.since} coarse />
                </td>
                <td className="wraps" data-phone="wide">
                  {hold.by}
                  {hold.reason === null ? null : <span className="muted">: {hold.reason}</span>}
                </td>
                <td className="num" data-phone="end">
                  <Button size="small" aria-label={`Lift the hold of ${hold.service} in ${hold.environment}`} disabledReason={refusal("holds.lift", { service: hold.service, environment: hold.environment })} onClick={() => setLifting(hold)}>
                    Lift…
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <details className="make">
        <summary>Hold a service</summary>
        <form className="entry-form" onSubmit={place}>
          <Input label="Service" name="service" required error={act.fields.get("service") ?? null} autoCapitalize="none" spellCheck={false} />
          <EnvironmentField environments={environments} error={act.fields.get("environment") ?? null} />
          <Input label="Partition" name="partition" placeholder={DEFAULT_PARTITION} error={act.fields.get("partition") ?? null} autoCapitalize="none" spellCheck={false} />
          <Textarea label="Reason, goes into the ledger" name="reason" rows={2} required maxLength={2000} error={act.fields.get("reason") ?? null} />
          <Button type="submit" disabledReason={missing("holds.place")} aria-busy={act.busy}>
            Hold promotions
          </Button>
        </form>
        <Outcome act={act}>
          {(placed) => (
            <p>
              Promotions of {placed.service} to {placed.environment} are held, entry {formatCount(placed.entry)}.
            </p>
          )}
        </Outcome>
      </details>
      {lifting ? (
        <ActDialog
          title={`Lift the hold of ${lifting.service} in ${lifting.environment}`}
          label="Lift"
          reason="required"
          done="The hold is lifted."
          onClose={() => setLifting(null)}
          onAct={async (reason, key) => {
            await postJson("holds/lift", { service: lifting.service, environment: lifting.environment, partition: lifting.partition, reason }, key);
            await client.invalidateQueries({ queryKey: keys.holds });
          }}
        >
          <p>
            Promotions of {lifting.service} to {lifting.environment} may go again{lifting.version === null ? "" : `, those of ${lifting.version} too: a rollback left it`}.
          </p>
        </ActDialog>
      ) : null}
    </section>
  );
}

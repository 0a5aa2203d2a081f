"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import type { Answer } from "@/app/(dashboard)/query-state";
import { ListError, Outcome, text } from "@/app/(dashboard)/settings/form-parts";
import { useAct } from "@/app/(dashboard)/settings/use-act";
import { conditionWord } from "@/app/(dashboard)/words";
import { Button } from "@/components/ui/button";
import { Field, Input, Textarea } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead } from "@/components/ui/verdict";
import type { WaiverDto } from "@/lib/contract/policies";
import type { Page } from "@/lib/contract/primitives";
import { WAIVABLE_CATEGORIES } from "@/lib/domain/drift/waivable";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { postJson } from "@/lib/queries/api-client";
import { keys } from "@/lib/queries/keys";
import { useRefusal } from "@/lib/queries/use-session";
import { EnvironmentField } from "./environment-field";
import { toInstant } from "./to-freezes";
import { useMissingRole } from "./use-missing-role";

/** The waivers in force, and a form that grants one. */
export function Waivers({ query: { data, error }, environments }: { query: Answer<Page<WaiverDto>>; environments: readonly string[] }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const missing = useMissingRole();
  const act = useAct<WaiverDto>();
  const [ending, setEnding] = useState<WaiverDto | null>(null);
  const waivers = data?.items ?? [];

  function grant(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    void act.run(async () => {
      const body = { service: text(form, "service"), environment: text(form, "environment"), partition: text(form, "partition") || DEFAULT_PARTITION, category: text(form, "category"), reason: text(form, "reason"), expiresAt: toInstant(text(form, "expiresAt")) };
      const granted = await postJson<WaiverDto>("waivers", body);
      await client.invalidateQueries({ queryKey: keys.waivers });
      element.reset();
      return granted;
    });
  }

  return (
    <section className="section" aria-labelledby="waivers">
      <SectionHead id="waivers" title="Waivers" note="drift that is recorded and not counted, for at most 90 days" end={waivers.length > 0 ? formatCount(waivers.length) : null} />
      <ListError error={error} what="Waivers" />
      {data && waivers.length === 0 ? <StateView kind="empty" title="Nothing is waived." /> : null}
      {waivers.length > 0 ? (
        <Table label="Waivers" stack>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Where</th>
              <th scope="col">Waived</th>
              <th scope="col">Until, UTC</th>
              <th scope="col" className="num">
                Findings
              </th>
              <th scope="col">By, and why</th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {waivers.map((waiver) => (
              <tr key={waiver.id}>
                <th scope="row" data-phone="wide">
                  {waiver.service}
                </th>
                <td>
                  {waiver.environment}
                  {waiver.partition === DEFAULT_PARTITION ? null : ` / ${waiver.partition}`}
                </td>
                <td data-phone="end">{conditionWord(waiver.category)}</td>
                <td>
                  <Timestamp at={waiver.expiresAt} zone={false} />
                </td>
                <td className="num" data-phone="end">
                  {formatCount(waiver.findings)}
                </td>
                <td className="wraps" data-phone="wide">
                  {waiver.by}: <span className="muted">{waiver.reason ?? "the reason was redacted"}</span>
                </td>
                <td className="num" data-phone="end">
                  <Button size="small" aria-label={`End the waiver of ${waiver.service} in ${waiver.environment}`} disabledReason={refusal("waivers.end", { service: waiver.service, environment: waiver.environment })} onClick={() => setEnding(waiver)}>
                    End…
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <details className="make">
        <summary>Waive drift</summary>
        <form className="entry-form" onSubmit={grant}>
          <Input label="Service" name="service" required error={act.fields.get("service") ?? null} autoCapitalize="none" spellCheck={false} />
          <EnvironmentField environments={environments} error={act.fields.get("environment") ?? null} />
          <Input label="Partition" name="partition" placeholder={DEFAULT_PARTITION} error={act.fields.get("partition") ?? null} autoCapitalize="none" spellCheck={false} />
          <Field label="What" hint="What is recalled, and code that nobody knows, cannot be waived." error={act.fields.get("category") ?? null}>
            {(wiring) => (
              <select className="input" name="category" defaultValue="behind" {...wiring}>
                {WAIVABLE_CATEGORIES.map((category) => (
                  <option key={category} value={category}>
                    {conditionWord(category)}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Input label="Until, UTC" name="expiresAt" type="datetime-local" required error={act.fields.get("expiresAt") ?? null} />
          <Textarea label="Reason, goes into the ledger" name="reason" rows={2} required maxLength={2000} error={act.fields.get("reason") ?? null} />
          <Button type="submit" disabledReason={missing("waivers.grant")} aria-busy={act.busy}>
            Waive
          </Button>
        </form>
        <Outcome act={act}>
          {(granted) => (
            <p>
              {granted.service} in {granted.environment}: {conditionWord(granted.category)} is waived until <Timestamp at={granted.expiresAt} />.
            </p>
          )}
        </Outcome>
      </details>
      {ending ? (
        <ActDialog
          title={`End the waiver of ${ending.service} in ${ending.environment}`}
          label="End"
          reason="required"
          done="The waiver has ended."
          onClose={() => setEnding(null)}
          onAct={async (reason, key) => {
            await postJson("waivers/end", { waiver: ending.id, reason }, key);
            await Promise.all([keys.waivers, ["findings"]].map((queryKey) => client.invalidateQueries({ queryKey })));
          }}
        >
          <p>What it covers counts as drift again at once.</p>
        </ActDialog>
      ) : null}
    </section>
  );
}

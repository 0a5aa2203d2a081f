"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { plural } from "@/app/(dashboard)/words";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { Table } from "@/components/ui/table";
import { SectionHead } from "@/components/ui/verdict";
import type { EnvironmentDto } from "@/lib/contract/fleet";
import type { PreviewRuleDto } from "@/lib/contract/previews";
import { postJson, putJson } from "@/lib/queries/api-client";
import { poolsQuery, previewRulesQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError, Outcome, text } from "./form-parts";
import { useAct } from "./use-act";

const DEFAULT_TTL_MINUTES = 1_440;
const DEFAULT_MOST = 200;

/** Rules by which environments come about when something reports for them, and end by themselves. */
export function Previews({ environments }: { environments: readonly EnvironmentDto[] }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const { data, error } = useQuery(previewRulesQuery());
  const pools = useQuery(poolsQuery());
  const rule = useAct<PreviewRuleDto>();
  const [removing, setRemoving] = useState<PreviewRuleDto | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ["settings", "preview-rules"] });

  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const chosen = form.getAll("pools").filter((value) => typeof value === "string");
    void rule.run(async () => {
      const made = await putJson<PreviewRuleDto>("preview-rules", { pattern: text(form, "pattern"), template: text(form, "template"), ttlMinutes: Number(text(form, "ttlMinutes")), maxEnvironments: Number(text(form, "maxEnvironments")), pools: chosen });
      await refresh();
      return made;
    });
  }

  const items = data?.items ?? [];
  return (
    <section className="section" aria-labelledby="previews">
      <SectionHead id="previews" title="Previews" note="environments that are there as long as something reports for them" />
      <ListError error={error} what="Previews" />
      {data && items.length === 0 ? <StateView kind="empty" title="No preview is made." body="A rule such as pr-* makes an environment for every pull request that a host reports." /> : null}
      {items.length > 0 ? (
        <Table label="Preview rules" stack>
          <thead>
            <tr>
              <th scope="col">Names</th>
              <th scope="col">Like</th>
              <th scope="col">Hosts of</th>
              <th scope="col" className="num">
                There
              </th>
              <th scope="col">Refused</th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.id}>
                <th scope="row" className="mono">
                  {item.pattern}
                </th>
                <td data-phone="end">{item.template}</td>
                <td className="wraps">{item.pools.join(", ") || <span className="muted">no pool</span>}</td>
                <td className="num" data-phone="end">
                  {formatCount(item.environments)} of {formatCount(item.maxEnvironments)}
                </td>
                <td className="wraps" data-phone="wide">
                  {item.lastRefused ? (
                    <>
                      {formatCount(item.refused)}, last {item.lastRefused.name}, <Age at={item.lastRefused.at} suffix="ago" />
                    </>
                  ) : (
                    <span className="muted">none</span>
                  )}
                </td>
                <td className="num" data-phone="wide">
                  <Button size="small" aria-label={`Remove the rule ${item.pattern}`} disabledReason={refusal("environments.write", { environment: item.template })} onClick={() => setRemoving(item)}>
                    Remove…
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <details className="make">
        <summary>New rule</summary>
        <form className="entry-form" onSubmit={save}>
          <Input label="Names" name="pattern" required maxLength={63} placeholder="pr-*" autoCapitalize="none" spellCheck={false} error={rule.fields.get("pattern") ?? null} hint="A * stands for any characters; a rule that is there is changed" />
          <Field label="Like" hint="Its mode, approvals and strategy hold for them" error={rule.fields.get("template") ?? null}>
            {(wiring) => (
              <select className="input" name="template" required {...wiring}>
                {environments.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            )}
          </Field>
          <fieldset className="choice">
            <legend className="field-label">Pools whose hosts may report for them</legend>
            {(pools.data?.items ?? []).filter(({ closed }) => !closed).map(({ name }) => (
              <Checkbox key={name} name="pools" value={name} label={name} />
            ))}
          </fieldset>
          <Input label="Ends after minutes without a report" name="ttlMinutes" type="number" min={5} defaultValue={DEFAULT_TTL_MINUTES} required error={rule.fields.get("ttlMinutes") ?? null} />
          <Input label="At most so many" name="maxEnvironments" type="number" min={1} max={1_000} defaultValue={DEFAULT_MOST} required error={rule.fields.get("maxEnvironments") ?? null} />
          <Button type="submit" disabledReason={refusal("environments.write")} aria-busy={rule.busy}>
            Save the rule
          </Button>
        </form>
        <Outcome act={rule}>{(made) => <p>Whatever is named {made.pattern} is a preview like {made.template} from now on.</p>}</Outcome>
      </details>
      {removing ? (
        <ActDialog
          title={`Remove the rule ${removing.pattern}`}
          label="Remove the rule"
          reason="required"
          done="The rule is removed."
          onClose={() => setRemoving(null)}
          onAct={async (reason) => {
            await postJson("preview-rules/remove", { pattern: removing.pattern, reason });
            await refresh();
          }}
        >
          <p>
            Nothing is made by it any more. The {formatCount(removing.environments)} {plural(removing.environments, "preview")} that {removing.environments === 1 ? "is" : "are"} there {removing.environments === 1 ? "ends" : "end"} when nothing reports for {removing.environments === 1 ? "it" : "them"}.
          </p>
        </ActDialog>
      ) : null}
    </section>
  );
}

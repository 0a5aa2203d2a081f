"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import type { Answer } from "@/app/(dashboard)/query-state";
import { ListError, Outcome, text } from "@/app/(dashboard)/settings/form-parts";
import { useAct } from "@/app/(dashboard)/settings/use-act";
import { plural } from "@/app/(dashboard)/words";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { Input, Textarea } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { HangingCell, Table } from "@/components/ui/table";
import { SectionHead } from "@/components/ui/verdict";
import type { RecallLiftDto, StandingRecall } from "@/lib/contract/policies";
import type { Page } from "@/lib/contract/primitives";
import { postJson } from "@/lib/queries/api-client";
import { keys } from "@/lib/queries/keys";
import { useRefusal } from "@/lib/queries/use-session";
import { describeRunning } from "./to-freezes";
import { useMissingRole } from "./use-missing-role";

type Recalled = { service: string; version: string; instances: number; entry: number };

/** Recalled releases, where each still runs, and who has agreed to lift it. */
export function Recalls({ query: { data, error } }: { query: Answer<Page<StandingRecall>> }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const missing = useMissingRole();
  const act = useAct<Recalled>();
  const [lifting, setLifting] = useState<StandingRecall | null>(null);
  const recalls = data?.items ?? [];

  function recall(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    void act.run(async () => {
      const made = await postJson<Recalled>("recalls", { service: text(form, "service"), version: text(form, "version"), reason: text(form, "reason") });
      await client.invalidateQueries({ queryKey: keys.recalls });
      element.reset();
      return made;
    });
  }

  return (
    <section className="section" aria-labelledby="recalls">
      <SectionHead id="recalls" title="Recalls" note="may not be assigned anywhere, and agents refuse it; two people lift one" end={recalls.length > 0 ? formatCount(recalls.length) : null} />
      <ListError error={error} what="Recalls" />
      {data && recalls.length === 0 ? <StateView kind="empty" title="Nothing is recalled." /> : null}
      {recalls.length > 0 ? (
        <Table label="Recalls" stack>
          <thead>
            <tr>
              <th scope="col">Release</th>
              <th scope="col">Still runs</th>
              <th scope="col">Recalled</th>
              <th scope="col">By, and why</th>
              <th scope="col">Agreed to lift</th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {recalls.map((item) => {
              const runs = item.running.some(({ instances }) => instances > 0);
              return (
                <tr key={item.id}>
                  <HangingCell tone={runs ? "critical" : "match"} className="wraps" data-phone="wide">
                    {item.service} {item.version}
                  </HangingCell>
                  <td className="wraps">{runs ? <span className="tone" data-tone="critical">{describeRunning(item)}</span> : <span className="muted">nowhere</span>}</td>
                  <td data-phone="end">
                    <Age at={item.at} coarse suffix="ago" />
                  </td>
                  <td className="wraps" data-phone="wide">
                    {item.by}: <span className="muted">{item.reason ?? "the reason was redacted"}</span>
                  </td>
                  <td className="wraps" data-phone={item.agreed.length === 0 ? "hide" : "wide"}>
                    {item.agreed.length === 0 ? <span className="muted">nobody</span> : `${item.agreed.map(({ by }) => by).join(", ")}, 1 of 2`}
                  </td>
                  <td className="num" data-phone="end">
                    <Button
                      size="small"
                      aria-label={`Agree to lift the recall of ${item.service} ${item.version}`}
                      disabledReason={refusal("recalls.lift", { service: item.service }) ?? (item.agreedByYou ? "You have agreed. Somebody else has to agree as well." : null)}
                      onClick={() => setLifting(item)}
                    >
                      {item.agreed.length > 0 ? "Lift…" : "Agree to lift…"}
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      ) : null}
      <details className="make">
        <summary>Recall a release</summary>
        <form className="entry-form" onSubmit={recall}>
          <Input label="Service" name="service" required error={act.fields.get("service") ?? null} autoCapitalize="none" spellCheck={false} />
          <Input label="Version" name="version" required maxLength={128} error={act.fields.get("version") ?? null} autoCapitalize="none" spellCheck={false} />
          <Textarea label="Reason, goes into the ledger" name="reason" rows={2} required maxLength={2000} error={act.fields.get("reason") ?? null} />
          <Button type="submit" disabledReason={missing("releases.recall")} aria-busy={act.busy}>
            Recall it everywhere
          </Button>
        </form>
        <Outcome act={act}>
          {(made) => (
            <p>
              {made.service} {made.version} is recalled. {made.instances === 0 ? "It runs nowhere." : `${formatCount(made.instances)} ${plural(made.instances, "instance runs", "instances run")} it now.`}
            </p>
          )}
        </Outcome>
      </details>
      {lifting ? (
        <ActDialog
          title={`Lift the recall of ${lifting.service} ${lifting.version}`}
          label={lifting.agreed.length > 0 ? "Agree and lift" : "Agree"}
          reason="required"
          done={lifting.agreed.length > 0 ? "The recall is lifted." : "You have agreed. Another person lifts it."}
          onClose={() => setLifting(null)}
          onAct={async (reason, key) => {
            await postJson<RecallLiftDto>("recalls/lift", { service: lifting.service, version: lifting.version, reason }, key);
            await client.invalidateQueries({ queryKey: keys.recalls });
          }}
        >
          {lifting.agreed.length > 0 ? (
            <p>
              {lifting.agreed.map(({ by }) => by).join(", ")} agreed{lifting.agreed[0]?.reason ? `: ${lifting.agreed[0].reason}` : ""}. With you it is lifted: the release may be assigned again where it is approved.
            </p>
          ) : (
            <p>It stays recalled until another person agrees as well.</p>
          )}
        </ActDialog>
      ) : null}
    </section>
  );
}

"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { ExecutorConfig, ExecutorDto, TestedExecutor } from "@/lib/contract/executors";
import type { DeliveryDto } from "@/lib/contract/notifications";
import { deleteJson, postJson } from "@/lib/queries/api-client";
import { executorsQuery, toldExecutorQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError, Outcome } from "../form-parts";
import { SettingsNav } from "../nav";
import { useAct } from "../use-act";
import { ChangeExecutor, NewExecutor } from "./executor-form";
import { KIND_NAMES } from "./kind-names";

export function ExecutorsPage() {
  const refusal = useRefusal();
  const missing = refusal("executors.read");
  const { data, error } = useQuery({ ...executorsQuery(), enabled: missing === null });
  return (
    <>
      <Verdict parts={["Executors"]} sub="What carries rollouts out where something else deploys. Each is told once a wave opens; whether it did so is judged by what runs, never by what it says." />
      <SettingsNav />
      {missing ? <StateView kind="empty" title="You have no right to see executors." body={missing} /> : null}
      <ListError error={error} what="Executors" />
      {data ? (
        <>
          <Executors items={data.items} />
          <section className="section" aria-labelledby="check-key">
            <SectionHead id="check-key" title="Checks before a wave" note="the key that verifies what they are asked" />
            <p className="muted section-gap">A check that a strategy names is asked by a POST signed with this installation&apos;s own key (Standard Webhooks, v1a). Whoever answers verifies it with:</p>
            <CopyBlock text={data.checkKey} label="Copy the public key" />
          </section>
        </>
      ) : null}
    </>
  );
}

function Executors({ items }: { items: readonly ExecutorDto[] }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const tried = useAct<TestedExecutor & { name: string }>();
  const [changing, setChanging] = useState<ExecutorDto | null>(null);
  const [removing, setRemoving] = useState<ExecutorDto | null>(null);
  const refusalFor = (item: ExecutorDto) => refusal("executors.write", { service: item.service, environment: item.environment });
  return (
    <section className="section" aria-labelledby="executors">
      <SectionHead id="executors" title="Where something else deploys" note="the most specific pattern decides; everywhere else the agents do it" />
      {items.length === 0 ? <StateView kind="empty" title="No executor yet." body="Every rollout is carried out by the agents on their hosts." /> : null}
      {items.length > 0 ? (
        <Table label="Executors" stack>
          <thead>
            <tr>
              <th scope="col">Executor</th>
              <th scope="col">Services, environments</th>
              <th scope="col">Leads to</th>
              <th scope="col">Last told</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.id}>
                <HangingCell tone={item.last?.status === "failed" ? "critical" : "neutral"} data-phone="wide">
                  <b>{item.name}</b> <span className="muted">{KIND_NAMES[item.config.kind]}</span>
                </HangingCell>
                <td className="wraps" data-phone="wide">
                  {item.service} in {item.environment}
                </td>
                <td className="wraps mono" data-phone="wide">
                  {describeAddress(item.config)}
                </td>
                <td className="wraps" data-phone="wide">
                  <LastTold last={item.last} />
                </td>
                <td className="num" data-phone="wide">
                  <span className="row-acts">
                    <Button size="small" aria-label={`Try ${item.name} out`} disabledReason={refusalFor(item)} aria-busy={tried.busy} onClick={() => void tried.run(async () => ({ ...(await postJson<TestedExecutor>(`executors/${item.id}/test`, {})), name: item.name }))}>
                      Try out
                    </Button>
                    <Button size="small" aria-label={`Change ${item.name}`} disabledReason={refusalFor(item)} onClick={() => setChanging(item)}>
                      Change…
                    </Button>
                    <Button size="small" aria-label={`Remove ${item.name}`} disabledReason={refusalFor(item)} onClick={() => setRemoving(item)}>
                      Remove…
                    </Button>
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <Outcome act={tried}>
        {(result) => (
          <p className="section-gap">
            <StatusShape kind={result.ok ? "match" : "critical"} size={12} /> <b>{result.name}</b>: {result.sentence}
          </p>
        )}
      </Outcome>
      {items.map((item) => (item.last ? <Told key={item.id} executor={item} /> : null))}
      <NewExecutor />
      {changing ? <ChangeExecutor executor={changing} onClose={() => setChanging(null)} /> : null}
      {removing ? (
        <ActDialog
          title={`Remove the executor ${removing.name}`}
          label="Remove"
          reason="none"
          done="The executor is removed."
          onClose={() => setRemoving(null)}
          onAct={async () => {
            await deleteJson(`executors/${removing.id}`);
            await client.invalidateQueries({ queryKey: ["settings", "executors"] });
          }}
        >
          <p>Its secret is erased and what it was not told yet is given up. A rollout that it is carrying out goes on being judged by what runs; the next one is carried out by whoever else is named for the place, or by the agents.</p>
        </ActDialog>
      ) : null}
    </section>
  );
}

const LAST_TONE: Record<"pending" | "sent" | "failed", Tone> = { pending: "rolling", sent: "match", failed: "critical" };
const LAST_WORD: Record<"pending" | "sent" | "failed", string> = { pending: "on its way", sent: "told", failed: "not told" };

function LastTold({ last }: { last: ExecutorDto["last"] }) {
  if (!last) return <span className="muted">never</span>;
  return (
    <>
      <StatusShape kind={LAST_TONE[last.status]} size={12} /> {LAST_WORD[last.status]}, <Age at={last.at} suffix="ago" />
      {last.error ? <span className="muted block">{last.error}</span> : null}
    </>
  );
}

/** The last things that an executor was told, read when somebody looks; what was given up can be sent again. */
function Told({ executor }: { executor: ExecutorDto }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const missing = refusal("deliveries.read");
  const [open, setOpen] = useState(false);
  const { data, error, isPending } = useQuery({ ...toldExecutorQuery(executor.id), enabled: open && missing === null });
  const resent = useAct<DeliveryDto>();

  function resend(item: DeliveryDto) {
    void resent.run(async () => {
      const again = await postJson<DeliveryDto>(`deliveries/${item.id}/resend`, {});
      await client.invalidateQueries({ queryKey: ["deliveries"] });
      return again;
    });
  }

  return (
    <details className="make" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What {executor.name} was told</summary>
      {missing ? <StateView kind="empty" title="You have no right to see deliveries." body={missing} /> : null}
      <ListError error={error} what="Deliveries" />
      {open && isPending && missing === null ? <StateView kind="loading" label="Loading: deliveries" rows={3} /> : null}
      {data && data.items.length > 0 ? (
        <Table label={`What ${executor.name} was told`} dense stack>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">State</th>
              <th scope="col" className="num">
                Attempts
              </th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((item) => (
              <tr key={item.id}>
                <HangingCell tone={item.status === "failed" ? "critical" : "neutral"} className="wraps" data-phone="wide">
                  {item.rollout ? (
                    <Link className="link" href={`/rollouts/${item.rollout.id}`}>
                      {item.sentence}
                    </Link>
                  ) : (
                    item.sentence
                  )}
                  {item.resendOf ? <span className="muted">, sent again</span> : null}
                </HangingCell>
                <td className="wraps" data-phone="wide">
                  <LastTold last={{ at: item.sentAt ?? item.createdAt, status: item.status, error: item.lastError }} />
                </td>
                <td className="num">{item.attempts}</td>
                <td className="num" data-phone="end">
                  <Button
                    size="small"
                    aria-label={`Send again: ${item.sentence}`}
                    disabledReason={item.status === "pending" ? "It is still on its way." : refusal("deliveries.resend", item.rollout ? { service: item.rollout.service, environment: item.rollout.environment } : {})}
                    aria-busy={resent.busy}
                    onClick={() => resend(item)}
                  >
                    Send again
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <Outcome act={resent}>{() => <p className="section-gap">It is on its way to {executor.name} once more. An order of a rollout that has ended is not sent.</p>}</Outcome>
    </details>
  );
}

function describeAddress(config: ExecutorConfig): string {
  switch (config.kind) {
    case "webhook":
      return config.url;
    case "github":
      return `${config.owner}/${config.repo}${config.workflow === null ? "" : ` ${config.workflow}@${config.ref}`}`;
    case "gitlab":
      return `${config.project}@${config.ref}`;
    default:
      return config satisfies never;
  }
}

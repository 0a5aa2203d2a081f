"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { Field, Input } from "@/components/ui/field";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { CreatedExecutor, ExecutorConfig, ExecutorDto, TestedExecutor } from "@/lib/contract/executors";
import type { DeliveryDto } from "@/lib/contract/notifications";
import { deleteJson, postJson } from "@/lib/queries/api-client";
import { executorsQuery, toldExecutorQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError, Outcome, text } from "../form-parts";
import { SettingsNav } from "../nav";
import { useAct } from "../use-act";

type Kind = ExecutorConfig["kind"];
const KIND_NAMES: Record<Kind, string> = { webhook: "Webhook", github: "GitHub Actions", gitlab: "GitLab CI" };
const KIND_HINTS: Record<Kind, string> = {
  webhook: "A signed POST with the decision and its proof, to whatever deploys.",
  github: "Runs a workflow, or sends a repository_dispatch event when no workflow is named.",
  gitlab: "Triggers a pipeline with the decision in its variables.",
};
const KINDS: readonly Kind[] = ["webhook", "github", "gitlab"];

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

function NewExecutor() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const made = useAct<CreatedExecutor>();
  const [kind, setKind] = useState<Kind>("webhook");
  const wrong = (path: string) => made.fields.get(path) ?? null;

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const secret = text(form, "secret");
    void made.run(async () => {
      const result = await postJson<CreatedExecutor>("executors", {
        name: text(form, "name"),
        service: text(form, "service"),
        environment: text(form, "environment"),
        config: readConfig(kind, form),
        ...(secret !== "" && { secret }),
      });
      await client.invalidateQueries({ queryKey: ["settings", "executors"] });
      element.reset();
      return result;
    });
  }

  return (
    <>
      <details className="make">
        <summary>New executor</summary>
        <form className="entry-form" onSubmit={create}>
          <Field label="Kind" hint={KIND_HINTS[kind]}>
            {(wiring) => (
              <select className="input" name="kind" {...wiring} value={kind} onChange={(event) => setKind(KINDS.find((one) => one === event.target.value) ?? kind)}>
                {KINDS.map((one) => (
                  <option key={one} value={one}>
                    {KIND_NAMES[one]}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Input label="Name" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} error={wrong("name")} autoCapitalize="none" spellCheck={false} hint="Small letters, digits, dots and dashes: deployer-eu" />
          <Input label="Services" name="service" defaultValue="*" required hint="A name; * stands for any characters." error={wrong("service")} autoCapitalize="none" spellCheck={false} />
          <Input label="Environments" name="environment" defaultValue="*" required error={wrong("environment")} autoCapitalize="none" spellCheck={false} />
          <ConfigFields kind={kind} wrong={wrong} />
          <Button type="submit" disabledReason={refusal("executors.write")} aria-busy={made.busy}>
            Make the executor
          </Button>
        </form>
      </details>
      <Outcome act={made}>
        {(result) => (
          <div className="section-gap">
            {result.secret === null ? (
              <p>The executor {result.name} is named. Try it out before a rollout does.</p>
            ) : (
              <>
                <p>Copy the secret now: it is not shown again. The receiver verifies every message of {result.name} with it.</p>
                <CopyBlock text={result.secret} label="Copy the secret" />
              </>
            )}
          </div>
        )}
      </Outcome>
    </>
  );
}

function ConfigFields({ kind, wrong }: { kind: Kind; wrong: (path: string) => string | null }) {
  const typed = { autoCapitalize: "none", spellCheck: false, autoComplete: "off" } as const;
  switch (kind) {
    case "webhook":
      return (
        <>
          <Input label="Address" name="url" type="url" required maxLength={2_000} placeholder="https://deployer.example.org/plumbline" error={wrong("config.url")} {...typed} />
          <Input label="Secret of your own" name="secret" type="password" hint="whsec_ and base64. Left empty, one is made and shown once." error={wrong("secret")} {...typed} />
        </>
      );
    case "github":
      return (
        <>
          <Input label="Owner" name="owner" required error={wrong("config.owner")} {...typed} />
          <Input label="Repository" name="repo" required error={wrong("config.repo")} {...typed} />
          <Input label="Workflow" name="workflow" placeholder="rollout.yml" hint="Its file. Left empty, a repository_dispatch event of type plumbline-rollout is sent." error={wrong("config.workflow")} {...typed} />
          <Input label="Branch or tag" name="ref" defaultValue="main" required error={wrong("config.ref")} {...typed} />
          <Input label="API" name="baseUrl" type="url" defaultValue="https://api.github.com" required hint="GitHub Enterprise Server: https://HOST/api/v3" error={wrong("config.baseUrl")} {...typed} />
          <Input label="Token" name="secret" type="password" required hint="Fine-grained, for this repository alone: Actions, or Contents for an event, read and write." error={wrong("secret")} {...typed} />
        </>
      );
    case "gitlab":
      return (
        <>
          <Input label="Project" name="project" required placeholder="group/project" hint="Its path or number." error={wrong("config.project")} {...typed} />
          <Input label="Branch or tag" name="ref" defaultValue="main" required error={wrong("config.ref")} {...typed} />
          <Input label="GitLab" name="baseUrl" type="url" defaultValue="https://gitlab.com" required error={wrong("config.baseUrl")} {...typed} />
          <Input label="Trigger token" name="secret" type="password" required hint="Settings, CI/CD, Pipeline trigger tokens." error={wrong("secret")} {...typed} />
        </>
      );
    default:
      return kind satisfies never;
  }
}

function readConfig(kind: Kind, form: FormData): ExecutorConfig {
  const ref = text(form, "ref");
  const baseUrl = text(form, "baseUrl");
  switch (kind) {
    case "webhook":
      return { kind, url: text(form, "url") };
    case "github":
      return { kind, baseUrl, owner: text(form, "owner"), repo: text(form, "repo"), workflow: text(form, "workflow") || null, ref };
    case "gitlab":
      return { kind, baseUrl, project: text(form, "project"), ref };
    default:
      return kind satisfies never;
  }
}

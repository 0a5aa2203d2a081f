"use client";

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { rolloutName } from "@/app/(dashboard)/rollouts/to-rollout";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { Input } from "@/components/ui/field";
import { StateView } from "@/components/ui/state-view";
import { HangingCell, Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import type { Tone } from "@/components/ui/tone";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { AnnouncementDto } from "@/lib/contract/deployments";
import type { CreatedHook, HookDto } from "@/lib/contract/hooks";
import { deleteJson, postJson } from "@/lib/queries/api-client";
import { keys } from "@/lib/queries/keys";
import { announcementsQuery, hooksQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError, Outcome, text } from "../form-parts";
import { SettingsNav } from "../nav";
import { useAct } from "../use-act";

/** Who deploys beside Plumbline: what they said last and what came of it, and the doors for those that sign. */
export function DeployersPage() {
  return (
    <>
      <Verdict parts={["Deployers"]} sub="Whoever deploys beside Plumbline may say so, and is followed from its first second. What it says is a hint: what runs decides. Who decides about a service is said on its own page." />
      <SettingsNav />
      <Announcements />
      <Hooks />
    </>
  );
}

const OUTCOME_TONE: Record<AnnouncementDto["outcome"], Tone> = { followed: "match", "there-already": "neutral", noted: "neutral", refused: "critical" };

function Announcements() {
  const refusal = useRefusal();
  const missing = refusal("deployments.read");
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({ ...announcementsQuery(), enabled: missing === null });
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="section" aria-labelledby="announcements">
      <SectionHead id="announcements" title="Announced deployments" note="the last first, refused ones too" />
      {missing ? <StateView kind="empty" title="You have no right to see them." body={missing} /> : null}
      <ListError error={error} what="Announced deployments" />
      {data && items.length === 0 ? <StateView kind="empty" title="Nobody announced anything yet." body="A step of a pipeline runs plumbline deployment announce, GitHub calls a hook, and Argo CD and CDEvents have addresses of their own." /> : null}
      {items.length > 0 ? (
        <Table label="Announced deployments" stack>
          <thead>
            <tr>
              <th scope="col">Deployment</th>
              <th scope="col">What came of it</th>
              <th scope="col">By</th>
              <th scope="col">Received, UTC</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.id}>
                <HangingCell tone={OUTCOME_TONE[item.outcome]} data-phone="wide">
                  <b>{item.service}</b> {item.version} <span className="muted">{item.status} in {item.environment}{item.partition === "default" ? "" : `, ${item.partition}`}</span>
                </HangingCell>
                <td className="wraps" data-phone="wide">
                  {item.sentence}{" "}
                  {item.rollout ? (
                    <Link className="link" href={`/rollouts/${item.rollout.id}`}>
                      {rolloutName(item.rollout)}
                    </Link>
                  ) : null}
                </td>
                <td className="wraps" data-phone="wide">
                  {[item.tool, item.by].filter((one) => one !== null).join(", ") || <span className="muted">not said</span>}
                  {item.url ? (
                    <>
                      {" "}
                      <a className="link" href={item.url} rel="noreferrer">
                        Watch it there
                      </a>
                    </>
                  ) : null}
                </td>
                <td data-phone="end">
                  <Timestamp at={item.receivedAt} zone={false} />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      {hasNextPage ? (
        <div className="more">
          <Button onClick={() => void fetchNextPage()} aria-busy={isFetchingNextPage}>
            Show more
          </Button>
        </div>
      ) : null}
    </section>
  );
}

function Hooks() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const missing = refusal("hooks.read");
  const { data, error } = useQuery({ ...hooksQuery(), enabled: missing === null });
  const [removing, setRemoving] = useState<HookDto | null>(null);
  return (
    <section className="section" aria-labelledby="hooks">
      <SectionHead id="hooks" title="Hooks" note="for senders that sign instead of sending a token" />
      {missing ? <StateView kind="empty" title="You have no right to see hooks." body={missing} /> : null}
      <ListError error={error} what="Hooks" />
      {data && data.items.length === 0 ? <StateView kind="empty" title="No hook yet." body="GitHub tells of every deployment of a job with an environment, when it is given an address and a secret." /> : null}
      {data && data.items.length > 0 ? (
        <Table label="Hooks" stack>
          <thead>
            <tr>
              <th scope="col">Hook</th>
              <th scope="col">May announce</th>
              <th scope="col">Address</th>
              <th scope="col">Last call</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((hook) => (
              <tr key={hook.id}>
                <HangingCell tone="neutral" data-phone="wide">
                  <b>{hook.name}</b> <span className="muted">GitHub, by {hook.createdBy}</span>
                </HangingCell>
                <td className="wraps" data-phone="wide">
                  {hook.service} in {hook.environment}
                </td>
                <td className="wraps mono" data-phone="wide">
                  {hook.url}
                </td>
                <td>{hook.lastCalledAt ? <>called <Age at={hook.lastCalledAt} suffix="ago" /></> : <span className="muted">never called</span>}</td>
                <td className="num" data-phone="end">
                  <Button size="small" aria-label={`Remove ${hook.name}`} disabledReason={refusal("hooks.write", { service: hook.service, environment: hook.environment })} onClick={() => setRemoving(hook)}>
                    Remove…
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      {missing ? null : <NewHook />}
      {removing ? (
        <ActDialog
          title={`Remove the hook ${removing.name}`}
          label="Remove"
          reason="none"
          done="The hook is removed."
          onClose={() => setRemoving(null)}
          onAct={async () => {
            await deleteJson(`hooks/${removing.id}`);
            await client.invalidateQueries({ queryKey: keys.hooks });
          }}
        >
          <p>Its secret is erased, and what is sent to its address is refused from now on. What it announced stays, and rollouts that are followed are followed to their end.</p>
        </ActDialog>
      ) : null}
    </section>
  );
}

function NewHook() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const made = useAct<CreatedHook>();
  const wrong = (path: string) => made.fields.get(path) ?? null;

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    void made.run(async () => {
      const result = await postJson<CreatedHook>("hooks", { kind: "github", name: text(form, "name"), service: text(form, "service"), environment: text(form, "environment") });
      await client.invalidateQueries({ queryKey: keys.hooks });
      element.reset();
      return result;
    });
  }

  return (
    <>
      <details className="make">
        <summary>New hook for GitHub</summary>
        <form className="entry-form" onSubmit={create}>
          <Input label="Name" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} error={wrong("name")} autoCapitalize="none" spellCheck={false} hint="Small letters, digits, dots and dashes: github-payments" />
          <Input label="Services" name="service" defaultValue="*" required hint="What it may announce. A name; * stands for any characters." error={wrong("service")} autoCapitalize="none" spellCheck={false} />
          <Input label="Environments" name="environment" defaultValue="*" required error={wrong("environment")} autoCapitalize="none" spellCheck={false} />
          <Button type="submit" disabledReason={refusal("hooks.write")} aria-busy={made.busy}>
            Make the hook
          </Button>
        </form>
      </details>
      <Outcome act={made}>
        {(hook) => (
          <div className="section-gap">
            <p>In the repository or organisation: Settings, Webhooks, Add webhook. Content type application/json, only the event Deployment statuses. This is the payload URL:</p>
            <CopyBlock text={hook.url} label="Copy the address" />
            <p className="section-gap">Copy the secret now: it is not shown again.</p>
            <CopyBlock text={hook.secret} label="Copy the secret" />
          </div>
        )}
      </Outcome>
    </>
  );
}

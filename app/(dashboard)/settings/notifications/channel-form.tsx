"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { Dialog } from "@/components/ui/dialog";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { announce } from "@/components/ui/live-region";
import type { ChannelDto, ChannelWritten } from "@/lib/contract/notifications";
import { CHANNEL_KINDS, MAIL_SECURITIES, PAGERDUTY_URL, type ChannelKind } from "@/lib/domain/notifications/channel-kinds";
import type { NoticeEvent } from "@/lib/domain/notifications/events";
import { patchJson, postJson } from "@/lib/queries/api-client";
import { useRefusal } from "@/lib/queries/use-session";
import { Outcome, text } from "../form-parts";
import { useAct } from "../use-act";
import { describeDestination, eventsFor, FIRST_EVENTS, KIND_HINTS, KIND_NAMES } from "./to-notifications";

const TYPED = { autoCapitalize: "none", spellCheck: false, autoComplete: "off" } as const;

export function NewChannel() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const made = useAct<ChannelWritten>();
  const [kind, setKind] = useState<ChannelKind>("slack");

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    void made.run(async () => {
      const result = await postJson<ChannelWritten>("channels", { ...readForm(form), destination: readDestination(kind, form) });
      await client.invalidateQueries({ queryKey: ["settings", "channels"] });
      element.reset();
      return result;
    });
  }

  return (
    <>
      <details className="make">
        <summary>New channel</summary>
        <form className="entry-form" onSubmit={create}>
          <Field label="Kind" hint={KIND_HINTS[kind]}>
            {(wiring) => (
              <select className="input" name="kind" {...wiring} value={kind} onChange={(event) => setKind(CHANNEL_KINDS.find((one) => one === event.target.value) ?? kind)}>
                {CHANNEL_KINDS.map((one) => (
                  <option key={one} value={one}>
                    {KIND_NAMES[one]}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <NameFields errors={made.fields} />
          <DestinationFields kind={kind} errors={made.fields} />
          <EventFields kind={kind} chosen={kind === "pagerduty" ? null : FIRST_EVENTS} />
          <Button type="submit" disabledReason={refusal("channels.write")} aria-busy={made.busy}>
            Make the channel
          </Button>
        </form>
      </details>
      <Outcome act={made}>
        {(result) => (
          <div className="section-gap">
            {result.signingSecret === null ? (
              <p>The channel {result.name} is made. Send it a test.</p>
            ) : (
              <>
                <p>Copy the signing secret now: it is not shown again. The receiver verifies every message of {result.name} with it.</p>
                <CopyBlock text={result.signingSecret} label="Copy the signing secret" />
              </>
            )}
          </div>
        )}
      </Outcome>
    </>
  );
}

export function ChangeChannel({ channel, onClose }: { channel: ChannelDto; onClose: () => void }) {
  const client = useQueryClient();
  const changed = useAct<void>();
  const [isElsewhere, setIsElsewhere] = useState(false);
  const { kind } = channel.destination;

  function change(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void changed.run(async () => {
      const { name } = await patchJson<ChannelWritten>(`channels/${channel.id}`, { ...changesOf(channel, readForm(form)), ...(isElsewhere && { destination: readDestination(kind, form) }) });
      await client.invalidateQueries({ queryKey: ["settings", "channels"] });
      announce(`${name} is changed.`);
      onClose();
    });
  }

  return (
    <Dialog open onClose={onClose} title={`Change the channel ${channel.name}`}>
      <form className="act-form" onSubmit={change}>
        <NameFields errors={changed.fields} channel={channel} />
        <EventFields kind={kind} chosen={channel.events} error={changed.fields.get("events")} />
        <Checkbox
          checked={isElsewhere}
          onChange={(event) => setIsElsewhere(event.target.checked)}
          label="Lead it elsewhere"
          hint={`It leads to ${describeDestination(channel.destination)}. A new destination is given as a whole: what is secret about the old one is sent nowhere else.`}
        />
        {isElsewhere ? <DestinationFields kind={kind} errors={changed.fields} channel={channel} /> : null}
        <Outcome act={changed}>{() => null}</Outcome>
        <div className="state-actions">
          <Button type="submit" look="act" aria-busy={changed.busy}>
            Save
          </Button>
          <Button look="quiet" onClick={onClose}>
            Cancel
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface FieldsProps {
  errors: ReadonlyMap<string, string>;
  /** As it is now; absent for a new one. */
  channel?: ChannelDto;
}

function NameFields({ errors, channel }: FieldsProps) {
  const wrong = (path: string) => errors.get(path) ?? null;
  return (
    <>
      <Input label="Name" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} defaultValue={channel?.name} error={wrong("name")} hint="Small letters, digits, dots and dashes: payments-oncall" {...TYPED} />
      <Input label="Services" name="service" defaultValue={channel?.service ?? "*"} required hint="A name; * stands for any characters." error={wrong("service")} {...TYPED} />
      <Input label="Environments" name="environment" defaultValue={channel?.environment ?? "*"} required error={wrong("environment")} {...TYPED} />
    </>
  );
}

/** What it is told; `chosen` null: all of it. */
function EventFields({ kind, chosen, error }: { kind: ChannelKind; chosen: readonly NoticeEvent[] | null; error?: string | undefined }) {
  return (
    <fieldset className="choice" key={kind === "pagerduty" ? "few" : "all"}>
      <legend className="field-label">Tell it when</legend>
      {eventsFor(kind).map(({ event, words }) => (
        <Checkbox key={event} name="events" value={event} label={words} defaultChecked={chosen === null || chosen.includes(event)} />
      ))}
      {error ? <p className="entry-error">{error}</p> : null}
    </fieldset>
  );
}

const SECURITY_NAMES: Record<(typeof MAIL_SECURITIES)[number], string> = { tls: "TLS from the first byte", starttls: "STARTTLS", none: "none, where the outbound allow-list says so" };

function DestinationFields({ kind, errors, channel }: FieldsProps & { kind: ChannelKind }) {
  const wrong = (path: string) => errors.get(path) ?? null;
  const now = channel?.destination;
  switch (kind) {
    case "webhook":
      return (
        <>
          <Input label="URL" name="url" type="url" required maxLength={2_000} placeholder="https://hooks.example.org/plumbline" hint="Kept sealed; only its host is shown again." error={wrong("destination.url")} {...TYPED} />
          <Input label="Signing secret of your own" name="signingSecret" type="password" hint={channel ? "whsec_ and base64. Left empty, the one that is kept stays." : "whsec_ and base64. Left empty, one is made and shown once."} error={wrong("destination.signingSecret")} {...TYPED} />
        </>
      );
    case "slack":
      return <Input label="URL of the incoming webhook" name="url" type="url" required maxLength={2_000} placeholder="https://hooks.slack.com/services/…" hint="Kept sealed; only its host is shown again." error={wrong("destination.url")} {...TYPED} />;
    case "pagerduty":
      return (
        <>
          <Input label="Integration key" name="routingKey" type="password" required hint="Of an integration of the kind Events API v2." error={wrong("destination.routingKey")} {...TYPED} />
          <Input label="Events API" name="url" type="url" required defaultValue={now?.kind === kind ? now.url : PAGERDUTY_URL} hint="In the EU: https://events.eu.pagerduty.com/v2/enqueue" error={wrong("destination.url")} {...TYPED} />
        </>
      );
    case "email": {
      const mail = now?.kind === kind ? now : null;
      return (
        <>
          <Input label="SMTP server" name="host" required defaultValue={mail?.host} placeholder="smtp.example.org" error={wrong("destination.host")} {...TYPED} />
          <Input label="Port" name="port" type="number" min={1} max={65_535} defaultValue={mail?.port ?? 587} required error={wrong("destination.port")} />
          <Field label="Encryption" error={wrong("destination.security")}>
            {(wiring) => (
              <select className="input" name="security" defaultValue={mail?.security ?? "starttls"} {...wiring}>
                {MAIL_SECURITIES.map((one) => (
                  <option key={one} value={one}>
                    {SECURITY_NAMES[one]}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Input label="User" name="user" defaultValue={mail?.user ?? ""} hint="Left empty, nobody signs in." error={wrong("destination.user")} {...TYPED} />
          <Input label="Password" name="password" type="password" error={wrong("destination.password")} {...TYPED} autoComplete="new-password" />
          <Input label="From" name="from" type="email" required defaultValue={mail?.from} placeholder="plumbline@example.org" error={wrong("destination.from")} {...TYPED} />
          <Input label="To" name="to" required defaultValue={mail?.to.join(", ")} placeholder="oncall@example.org, log@example.org" hint="Up to 20 addresses, with commas." error={wrong("destination.to") ?? wrong("destination.to[0]")} {...TYPED} />
        </>
      );
    }
    default:
      return kind satisfies never;
  }
}

function readForm(form: FormData) {
  return { name: text(form, "name"), service: text(form, "service"), environment: text(form, "environment"), events: form.getAll("events") };
}

/** Only what was changed here: what somebody else changed meanwhile stays. */
function changesOf(before: ChannelDto, now: ReturnType<typeof readForm>) {
  return {
    ...(now.name !== before.name && { name: now.name }),
    ...(now.service !== before.service && { service: now.service }),
    ...(now.environment !== before.environment && { environment: now.environment }),
    ...(now.events.join() !== before.events.join() && { events: now.events }),
  };
}

function readDestination(kind: ChannelKind, form: FormData): Record<string, unknown> {
  const given = (name: string) => (text(form, name) === "" ? {} : { [name]: text(form, name) });
  switch (kind) {
    case "webhook":
      return { kind, url: text(form, "url"), ...given("signingSecret") };
    case "slack":
      return { kind, url: text(form, "url") };
    case "pagerduty":
      return { kind, routingKey: text(form, "routingKey"), url: text(form, "url") };
    case "email":
      return { kind, host: text(form, "host"), port: Number(text(form, "port")), security: text(form, "security"), ...given("user"), ...given("password"), from: text(form, "from"), to: text(form, "to").split(/[\s,;]+/).filter(Boolean) };
    default:
      return kind satisfies never;
  }
}

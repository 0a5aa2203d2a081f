"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { Checkbox, Field, Input } from "@/components/ui/field";
import type { ChannelWritten } from "@/lib/contract/notifications";
import { CHANNEL_KINDS, MAIL_SECURITIES, PAGERDUTY_URL, type ChannelKind } from "@/lib/domain/notifications/channel-kinds";
import { postJson } from "@/lib/queries/api-client";
import { useRefusal } from "@/lib/queries/use-session";
import { Outcome, text } from "../form-parts";
import { useAct } from "../use-act";
import { eventsFor, FIRST_EVENTS, KIND_HINTS, KIND_NAMES } from "./to-notifications";

export function NewChannel() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const made = useAct<ChannelWritten>();
  const [kind, setKind] = useState<ChannelKind>("slack");
  const wrong = (path: string) => made.fields.get(path) ?? null;

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    void made.run(async () => {
      const result = await postJson<ChannelWritten>("channels", {
        name: text(form, "name"),
        service: text(form, "service"),
        environment: text(form, "environment"),
        events: form.getAll("events"),
        destination: readDestination(kind, form),
      });
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
          <Input label="Name" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} error={wrong("name")} autoCapitalize="none" spellCheck={false} hint="Small letters, digits, dots and dashes: payments-oncall" />
          <Input label="Services" name="service" defaultValue="*" required hint="A name; * stands for any characters." error={wrong("service")} autoCapitalize="none" spellCheck={false} />
          <Input label="Environments" name="environment" defaultValue="*" required error={wrong("environment")} autoCapitalize="none" spellCheck={false} />
          <DestinationFields kind={kind} wrong={wrong} />
          <fieldset className="choice" key={kind === "pagerduty" ? "few" : "all"}>
            <legend className="field-label">Tell it when</legend>
            {eventsFor(kind).map(({ event, words }) => (
              <Checkbox key={event} name="events" value={event} label={words} defaultChecked={FIRST_EVENTS.includes(event) || kind === "pagerduty"} />
            ))}
          </fieldset>
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

const SECURITY_NAMES: Record<(typeof MAIL_SECURITIES)[number], string> = { tls: "TLS from the first byte", starttls: "STARTTLS", none: "none, where the outbound allow-list says so" };

function DestinationFields({ kind, wrong }: { kind: ChannelKind; wrong: (path: string) => string | null }) {
  const typed = { autoCapitalize: "none", spellCheck: false, autoComplete: "off" } as const;
  switch (kind) {
    case "webhook":
      return (
        <>
          <Input label="URL" name="url" type="url" required maxLength={2_000} placeholder="https://hooks.example.org/plumbline" hint="Kept sealed; only its host is shown again." error={wrong("destination.url")} {...typed} />
          <Input label="Signing secret of your own" name="signingSecret" type="password" hint="whsec_ and base64. Left empty, one is made and shown once." error={wrong("destination.signingSecret")} {...typed} />
        </>
      );
    case "slack":
      return <Input label="URL of the incoming webhook" name="url" type="url" required maxLength={2_000} placeholder="https://hooks.slack.com/services/…" hint="Kept sealed; only its host is shown again." error={wrong("destination.url")} {...typed} />;
    case "pagerduty":
      return (
        <>
          <Input label="Integration key" name="routingKey" type="password" required hint="Of an integration of the kind Events API v2." error={wrong("destination.routingKey")} {...typed} />
          <Input label="Events API" name="url" type="url" required defaultValue={PAGERDUTY_URL} hint="In the EU: https://events.eu.pagerduty.com/v2/enqueue" error={wrong("destination.url")} {...typed} />
        </>
      );
    case "email":
      return (
        <>
          <Input label="SMTP server" name="host" required placeholder="smtp.example.org" error={wrong("destination.host")} {...typed} />
          <Input label="Port" name="port" type="number" min={1} max={65_535} defaultValue={587} required error={wrong("destination.port")} />
          <Field label="Encryption" error={wrong("destination.security")}>
            {(wiring) => (
              <select className="input" name="security" defaultValue="starttls" {...wiring}>
                {MAIL_SECURITIES.map((one) => (
                  <option key={one} value={one}>
                    {SECURITY_NAMES[one]}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Input label="User" name="user" hint="Left empty, nobody signs in." error={wrong("destination.user")} {...typed} />
          <Input label="Password" name="password" type="password" error={wrong("destination.password")} {...typed} autoComplete="new-password" />
          <Input label="From" name="from" type="email" required placeholder="plumbline@example.org" error={wrong("destination.from")} {...typed} />
          <Input label="To" name="to" required placeholder="oncall@example.org, log@example.org" hint="Up to 20 addresses, with commas." error={wrong("destination.to") ?? wrong("destination.to[0]")} {...typed} />
        </>
      );
    default:
      return kind satisfies never;
  }
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

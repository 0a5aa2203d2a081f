import type { z } from "zod";
import type { ChannelDestination, ShownDestination } from "@/lib/contract/notifications";
import { isForPagerDuty } from "@/lib/domain/notifications/to-pagerduty";
import type { NoticeEvent } from "@/lib/domain/notifications/events";
import { AppError } from "@/server/errors";
import { OutboundError } from "@/server/outbound/outbound-error";
import { readUrl } from "@/server/outbound/send-request";
import { makeWebhookSecret, readWebhookSecret } from "@/server/outbound/standard-webhook";
import type { mailSecret } from "./send-mail";
import type { pagerDutySecret } from "./send-pagerduty";
import type { slackSecret } from "./send-slack";
import type { webhookSecret } from "./send-webhook";

export type ChannelSecret = z.output<typeof webhookSecret> | z.output<typeof slackSecret> | z.output<typeof pagerDutySecret> | z.output<typeof mailSecret>;
export type SplitDestination = {
  /** Kept and shown. */
  config: ShownDestination;
  /** Sealed. */
  secret: ChannelSecret;
  /** A signing secret that was made just now, to be shown once. */
  made: string | null;
  /** What the ledger names. */
  host: string;
};

/**
 * Parts a destination into what may be shown and what is sealed.
 * @param signingSecret the one that a webhook has had so far
 * @throws AppError unprocessable, naming the field
 */
export function splitDestination(destination: ChannelDestination, signingSecret: string | null = null): SplitDestination {
  switch (destination.kind) {
    case "webhook": {
      const { host } = checkUrl(destination.url);
      if (destination.signingSecret !== undefined && !readWebhookSecret(destination.signingSecret)) throw refuse("destination.signingSecret", "must be whsec_ and the base64 of 24 to 64 bytes");
      const kept = destination.signingSecret ?? signingSecret;
      const made = kept === null ? makeWebhookSecret() : null;
      return { config: { kind: "webhook", host }, secret: { url: destination.url, signingSecret: kept ?? made ?? "" }, made, host };
    }
    case "slack": {
      const { host } = checkUrl(destination.url);
      return { config: { kind: "slack", host }, secret: { url: destination.url }, made: null, host };
    }
    case "pagerduty": {
      const { host } = checkUrl(destination.url);
      return { config: { kind: "pagerduty", url: destination.url }, secret: { routingKey: destination.routingKey }, made: null, host };
    }
    case "email": {
      const { host, port, security, user, password, from, to } = destination;
      if ((user === undefined) !== (password === undefined)) throw refuse(user === undefined ? "destination.user" : "destination.password", "user and password go together");
      return { config: { kind: "email", host, port, security, user: user ?? null, from, to }, secret: { password: password ?? null }, made: null, host };
    }
    default:
      return destination satisfies never;
  }
}

/** @throws AppError unprocessable when PagerDuty would be told what it has no use for */
export function checkEvents(kind: ShownDestination["kind"], events: readonly NoticeEvent[]): void {
  const useless = kind === "pagerduty" ? events.filter((event) => !isForPagerDuty(event)) : [];
  if (useless.length > 0) throw refuse("events", `PagerDuty wakes people: ${useless.join(", ")} cannot be sent to it`);
}

function checkUrl(text: string): URL {
  try {
    return readUrl(text);
  } catch (error) {
    if (error instanceof OutboundError) throw refuse("destination.url", error.message);
    throw error;
  }
}

function refuse(path: string, message: string): AppError {
  return new AppError("unprocessable", `The ${path.replace("destination.", "")} cannot be used: ${message}`, { type: "bad-destination", fields: [{ path, message }] });
}

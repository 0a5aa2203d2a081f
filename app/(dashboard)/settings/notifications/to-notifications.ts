import type { Tone } from "@/components/ui/tone";
import type { DeliveryDto, ShownDestination } from "@/lib/contract/notifications";
import type { ChannelKind } from "@/lib/domain/notifications/channel-kinds";
import { describeEvent, NOTICE_EVENTS, type NoticeEvent } from "@/lib/domain/notifications/events";
import { isForPagerDuty } from "@/lib/domain/notifications/to-pagerduty";

export const KIND_NAMES: Record<ChannelKind, string> = { webhook: "Webhook", slack: "Slack", pagerduty: "PagerDuty", email: "E-mail" };
export const KIND_HINTS: Record<ChannelKind, string> = {
  webhook: "A signed POST of a CDEvent (Standard Webhooks), to whatever listens.",
  slack: "A message by an incoming webhook of Slack, or of what speaks like it.",
  pagerduty: "Opens an incident when a rollout pauses or fails, or something deviates, and closes it when it is over.",
  email: "A mail over your own SMTP server.",
};

export const STATUS_TONES: Record<DeliveryDto["status"], Tone> = { pending: "rolling", sent: "match", failed: "critical" };

/** One word for where a delivery stands; one that was tried and waits is not simply new. */
export function statusWord({ status, attempts }: Pick<DeliveryDto, "status" | "attempts">): string {
  if (status === "pending") return attempts === 0 ? "on its way" : "to be tried again";
  return status === "sent" ? "sent" : "given up";
}

/** What a kind of channel can be told, in the order in which it comes about. */
export function eventsFor(kind: ChannelKind): { event: NoticeEvent; words: string }[] {
  return NOTICE_EVENTS.filter((event) => kind !== "pagerduty" || isForPagerDuty(event)).map((event) => ({ event, words: describeEvent(event) }));
}

/** What is ticked to begin with: what somebody should look at, and how it ended. */
export const FIRST_EVENTS: readonly NoticeEvent[] = ["waiting", "paused", "failed", "rolled-back", "succeeded"];

/** Where a channel leads, without what is secret about it. */
export function describeDestination(destination: ShownDestination): string {
  switch (destination.kind) {
    case "webhook":
    case "slack":
      return `${destination.host}/…`;
    case "pagerduty":
      return new URL(destination.url).host;
    case "email":
      return `${destination.to.join(", ")} by ${destination.host}:${destination.port}`;
    default:
      return destination satisfies never;
  }
}

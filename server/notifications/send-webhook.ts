import { z } from "zod";
import { noticeBody } from "@/lib/contract/notifications";
import { toCloudEvent } from "@/lib/domain/notifications/to-cloud-event";
import { attemptRequest } from "@/server/outbound/attempt-request";
import type { Sender } from "@/server/outbound/sender";
import { signWebhook } from "@/server/outbound/standard-webhook";
import { readSecret, urlSecrets } from "./channel-secret";

export const webhookSecret = z.strictObject({ url: z.string(), signingSecret: z.string() });

/** A signed POST of a CloudEvent (Standard Webhooks). */
export const sendWebhook: Sender = (app, { delivery, destination, now, leftMs }) => {
  const { url, signingSecret } = readSecret(webhookSecret, destination);
  const body = JSON.stringify(toCloudEvent(noticeBody.parse(delivery.body), { id: delivery.messageId, origin: app.config.url }));
  const signed = signWebhook({ id: delivery.messageId, timestamp: Math.floor(now.getTime() / 1_000), body, secret: signingSecret });
  return attemptRequest(app, { url, method: "POST", headers: { "content-type": "application/cloudevents+json; charset=utf-8", ...signed }, body }, { leftMs, now, secrets: [signingSecret, ...urlSecrets(url)] });
};

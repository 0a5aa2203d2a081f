import { z } from "zod";
import { noticeBody } from "@/lib/contract/notifications";
import { toSlack } from "@/lib/domain/notifications/to-slack";
import { attemptRequest } from "@/server/outbound/attempt-request";
import type { Sender } from "@/server/outbound/sender";
import { readSecret, urlSecrets } from "./channel-secret";

export const slackSecret = z.strictObject({ url: z.string() });

/** A message to an incoming webhook of Slack, or of what speaks like it. Its URL is its secret. */
export const sendSlack: Sender = (app, { delivery, destination, now, leftMs }) => {
  const { url } = readSecret(slackSecret, destination);
  const body = JSON.stringify(toSlack(noticeBody.parse(delivery.body), { origin: app.config.url }));
  return attemptRequest(app, { url, method: "POST", headers: { "content-type": "application/json; charset=utf-8" }, body }, { leftMs, now, secrets: urlSecrets(url) });
};

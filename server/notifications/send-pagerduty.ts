import { z } from "zod";
import { noticeBody, shownDestination } from "@/lib/contract/notifications";
import type { Attempt } from "@/lib/domain/notifications/decide-attempt";
import { toPagerDuty } from "@/lib/domain/notifications/to-pagerduty";
import { attemptRequest } from "@/server/outbound/attempt-request";
import type { Sender } from "@/server/outbound/sender";
import { readSecret } from "./channel-secret";

export const pagerDutySecret = z.strictObject({ routingKey: z.string() });

/** Events for PagerDuty, one after the other until one fails; sent again they change nothing, by their keys. */
export const sendPagerDuty: Sender = async (app, { delivery, destination, now, leftMs }) => {
  const { routingKey } = readSecret(pagerDutySecret, destination);
  const config = shownDestination.parse(destination.config);
  if (config.kind !== "pagerduty") throw new Error(`the channel ${destination.id} is not one of PagerDuty`);
  let attempt: Attempt = { ok: true, status: null };
  for (const event of toPagerDuty(noticeBody.parse(delivery.body), { routingKey, origin: app.config.url, id: delivery.messageId })) {
    attempt = await attemptRequest(app, { url: config.url, method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(event) }, { leftMs, now, secrets: [routingKey] });
    if (!attempt.ok) return attempt;
  }
  return attempt;
};

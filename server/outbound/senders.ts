import type { ExecutorConfig } from "@/lib/contract/executors";
import type { ChannelKind } from "@/lib/domain/notifications/channel-kinds";
import { sendOrder } from "@/server/executors/send-order";
import { sendMail } from "@/server/notifications/send-mail";
import { sendPagerDuty } from "@/server/notifications/send-pagerduty";
import { sendSlack } from "@/server/notifications/send-slack";
import { sendWebhook } from "@/server/notifications/send-webhook";
import type { Sender } from "./sender";

/** Who sends to which kind of channel. */
export const CHANNEL_SENDERS: Record<ChannelKind, Sender> = { webhook: sendWebhook, slack: sendSlack, pagerduty: sendPagerDuty, email: sendMail };

/** Who sends to which kind of executor. */
export const EXECUTOR_SENDERS: Record<ExecutorConfig["kind"], Sender> = { webhook: sendOrder, github: sendOrder, gitlab: sendOrder };

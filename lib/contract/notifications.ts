import { z } from "zod";
import { MAIL_SECURITIES, PAGERDUTY_URL } from "@/lib/domain/notifications/channel-kinds";
import { FINDING_KINDS } from "@/lib/domain/drift/categories";
import { NOTICE_EVENTS } from "@/lib/domain/notifications/events";
import type { Notice } from "@/lib/domain/notifications/notice";
import { ROLLOUT_KINDS } from "@/lib/domain/rollout/statuses";
import { count, cursor, httpUrl, instant, limit, name, page, uuid } from "./primitives";

const pattern = z.string().regex(/^[a-z0-9._*-]{1,64}$/, "a name, in which * stands for any characters");
const events = z.array(z.enum(NOTICE_EVENTS)).min(1, "at least one").max(NOTICE_EVENTS.length);
/** One line without characters that could begin another one. */
const line = z.string().trim().min(1).max(250).regex(/^[^\p{Cc}]+$/u, "must be one line");
const address = z.email().max(254);

/** Where a channel leads, with its secrets: travels in one direction only. */
export const channelDestination = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("webhook"),
    url: httpUrl,
    /** `whsec_<base64>` of 24 to 64 bytes. Absent: one is made and shown once; in a change: the old one stays. */
    signingSecret: z.string().max(200).optional(),
  }),
  z.strictObject({ kind: z.literal("slack"), url: httpUrl }),
  z.strictObject({ kind: z.literal("pagerduty"), routingKey: z.string().regex(/^[A-Za-z0-9_-]{10,64}$/, "must be an integration key of 10 to 64 letters and digits"), url: httpUrl.default(PAGERDUTY_URL) }),
  z.strictObject({
    kind: z.literal("email"),
    host: z.string().max(253).regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/, "must be a host name or an address"),
    port: z.int().min(1).max(65_535).default(587),
    security: z.enum(MAIL_SECURITIES).default("starttls"),
    user: line.optional(),
    password: z.string().min(1).max(500).optional(),
    from: address,
    to: z.array(address).min(1).max(20),
  }),
]);
export type ChannelDestination = z.output<typeof channelDestination>;

export const createChannelRequest = z.strictObject({
  name,
  service: pattern.default("*"),
  environment: pattern.default("*"),
  events,
  enabled: z.boolean().default(true),
  destination: channelDestination,
});
/** What is left out stays. A new destination is given as a whole, secrets included: an old secret never goes to a new place. */
export const changeChannelRequest = z.strictObject({
  name: name.optional(),
  service: pattern.optional(),
  environment: pattern.optional(),
  events: events.optional(),
  enabled: z.boolean().optional(),
  destination: channelDestination.optional(),
});

/** Where a channel leads, as it is shown: a URL's path is part of the secret. */
export const shownDestination = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), host: z.string() }),
  z.strictObject({ kind: z.literal("slack"), host: z.string() }),
  z.strictObject({ kind: z.literal("pagerduty"), url: z.string() }),
  z.strictObject({ kind: z.literal("email"), host: z.string(), port: z.int(), security: z.enum(MAIL_SECURITIES), user: z.string().nullable(), from: z.string(), to: z.array(z.string()) }),
]);
export type ShownDestination = z.infer<typeof shownDestination>;

export const deliveryStatus = z.enum(["pending", "sent", "failed"]);

export const channelDto = z.strictObject({
  id: uuid,
  name: z.string(),
  service: z.string(),
  environment: z.string(),
  events: z.array(z.enum(NOTICE_EVENTS)),
  enabled: z.boolean(),
  destination: shownDestination,
  /** Whether a secret is kept: the signing secret and URL, the routing key, the password. */
  secret: z.enum(["set", "not set"]),
  createdAt: instant,
  createdBy: z.string(),
  /** The newest delivery that was tried. */
  last: z.strictObject({ status: deliveryStatus, at: instant, error: z.string().nullable() }).nullable(),
});
export type ChannelDto = z.infer<typeof channelDto>;
/** A channel that was made or changed; a signing secret that was made for it is shown here once. */
export const channelWritten = channelDto.extend({ signingSecret: z.string().nullable() });
export type ChannelWritten = z.infer<typeof channelWritten>;
export const removedDto = z.strictObject({ id: uuid, removedAt: instant });
export type RemovedDto = z.infer<typeof removedDto>;

const party = z.strictObject({ id: uuid, name: z.string(), kind: z.string() });
export const deliveryDto = z.strictObject({
  id: uuid,
  event: z.string(),
  sentence: z.string(),
  status: deliveryStatus,
  attempts: count,
  channel: party.nullable(),
  executor: party.nullable(),
  rollout: z.strictObject({ id: uuid, number: z.int(), service: z.string(), environment: z.string() }).nullable(),
  wave: z.int().nullable(),
  /** What it is about where it is about findings. */
  finding: z.strictObject({ kind: z.enum(FINDING_KINDS), service: z.string(), environment: z.string() }).nullable(),
  lastStatus: z.int().nullable(),
  lastError: z.string().nullable(),
  /** Of one that is still to be sent. */
  nextAttemptAt: instant.nullable(),
  createdAt: instant,
  sentAt: instant.nullable(),
  /** The delivery that this one repeats, under the same message id. */
  resendOf: uuid.nullable(),
});
export type DeliveryDto = z.infer<typeof deliveryDto>;
export const deliveryPage = page(deliveryDto);
export const listDeliveriesQuery = z.strictObject({ rollout: uuid.optional(), channel: uuid.optional(), executor: uuid.optional(), status: deliveryStatus.optional(), limit, cursor: cursor.optional() });

const release = z.strictObject({ version: z.string(), artifact: z.strictObject({ repository: z.string().nullable(), digest: z.string() }).nullable() });
/** The body of a channel's delivery, as the outbox keeps it. */
export const noticeBody: z.ZodType<Notice> = z.strictObject({
  v: z.literal(1),
  event: z.enum([...NOTICE_EVENTS, "test"]),
  at: z.string(),
  finding: z
    .strictObject({ kind: z.enum(FINDING_KINDS), service: z.string(), environment: z.string(), protected: z.boolean(), instances: count, findings: count, since: z.string(), title: z.string() })
    .optional(),
  rollout: z
    .strictObject({
      id: z.string(),
      number: z.int(),
      kind: z.enum(ROLLOUT_KINDS),
      service: z.string(),
      environment: z.string(),
      protected: z.boolean(),
      partition: z.string(),
      from: release.nullable(),
      to: release.nullable(),
      startedBy: z.string(),
      reason: z.string().nullable(),
      incident: z.string().nullable(),
      counts: z.strictObject({ total: count, verified: count, inFlight: count, stuck: count, failed: count, waiting: count, gone: count, withdrawn: count.default(0) }),
    })
    .nullable(),
  wave: z.strictObject({ number: z.int(), of: z.int(), name: z.string() }).nullable(),
  reason: z.string().nullable(),
  settles: z.array(z.string()),
});

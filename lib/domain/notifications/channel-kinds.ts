/** The kinds of channels that are told about rollouts. */
export const CHANNEL_KINDS = ["webhook", "slack", "pagerduty", "email"] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** How a mail server is spoken to: TLS from the first byte, TLS after a greeting, or none (only where the outbound allow-list says so). */
export const MAIL_SECURITIES = ["tls", "starttls", "none"] as const;
export const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";

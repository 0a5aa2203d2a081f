import { createHmac, randomBytes } from "node:crypto";

const PREFIX = "whsec_";
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** A new secret of a webhook, 32 random bytes, as the Standard Webhooks specification writes it: `whsec_<base64>`. */
export function makeWebhookSecret(): string {
  return `${PREFIX}${randomBytes(32).toString("base64")}`;
}

/** The key bytes in a secret, with or without its prefix; null unless it is the base64 of 24 to 64 bytes. */
export function readWebhookSecret(secret: string): Uint8Array | null {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  const bytes = Buffer.from(text, "base64");
  const isExact = bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "");
  return isExact && bytes.length >= MIN_BYTES && bytes.length <= MAX_BYTES ? bytes : null;
}

export type SignedHeaders = { "webhook-id": string; "webhook-timestamp": string; "webhook-signature": string };

/**
 * The three headers that prove to a receiver who sent a body and when (Standard Webhooks 1.0, symmetric signatures).
 * @param id stays the same through all attempts of one message, so that a receiver can drop what it has had; no full stop
 * @param timestamp of this attempt, whole seconds since 1970
 * @param body exactly as it is sent
 * @throws RangeError when the secret is none
 */
export function signWebhook({ id, timestamp, body, secret }: { id: string; timestamp: number; body: string; secret: string }): SignedHeaders {
  const key = readWebhookSecret(secret);
  if (!key) throw new RangeError("a webhook secret is the base64 of 24 to 64 bytes");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`, "utf8").digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": `v1,${signature}` };
}

import { createPrivateKey, createPublicKey, hkdfSync, sign, type KeyObject } from "node:crypto";
import type { Keys } from "@/server/ledger/keys";
import type { SignedHeaders } from "@/server/outbound/standard-webhook";

/** What stands before a seed in its PKCS #8 form, and before a public key in its SPKI form (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_LENGTH = 12;
const keys = new WeakMap<Keys, KeyObject>();

/** A key of its own, so that nothing signed for a webhook could ever pass for a checkpoint or for desired state. */
function checkKey(installation: Keys): KeyObject {
  const known = keys.get(installation);
  if (known) return known;
  const seed = Buffer.from(hkdfSync("sha256", installation.signingSeed, new Uint8Array(0), "plumbline/check-requests/v1", 32));
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  keys.set(installation, key);
  return key;
}

/** The public key that verifies what checks are asked, as the Standard Webhooks specification writes it: `whpk_<base64>`. */
export function checkPublicKey(installation: Keys): string {
  const spki = createPublicKey(checkKey(installation)).export({ format: "der", type: "spki" });
  return `whpk_${spki.subarray(SPKI_LENGTH).toString("base64")}`;
}

/**
 * The headers that prove who asks (Standard Webhooks 1.0, asymmetric signatures, `v1a`). A strategy names a URL and no
 * secret: whoever answers needs the public key alone.
 */
export function signCheckRequest(installation: Keys, { id, timestamp, body }: { id: string; timestamp: number; body: string }): SignedHeaders {
  const signature = sign(null, Buffer.from(`${id}.${timestamp}.${body}`, "utf8"), checkKey(installation)).toString("base64");
  return { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": `v1a,${signature}` };
}

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { App } from "@/server/context";

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A sealed secret that the keys of this installation do not open: other keys, another place, or changed bytes. */
export class UnsealError extends Error {
  constructor(cause?: unknown) {
    super("The secret does not open with the keys of this installation. Set it again.", { cause });
    this.name = "UnsealError";
  }
}

/**
 * Seals a text for the database: AES-256-GCM under a key that only the key file holds, so that a dump shows nothing.
 * @param context where it belongs, such as `channel:<id>`: sealed bytes open nowhere else
 * @returns version (1 byte) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
 */
export function sealSecret({ keys }: Pick<App, "keys">, text: string, context: string): Uint8Array<ArrayBuffer> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(keys), nonce).setAAD(Buffer.from(context, "utf8"));
  return new Uint8Array(Buffer.concat([Buffer.of(VERSION), nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]));
}

/** Opens what `sealSecret` sealed for the same context. @throws UnsealError */
export function openSecret({ keys }: Pick<App, "keys">, sealed: Uint8Array, context: string): string {
  if (sealed[0] !== VERSION || sealed.length < 1 + NONCE_BYTES + TAG_BYTES) throw new UnsealError();
  const bytes = Buffer.from(sealed);
  try {
    const decipher = createDecipheriv("aes-256-gcm", sealingKey(keys), bytes.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context, "utf8")).setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch (error) {
    throw new UnsealError(error);
  }
}

/** From the append key, which never leaves the server; agents know the fleet key. */
function sealingKey(keys: Pick<App["keys"], "appendKey">): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", keys.appendKey, new Uint8Array(0), "plumbline/sealed-secrets/v1", 32));
}

import { createHash } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import type { Keys } from "./keys";

/** `<name>+<key id, 8 hex>+<base64(0x01 ‖ public key)>` (C2SP signed-note, Ed25519). */
function vkeyOf(name: string, publicKey: Uint8Array): string {
  const typed = Buffer.concat([Buffer.of(1), publicKey]);
  const id = createHash("sha256").update(name).update("\n").update(typed).digest("hex").slice(0, 8);
  return `${name}+${id}+${typed.toString("base64")}`;
}

/** The verification key of checkpoints and desired state. */
export function serverVkey(keys: Keys): string {
  return vkeyOf(keys.origin, ed25519.getPublicKey(keys.signingSeed));
}

/** The verification key of what opens a new epoch. */
export function recoveryVkey(keys: Keys): string {
  return vkeyOf(`${keys.origin}/recovery`, keys.recoveryPublicKey);
}

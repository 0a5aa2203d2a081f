import { createPrivateKey, sign, type KeyObject } from "node:crypto";
import { createSigner, deriveKeyId, encodeVkey, type Signer } from "@/lib/domain/ledger/signed-note";
import type { Keys } from "./keys";

/** What stands before a seed in its PKCS #8 form (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const signers = new WeakMap<Keys, Signer>();

/** Signs checkpoints and desired state, under the ledger's own name, with the platform's own Ed25519. */
export function serverSigner(keys: Keys): Signer {
  const known = signers.get(keys);
  if (known) return known;
  const key: KeyObject = createPrivateKey({ key: Buffer.concat([PKCS8, keys.signingSeed]), format: "der", type: "pkcs8" });
  const signer: Signer = { ...createSigner(keys.origin, keys.signingSeed), sign: (message) => new Uint8Array(sign(null, message, key)) };
  signers.set(keys, signer);
  return signer;
}

/** The verification key of checkpoints and desired state. */
export function serverVkey(keys: Keys): string {
  return encodeVkey(serverSigner(keys));
}

/** The verification key of what opens a new epoch. */
export function recoveryVkey(keys: Keys): string {
  const name = `${keys.origin}/recovery`;
  return encodeVkey({ name, publicKey: keys.recoveryPublicKey, keyId: deriveKeyId(name, keys.recoveryPublicKey) });
}

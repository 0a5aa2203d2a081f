import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { createSigner, deriveKeyId, encodeVkey, type Signer } from "@/lib/domain/ledger/signed-note";
import type { Keys } from "./keys";

/** What stands before a seed in its PKCS #8 form (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const signers = new WeakMap<Keys, Signer>();

/**
 * Signs checkpoints and desired state, under the ledger's own name, and verifies its own signatures, both with the platform's
 * own Ed25519: each turn of the signing job opens the last checkpoint twice, which the pure code takes milliseconds for.
 */
export function serverSigner(keys: Keys): Signer {
  const known = signers.get(keys);
  if (known) return known;
  const key: KeyObject = createPrivateKey({ key: Buffer.concat([PKCS8, keys.signingSeed]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key);
  const own = createSigner(keys.origin, keys.signingSeed);
  const signer: Signer = {
    ...own,
    sign: (message) => new Uint8Array(sign(null, message, key)),
    verify: (signature, message, signedBy) => signature.length === 64 && Buffer.from(own.publicKey).equals(signedBy) && verify(null, message, publicKey, signature),
  };
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

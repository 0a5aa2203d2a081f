import { createSigner, deriveKeyId, encodeVkey, type Signer } from "@/lib/domain/ledger/signed-note";
import type { Keys } from "./keys";

/** Signs checkpoints and desired state, under the ledger's own name. */
export function serverSigner(keys: Keys): Signer {
  return createSigner(keys.origin, keys.signingSeed);
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

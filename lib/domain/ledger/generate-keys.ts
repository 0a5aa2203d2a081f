/** The keys of an installation, derived from randomness that the caller brings: this file makes none. */
import { fromBase64, toBase64, toHex } from "./bytes";
import { createSigner, encodeVkey, type Signer } from "./signed-note";

const SEED_BYTES = 32;

/** A signing key as its file holds it. */
export type KeyFile = {
  name: string;
  /** base64 of 32 bytes; secret. */
  seed: string;
  /** The public half, to publish. */
  vkey: string;
};

/** Fresh random values, 32 bytes each. */
export type KeySeeds = { signing: Uint8Array; recovery: Uint8Array; append: Uint8Array; fleet: Uint8Array; auth: Uint8Array };

/** What the key folder holds: the two key files as JSON, the three secrets as base64 text. */
export type GeneratedKeys = { signing: KeyFile; recovery: KeyFile; append: string; fleet: string; auth: string };

/**
 * The keys of a new installation. The signing key is called by the origin of the ledger; the recovery key, which is meant to
 * be moved offline, `<origin>/recovery`. Throws RangeError when a seed has not 32 bytes, or two are equal.
 */
export function generateKeys(origin: string, seeds: KeySeeds): GeneratedKeys {
  const values = [seeds.signing, seeds.recovery, seeds.append, seeds.fleet, seeds.auth];
  if (values.some((seed) => seed.length !== SEED_BYTES)) throw new RangeError(`a seed has ${SEED_BYTES} bytes`);
  if (new Set(values.map(toHex)).size !== values.length) throw new RangeError("two seeds are equal: the randomness is broken");
  return {
    signing: makeKeyFile(origin, seeds.signing),
    recovery: makeKeyFile(`${origin}/recovery`, seeds.recovery),
    append: toBase64(seeds.append),
    fleet: toBase64(seeds.fleet),
    auth: toBase64(seeds.auth),
  };
}

/** One signing key as its file holds it. Throws SignedNoteError for an impossible name or seed. */
export function makeKeyFile(name: string, seed: Uint8Array): KeyFile {
  return { name, seed: toBase64(seed), vkey: encodeVkey(createSigner(name, seed)) };
}

/** The signer of a key file; throws RangeError when its public half is not of its seed. */
export function loadSigner(file: KeyFile): Signer {
  const seed = fromBase64(file.seed);
  if (!seed) throw new RangeError("the seed of the key file is not base64");
  const signer = createSigner(file.name, seed);
  if (encodeVkey(signer) !== file.vkey) throw new RangeError("the key file's verification key is not of its seed");
  return signer;
}

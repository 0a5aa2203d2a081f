/**
 * The mark that an entry was appended by a process that holds the append key. The key is in a file, never in the database:
 * an entry that somebody with only a database password wrote has none, and is never covered by a checkpoint.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes } from "./bytes";

const MIN_KEY_BYTES = 32;

/** HMAC-SHA-256 over the bytes of an entry; 32 bytes. Throws RangeError for a key below 32 bytes. */
export function appendHmac(appendKey: Uint8Array, entryBytes: Uint8Array): Uint8Array {
  if (appendKey.length < MIN_KEY_BYTES) throw new RangeError(`an append key has at least ${MIN_KEY_BYTES} bytes`);
  return hmac(sha256, appendKey, entryBytes);
}

/** Whether the entry carries that mark. Compares in constant time. */
export function verifyAppendHmac(appendKey: Uint8Array, entryBytes: Uint8Array, mac: Uint8Array): boolean {
  return equalBytes(appendHmac(appendKey, entryBytes), mac);
}

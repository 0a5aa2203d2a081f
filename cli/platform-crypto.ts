import { createPublicKey, hash, verify, type KeyObject } from "node:crypto";

/** SHA-256 by the platform: the same answer as the pure code, sooner. */
export function sha256ByPlatform(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

let lastKey: { x: string; key: KeyObject } | null = null;

/** Ed25519 by the platform: the same answer as the pure code, sooner. The key is nearly always the one of before. */
export function verifyByPlatform(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  const x = Buffer.from(publicKey).toString("base64url");
  if (lastKey?.x !== x) lastKey = { x, key: createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } }) };
  return verify(null, message, lastKey.key, signature);
}

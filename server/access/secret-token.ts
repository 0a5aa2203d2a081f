import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Prefixes say what a secret is for, also to scanners of leaked ones. */
export const TOKEN_PREFIXES = { api: "plt_", agent: "pla_", enrolment: "ple_", setup: "pls_" } as const;
export type TokenKind = keyof typeof TOKEN_PREFIXES;

/** A fresh secret of 256 bits with its prefix, shown once. */
export function makeSecret(kind: TokenKind): string {
  return `${TOKEN_PREFIXES[kind]}${randomBytes(32).toString("base64url")}`;
}

/** What is kept of a secret: its SHA-256, 32 bytes. 256 random bits need no slow hash. */
export function hashSecret(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(secret, "utf8").digest());
}

/** Compares two texts in a time that does not tell where they differ. */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(hashSecret(a), hashSecret(b));
}

/** What a digest is the hash of. One image has several; they compare equal through the artifact that they lead to. */
export const DIGEST_KINDS = ["index", "manifest", "config", "file", "unspecified"] as const;
export type DigestKind = (typeof DIGEST_KINDS)[number];

/** The algorithms that are accepted; others are refused rather than compared by luck. */
export const DIGEST_ALGORITHMS = ["sha256", "sha512"] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

const HEX_LENGTH: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 };

/** For schemas: the full text of an accepted digest. */
export const DIGEST_PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export interface Digest {
  algorithm: DigestAlgorithm;
  /** Lower-case hexadecimal. */
  hex: string;
}

/** Reads `sha256:<64 hex>` or `sha512:<128 hex>` (OCI image spec, "Digests"); null for anything else. */
export function parseDigest(text: string): Digest | null {
  const colon = text.indexOf(":");
  const algorithm = DIGEST_ALGORITHMS.find((known) => known === text.slice(0, colon));
  if (!algorithm) return null;
  const hex = text.slice(colon + 1);
  return hex.length === HEX_LENGTH[algorithm] && /^[0-9a-f]+$/.test(hex) ? { algorithm, hex } : null;
}

/** Whether a text is an accepted digest. */
export function isDigest(text: string): boolean {
  return parseDigest(text) !== null;
}

/** The first seven hexadecimal characters: what people say aloud. Text that is no digest is cut the same way. */
export function shortDigest(text: string): string {
  const colon = text.indexOf(":");
  return text.slice(colon + 1, colon + 8);
}

/**
 * Whether a repository exists only on the host that built the image: Podman names local builds `localhost/…`, Docker
 * none at all. `localhost:5000/…` is a registry with a port and is not local.
 */
export function isLocalRepository(repository: string | null | undefined): boolean {
  return repository == null || repository === "" || repository === "localhost" || repository.startsWith("localhost/");
}

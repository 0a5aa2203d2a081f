import type { DigestKind } from "@/lib/domain/fleet/digests";
import { isLocalRepository } from "@/lib/domain/fleet/digests";

/** One digest that a runtime names for an image, as reported. */
export interface ReportedDigest {
  digest: string;
  kind: DigestKind;
  /** The repository beside it, exactly as the runtime wrote it. A bare image id has none. */
  repository?: string | null;
}

/**
 * What an image's digests lead to:
 * `known` at least one artifact; `unknown` none in the ledger; `local` none, and no digest ever left the host that
 * built it; `none` the runtime named no digest; `conflicting` two digests lead to artifacts that share no bytes.
 */
export const RESOLUTIONS = ["known", "unknown", "local", "none", "conflicting"] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

export interface ResolvedImage {
  resolution: Resolution;
  /** Ids of the artifacts that these bytes may be, sorted. Empty unless `known`. */
  candidates: readonly string[];
}

/**
 * Finds the artifacts that an image's digests lead to. Matches on digests, never on names.
 * - A digest whose artifacts include everyone else's (a manifest that two indexes share) explains the others: the
 *   bytes that run are the same, so all of them are candidates.
 * - Otherwise the candidates are what all resolving digests have in common; with nothing in common they conflict.
 * - Podman fills RepoDigests for images that were never pushed, so `local` looks at where the repositories live. The
 *   digest of a `file` is the hash of the bytes themselves and is never local.
 * @param lookUp the artifact ids of one digest, empty when the ledger does not know it
 */
export function resolveImage(
  digests: readonly ReportedDigest[],
  lookUp: (digest: string) => readonly string[],
): ResolvedImage {
  if (digests.length === 0) return { resolution: "none", candidates: [] };
  const found = digests.map(({ digest }) => new Set(lookUp(digest))).filter((artifacts) => artifacts.size > 0);
  if (found.length === 0) {
    const local = digests.every(({ kind, repository }) => kind !== "file" && isLocalRepository(repository));
    return { resolution: local ? "local" : "unknown", candidates: [] };
  }
  const union = new Set(found.flatMap((artifacts) => [...artifacts]));
  const explained = found.some((artifacts) => artifacts.size === union.size);
  const candidates = [...union].filter((artifact) => explained || found.every((artifacts) => artifacts.has(artifact)));
  if (candidates.length === 0) return { resolution: "conflicting", candidates: [] };
  return { resolution: "known", candidates: candidates.sort() };
}

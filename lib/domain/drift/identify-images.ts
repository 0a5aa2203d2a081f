/** What the images are that hosts report: decided by their digests alone. */
import { isLocalRepository, type DigestKind } from "@/lib/domain/fleet/digests";
import { compareText } from "@/lib/domain/compare-text";
import { resolveImage, type ReportedDigest } from "./resolve-image";

/** An image as hosts report it, by the id that groups name it by. */
export interface ObservedImage {
  digests: readonly ReportedDigest[];
  reference: string | null;
}

/** Bytes that the ledger knows, or that it would know from now on by the digests that hosts report. */
export type AdoptedArtifact = { known: string } | { digest: string; kind: "oci" | "file"; digests: { digest: string; kind: DigestKind }[] };

export interface ImageFacts {
  images: ReadonlyMap<string, ObservedImage>;
  /** Digests that some host names for an image together with one that the ledger knows. */
  linkedDigests: ReadonlySet<string>;
  /** The artifacts of a digest in the ledger. */
  artifactsOf: (digest: string) => readonly string[];
}

/** `key` is equal for what is the same artifact. */
export type Identity = { key: string; artifact: AdoptedArtifact; digest: string } | { refused: "local" | "no-digest" | "conflicting" | "linked" };

/** What each image is: an artifact of the ledger, or one that its digests, and those of images that share one, would make. */
export function identifyImages(facts: ImageFacts): (image: string) => Identity {
  const identities = new Map<string, Identity>();
  const proven = new Set(facts.linkedDigests);
  const unknown: { id: string; digests: readonly ReportedDigest[] }[] = [];
  for (const [id, image] of facts.images) {
    const { resolution, candidates } = resolveImage(image.digests, facts.artifactsOf);
    const [artifact] = candidates;
    if (artifact !== undefined) {
      const digest = bestDigest(image.digests.filter(({ digest: named }) => facts.artifactsOf(named).includes(artifact)))?.digest ?? artifact;
      identities.set(id, { key: `known ${artifact}`, artifact: { known: artifact }, digest });
      for (const { digest: named } of image.digests) proven.add(named);
    } else if (resolution === "conflicting" || namesTwoConfigs(image.digests)) identities.set(id, { refused: "conflicting" });
    else if (resolution === "none") identities.set(id, { refused: "no-digest" });
    else unknown.push({ id, digests: image.digests });
  }

  const rootOf = uniteByDigest(unknown);
  const sets = new Map<string, { id: string; digests: readonly ReportedDigest[] }[]>();
  for (const image of unknown) sets.set(rootOf(image.id), [...(sets.get(rootOf(image.id)) ?? []), image]);
  for (const set of sets.values()) {
    const reported = set.flatMap(({ digests }) => digests);
    const identity = identifySet(reported, proven);
    for (const { id } of set) identities.set(id, identity);
  }
  return (image) => identities.get(image) ?? { refused: "no-digest" };
}

function identifySet(reported: readonly ReportedDigest[], proven: ReadonlySet<string>): Identity {
  // That these are the bytes of a registered release is what a host says; a manifest would prove it.
  if (reported.some(({ digest }) => proven.has(digest))) return { refused: "linked" };
  if (reported.every(({ kind, repository }) => kind !== "file" && isLocalRepository(repository))) return { refused: "local" };
  const best = bestDigest(reported);
  if (!best) return { refused: "no-digest" };
  const kinds = new Map<string, DigestKind>();
  for (const { digest, kind } of reported) if ((kinds.get(digest) ?? "unspecified") === "unspecified") kinds.set(digest, kind);
  const digests = [...kinds].map(([digest, kind]) => ({ digest, kind })).sort((a, b) => compareText(a.digest, b.digest));
  return { key: best.digest, artifact: { digest: best.digest, kind: best.kind === "file" ? "file" : "oci", digests }, digest: best.digest };
}

/** One image has one configuration; a host that names two for it tells of two images, or lies. */
function namesTwoConfigs(digests: readonly ReportedDigest[]): boolean {
  return new Set(digests.filter(({ kind }) => kind === "config").map(({ digest }) => digest)).size > 1;
}

/** The root of each image's set: images that share a digest, directly or through others, have the same. */
function uniteByDigest(images: readonly { id: string; digests: readonly ReportedDigest[] }[]): (id: string) => string {
  const parent = new Map<string, string>();
  const find = (id: string): string => {
    let root = id;
    for (let up = parent.get(root); up !== undefined && up !== root; up = parent.get(root)) root = up;
    for (let at = id; at !== root; ) {
      const up = parent.get(at) ?? root;
      parent.set(at, root);
      at = up;
    }
    return root;
  };
  const firstWith = new Map<string, string>();
  for (const { id, digests } of images) {
    parent.set(id, parent.get(id) ?? id);
    for (const { digest } of digests) {
      const other = firstWith.get(digest);
      if (other === undefined) firstWith.set(digest, id);
      else parent.set(find(id), find(other));
    }
  }
  return find;
}

const KIND_RANK: Record<DigestKind, number> = { index: 0, manifest: 1, file: 2, unspecified: 3, config: 4 };

/** The digest by which an image is best named: one that a registry answers to, of all its platforms where there is one. */
export function bestDigest(digests: readonly ReportedDigest[]): ReportedDigest | null {
  const rank = ({ kind, repository }: ReportedDigest): number => KIND_RANK[kind] + (kind === "unspecified" && isLocalRepository(repository) ? 2 : 0);
  return digests.toSorted((a, b) => rank(a) - rank(b) || compareText(a.digest, b.digest))[0] ?? null;
}

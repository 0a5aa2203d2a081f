import { isDigest, isLocalRepository } from "@/lib/domain/fleet/digests";
import type { DigestKind } from "@/lib/domain/fleet/digests";
import type { InspectedImage } from "./engine-types";

export interface ImageDigest {
  digest: string;
  kind: DigestKind;
  repository?: string;
}

const KIND_BY_MEDIA_TYPE: Record<string, DigestKind> = {
  "application/vnd.oci.image.index.v1+json": "index",
  "application/vnd.docker.distribution.manifest.list.v2+json": "index",
  "application/vnd.oci.image.manifest.v1+json": "manifest",
  "application/vnd.docker.distribution.manifest.v2+json": "manifest",
};

/**
 * Every digest that an engine knows an image by, each once, in a stable order.
 *
 * Podman's `RepoDigests` is the cross product of every repository and every manifest digest, so the repository of one
 * entry proves nothing: a digest keeps a repository of a registry when there is one, and a local one (`localhost/…`)
 * only when there is no other. The image id is the config digest, except with Docker's containerd store (it then
 * carries a descriptor), where it is a manifest or an index.
 */
export function collectImageDigests(image: InspectedImage): ImageDigest[] {
  const repositories = new Map<string, Set<string>>();
  for (const entry of image.RepoDigests ?? []) {
    const at = entry.lastIndexOf("@");
    const digest = entry.slice(at + 1);
    const repository = at > 0 ? entry.slice(0, at) : "";
    if (!isDigest(digest)) continue;
    const known = repositories.get(digest) ?? new Set<string>();
    if (repository !== "" && repository !== "<none>") known.add(repository);
    repositories.set(digest, known);
  }
  const described = image.Descriptor?.digest;
  const describedKind = KIND_BY_MEDIA_TYPE[image.Descriptor?.mediaType ?? ""] ?? "unspecified";
  const digests = new Map<string, ImageDigest>();
  for (const [digest, names] of repositories) {
    const sorted = [...names].sort();
    const repository = sorted.find((name) => !isLocalRepository(name)) ?? sorted[0];
    const kind = digest === described ? describedKind : "unspecified";
    digests.set(digest, repository === undefined ? { digest, kind } : { digest, kind, repository });
  }
  const id = image.Id.includes(":") ? image.Id : `sha256:${image.Id}`;
  if (isDigest(id) && !digests.has(id)) {
    digests.set(id, { digest: id, kind: described === undefined ? "config" : id === described ? describedKind : "unspecified" });
  }
  if (described !== undefined && isDigest(described) && !digests.has(described)) {
    digests.set(described, { digest: described, kind: describedKind });
  }
  return [...digests.values()].sort((a, b) => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0));
}

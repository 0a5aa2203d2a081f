import { createHash } from "node:crypto";

/** A made-up image: real manifest bytes with real hashes, so that the whole path from registration to drift is real. */
export type SimulatedImage = {
  repository: string;
  version: string;
  /** Digest of the manifest: what the release names. */
  digest: string;
  configDigest: string;
  manifest: string;
};

const hash = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** Makes the OCI manifest of a repository's version; the same arguments give the same bytes. */
export function makeImage(repository: string, version: string): SimulatedImage {
  const configDigest = hash(`config ${repository} ${version}`);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: configDigest, size: 1024 },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: hash(`layer ${repository} ${version}`), size: 4096 }],
    annotations: { "org.opencontainers.image.version": version },
  });
  return { repository, version, digest: hash(manifest), configDigest, manifest };
}

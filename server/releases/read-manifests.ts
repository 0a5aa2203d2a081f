import { createHash } from "node:crypto";
import { isDigest } from "@/lib/domain/fleet/digests";
import { AppError } from "@/server/errors";

export type Alias = { digest: string; kind: "index" | "manifest" | "config" | "file"; platform: string };
export type ReadArtifact = { kind: "oci" | "file"; mediaType: string | null; aliases: Alias[] };
export type SentComponent = { digest: string; file: boolean; manifests: { mediaType?: string | undefined; bytes: string }[] };

/** The two-byte configuration that artifacts without one share: it names none of them. */
const EMPTY_CONFIG = "application/vnd.oci.empty.v1+json";
const MAX_NESTING = 3;

type Sent = { at: number; document: Record<string, unknown>; mediaType: string | null };

/**
 * Derives every digest that leads to an artifact from manifest bytes that are hashed here (OCI image-spec, image index and
 * manifest; Docker's schema 2 has the same shape): index → platform manifests → configurations. A platform manifest that
 * an index names is an alias even when its own bytes were not sent, because the index's bytes were hashed. Attestation
 * manifests are none.
 * @param path where the component stands in the input, for the problem document
 * @throws AppError unprocessable with field paths
 */
export function readManifests(component: SentComponent, path: string): ReadArtifact {
  if (component.file) {
    if (component.manifests.length > 0) refuse(`${path}.manifests`, "a file has no manifests");
    return { kind: "file", mediaType: null, aliases: [{ digest: component.digest, kind: "file", platform: "" }] };
  }
  if (component.manifests.length === 0) refuse(`${path}.manifests`, "send the bytes of the manifest that the digest names, or set `file`");
  const sent = new Map<string, Sent>();
  for (const [at, manifest] of component.manifests.entries()) {
    const bytes = Buffer.from(manifest.bytes, "base64");
    const document = parseObject(bytes, `${path}.manifests[${at}]`);
    const mediaType = textOf(document.mediaType) ?? manifest.mediaType ?? null;
    // A digest may use either algorithm, and an index may mix them.
    for (const algorithm of ["sha256", "sha512"]) {
      sent.set(`${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`, { at, document, mediaType });
    }
  }
  const root = sent.get(component.digest);
  if (!root) return refuse(`${path}.digest`, "is not the hash of any of the manifests");

  const aliases = new Map<string, Alias>();
  const reached = new Set<number>();
  const add = (alias: Alias): void => void aliases.set(`${alias.digest} ${alias.kind} ${alias.platform}`, alias);
  const walk = (digest: string, platform: string, depth: number): void => {
    const node = sent.get(digest);
    if (!node) return add({ digest, kind: "manifest", platform });
    reached.add(node.at);
    const where = `${path}.manifests[${node.at}]`;
    if (depth > MAX_NESTING) refuse(where, "indexes are nested too deeply");
    if (Array.isArray(node.document.manifests)) {
      add({ digest, kind: "index", platform });
      for (const [at, child] of node.document.manifests.entries()) {
        const descriptor = asObject(child) ?? refuse(`${where}.manifests[${at}]`, "is no descriptor");
        const childDigest = digestOf(descriptor, `${where}.manifests[${at}]`);
        if (!isAttestation(descriptor)) walk(childDigest, platformOf(descriptor) || platform, depth + 1);
        else reached.add(sent.get(childDigest)?.at ?? node.at);
      }
      return;
    }
    const config = asObject(node.document.config) ?? refuse(where, "is neither an image index nor an image manifest (schema version 2)");
    add({ digest, kind: "manifest", platform });
    const configDigest = digestOf(config, `${where}.config`);
    if (config.mediaType !== EMPTY_CONFIG) add({ digest: configDigest, kind: "config", platform });
  };
  walk(component.digest, "", 0);
  for (const [at] of component.manifests.entries()) {
    if (!reached.has(at)) refuse(`${path}.manifests[${at}]`, "is not referred to by what the digest names");
  }
  return { kind: "oci", mediaType: root.mediaType, aliases: [...aliases.values()] };
}

/** Build tools put provenance into an index as manifests of no platform: nothing ever runs them. */
function isAttestation(descriptor: Record<string, unknown>): boolean {
  const platform = asObject(descriptor.platform);
  const annotations = asObject(descriptor.annotations);
  return (platform?.os === "unknown" && platform.architecture === "unknown") || annotations?.["vnd.docker.reference.type"] !== undefined;
}

function platformOf(descriptor: Record<string, unknown>): string {
  const platform = asObject(descriptor.platform);
  if (!platform) return "";
  return [platform.os, platform.architecture, platform.variant].filter((part): part is string => typeof part === "string" && part !== "").join("/").slice(0, 100);
}

function digestOf(descriptor: Record<string, unknown>, path: string): string {
  const digest = textOf(descriptor.digest);
  return digest !== null && isDigest(digest) ? digest : refuse(`${path}.digest`, "must be a sha256 or sha512 digest");
}

function parseObject(bytes: Buffer, path: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(bytes.toString("utf8"))) ?? refuse(path, "is not a JSON object");
  } catch (error) {
    if (error instanceof SyntaxError) return refuse(path, "is not JSON");
    throw error;
  }
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function refuse(path: string, message: string): never {
  throw new AppError("unprocessable", `${path} ${message}.`, { type: "bad-manifest", fields: [{ path, message }] });
}

import { createHash } from "node:crypto";
import { readFileSync, existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CliError, EXIT, reasonOf } from "@/cli/client";
import { parseReference, type ImageReference } from "./parse-reference";

/** One component's bytes as the server wants them (lib/contract/releases registerComponent). */
export type ComponentBytes = {
  repository?: string;
  reference: string;
  digest: string;
  manifests: { mediaType: string; bytes: string }[];
  file: boolean;
};

const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

type Fetched = { bytes: Buffer; mediaType: string };
type Descriptor = { digest?: unknown; mediaType?: unknown; platform?: { os?: unknown; architecture?: unknown }; annotations?: Record<string, unknown> };

/**
 * Reads what a release names and hashes it here: `file:PATH` an executable, `oci:DIR[:TAG]` an OCI image layout,
 * anything else a reference in a registry (OCI distribution specification, "Pulling manifests"). Of an index, the
 * platform manifests come along, so that every runtime's way of naming the image is known.
 * @throws CliError
 */
export async function readComponent(source: string, options: { plainHttp?: boolean }): Promise<ComponentBytes> {
  if (source.startsWith("file:")) return readFileComponent(source.slice(5));
  if (source.startsWith("oci:")) return collect(source, undefined, layoutReader(source.slice(4)));
  let reference: ImageReference;
  try {
    reference = parseReference(source);
  } catch (error) {
    throw new CliError(reasonOf(error));
  }
  return collect(source, reference.repository, registryReader(reference, options.plainHttp ?? isLoopback(reference.registry)));
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function readFileComponent(path: string): ComponentBytes {
  try {
    return { reference: `file:${path}`, digest: sha256(readFileSync(path)), manifests: [], file: true };
  } catch (error) {
    throw new CliError(`Cannot read ${path}: ${reasonOf(error)}`);
  }
}

type Reader = (identifier: string | null) => Promise<Fetched>;

async function collect(reference: string, repository: string | undefined, read: Reader): Promise<ComponentBytes> {
  const top = await read(null);
  const found = [top];
  for (const child of platformManifests(top.bytes)) {
    const fetched = await read(child);
    if (sha256(fetched.bytes) !== child && child.startsWith("sha256:")) throw new CliError(`${reference}: the registry answered other bytes than ${child}.`);
    found.push(fetched);
  }
  return {
    ...(repository === undefined ? {} : { repository }),
    reference,
    digest: sha256(top.bytes),
    manifests: found.map(({ bytes, mediaType }) => ({ mediaType, bytes: bytes.toString("base64") })),
    file: false,
  };
}

/** Digests of an index's platform manifests; attestations (platform unknown/unknown) are none. */
export function platformManifests(bytes: Uint8Array): string[] {
  let parsed: { manifests?: unknown };
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString("utf8")) as { manifests?: unknown };
  } catch {
    throw new CliError("The registry's manifest is not JSON.");
  }
  if (!Array.isArray(parsed.manifests)) return [];
  return (parsed.manifests as Descriptor[])
    .filter((item) => item.platform?.os !== "unknown" && item.annotations?.["vnd.docker.reference.type"] === undefined)
    .map((item) => item.digest)
    .filter((digest) => typeof digest === "string");
}

function layoutReader(path: string): Reader {
  const colon = path.lastIndexOf(":");
  const directory = colon > 0 && !existsSync(path) ? path.slice(0, colon) : path;
  const tag = directory === path ? null : path.slice(colon + 1);
  const blob = (digest: string): Buffer => {
    try {
      return readFileSync(join(directory, "blobs", ...digest.split(":")));
    } catch (error) {
      throw new CliError(`Cannot read ${digest} in the OCI layout ${directory}: ${reasonOf(error)}`);
    }
  };
  return (identifier) => {
    if (identifier !== null) return Promise.resolve({ bytes: blob(identifier), mediaType: MANIFEST_TYPES[1] ?? "" });
    let index: { manifests?: Descriptor[] };
    try {
      index = JSON.parse(readFileSync(join(directory, "index.json"), "utf8")) as { manifests?: Descriptor[] };
    } catch (error) {
      return Promise.reject(new CliError(`${directory} is no OCI image layout: ${reasonOf(error)}`));
    }
    const all = index.manifests ?? [];
    const chosen = tag === null ? all : all.filter((item) => item.annotations?.["org.opencontainers.image.ref.name"] === tag);
    const only = chosen.length === 1 ? chosen[0] : undefined;
    if (typeof only?.digest !== "string") return Promise.reject(new CliError(`${directory} holds ${chosen.length} images${tag === null ? "" : ` named ${tag}`}; name one as oci:DIR:TAG.`));
    return Promise.resolve({ bytes: blob(only.digest), mediaType: typeof only.mediaType === "string" ? only.mediaType : (MANIFEST_TYPES[1] ?? "") });
  };
}

function registryReader(reference: ImageReference, plainHttp: boolean): Reader {
  const host = reference.registry === "docker.io" ? "registry-1.docker.io" : reference.registry;
  const base = `${plainHttp ? "http" : "https"}://${host}/v2/${reference.path}/manifests/`;
  const login = credentialsFor(reference.registry);
  let authorization: string | null = null;
  const fetchManifest = async (identifier: string, mayAuthenticate: boolean): Promise<Fetched> => {
    let response: Response;
    try {
      response = await fetch(base + identifier, { headers: { accept: MANIFEST_TYPES.join(", "), ...(authorization ? { authorization } : {}) } });
    } catch (error) {
      throw new CliError(`The registry ${reference.registry} does not answer: ${reasonOf(error)}`, EXIT.unreachable);
    }
    if (response.status === 401 && mayAuthenticate) {
      authorization = await authenticate(response.headers.get("www-authenticate") ?? "", reference, login);
      return fetchManifest(identifier, false);
    }
    if (response.status === 404) throw new CliError(`${reference.repository} has no ${identifier}.`);
    if (!response.ok) throw new CliError(`The registry ${reference.registry} answered ${response.status} for ${reference.path}@${identifier}.`, EXIT.failed);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (bytes.length > MAX_MANIFEST_BYTES) throw new CliError(`The manifest of ${reference.repository} is larger than 4 MiB.`);
    return { bytes, mediaType: response.headers.get("content-type")?.split(";")[0] ?? "" };
  };
  return (identifier) => fetchManifest(identifier ?? reference.identifier, true);
}

/** Answers a registry's challenge: Basic, or a Bearer token from its realm (distribution "token authentication"). */
async function authenticate(challenge: string, reference: ImageReference, login: string | null): Promise<string> {
  if (/^basic/i.test(challenge)) {
    if (!login) throw new CliError(`The registry ${reference.registry} wants a login: set PLUMBLINE_REGISTRY_USERNAME and PLUMBLINE_REGISTRY_PASSWORD.`);
    return `Basic ${login}`;
  }
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  const realm = parameter("realm");
  if (!/^bearer/i.test(challenge) || !realm) throw new CliError(`The registry ${reference.registry} refuses and does not say how to sign in.`);
  const url = new URL(realm);
  const service = parameter("service");
  if (service) url.searchParams.set("service", service);
  url.searchParams.set("scope", parameter("scope") ?? `repository:${reference.path}:pull`);
  const response = await fetch(url, { headers: login ? { authorization: `Basic ${login}` } : {} });
  const body = (await response.json().catch(() => null)) as { token?: string; access_token?: string } | null;
  const token = body?.token ?? body?.access_token;
  if (!response.ok || !token) throw new CliError(`The registry ${reference.registry} gave no token for ${reference.path} (${response.status}).`);
  return `Bearer ${token}`;
}

/** Base64 of user:password from the environment or Docker's config file; null for an anonymous pull. */
function credentialsFor(registry: string): string | null {
  const user = process.env["PLUMBLINE_REGISTRY_USERNAME"];
  const password = process.env["PLUMBLINE_REGISTRY_PASSWORD"];
  if (user && password) return Buffer.from(`${user}:${password}`).toString("base64");
  const file = join(process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "config.json");
  if (!existsSync(file)) return null;
  try {
    const config = JSON.parse(readFileSync(file, "utf8")) as { auths?: Record<string, { auth?: string }> };
    const key = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
    return config.auths?.[key]?.auth ?? null;
  } catch {
    return null;
  }
}

function isLoopback(registry: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(registry);
}

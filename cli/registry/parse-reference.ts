/** Where an image lives. `identifier` is a tag or a digest. */
export type ImageReference = { registry: string; path: string; identifier: string; repository: string };

/**
 * Reads `[host[:port]/]path[:tag][@digest]` as the OCI tools do: no host means Docker Hub, no tag means `latest`, a
 * digest wins over a tag. `repository` is host and path as a runtime prints them.
 * @throws RangeError in words
 */
export function parseReference(text: string): ImageReference {
  const match = /^(?<name>[^@\s]+?)(?<digest>@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))?$/.exec(text);
  const full = match?.groups?.["name"];
  if (!full) throw new RangeError(`"${text}" is not an image reference such as registry.example/team/payments:1.42.0.`);
  const digest = match.groups?.["digest"]?.slice(1);
  const slash = full.indexOf("/");
  const head = slash < 0 ? "" : full.slice(0, slash);
  const hasHost = head.includes(".") || head.includes(":") || head === "localhost";
  const rest = hasHost ? full.slice(slash + 1) : full;
  const colon = rest.lastIndexOf(":");
  const tag = colon > rest.lastIndexOf("/") ? rest.slice(colon + 1) : null;
  const path = tag === null ? rest : rest.slice(0, colon);
  if (!/^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/.test(path)) throw new RangeError(`"${path}" is not a repository path: lower-case letters, digits, and . _ - / between them.`);
  const registry = hasHost ? head : "docker.io";
  const fullPath = hasHost || path.includes("/") ? path : `library/${path}`;
  return { registry, path: fullPath, identifier: digest ?? tag ?? "latest", repository: `${registry}/${fullPath}` };
}

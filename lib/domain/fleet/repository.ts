import { sanitizeName } from "@/lib/domain/fleet/names";

/**
 * A repository in its full form: `nginx` and `docker.io/nginx` are `docker.io/library/nginx`. Tag and digest are cut.
 * Used to look names up; which bytes run is never decided by it.
 */
export function normalizeRepository(reference: string): string {
  const beforeDigest = reference.trim().split("@", 1)[0] ?? "";
  const slash = beforeDigest.lastIndexOf("/");
  const colon = beforeDigest.indexOf(":", slash + 1);
  const name = (colon === -1 ? beforeDigest : beforeDigest.slice(0, colon)).toLowerCase();
  const [head = "", ...rest] = name.split("/");
  const hasHost = rest.length > 0 && (head.includes(".") || head.includes(":") || head === "localhost");
  const host = hasHost ? head : "docker.io";
  const path = hasHost ? rest.join("/") : name;
  return host === "docker.io" && !path.includes("/") ? `docker.io/library/${path}` : `${host}/${path}`;
}

/** The last segment of a repository as a name: what an unlabelled container is probably called. */
export function nameFromRepository(reference: string): string | null {
  return sanitizeName(normalizeRepository(reference).split("/").at(-1));
}

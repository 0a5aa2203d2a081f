const HERE = "http://here.invalid";

/**
 * Where to go after signing in: a path of this site, `/fleet` for anything else. Backslashes, control characters and
 * `//host` would lead a browser elsewhere, so the URL parser decides, not a pattern.
 */
export function safeNext(next: string | string[] | undefined): string {
  const fallback = "/fleet";
  if (typeof next !== "string" || !next.startsWith("/")) return fallback;
  if (!URL.canParse(next, HERE)) return fallback;
  const url = new URL(next, HERE);
  if (url.origin !== HERE || url.pathname.startsWith("//")) return fallback;
  if (url.pathname === "/" || url.pathname.startsWith("/api/") || url.pathname === "/sign-in") return fallback;
  return `${url.pathname}${url.search}${url.hash}`;
}

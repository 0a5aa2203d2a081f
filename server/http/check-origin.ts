import type { Config } from "@/server/config";
import { AppError } from "@/server/errors";
import type { IncomingCall } from "./call";

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/** Origins that are this installation: its URL and, when that is on loopback, the machine's other names for itself. */
export function ownOrigins({ url }: Pick<Config, "url">): string[] {
  const { origin, hostname, protocol, port } = new URL(url);
  if (!LOOPBACK_NAMES.includes(hostname)) return [origin];
  return [...new Set([origin, ...LOOPBACK_NAMES.map((name) => new URL(`${protocol}//${name}${port ? `:${port}` : ""}`).origin)])];
}

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Keeps other sites from writing with a browser's credentials. With a cookie, a write must name our own origin
 * exactly; without one (the demo), it must not name another. A bearer token is no ambient credential: not asked here.
 * @throws AppError forbidden, or unsupported when a form could have sent it
 */
export function checkOrigin(request: Pick<IncomingCall, "method" | "headers">, config: Pick<Config, "url">, { cookie }: { cookie: boolean }): void {
  if (SAFE_METHODS.has(request.method)) return;
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const foreign = (origin === null ? cookie : !ownOrigins(config).includes(origin)) || (site !== null && site !== "same-origin");
  if (foreign) throw new AppError("forbidden", "This came from another site. Use Plumbline's own pages, or an API token.", { type: "foreign-origin" });
  const type = request.headers.get("content-type")?.trim() ?? "";
  if (request.method === "POST" && !/^application\/json\b/i.test(type)) throw new AppError("unsupported", "Send the body as application/json.", { type: "not-json" });
}

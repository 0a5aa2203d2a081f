import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { MAX_BODY_BYTES } from "@/lib/contract/agent";
import type { App } from "@/server/context";
import { AppError } from "@/server/errors";
import type { AgentRoute } from "./agent-routes";
import type { Answer } from "./call";
import { problemAnswer } from "./problem";
import { baseSecurityHeaders } from "./security-headers";
import { shutdownSignal } from "@/server/shutdown";
import { parseTrusted, stripHeaders } from "./strip-headers";

type NextHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;
export type Listener = { port: number; close: () => Promise<void> };

const CLOSE_WAIT_MS = 5_000;
const SWEEP_MS = 50;
const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * The process's one door. Agents' routes are served directly, which costs a tenth of the way through Next's router;
 * everything else goes to Next.
 * @throws Error, with the code EADDRINUSE when the address is taken
 */
export function startListener({ config, log }: Pick<App, "config" | "log">, { agentRoutes, next }: { agentRoutes: readonly AgentRoute[]; next: NextHandler }): Promise<Listener> {
  const isTrusted = parseTrusted(config.trustedProxies);
  const fixed = Object.entries(baseSecurityHeaders({ https: config.url.startsWith("https:") }));
  const routes = new Map(agentRoutes.map((route) => [`${route.method} ${route.path}`, route]));
  const paths = new Set(agentRoutes.map(({ path }) => path));
  const scheme = config.tls ? "https" : "http";

  const listener: RequestListener = (request, response) => {
    for (const [name, value] of fixed) response.setHeader(name, value);
    stripHeaders(request.headers, request.socket.remoteAddress ?? "", isTrusted);
    joinDuplicates(request);
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const route = routes.get(`${request.method} ${path}`);
    // Next answers an address that cannot be decoded with a bare 500.
    const served = !isDecodable(path) ? send(noAddress(), response) : route ? serveDirectly(route, request, response, scheme) : paths.has(path) ? refuseMethod(response, agentRoutes, path) : next(request, response);
    served.catch((error: unknown) => {
      log.error({ err: error }, "a request could not be answered");
      if (!response.headersSent) response.writeHead(500).end();
      else response.destroy();
    });
  };
  const server: Server = config.tls
    ? createHttpsServer({ cert: readFileSync(config.tls.certFile), key: readFileSync(config.tls.keyFile), minVersion: "TLSv1.2" }, listener)
    : createHttpServer(listener);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = 65_000;
  server.maxRequestsPerSocket = 0;
  server.on("upgrade", (_request, socket) => socket.destroy());
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });

  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: config.host, port: config.port }, () => {
      server.removeListener("error", reject);
      server.on("error", (error) => log.error({ err: error }, "the listener failed"));
      resolve({ port: (server.address() as AddressInfo).port, close: () => closeServer(server) });
    });
  });
}

/** Lets running requests end, for a while; idle connections go at once. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WAIT_MS);
    // A connection whose last answer ends after this moment is kept alive by its client until it is closed here.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** Node keeps the first of two Content-Type headers and drops the other: what was sent twice must be refused. */
function joinDuplicates(request: IncomingMessage): void {
  for (const name of ["content-type", "authorization", "content-encoding"] as const) {
    const values = request.headersDistinct[name];
    if (values && values.length > 1) request.headers[name] = values.join(", ");
  }
}

/** Of what is answered when it is taken. */
const NEVER = new AbortController().signal;

/** Who waits for an answer. A signal looks through all of its listeners for each new one, so there is one for all. */
const longPolls = new Set<AbortController>();

/** A signal that is aborted when the caller hangs up, or the process is asked to end: long-polls answer then at once. */
function signalOf(response: ServerResponse): AbortSignal {
  const aborted = new AbortController();
  const shutdown = shutdownSignal();
  if (shutdown.aborted) aborted.abort();
  if (longPolls.size === 0) shutdown.addEventListener("abort", endLongPolls, { once: true });
  longPolls.add(aborted);
  response.once("close", () => {
    longPolls.delete(aborted);
    if (!response.writableFinished) aborted.abort();
  });
  return aborted.signal;
}

function endLongPolls(): void {
  for (const waiting of longPolls) waiting.abort();
}

async function serveDirectly({ handler: { answer }, after }: AgentRoute, incoming: IncomingMessage, response: ServerResponse, scheme: string): Promise<void> {
  // Only what is asked for waits; what is told is answered when it is taken.
  const signal = incoming.method === "GET" ? signalOf(response) : NEVER;
  await after?.();
  if (incoming.destroyed || response.destroyed) return;
  const body = await readBody(incoming);
  if (body === null) return send(tooLarge(), response);
  const host = /^[A-Za-z0-9.:[\]_-]+$/.test(incoming.headers.host ?? "") ? incoming.headers.host : "localhost";
  const get = (name: string): string | null => {
    const value = incoming.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(", ") : (value ?? null);
  };
  await send(await answer({ method: incoming.method ?? "GET", url: `${scheme}://${host}${incoming.url}`, headers: { get }, signal, body: body.length > 0 ? body : null }), response);
}

/** Null when it is larger than any body may be; what is on the wire is not read further. */
async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | null> {
  if (incoming.method === "GET" || incoming.method === "HEAD") return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks, size));
}

function isDecodable(path: string): boolean {
  try {
    return !decodeURIComponent(path).includes("\0");
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

function noAddress(): Answer {
  const requestId = randomUUID();
  return problemAnswer(new AppError("invalid", "The address is not valid: its percent-encoding is not UTF-8 text."), requestId, { "x-request-id": requestId });
}

function tooLarge(): Answer {
  const requestId = randomUUID();
  return problemAnswer(new AppError("too-large", `The body is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB.`), requestId, { "x-request-id": requestId, connection: "close" });
}

async function refuseMethod(response: ServerResponse, routes: readonly AgentRoute[], path: string): Promise<void> {
  const allow = routes.filter((route) => route.path === path).map(({ method }) => method).join(", ");
  response.writeHead(405, { allow, "content-length": "0" }).end();
}

async function send({ status, headers, body }: Answer, response: ServerResponse): Promise<void> {
  for (const [name, value] of headers) response.setHeader(name, value);
  response.statusCode = status;
  const bytes = typeof body === "string" ? Buffer.from(body) : body === null ? Buffer.alloc(0) : Buffer.from(await new Response(body).arrayBuffer());
  response.setHeader("content-length", bytes.length);
  await new Promise<void>((resolve) => {
    response.once("close", resolve);
    response.end(bytes, resolve);
  });
}

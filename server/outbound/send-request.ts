import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import type { App } from "@/server/context";
import { answerWith } from "./open-connection";
import { orLate } from "./or-late";
import { OutboundError, toOutboundError } from "./outbound-error";
import { resolveHost, type Destination, type Resolve } from "./resolve-host";

const MAX_ANSWER_BYTES = 64 * 1024;

export type OutboundRequest = {
  url: string;
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  headers?: Record<string, string>;
  body?: string;
  /** From the first look at the name to the last byte of the answer. */
  timeoutMs: number;
  /** Most bytes of an answer; 64 KiB when not said. */
  maxBytes?: number;
};
export type OutboundAnswer = { status: number; headers: IncomingHttpHeaders; body: string };

/**
 * The one way out over HTTP: https, to the public internet, no redirect followed, time and size capped. Each resolved
 * address is vetted and only vetted ones are connected to. Hosts and networks in PLUMBLINE_OUTBOUND_ALLOW may be private, and
 * plain http. Any status is an answer, except a redirect.
 * @param resolve stands in for the system's resolver
 * @throws OutboundError
 */
export async function sendRequest({ config }: { config: Pick<App["config"], "outboundAllow"> }, request: OutboundRequest, { resolve }: { resolve?: Resolve } = {}): Promise<OutboundAnswer> {
  const url = readUrl(request.url);
  const host = bareHost(url);
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new OutboundError("timeout", `${host} did not answer within ${request.timeoutMs / 1_000} s.`)), request.timeoutMs);
  try {
    const destination = await orLate(resolveHost({ config }, { host, port, ...(resolve && { resolve }) }), late.signal);
    if (url.protocol === "http:" && !destination.allowed) throw new OutboundError("bad-url", `${host} must be spoken to by https. PLUMBLINE_OUTBOUND_ALLOW can make an exception.`);
    return await exchange(url, request, destination, late.signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads the URL of a destination.
 * @throws OutboundError bad-url, unless it is http or https, without a user, a password or an address in an odd form
 */
export function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) throw new OutboundError("bad-url", "This is not an https URL.");
  if (url.username !== "" || url.password !== "") throw new OutboundError("bad-url", "A URL must not hold a user or a password.");
  // The parser turns 2130706433 and 0177.1 into 127.0.0.1: who writes such a thing hides where it leads.
  if (isIP(url.hostname) === 4 && !text.includes(url.hostname)) throw new OutboundError("bad-url", "Write the address in its ordinary form, such as 192.0.2.7.");
  return url;
}

/** A URL's host without the brackets of IPv6. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function exchange(url: URL, { method, headers = {}, body, maxBytes = MAX_ANSWER_BYTES }: OutboundRequest, destination: Destination, late: AbortSignal): Promise<OutboundAnswer> {
  const host = bareHost(url);
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(late.reason instanceof OutboundError ? late.reason : toOutboundError(error, host));
    try {
      const outgoing = send(url, {
        method,
        headers: { "user-agent": "plumbline", ...headers, ...(body !== undefined && { "content-length": Buffer.byteLength(body) }) },
        // A connection of its own: a kept one would lead to what was vetted for somebody else.
        agent: false,
        lookup: answerWith(destination),
        signal: late,
      });
      outgoing.once("error", fail);
      outgoing.once("response", (incoming) => {
        readAnswer(incoming, { host, maxBytes }).then(resolve, fail).finally(() => outgoing.destroy());
      });
      outgoing.end(body);
    } catch (error) {
      fail(error);
    }
  });
}

async function readAnswer(incoming: IncomingMessage, { host, maxBytes }: { host: string; maxBytes: number }): Promise<OutboundAnswer> {
  const status = incoming.statusCode ?? 0;
  if (status >= 300 && status < 400 && incoming.headers.location !== undefined) throw new OutboundError("redirect", `${host} answered with a redirect (${status}), which is not followed. Use the URL that it leads to.`, { status });
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of incoming) {
    const bytes: Buffer = part;
    size += bytes.length;
    if (size > maxBytes) throw new OutboundError("too-large", `${host} answered ${status} with more than ${maxBytes} bytes.`, { status });
    parts.push(bytes);
  }
  return { status, headers: incoming.headers, body: Buffer.concat(parts).toString("utf8") };
}

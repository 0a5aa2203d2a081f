import { createHash } from "node:crypto";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import { gzipSync } from "node:zlib";

/** What the agent's requests have in common. */
export interface Endpoint {
  /** The server's origin, with or without a path. */
  url: string;
  token?: string;
  /** PEM of the authority to trust instead of the system's. */
  ca?: string;
}

/** An answer as it came. `body` is the parsed JSON, or null when it is none. */
export interface Answer {
  status: number;
  body: unknown;
  /** Seconds that the server asks to wait. */
  retryAfterS?: number;
}

export interface Transport {
  /** Sends `bytes` (JSON, gzipped when large) and resolves with any answer; rejects only when none came. */
  post(path: string, bytes: Uint8Array, timeoutMs?: number): Promise<Answer>;
  get(path: string, timeoutMs: number, signal?: AbortSignal): Promise<Answer>;
  close(): void;
}

const GZIP_ABOVE = 2_048;
/** No answer of the protocol is larger; more is somebody else's page. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const POST_TIMEOUT_MS = 30_000;

/** One kept-alive connection to a server. Throws when the URL is none, or is plain http to another machine. */
export function openTransport({ url, token, ca }: Endpoint): Transport {
  const base = new URL(url);
  if (base.protocol !== "https:" && base.protocol !== "http:") throw new Error(`${url} is not an http or https address`);
  if (base.protocol === "http:" && !isLoopback(base.hostname)) throw new Error(`${url}: plain http is only spoken on this machine; use https`);
  const prefix = base.pathname.replace(/\/+$/, "");
  const agent = base.protocol === "https:" ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true });
  const open = base.protocol === "https:" ? httpsRequest : httpRequest;

  const send = (method: "GET" | "POST", path: string, payload: Uint8Array | null, timeoutMs: number, signal?: AbortSignal): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const packed = payload !== null && payload.byteLength > GZIP_ABOVE;
      const bytes = payload === null ? null : packed ? gzipSync(payload, { level: 4 }) : payload;
      const outgoing = open({
        agent,
        method,
        hostname: base.hostname.replace(/^\[|\]$/g, ""),
        port: base.port || undefined,
        path: `${prefix}${path}`,
        signal,
        headers: {
          accept: "application/json",
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(bytes ? { "content-type": "application/json", "content-length": bytes.byteLength } : {}),
          ...(packed ? { "content-encoding": "gzip" } : {}),
        },
      });
      const late = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
      outgoing.on("error", (error) => {
        clearTimeout(late);
        reject(error);
      });
      outgoing.on("response", (response) => {
        readAnswer(response).then(
          (answer) => {
            clearTimeout(late);
            resolve(answer);
          },
          (error: unknown) => {
            clearTimeout(late);
            reject(error);
          },
        );
      });
      outgoing.end(bytes ?? undefined);
    });

  return {
    post: (path, bytes, timeoutMs = POST_TIMEOUT_MS) => send("POST", path, bytes, timeoutMs),
    get: (path, timeoutMs, signal) => send("GET", path, null, timeoutMs, signal),
    close: () => agent.destroy(),
  };
}

/** SHA-256 of a verification key's text, in hex: what an enrolment token or line names the server's key by. */
export function keyFingerprint(vkey: string): string {
  return createHash("sha256").update(vkey.trim()).digest("hex");
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) {
      response.destroy();
      throw new Error("the answer is too large to be the server's");
    }
    chunks.push(chunk);
  }
  const retryAfterS = Number.parseInt(response.headers["retry-after"] ?? "", 10);
  return { status: response.statusCode ?? 0, body: parseOrNull(Buffer.concat(chunks).toString("utf8")), ...(Number.isNaN(retryAfterS) ? {} : { retryAfterS }) };
}

function parseOrNull(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** A field of an answer's JSON object, or undefined. */
export function fieldOf(body: unknown, name: string): unknown {
  return typeof body === "object" && body !== null ? new Map<string, unknown>(Object.entries(body)).get(name) : undefined;
}

/** What a problem document says, for the log; never more than a line. */
export function sentenceOf(answer: Answer): string {
  const detail = fieldOf(answer.body, "detail") ?? fieldOf(answer.body, "title");
  return `${answer.status}${typeof detail === "string" ? ` ${detail.slice(0, 300)}` : ""}`;
}

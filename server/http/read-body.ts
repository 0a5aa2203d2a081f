import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { MAX_BODY_BYTES, MAX_DEPTH } from "@/lib/contract/agent";
import { AppError } from "@/server/errors";
import type { IncomingCall } from "./call";
import { parseJson } from "./scan-json";

const inflate = promisify(gunzip);
const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i;
const utf8 = new TextDecoder("utf-8", { fatal: true });

export type Body = { text: string; json: unknown };

/**
 * Reads a JSON body: application/json, plain or gzip, at most 4 MiB before and after inflating, at most 32 levels deep.
 * @throws AppError unsupported (type or encoding), too-large, invalid
 */
export async function readJsonBody(request: IncomingCall): Promise<Body> {
  const type = request.headers.get("content-type")?.trim() ?? "";
  if (!JSON_TYPE.test(type)) throw new AppError("unsupported", "Send the body as application/json, in UTF-8.", { type: "not-json" });
  const bytes = await readBytes(request);
  if (bytes.length === 0) throw new AppError("invalid", "The body is empty; JSON is expected.", { type: "malformed-json" });
  const text = decodeText(bytes);
  return { text, json: parseJson(text, { maxDepth: MAX_DEPTH }) };
}

/** Text of UTF-8 bytes. @throws AppError invalid */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new AppError("invalid", "The body is not UTF-8.", { type: "not-utf-8" });
  }
}

/** The body's bytes, inflated. @throws AppError unsupported, too-large, invalid */
export async function readBytes(request: IncomingCall): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") throw new AppError("unsupported", "Only gzip is accepted as a content encoding.", { type: "unknown-encoding" });
  const sent = await readLimited(request);
  if (encoding === "identity" || sent.length === 0) return sent;
  try {
    return await inflate(sent, { maxOutputLength: MAX_BODY_BYTES });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") throw tooLarge();
    throw new AppError("invalid", "The body is not valid gzip.", { type: "malformed-gzip" });
  }
}

async function readLimited(request: IncomingCall): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  if (!request.body) return new Uint8Array();
  if (request.body instanceof Uint8Array) {
    if (request.body.byteLength > MAX_BODY_BYTES) throw tooLarge();
    return request.body;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (size > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    if (error instanceof AppError) throw error;
    throw new AppError("invalid", "The body ended before it was complete.", { type: "incomplete-body" });
  }
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks, size);
}

function tooLarge(): AppError {
  return new AppError("too-large", `The body is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB.`);
}

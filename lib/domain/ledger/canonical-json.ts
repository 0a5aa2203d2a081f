/** RFC 8785, JSON Canonicalization Scheme: one text per value, so that a hash of it means something. */
import { decodeUtf8, encodeUtf8, isWellFormed } from "./bytes";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** Declare what is written as `type`, not `interface`: only then does TypeScript see that it is JSON. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** Nesting above this is refused: nothing that we record is deep, and recursion stays bounded. */
export const MAX_DEPTH = 64;

/** The value has no canonical form here. */
export class CanonicalJsonError extends Error {
  override name = "CanonicalJsonError";
}

/**
 * The canonical text of a value. Throws CanonicalJsonError for what JSON or our own rules do not allow: NaN, infinities,
 * undefined, lone surrogates, objects that are not plain, more than 64 levels, and integers above 2^53 - 1 (they are
 * strings on the wire). From 1e21 on a number is written with an exponent, claims no exact digits, and is accepted.
 */
export function canonicalize(value: JsonValue): string {
  return write(value, 0);
}

/** UTF-8 of the canonical text: what is hashed and signed. */
export function canonicalBytes(value: JsonValue): Uint8Array {
  return encodeUtf8(canonicalize(value));
}

/** Reads a text that must already be canonical, duplicate keys excluded by that; throws CanonicalJsonError otherwise. */
export function parseCanonical(text: string): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new CanonicalJsonError("not JSON", { cause: error });
  }
  if (canonicalize(value) !== text) throw new CanonicalJsonError("not in canonical form (RFC 8785)");
  return value;
}

/** The same from UTF-8 bytes. */
export function parseCanonicalBytes(bytes: Uint8Array): JsonValue {
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch (error) {
    throw new CanonicalJsonError("not UTF-8", { cause: error });
  }
  return parseCanonical(text);
}

function write(value: JsonValue | undefined, depth: number): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return writeString(value);
    case "number":
      return writeNumber(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (depth >= MAX_DEPTH) throw new CanonicalJsonError(`nested deeper than ${MAX_DEPTH} levels`);
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value as JsonObject, depth + 1);
    default:
      throw new CanonicalJsonError(`${typeof value} is not JSON`);
  }
}

function writeArray(items: readonly JsonValue[], depth: number): string {
  let text = "[";
  // By index: a hole must be seen, and refused as undefined.
  for (let at = 0; at < items.length; at += 1) text += (at === 0 ? "" : ",") + write(items[at], depth);
  return `${text}]`;
}

function writeObject(object: JsonObject, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) throw new CanonicalJsonError("not a plain object");
  let text = "{";
  const keys = Object.keys(object);
  // `<` and the default sort() compare UTF-16 code units, which is RFC 8785 §3.2.3. What is read back is sorted already.
  if (keys.some((key, at) => at > 0 && key < (keys[at - 1] ?? ""))) keys.sort();
  for (const key of keys) {
    text += `${text.length === 1 ? "" : ","}${writeString(key)}:${write(object[key], depth)}`;
  }
  return `${text}}`;
}

/** What JSON writes as it stands: nearly all that we record. */
const PLAIN = /^[ !#-[\]-~]*$/;

function writeString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (!isWellFormed(text)) throw new CanonicalJsonError("a text holds a lone surrogate");
  return JSON.stringify(text);
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new CanonicalJsonError(`${value} is not JSON`);
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21) {
    throw new CanonicalJsonError(`the integer ${value} is not exact: write it as a string`);
  }
  return JSON.stringify(value);
}

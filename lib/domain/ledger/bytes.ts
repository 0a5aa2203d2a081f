/** Bytes and their texts. Decoders are strict: one text per byte string, so that nothing is signed twice under two spellings. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const INVALID = 64;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const NIBBLES = new Uint8Array(128).fill(INVALID);
for (let value = 0; value < 16; value += 1) NIBBLES[value.toString(16).charCodeAt(0)] = value;

const SEXTETS = new Uint8Array(128).fill(INVALID);
for (let value = 0; value < BASE64.length; value += 1) SEXTETS[BASE64.charCodeAt(value)] = value;

/** UTF-8 of a text. Check `isWellFormed` first where the text is foreign: a lone surrogate would become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes; throws TypeError when they are not UTF-8. A byte order mark is kept. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Whether a text has no lone surrogate, and so has a UTF-8 form. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Standard base64 with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += BASE64.charAt(group >> 18) + BASE64.charAt((group >> 12) & 63);
    text += at + 1 < bytes.length ? BASE64.charAt((group >> 6) & 63) : "=";
    text += at + 2 < bytes.length ? BASE64.charAt(group & 63) : "=";
  }
  return text;
}

/** Bytes of standard base64 with padding; null for any other spelling, non-zero trailing bits included. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const whole = padding === 0 ? text.length : text.length - 4;
  let written = 0;
  for (let at = 0; at < whole; at += 4) {
    const group = groupOf(sextetAt(text, at), sextetAt(text, at + 1), sextetAt(text, at + 2), sextetAt(text, at + 3));
    if (group < 0) return null;
    bytes[written] = group >> 16;
    bytes[written + 1] = group >> 8;
    bytes[written + 2] = group;
    written += 3;
  }
  if (padding === 0) return bytes;
  const last = groupOf(sextetAt(text, whole), sextetAt(text, whole + 1), padding === 1 ? sextetAt(text, whole + 2) : 0, 0);
  if (last < 0 || (last & (padding === 1 ? 0xff : 0xffff)) !== 0) return null;
  bytes[written] = last >> 16;
  if (padding === 1) bytes[written + 1] = last >> 8;
  return bytes;
}

function sextetAt(text: string, at: number): number {
  return SEXTETS[text.charCodeAt(at)] ?? INVALID;
}

/** 24 bits of four sextets; negative when one of them is invalid. */
function groupOf(first: number, second: number, third: number, fourth: number): number {
  return (first | second | third | fourth) >= INVALID ? -1 : (first << 18) | (second << 12) | (third << 6) | fourth;
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 1) text += HEX[bytes[at] ?? 0] ?? "";
  return text;
}

/** Bytes of lower-case hexadecimal; null for anything else. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    const high = NIBBLES[text.charCodeAt(2 * at)] ?? INVALID;
    const low = NIBBLES[text.charCodeAt(2 * at + 1)] ?? INVALID;
    if ((high | low) >= INVALID) return null;
    bytes[at] = (high << 4) | low;
  }
  return bytes;
}

/** One array of all parts. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Equality in time that depends on the lengths alone. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at += 1) difference |= (left[at] ?? 0) ^ (right[at] ?? 0);
  return difference === 0;
}

/** C2SP signed notes (c2sp.org/signed-note) with Ed25519: a text, a blank line, and one line for each signature. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeUtf8, equalBytes, fromBase64, fromHex, isWellFormed, joinBytes, toBase64, toHex } from "./bytes";

/** Verifiers must take 16 signatures; more than this only costs time. */
const MAX_SIGNATURES = 100;
const ED25519 = Uint8Array.of(1);
const KEY_ID_LENGTH = 4;
const SIGNATURE_LENGTH = 64;

/** Verifies Ed25519 over a message; arguments of 64, any and 32 bytes. */
export type VerifyEd25519 = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;

/** A public key by the name and id that signature lines call it. */
export interface Verifier {
  name: string;
  /** Four bytes. */
  keyId: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** Another implementation, such as the platform's own, which is faster; `verifyEd25519` when absent. */
  verify?: VerifyEd25519;
}

/** Who signs. `sign` may be another implementation (a key service, the platform's own): Ed25519 is deterministic. */
export interface Signer extends Verifier {
  /** 64 bytes of Ed25519 over the message. */
  sign: (message: Uint8Array) => Uint8Array;
}

/** A note, key or signature line that is malformed, or not signed by a known key. */
export class SignedNoteError extends Error {
  override name = "SignedNoteError";
}

/** The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). */
export function deriveKeyId(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(joinBytes(encodeUtf8(`${name}\n`), ED25519, publicKey)).slice(0, KEY_ID_LENGTH);
}

/** A signer from a 32-byte seed (RFC 8032 private key). Throws SignedNoteError for an impossible name or seed. */
export function createSigner(name: string, seed: Uint8Array): Signer {
  checkName(name);
  if (seed.length !== 32) throw new SignedNoteError("an Ed25519 seed has 32 bytes");
  const publicKey = ed25519.getPublicKey(seed);
  return { name, publicKey, keyId: deriveKeyId(name, publicKey), sign: (message) => ed25519.sign(message, seed) };
}

/** Ed25519 as RFC 8032 §5.1.7 says, without the laxer ZIP 215 rules. */
export const verifyEd25519: VerifyEd25519 = (signature, message, publicKey) =>
  signature.length === SIGNATURE_LENGTH && publicKey.length === 32 && ed25519.verify(signature, message, publicKey, { zip215: false });

/** `name+<key id, hex>+<base64(0x01 ‖ public key)>`: what is published and configured. */
export function encodeVkey(key: Verifier): string {
  return `${key.name}+${toHex(key.keyId)}+${toBase64(joinBytes(ED25519, key.publicKey))}`;
}

/** Reads a vkey; throws SignedNoteError when it is malformed, of another algorithm, or its id is not the key's. */
export function parseVkey(vkey: string, verify?: VerifyEd25519): Verifier {
  // Base64 may hold a plus, a name may not.
  const [, name = "", id = "", encoded = ""] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(vkey) ?? [];
  const keyId = fromHex(id);
  const key = fromBase64(encoded);
  if (!keyId || !key || key.length !== 33 || key[0] !== ED25519[0]) throw new SignedNoteError("malformed verification key");
  checkName(name);
  const publicKey = key.slice(1);
  if (!equalBytes(keyId, deriveKeyId(name, publicKey))) throw new SignedNoteError("the verification key does not match its id");
  return verify ? { name, keyId, publicKey, verify } : { name, keyId, publicKey };
}

/** One signature line for a message, newline included: `— <name> <base64(key id ‖ signature)>`. */
export function signLine(message: Uint8Array, signer: Signer): string {
  return `— ${signer.name} ${toBase64(joinBytes(signer.keyId, signer.sign(message)))}\n`;
}

/**
 * Checks signature lines, each ending in a newline, over a message. Lines of unknown keys are ignored; every line of a known
 * key must verify, and at least one must be there. Returns the names that signed; throws SignedNoteError otherwise.
 */
export function verifyLines(message: Uint8Array, lines: string, verifiers: readonly Verifier[]): string[] {
  if (!lines.endsWith("\n")) throw new SignedNoteError("a signature line does not end");
  const signatures = lines.slice(0, -1).split("\n");
  if (signatures.length > MAX_SIGNATURES) throw new SignedNoteError(`more than ${MAX_SIGNATURES} signatures`);
  const verified = new Set<string>();
  for (const line of signatures) {
    const { name, keyId, signature } = parseLine(line);
    const known = verifiers.find((verifier) => verifier.name === name && equalBytes(verifier.keyId, keyId));
    if (!known) continue;
    const verify = known.verify ?? verifyEd25519;
    if (!verify(signature, message, known.publicKey)) throw new SignedNoteError(`the signature of ${name} is wrong`);
    verified.add(name);
  }
  if (verified.size === 0) throw new SignedNoteError("no signature of a known key");
  return [...verified];
}

/** Signs a text, which must end in a newline. Throws SignedNoteError for a text that no reader could split again. */
export function signNote(text: string, signers: readonly Signer[]): string {
  checkText(text);
  if (signers.length === 0) throw new SignedNoteError("a note needs a signature");
  const message = encodeUtf8(text);
  return `${text}\n${signers.map((signer) => signLine(message, signer)).join("")}`;
}

/** The text of a note signed by at least one of these keys; throws SignedNoteError otherwise. */
export function openNote(note: string, verifiers: readonly Verifier[]): { text: string; signedBy: string[] } {
  // The text may hold empty lines; the last one in the note ends it.
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw new SignedNoteError("a note without signatures");
  const text = note.slice(0, split + 1);
  checkText(text);
  return { text, signedBy: verifyLines(encodeUtf8(text), note.slice(split + 2), verifiers) };
}

function parseLine(line: string): { name: string; keyId: Uint8Array; signature: Uint8Array } {
  const [, name = "", encoded = ""] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  const bytes = fromBase64(encoded);
  if (!bytes || bytes.length <= KEY_ID_LENGTH) throw new SignedNoteError("malformed signature line");
  checkName(name);
  return { name, keyId: bytes.slice(0, KEY_ID_LENGTH), signature: bytes.slice(KEY_ID_LENGTH) };
}

function checkName(name: string): void {
  // U+0085 is a Unicode space that \s does not know.
  if (name === "" || /[\s\u0085+]/u.test(name) || hasControl(name) || !isWellFormed(name)) throw new SignedNoteError("malformed key name");
}

function checkText(text: string): void {
  if (!text.endsWith("\n") || !isWellFormed(text) || hasControl(text.replaceAll("\n", ""))) throw new SignedNoteError("malformed note text");
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) < 0x20) return true;
  return false;
}

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeUtf8, fromBase64, fromHex, toHex } from "./bytes";
import { SignedNoteError, createSigner, encodeVkey, openNote, parseVkey, signNote, verifyEd25519, type Verifier } from "./signed-note";

const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();

describe("RFC 8032 §7.1", () => {
  it.each([
    {
      seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      message: "",
      signature:
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    },
    {
      seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
    {
      seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      message: "af82",
      signature:
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    },
  ])("signs and verifies %#", ({ seed, publicKey, message, signature }) => {
    const signer = createSigner("test", bytesOf(seed));
    expect(toHex(signer.publicKey)).toBe(publicKey);
    expect(toHex(signer.sign(bytesOf(message)))).toBe(signature);
    expect(verifyEd25519(bytesOf(signature), bytesOf(message), bytesOf(publicKey))).toBe(true);
    expect(verifyEd25519(bytesOf(signature), bytesOf(`${message}00`), bytesOf(publicKey))).toBe(false);
    expect(verifyEd25519(bytesOf(signature).slice(1), bytesOf(message), bytesOf(publicKey))).toBe(false);
  });
});

const PETER = {
  vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  seed: (fromBase64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz") ?? new Uint8Array()).slice(1),
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};
const peter = parseVkey(PETER.vkey);
const PETERS_NOTE = `${PETER.text}\n${PETER.line}`;

describe("known notes", () => {
  it("the specification's verification key and message", () => {
    const key = parseVkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    const note =
      "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    expect(openNote(note, [key])).toEqual({ text: "This is an example message.\n", signedBy: ["example.com/foo"] });
  });

  it("the reference implementation's note, signed again to the byte", () => {
    const signer = createSigner("PeterNeumann", PETER.seed);
    expect(encodeVkey(signer)).toBe(PETER.vkey);
    expect(signNote(PETER.text, [signer])).toBe(PETERS_NOTE);
    expect(openNote(PETERS_NOTE, [peter]).text).toBe(PETER.text);
  });

  it("the specification's poem has its empty line inside the text, and a key that we do not know", () => {
    const poem =
      "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
      "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    expect(() => openNote(poem, [peter])).toThrow("no signature of a known key");
    const text = poem.slice(0, poem.lastIndexOf("\n\n") + 1);
    const mine = createSigner("PeterNeumann", PETER.seed);
    const both = signNote(text, [mine]) + poem.slice(poem.lastIndexOf("—"));
    expect(openNote(both, [peter])).toEqual({ text, signedBy: ["PeterNeumann"] });
  });
});

describe("signatures", () => {
  const one = createSigner("one", new Uint8Array(32).fill(1));
  const two = createSigner("two", new Uint8Array(32).fill(2));

  it("ignores a known name with another id, and a known id with another name", () => {
    const other = createSigner("one", new Uint8Array(32).fill(9));
    expect(() => openNote(signNote("a\n", [other]), [one])).toThrow("no signature of a known key");
    const renamed: Verifier = { ...one, name: "uno" };
    expect(() => openNote(signNote("a\n", [one]), [renamed])).toThrow("no signature of a known key");
    expect(openNote(signNote("a\n", [other, one]), [one]).signedBy).toEqual(["one"]);
  });

  it("names every known signer", () => {
    expect(openNote(signNote("a\n", [one, two]), [two, one]).signedBy).toEqual(["one", "two"]);
  });

  it("rejects the whole note when one known signature is wrong", () => {
    const wrong = signNote("b\n", [two]).split("\n\n")[1] ?? "";
    expect(() => openNote(signNote("a\n", [one]) + wrong, [one, two])).toThrow("the signature of two is wrong");
    expect(openNote(signNote("a\n", [one]) + wrong, [one]).signedBy).toEqual(["one"]);
  });

  it("fails with any single bit of a signed text changed", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 6 }), (pick, bit) => {
        const note = signNote("plumbline.example\n12\nabcdefgh\n", [one]);
        const at = pick % note.length;
        const changed = note.slice(0, at) + String.fromCharCode(note.charCodeAt(at) ^ (1 << bit)) + note.slice(at + 1);
        expect(() => openNote(changed, [one])).toThrow(SignedNoteError);
      }),
    );
  });

  it("lets another implementation verify", () => {
    const asked: number[] = [];
    const key = parseVkey(encodeVkey(one), (signature, message) => asked.push(signature.length, message.length) > 0);
    expect(openNote(signNote("a\n", [one]), [key]).signedBy).toEqual(["one"]);
    expect(asked).toEqual([64, 2]);
  });

  it("limits their number", () => {
    expect(() => openNote(PETERS_NOTE + PETER.line.repeat(100), [peter])).toThrow("more than 100");
    expect(openNote(PETERS_NOTE + PETER.line.repeat(99), [peter]).signedBy).toEqual(["PeterNeumann"]);
  });
});

describe("malformed", () => {
  it.each([
    ["no signature", PETER.text],
    ["no blank line", PETER.text + PETER.line],
    ["no last newline", PETERS_NOTE.slice(0, -1)],
    ["a hyphen for the dash", PETERS_NOTE.replace("—", "-")],
    ["two spaces", PETERS_NOTE.replace("— ", "—  ")],
    ["carriage returns", PETERS_NOTE.replaceAll("\n", "\r\n")],
    ["a control character", PETERS_NOTE.replace("cryptography", "crypto\tgraphy")],
    ["base64 without padding", PETERS_NOTE.replace("AM=\n", "AM\n")],
    ["a line after the signatures", `${PETERS_NOTE}text\n`],
    ["an empty line after the signatures", `${PETERS_NOTE}\n`],
    ["an id without a signature", `${PETERS_NOTE}— x AAAAAA==\n`],
    ["a lone surrogate", `\ud800${PETERS_NOTE}`],
    ["nothing", ""],
  ])("note with %s", (_, note) => {
    expect(() => openNote(note, [peter])).toThrow(SignedNoteError);
  });

  it("any shortened or changed verification key", () => {
    for (let start = 0; start < PETER.vkey.length; start += 1) {
      if (start > 0) expect(() => parseVkey(PETER.vkey.slice(start))).toThrow(SignedNoteError);
      if (start > 0) expect(() => parseVkey(PETER.vkey.slice(0, start))).toThrow(SignedNoteError);
      const next = String.fromCharCode(PETER.vkey.charCodeAt(start) + 1);
      expect(() => parseVkey(PETER.vkey.slice(0, start) + next + PETER.vkey.slice(start + 1))).toThrow(SignedNoteError);
    }
    expect(() => parseVkey("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==")).toThrow(SignedNoteError);
    expect(() => parseVkey("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")).toThrow(SignedNoteError);
  });

  it.each(["", "a b", "a+b", "a\u0085b", "a\u00a0b", "a\u0001", "\ud800"])("key name %j", (name) => {
    expect(() => createSigner(name, new Uint8Array(32))).toThrow(SignedNoteError);
  });

  it("seed, text and signers", () => {
    expect(() => createSigner("a", new Uint8Array(31))).toThrow(SignedNoteError);
    expect(() => signNote("no newline", [createSigner("a", new Uint8Array(32))])).toThrow(SignedNoteError);
    expect(() => signNote("a\n", [])).toThrow(SignedNoteError);
  });

  it("round-trips keys of any seed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const signer = createSigner("plumbline.example/ledger", Uint8Array.from(seed));
        expect(encodeVkey(parseVkey(encodeVkey(signer)))).toBe(encodeVkey(signer));
        expect(openNote(signNote("x\n\ny\n", [signer]), [signer]).text).toBe("x\n\ny\n");
      }),
      { numRuns: 20 },
    );
  });

  it("signs UTF-8", () => {
    const signer = createSigner("a", new Uint8Array(32));
    expect(verifyEd25519(signer.sign(encodeUtf8("è\n")), encodeUtf8("è\n"), signer.publicKey)).toBe(true);
  });
});

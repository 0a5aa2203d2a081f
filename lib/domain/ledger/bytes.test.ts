import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUtf8, encodeUtf8, equalBytes, fromBase64, fromHex, isWellFormed, joinBytes, toBase64, toHex } from "./bytes";

describe("base64", () => {
  it.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9vYmFy"],
  ])("writes and reads RFC 4648's %j", (text, base64) => {
    expect(toBase64(encodeUtf8(text))).toBe(base64);
    expect(fromBase64(base64)).toEqual(encodeUtf8(text));
  });

  it("agrees with the platform for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = toBase64(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64"));
        expect(fromBase64(text)).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  it.each(["Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", "Z===", "====", "Zm-v", "Zm_v", "Zg==Zg==", "Zmé=", " Zg="])("refuses %j", (text) => {
    expect(fromBase64(text)).toBeNull();
  });
});

describe("hexadecimal", () => {
  it("round-trips", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(Uint8Array.from(bytes));
    }));
  });

  it.each(["0", "0G", "AB", "0x", "a b "])("refuses %j", (text) => {
    expect(fromHex(text)).toBeNull();
  });
});

describe("texts and arrays", () => {
  it("knows lone surrogates", () => {
    expect(isWellFormed("😀 é")).toBe(true);
    expect(isWellFormed("a\ud800b")).toBe(false);
    expect(isWellFormed("\udc00")).toBe(false);
  });

  it("refuses bytes that are not UTF-8 and keeps a byte order mark", () => {
    expect(() => decodeUtf8(Uint8Array.of(0xff))).toThrow(TypeError);
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf))).toBe("\ufeff");
  });

  it("joins and compares", () => {
    expect(joinBytes(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
  });
});

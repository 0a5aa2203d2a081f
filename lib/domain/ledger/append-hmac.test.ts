import { describe, expect, it } from "vitest";
import { appendHmac, verifyAppendHmac } from "./append-hmac";
import { encodeUtf8, fromHex, toHex } from "./bytes";

const key = new Uint8Array(32).fill(3);
const bytes = encodeUtf8("entry");

describe("append HMAC", () => {
  it("is HMAC-SHA-256 (RFC 4231, test case 6: a key longer than a block)", () => {
    expect(toHex(appendHmac(fromHex("aa".repeat(131)) ?? key, encodeUtf8("Test Using Larger Than Block-Size Key - Hash Key First")))).toBe(
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
  });

  it("verifies only with the key, the bytes and every bit of the mark", () => {
    const mac = appendHmac(key, bytes);
    expect(verifyAppendHmac(key, bytes, mac)).toBe(true);
    expect(verifyAppendHmac(new Uint8Array(32), bytes, mac)).toBe(false);
    expect(verifyAppendHmac(key, encodeUtf8("Entry"), mac)).toBe(false);
    expect(verifyAppendHmac(key, bytes, mac.slice(1))).toBe(false);
    for (let bit = 0; bit < 256; bit += 1) {
      const changed = Uint8Array.from(mac);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifyAppendHmac(key, bytes, changed)).toBe(false);
    }
  });

  it("refuses a short key", () => {
    expect(() => appendHmac(new Uint8Array(31), bytes)).toThrow(RangeError);
  });
});

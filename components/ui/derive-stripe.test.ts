import { describe, expect, it } from "vitest";
import { deriveStripe, hexOf, shortDigest } from "./derive-stripe";

const HEX = "0123456789abcdef".repeat(4);

describe("deriveStripe", () => {
  it("draws five bars from the first fifteen characters, the same with and without the algorithm", () => {
    expect(deriveStripe(`sha256:${HEX}`)).toEqual(deriveStripe(HEX));
    expect(deriveStripe(HEX)).toHaveLength(5);
    expect(deriveStripe(HEX)).toEqual(deriveStripe(HEX.slice(0, 15) + "f".repeat(49)));
  });

  it("changes when an early character does", () => {
    expect(deriveStripe(`00${"1".repeat(62)}`)).not.toEqual(deriveStripe(`00${"2".repeat(62)}`));
  });

  it("keeps to four heights and three lightnesses, and survives what is no hash", () => {
    for (const bar of [...deriveStripe(HEX), ...deriveStripe("not a hash"), ...deriveStripe("")]) {
      expect([5, 8, 11, 14]).toContain(bar.height);
      expect([0.3, 0.6, 1]).toContain(bar.lightness);
    }
  });

  it("names a digest by its first seven characters, whatever the algorithm", () => {
    expect(shortDigest(`sha256:${HEX}`)).toBe("0123456");
    expect(shortDigest(`sha512:ABCDEF0${HEX}`)).toBe("abcdef0");
    expect(hexOf(HEX)).toBe(HEX);
  });
});

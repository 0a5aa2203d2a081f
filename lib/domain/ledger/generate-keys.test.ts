import { describe, expect, it } from "vitest";
import { encodeUtf8 } from "./bytes";
import { generateKeys, loadSigner, makeKeyFile, type KeySeeds } from "./generate-keys";
import { parseVkey, verifyEd25519 } from "./signed-note";

const seed = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const seeds: KeySeeds = { signing: seed(1), recovery: seed(2), append: seed(3), fleet: seed(4), auth: seed(5) };

describe("generateKeys", () => {
  it("is a function of its seeds", () => {
    expect(generateKeys("plumbline.example", seeds)).toEqual(generateKeys("plumbline.example", seeds));
    expect(generateKeys("plumbline.example", { ...seeds, signing: seed(9) }).signing.vkey).not.toBe(generateKeys("plumbline.example", seeds).signing.vkey);
  });

  it("names the keys after the origin", () => {
    const keys = generateKeys("plumbline.example", seeds);
    expect(parseVkey(keys.signing.vkey).name).toBe("plumbline.example");
    expect(parseVkey(keys.recovery.vkey).name).toBe("plumbline.example/recovery");
    expect(keys.append).toBe("AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=");
  });

  it("refuses short and repeated seeds", () => {
    expect(() => generateKeys("a", { ...seeds, append: new Uint8Array(16) })).toThrow(RangeError);
    expect(() => generateKeys("a", { ...seeds, recovery: seed(1) })).toThrow(RangeError);
  });
});

describe("loadSigner", () => {
  it("signs so that the published key verifies", () => {
    const file = makeKeyFile("plumbline.example", seed(1));
    const message = encodeUtf8("message");
    expect(verifyEd25519(loadSigner(file).sign(message), message, parseVkey(file.vkey).publicKey)).toBe(true);
  });

  it("refuses a file whose halves do not belong together", () => {
    const file = makeKeyFile("plumbline.example", seed(1));
    expect(() => loadSigner({ ...file, seed: makeKeyFile("plumbline.example", seed(2)).seed })).toThrow(RangeError);
    expect(() => loadSigner({ ...file, seed: "?" })).toThrow(RangeError);
  });
});

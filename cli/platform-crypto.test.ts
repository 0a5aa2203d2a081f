import { expect, it } from "vitest";
import { encodeUtf8, toHex } from "@/lib/domain/ledger/bytes";
import { createSigner, verifyEd25519 } from "@/lib/domain/ledger/signed-note";
import { sha256ByPlatform, verifyByPlatform } from "./platform-crypto";

const signers = [1, 2].map((byte) => createSigner("plumbline.example", new Uint8Array(32).fill(byte)));
const message = encodeUtf8("what runs must be what was approved");

// NIST CAVP, SHA256ShortMsg: lengths of 0 and 24 bits.
it.each([
  [new Uint8Array(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  [Uint8Array.of(0xb4, 0x19, 0x0e), "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2"],
])("hashes as the standard says", (bytes, hash) => {
  expect(toHex(sha256ByPlatform(bytes))).toBe(hash);
});

it("verifies what the pure code verifies, for one key after the other", () => {
  for (const signer of [...signers, ...signers]) {
    for (const other of signers) {
      const signature = other.sign(message);
      expect(verifyByPlatform(signature, message, signer.publicKey)).toBe(signer === other);
      expect(verifyEd25519(signature, message, signer.publicKey)).toBe(signer === other);
    }
  }
});

it("refuses keys and signatures of another length", () => {
  const [signer] = signers;
  if (!signer) throw new Error("no signer");
  const signature = signer.sign(message);
  expect(verifyByPlatform(signature.slice(1), message, signer.publicKey)).toBe(false);
  expect(verifyByPlatform(signature, message, signer.publicKey.slice(1))).toBe(false);
});

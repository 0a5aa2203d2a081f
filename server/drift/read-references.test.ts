import { expect, it } from "vitest";
import { digestOfImage } from "./read-references";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const image = (known: string[]) => ({
  digests: [
    { digest: digest("c"), kind: "config", repository: null },
    { digest: digest("a"), kind: "manifest", repository: "localhost/shop" },
    { digest: digest("b"), kind: "manifest", repository: "registry.test/team/shop" },
  ],
  reference: "registry.test/team/shop:1.0.0",
  known,
});

it("shows the digest that the ledger knows, of all by which the engine calls an image", () => {
  expect(digestOfImage(image([digest("b"), digest("c")]))).toBe(digest("b"));
  expect(digestOfImage(image([]))).toBe(digest("a"));
  expect(digestOfImage(undefined)).toBeNull();
});

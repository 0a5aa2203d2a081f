import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeUtf8, toBase64 } from "./bytes";
import { signCheckpoint } from "./checkpoint";
import { appendLeaf, assembleProof, leafHash, planInclusion, rootOf, type Hash } from "./merkle";
import { createSigner } from "./signed-note";
import { formatTlogProof, parseTlogProof, verifyTlogProof } from "./tlog-proof";

const signer = createSigner("log.example", new Uint8Array(32).fill(7));
const log = { origin: "log.example", keys: [signer] };
const entryOf = (index: number): Uint8Array => encodeUtf8(`entry ${index}`);

function proofOf(index: number, size: number): string {
  let tree: { frontier: Hash[]; size: number } = { frontier: [], size: 0 };
  const nodes = new Map<string, Hash>();
  for (let at = 0; at < size; at += 1) {
    const next = appendLeaf(tree.frontier, at, leafHash(entryOf(at)));
    for (const node of next.nodes) nodes.set(`${node.level}/${node.index}`, node.hash);
    tree = next;
  }
  const hashes = assembleProof(planInclusion(index, size), ({ level, index: place }) => nodes.get(`${level}/${place}`));
  const checkpoint = signCheckpoint({ origin: log.origin, size, root: rootOf(tree.frontier, size) }, [signer]);
  return formatTlogProof({ extra: null, index, hashes, checkpoint });
}

it("has the form of the specification", () => {
  expect(proofOf(0, 1)).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 0\n\nlog\.example\n1\n[A-Za-z0-9+/=]{44}\n\n— log\.example \S+\n$/u);
  const withExtra = { extra: encodeUtf8("x"), index: 5, hashes: [leafHash(entryOf(1))], checkpoint: "a\n\n— b c\n" };
  expect(formatTlogProof(withExtra)).toBe(`c2sp.org/tlog-proof@v1\nextra eA==\nindex 5\n${toBase64(leafHash(entryOf(1)))}\n\na\n\n— b c\n`);
  expect(parseTlogProof(formatTlogProof(withExtra))).toEqual(withExtra);
});

it("verifies every entry of every small tree, and no other", () => {
  for (let size = 1; size <= 9; size += 1) {
    for (let index = 0; index < size; index += 1) {
      const text = proofOf(index, size);
      expect(verifyTlogProof(text, entryOf(index), log)).toMatchObject({ index, checkpoint: { size } });
      expect(() => verifyTlogProof(text, entryOf(index + 1), log)).toThrow("not in the log");
    }
  }
});

it("fails when any one character is changed", () => {
  const text = proofOf(5, 11);
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), fc.constantFrom("A", "B", "0", "1", "\n", " "), (at, character) => {
      const changed = text.slice(0, at) + character + text.slice(at + 1);
      if (changed !== text) expect(() => verifyTlogProof(changed, entryOf(5), log)).toThrow();
    }),
  );
});

describe("refused", () => {
  it.each([
    ["", "without a checkpoint"],
    ["c2sp.org/tlog-proof@v2\nindex 0\n\nx", "not a tlog-proof"],
    ["c2sp.org/tlog-proof@v1\nindex 01\n\nx", "malformed index"],
    ["c2sp.org/tlog-proof@v1\nindex -1\n\nx", "malformed index"],
    ["c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\nx", "malformed index"],
    ["c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\nx", "malformed extra"],
    ["c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx", "malformed hash"],
  ])("%j", (text, why) => {
    expect(() => parseTlogProof(text)).toThrow(why);
  });
  it("more hashes than any tree has levels", () => {
    expect(() => parseTlogProof(`c2sp.org/tlog-proof@v1\nindex 0\n${`${toBase64(new Uint8Array(32))}\n`.repeat(65)}\nx`)).toThrow("more hashes");
  });
  it("another log's, and a key that nobody knows", () => {
    expect(() => verifyTlogProof(proofOf(0, 2), entryOf(0), { ...log, origin: "other.example" })).toThrow("not of other.example");
    expect(() => verifyTlogProof(proofOf(0, 2), entryOf(0), { ...log, keys: [createSigner("log.example", new Uint8Array(32).fill(8))] })).toThrow("no signature of a known key");
  });
});

import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeUtf8, fromHex, toHex } from "./bytes";
import {
  EMPTY_ROOT,
  appendLeaf,
  assembleProof,
  leafHash,
  nodeHash,
  planConsistency,
  planFrontier,
  planInclusion,
  rootOf,
  verifyConsistency,
  verifyInclusion,
  type Hash,
  type NodeCoord,
} from "./merkle";

const MAX = 200;

/** RFC 9162 §2.1.1 word for word. */
function naiveRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT;
  const [only] = leaves;
  if (only && leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

/** A tree grown leaf by leaf, with what the server would store and the root at every size. */
function growTree(leaves: readonly Hash[]) {
  const stored = new Map<string, Hash>();
  const roots: Hash[] = [EMPTY_ROOT];
  let frontier: Hash[] = [];
  let size = 0;
  for (const leaf of leaves) {
    const grown = appendLeaf(frontier, size, leaf);
    ({ frontier, size } = grown);
    for (const node of grown.nodes) {
      const key = `${node.level}/${node.index}`;
      if (stored.has(key)) throw new Error(`node ${key} was written twice`);
      stored.set(key, node.hash);
    }
    roots.push(rootOf(frontier, size));
  }
  const lookup = ({ level, index }: NodeCoord) => stored.get(`${level}/${index}`);
  const rootAt = (at: number): Hash => roots[at] ?? EMPTY_ROOT;
  return { lookup, rootAt, frontier, stored };
}

function flipBit(hash: Hash, bit: number): Hash {
  const copy = Uint8Array.from(hash);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function replaceAt(hashes: readonly Hash[], at: number, bit: number): Hash[] {
  return hashes.map((hash, index) => (index === at ? flipBit(hash, bit) : hash));
}

const leaves = Array.from({ length: MAX }, (_, index) => leafHash(encodeUtf8(`entry ${index}`)));
const tree = growTree(leaves);
const leafAt = (index: number): Hash => leaves[index] ?? EMPTY_ROOT;

describe("known answers", () => {
  it("empty tree, leaves and nodes", () => {
    expect(toHex(EMPTY_ROOT)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(toHex(leafHash(new Uint8Array()))).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    expect(toHex(leafHash(encodeUtf8("L123456")))).toBe("395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    expect(toHex(nodeHash(encodeUtf8("N123"), encodeUtf8("N456")))).toBe("aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb");
  });

  const reference = growTree(
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((hex) =>
      leafHash(fromHex(hex) ?? new Uint8Array()),
    ),
  );

  it("the 8-leaf reference tree", () => {
    expect(toHex(reference.rootAt(8))).toBe("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
  });

  it("its reference proofs", () => {
    expect(assembleProof(planInclusion(5, 8), reference.lookup).map(toHex)).toEqual([
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    expect(assembleProof(planConsistency(6, 8), reference.lookup).map(toHex)).toEqual([
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
  });
});

it("takes another implementation of SHA-256", () => {
  const platform = (bytes: Uint8Array): Hash => Uint8Array.from(createHash("sha256").update(bytes).digest());
  const left = leafHash(encodeUtf8("left"), platform);
  const right = leafHash(encodeUtf8("right"), platform);
  expect(left).toEqual(leafHash(encodeUtf8("left")));
  expect(appendLeaf([left], 1, right, platform)).toEqual(appendLeaf([left], 1, right));
});

describe("frontier", () => {
  it("equals the naive recursion at every size", () => {
    for (let size = 0; size <= MAX; size += 1) expect(tree.rootAt(size)).toEqual(naiveRoot(leaves.slice(0, size)));
  });

  it("can be read back from the stored nodes at every size", () => {
    for (let size = 0; size <= MAX; size += 1) {
      expect(rootOf(planFrontier(size).map((coord) => tree.lookup(coord) ?? EMPTY_ROOT), size)).toEqual(tree.rootAt(size));
    }
  });

  it("stores fewer than two nodes for each leaf", () => {
    expect(tree.stored.size).toBeLessThan(2 * MAX);
  });

  it("refuses a frontier that does not belong to the size", () => {
    expect(() => appendLeaf([], 1, leafAt(0))).toThrow(RangeError);
    expect(() => rootOf([leafAt(0)], 0)).toThrow(RangeError);
    expect(() => rootOf([], -1)).toThrow(RangeError);
    expect(() => rootOf([], 0.5)).toThrow(RangeError);
  });

  it("appends above 2^31 leaves", () => {
    const size = 2 ** 40 + 2 ** 33 + 1;
    const grown = appendLeaf([leafAt(0), leafAt(1), leafAt(2)], size, leafAt(3));
    expect(grown.nodes.map(({ level, index }) => ({ level, index }))).toEqual([
      { level: 0, index: size },
      { level: 1, index: (size - 1) / 2 },
    ]);
    expect(grown.frontier).toHaveLength(3);
  });
});

describe("inclusion", () => {
  it("every leaf of every tree up to 200 verifies", () => {
    for (let size = 1; size <= MAX; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = assembleProof(planInclusion(index, size), tree.lookup);
        const claim = { leaf: leafAt(index), index, size, root: tree.rootAt(size), proof };
        if (!verifyInclusion(claim)) expect.fail(`leaf ${index} of ${size}`);
      }
    }
  });

  it("fails with any single bit changed, any hash missing or one too many", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX }), fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }), (size, pickLeaf, pickHash, bit) => {
        const index = pickLeaf % size;
        const proof = assembleProof(planInclusion(index, size), tree.lookup);
        const claim = { leaf: leafAt(index), index, size, root: tree.rootAt(size), proof };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, leaf: flipBit(claim.leaf, bit) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: flipBit(claim.root, bit) })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...proof, leafAt(0)] })).toBe(false);
        if (proof.length > 0) {
          expect(verifyInclusion({ ...claim, proof: replaceAt(proof, pickHash % proof.length, bit) })).toBe(false);
          expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(false);
          expect(verifyInclusion({ ...claim, proof: proof.slice(0, -1) })).toBe(false);
        }
        const other = (index + 1) % size;
        if (other !== index) expect(verifyInclusion({ ...claim, index: other })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it("every bit of one whole proof counts", () => {
    const proof = assembleProof(planInclusion(77, 150), tree.lookup);
    const claim = { leaf: leafAt(77), index: 77, size: 150, root: tree.rootAt(150), proof };
    for (let at = 0; at < proof.length; at += 1) {
      for (let bit = 0; bit < 256; bit += 1) {
        if (verifyInclusion({ ...claim, proof: replaceAt(proof, at, bit) })) expect.fail(`bit ${bit} of hash ${at}`);
      }
    }
  });

  it("fails for what is no claim at all", () => {
    const claim = { leaf: leafAt(0), index: 0, size: 1, root: leafAt(0), proof: [] };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, index: 1 })).toBe(false);
    expect(verifyInclusion({ ...claim, index: -1 })).toBe(false);
    expect(verifyInclusion({ ...claim, size: 0 })).toBe(false);
    expect(verifyInclusion({ ...claim, size: Number.NaN })).toBe(false);
    expect(verifyInclusion({ ...claim, leaf: leafAt(0).slice(1) })).toBe(false);
    expect(() => planInclusion(1, 1)).toThrow(RangeError);
  });
});

describe("consistency", () => {
  it("every pair of trees up to 200 verifies", () => {
    for (let to = 0; to <= MAX; to += 1) {
      for (let from = 0; from <= to; from += 1) {
        const proof = assembleProof(planConsistency(from, to), tree.lookup);
        const claim = { from, fromRoot: tree.rootAt(from), to, toRoot: tree.rootAt(to), proof };
        if (!verifyConsistency(claim)) expect.fail(`${from} to ${to}`);
      }
    }
  });

  it("fails with any single bit changed, any hash missing or one too many", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: MAX }), fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }), (to, pickFrom, pickHash, bit) => {
        const from = 1 + (pickFrom % (to - 1));
        const proof = assembleProof(planConsistency(from, to), tree.lookup);
        const claim = { from, fromRoot: tree.rootAt(from), to, toRoot: tree.rootAt(to), proof };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, fromRoot: flipBit(claim.fromRoot, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, toRoot: flipBit(claim.toRoot, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: replaceAt(proof, pickHash % proof.length, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: proof.slice(1) })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: [...proof, leafAt(0)] })).toBe(false);
        expect(verifyConsistency({ ...claim, from: to, to: from })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it("fails between trees of different histories", () => {
    const forked = growTree(leaves.map((leaf, index) => (index === 3 ? leafHash(encodeUtf8("rewritten")) : leaf)));
    for (let from = 4; from < 40; from += 1) {
      const proof = assembleProof(planConsistency(from, 40), forked.lookup);
      expect(verifyConsistency({ from, fromRoot: tree.rootAt(from), to: 40, toRoot: forked.rootAt(40), proof })).toBe(false);
    }
  });

  it("knows the edges", () => {
    const root = tree.rootAt(7);
    expect(verifyConsistency({ from: 7, fromRoot: root, to: 7, toRoot: root, proof: [] })).toBe(true);
    expect(verifyConsistency({ from: 7, fromRoot: root, to: 7, toRoot: tree.rootAt(8), proof: [] })).toBe(false);
    expect(verifyConsistency({ from: 7, fromRoot: root, to: 7, toRoot: root, proof: [root] })).toBe(false);
    expect(verifyConsistency({ from: 0, fromRoot: root, to: 7, toRoot: root, proof: [] })).toBe(false);
    expect(verifyConsistency({ from: 3, fromRoot: tree.rootAt(3), to: 7, toRoot: root, proof: [] })).toBe(false);
    expect(() => planConsistency(8, 7)).toThrow(RangeError);
  });

  it("plans for trees far above 2^31 leaves without reading them", () => {
    const plan = planConsistency(2 ** 45 + 5, 2 ** 46 + 3);
    expect(plan.terms.flat().length).toBeLessThan(200);
    expect(plan.terms.flat().every(({ level, index }) => Number.isSafeInteger(index) && (index + 1) * 2 ** level <= 2 ** 46 + 3)).toBe(true);
  });
});

it("says which node is missing", () => {
  expect(() => assembleProof(planInclusion(0, 2), () => undefined)).toThrow("(0, 1)");
});

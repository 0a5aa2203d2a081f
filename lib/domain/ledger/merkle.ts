/**
 * The Merkle tree of RFC 9162 §2.1, for an append-only log. Sizes and indexes are exact integers below 2^53, so the
 * arithmetic is by division: JavaScript's shifts would cut them to 32 bits.
 *
 * A *complete* subtree (level, index) covers the 2^level leaves from index * 2^level on. Only complete ones are stored; they
 * never change. Every hash of a proof is a fold of at most a handful of them.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes } from "./bytes";

/** 32 bytes of SHA-256. */
export type Hash = Uint8Array;

/** SHA-256. Where many hashes are made, the platform's own may be passed instead of the portable one; it must not keep its argument. */
export type Sha256 = (bytes: Uint8Array) => Hash;

/** Level 0 is a leaf. */
export interface NodeCoord {
  level: number;
  index: number;
}
export interface StoredNode extends NodeCoord {
  hash: Hash;
}

/** What to read for a proof: the i-th hash is the fold of the complete subtrees `terms[i]`, left to right. */
export interface ProofPlan {
  terms: NodeCoord[][];
}

const HASH_LENGTH = 32;
const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;

/** SHA-256(""), the root of the tree without a leaf. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array());

/** Messages are put together here: a buffer for each hash would cost more than the hash. */
let scratch = new Uint8Array(4096);

/** SHA-256(0x00 ‖ bytes). */
export function leafHash(bytes: Uint8Array, sha: Sha256 = sha256): Hash {
  const length = 1 + bytes.length;
  if (scratch.length < length) scratch = new Uint8Array(2 * length);
  scratch[0] = LEAF_PREFIX;
  scratch.set(bytes, 1);
  return sha(scratch.subarray(0, length));
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Hash, right: Hash, sha: Sha256 = sha256): Hash {
  scratch[0] = NODE_PREFIX;
  scratch.set(left, 1);
  scratch.set(right, 1 + left.length);
  return sha(scratch.subarray(0, 1 + left.length + right.length));
}

/**
 * Appends one leaf. The frontier holds the roots of the complete subtrees that make up the tree, largest first: one for each
 * set bit of `size`. `nodes` are the complete subtrees that the new leaf closes, itself first; they are what to store.
 */
export function appendLeaf(
  frontier: readonly Hash[],
  size: number,
  leaf: Hash,
  sha: Sha256 = sha256,
): { frontier: Hash[]; size: number; nodes: StoredNode[] } {
  checkFrontier(frontier, size);
  checkSize(size + 1);
  const next = [...frontier];
  const nodes: StoredNode[] = [{ level: 0, index: size, hash: leaf }];
  let hash = leaf;
  for (let level = 1, index = size; isOdd(index); level += 1) {
    hash = nodeHash(required(next.pop()), hash, sha);
    index = half(index);
    nodes.push({ level, index, hash });
  }
  next.push(hash);
  return { frontier: next, size: size + 1, nodes };
}

/** The root of the tree of `size` leaves that this frontier stands for. */
export function rootOf(frontier: readonly Hash[], size: number): Hash {
  checkFrontier(frontier, size);
  return size === 0 ? EMPTY_ROOT : foldRight(frontier);
}

/** The stored nodes that make up the frontier at `size`: to read it back at any earlier size. */
export function planFrontier(size: number): NodeCoord[] {
  checkSize(size);
  return coverRange(0, size);
}

/** What proves the leaf `index` in the tree of `size` leaves (RFC 9162 §2.1.3.1). Throws RangeError when it is not in it. */
export function planInclusion(index: number, size: number): ProofPlan {
  checkSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  const terms: NodeCoord[][] = [];
  for (let start = 0, end = size; end - start > 1; ) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      terms.push(coverRange(middle, end));
      end = middle;
    } else {
      terms.push(coverRange(start, middle));
      start = middle;
    }
  }
  return { terms: terms.reverse() };
}

/** What proves that the tree of `to` leaves extends the one of `from` (RFC 9162 §2.1.4.1). Throws RangeError when from > to. */
export function planConsistency(from: number, to: number): ProofPlan {
  checkSize(from);
  checkSize(to);
  if (from > to) throw new RangeError(`a tree of ${to} does not extend one of ${from}`);
  if (from === 0 || from === to) return { terms: [] };
  const terms: NodeCoord[][] = [];
  let start = 0;
  let end = to;
  while (from !== end) {
    const middle = start + largestPowerBelow(end - start);
    if (from <= middle) {
      terms.push(coverRange(middle, end));
      end = middle;
    } else {
      terms.push(coverRange(start, middle));
      start = middle;
    }
  }
  // When the old tree is itself a left subtree of the new one, the verifier has its root already.
  if (start !== 0) terms.push(coverRange(start, end));
  return { terms: terms.reverse() };
}

/** The hashes of a planned proof, from stored nodes. Throws RangeError when `lookup` lacks one. */
export function assembleProof(plan: ProofPlan, lookup: (coord: NodeCoord) => Hash | undefined): Hash[] {
  return plan.terms.map((term) =>
    foldRight(
      term.map((coord) => {
        const hash = lookup(coord);
        if (!hash) throw new RangeError(`the tree lacks the node (${coord.level}, ${coord.index})`);
        return hash;
      }),
    ),
  );
}

/** Whether `proof` shows that `leaf` is the leaf `index` of the tree with this size and root (RFC 9162 §2.1.3.2). */
export function verifyInclusion(claim: { leaf: Hash; index: number; size: number; root: Hash; proof: readonly Hash[] }, sha: Sha256 = sha256): boolean {
  const { leaf, index, size, root, proof } = claim;
  if (!isSize(index) || !isSize(size) || index >= size || ![leaf, root, ...proof].every(isHash)) return false;
  let position = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(position) || position === last) {
      hash = nodeHash(sibling, hash, sha);
      while (!isOdd(position) && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      hash = nodeHash(hash, sibling, sha);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** Whether `proof` shows that the tree (to, toRoot) extends the tree (from, fromRoot) (RFC 9162 §2.1.4.2). */
export function verifyConsistency(claim: { from: number; fromRoot: Hash; to: number; toRoot: Hash; proof: readonly Hash[] }, sha: Sha256 = sha256): boolean {
  const { from, fromRoot, to, toRoot, proof } = claim;
  if (!isSize(from) || !isSize(to) || from > to || ![fromRoot, toRoot, ...proof].every(isHash)) return false;
  if (from === to) return proof.length === 0 && equalBytes(fromRoot, toRoot);
  if (from === 0) return proof.length === 0 && equalBytes(fromRoot, EMPTY_ROOT);

  let position = from - 1;
  let last = to - 1;
  while (isOdd(position)) [position, last] = [half(position), half(last)];
  // A position of 0 here means that the old size is a power of two: its root is a node of the new tree.
  const path = position === 0 ? [fromRoot, ...proof] : proof;
  const first = path[0];
  if (!first) return false;
  let oldHash = first;
  let newHash = first;
  for (const sibling of path.slice(1)) {
    if (last === 0) return false;
    if (isOdd(position) || position === last) {
      oldHash = nodeHash(sibling, oldHash, sha);
      newHash = nodeHash(sibling, newHash, sha);
      while (!isOdd(position) && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      newHash = nodeHash(newHash, sibling, sha);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && equalBytes(oldHash, fromRoot) && equalBytes(newHash, toRoot);
}

/** The complete subtrees that cover the leaves [start, end), largest first; `start` is aligned to the first of them. */
function coverRange(start: number, end: number): NodeCoord[] {
  const coords: NodeCoord[] = [];
  for (let at = start; at < end; ) {
    const level = Math.floor(Math.log2(end - at));
    // Math.log2 may round up just below a power of two.
    const exact = 2 ** level > end - at ? level - 1 : level;
    coords.push({ level: exact, index: at / 2 ** exact });
    at += 2 ** exact;
  }
  return coords;
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function foldRight(hashes: readonly Hash[]): Hash {
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}

function isHash(hash: Uint8Array): boolean {
  return hash.length === HASH_LENGTH;
}

function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function checkSize(size: number): void {
  if (!isSize(size)) throw new RangeError(`${size} is no tree size`);
}

function checkFrontier(frontier: readonly Hash[], size: number): void {
  checkSize(size);
  let bits = 0;
  for (let rest = size; rest > 0; rest = half(rest)) bits += rest % 2;
  if (frontier.length !== bits) throw new RangeError(`a tree of ${size} leaves has ${bits} frontier nodes, not ${frontier.length}`);
}

function required(hash: Hash | undefined): Hash {
  if (!hash) throw new RangeError("the frontier is too short");
  return hash;
}

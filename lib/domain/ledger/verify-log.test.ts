import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBase64, toBase64, toHex } from "./bytes";
import { signCheckpoint } from "./checkpoint";
import { encodeEntry, type Entry } from "./entry";
import { EMPTY_ROOT, appendLeaf, leafHash, rootOf, type Hash } from "./merkle";
import { SignedNoteError, createSigner, encodeVkey } from "./signed-note";
import { createLogVerifier, type LogVerdict } from "./verify-log";

type EntryLine = { index: number; bytes?: string | null; leaf: string };
type Line = EntryLine | { checkpoint: string };

const ORIGIN = "plumbline.example";
const signer = createSigner(ORIGIN, new Uint8Array(32).fill(1));
const vkey = encodeVkey(signer);

const entryAt = (seq: number): Entry => ({
  v: 1,
  ledger: ORIGIN,
  seq,
  type: "release-approved",
  at: `2026-01-31T12:00:00.${String(seq).padStart(3, "0")}Z`,
  actor: null,
  scope: { service: null, environment: null },
  payload: { release: `r-${seq}` },
});

function exportLine(entry: Entry, index = entry.seq): EntryLine {
  const bytes = encodeEntry(entry);
  return { index, bytes: toBase64(bytes), leaf: toHex(leafHash(bytes)) };
}

function rootsOf(lines: readonly EntryLine[]): Hash[] {
  let tree: { frontier: Hash[]; size: number } = { frontier: [], size: 0 };
  const roots = [EMPTY_ROOT];
  for (const { bytes } of lines) {
    tree = appendLeaf(tree.frontier, tree.size, leafHash(fromBase64(bytes ?? "") ?? new Uint8Array()));
    roots.push(rootOf(tree.frontier, tree.size));
  }
  return roots;
}

const SIZE = 20;
const lines = Array.from({ length: SIZE }, (_, seq) => exportLine(entryAt(seq)));
const roots = rootsOf(lines);
const checkpoint = (size: number, by = signer, origin = ORIGIN, root = roots[size] ?? EMPTY_ROOT) => signCheckpoint({ origin, size, root }, [by]);
const whole: Line[] = [...lines, { checkpoint: checkpoint(SIZE) }];

function verify(exported: readonly unknown[], previousCheckpoint?: string): LogVerdict {
  const verifier = createLogVerifier({ vkey, previousCheckpoint });
  for (const line of exported) verifier.line(line);
  return verifier.finish();
}

/** The export with one entry line changed. */
const changed = (at: number, change: (line: EntryLine) => unknown): unknown[] => whole.map((line, index) => (index === at && "leaf" in line ? change(line) : line));

/** The export of a log in which one entry was replaced, leaf and all, under the checkpoint of the true one. */
const replaced = (at: number, change: Partial<Entry>): unknown[] => changed(at, () => exportLine({ ...entryAt(at), ...change }, at));

describe("a good log", () => {
  it("verifies", () => {
    expect(verify(whole)).toEqual({ ok: true, size: SIZE, root: toBase64(roots[SIZE] ?? EMPTY_ROOT), withheld: 0 });
  });

  it("verifies empty", () => {
    expect(verify([{ checkpoint: checkpoint(0) }])).toMatchObject({ ok: true, size: 0 });
    expect(verify(whole, checkpoint(0))).toMatchObject({ ok: true });
  });

  it("contains every earlier checkpoint", () => {
    for (let size = 0; size <= SIZE; size += 1) expect(verify(whole, checkpoint(size)).ok).toBe(true);
  });

  it("verifies with entries withheld or redacted to their leaf", () => {
    const partly = whole.map((line, index) => ("leaf" in line && index % 3 === 0 ? { index, bytes: index % 2 ? null : undefined, leaf: line.leaf } : line));
    expect(verify(partly)).toMatchObject({ ok: true, withheld: 7, root: toBase64(roots[SIZE] ?? EMPTY_ROOT) });
  });

  it("verifies with checkpoints on the way", () => {
    expect(verify([...lines.slice(0, 8), { checkpoint: checkpoint(8) }, ...lines.slice(8), { checkpoint: checkpoint(SIZE) }]).ok).toBe(true);
  });

  it("verifies with entries of a type that this version does not know", () => {
    const newer = { ...entryAt(0), type: "release-applauded" };
    const bytes = new TextEncoder().encode(new TextDecoder().decode(encodeEntry(entryAt(0))).replace("release-approved", newer.type));
    const line = { index: 0, bytes: toBase64(bytes), leaf: toHex(leafHash(bytes)) };
    expect(verify([line, { checkpoint: checkpoint(1, signer, ORIGIN, leafHash(bytes)) }]).ok).toBe(true);
  });
});

describe("names the first bad index", () => {
  it.each<[string, number, unknown[]]>([
    ["an entry left out", 5, whole.filter((_, index) => index !== 5)],
    ["two entries swapped", 5, whole.map((line, index) => (index === 5 ? whole[6] : index === 6 ? whole[5] : line))],
    ["an entry twice", 6, [...whole.slice(0, 6), ...whole.slice(5)]],
    ["bytes of another leaf", 5, changed(5, (line) => ({ ...line, bytes: lines[6]?.bytes }))],
    ["a leaf that is too short", 5, changed(5, (line) => ({ ...line, leaf: line.leaf.slice(2) }))],
    ["a leaf in capitals", 5, changed(5, (line) => ({ ...line, leaf: line.leaf.toUpperCase() }))],
    ["no leaf", 5, changed(5, ({ index, bytes }) => ({ index, bytes }))],
    ["bytes that are not base64", 5, changed(5, (line) => ({ ...line, bytes: "?" }))],
    ["bytes that are no text", 5, changed(5, (line) => ({ ...line, bytes: 5 }))],
    ["an entry that is not canonical", 5, changed(5, (line) => ({ ...line, bytes: toBase64(new TextEncoder().encode("{}")), leaf: toHex(leafHash(new TextEncoder().encode("{}"))) }))],
    ["another number inside", 5, replaced(5, { seq: 6 })],
    ["a time before the predecessor's", 5, replaced(5, { at: "2026-01-31T12:00:00.003Z" })],
    ["an entry of another log", 5, replaced(5, { ledger: "other.example" })],
    ["a line that is no object", 5, changed(5, () => "line")],
    ["null", 5, changed(5, () => null)],
  ])("%s", (_, firstBadIndex, exported) => {
    expect(verify(exported)).toMatchObject({ ok: false, firstBadIndex });
  });

  it("any single bit of any entry", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: SIZE - 1 }), fc.nat(), fc.integer({ min: 0, max: 7 }), (at, pick, bit) => {
        const exported = changed(at, (line) => {
          const bytes = Uint8Array.from(fromBase64(line.bytes ?? "") ?? []);
          const position = pick % bytes.length;
          bytes[position] = (bytes[position] ?? 0) ^ (1 << bit);
          return { ...line, bytes: toBase64(bytes) };
        });
        expect(verify(exported)).toMatchObject({ ok: false, firstBadIndex: at });
      }),
    );
  });
});

describe("a history rewritten together with its leaves", () => {
  const rewritten = replaced(9, { payload: { release: "other" } });

  it("is seen by the signed root", () => {
    expect(verify(rewritten)).toMatchObject({ ok: false, firstBadIndex: 0, problem: expect.stringContaining("here or later") as string });
  });

  it("and is narrowed down by the checkpoints on the way", () => {
    const marked = [...rewritten.slice(0, 8), { checkpoint: checkpoint(8) }, ...rewritten.slice(8, 12), { checkpoint: checkpoint(12) }, ...rewritten.slice(12)];
    expect(verify(marked)).toMatchObject({ ok: false, firstBadIndex: 8, size: 12 });
  });

  it("and by the one that was kept from an earlier visit", () => {
    expect(verify(rewritten, checkpoint(8))).toMatchObject({ ok: false, firstBadIndex: 8 });
    expect(verify(rewritten, checkpoint(12))).toMatchObject({ ok: false, problem: expect.stringContaining("earlier checkpoint") as string });
  });

  it("even when the thief has the signing key, if somebody kept a checkpoint", () => {
    const entriesOnly = rewritten.slice(0, SIZE) as EntryLine[];
    const resigned = [...entriesOnly, { checkpoint: checkpoint(SIZE, signer, ORIGIN, rootsOf(entriesOnly)[SIZE]) }];
    expect(verify(resigned).ok).toBe(true);
    expect(verify(resigned, checkpoint(12))).toMatchObject({ ok: false, size: 12 });
  });
});

describe("the checkpoint", () => {
  it.each<[string, unknown[]]>([
    ["is missing", lines],
    ["comes before the last entry", [...lines.slice(0, 19), { checkpoint: checkpoint(19) }, lines[19]]],
    ["covers more than the export", [...lines.slice(0, 19), { checkpoint: checkpoint(SIZE) }]],
    ["covers less than the export", [...lines, { checkpoint: checkpoint(19) }]],
    ["is signed by another key", [...lines, { checkpoint: checkpoint(SIZE, createSigner(ORIGIN, new Uint8Array(32))) }]],
    ["is of another log", [...lines, { checkpoint: checkpoint(SIZE, signer, "other.example") }]],
    ["is no text", [...lines, { checkpoint: 1 }]],
    ["is no note", [...lines, { checkpoint: "20" }]],
  ])("%s", (_, exported) => {
    expect(verify(exported)).toMatchObject({ ok: false, problem: expect.any(String) as string });
  });

  it("kept from an earlier visit is larger than the export", () => {
    expect(verify([...lines.slice(0, 5), { checkpoint: checkpoint(5) }], checkpoint(9))).toMatchObject({ ok: false, firstBadIndex: 5 });
  });

  it("kept from an earlier visit must itself be signed", () => {
    expect(() => createLogVerifier({ vkey, previousCheckpoint: "20" })).toThrow(SignedNoteError);
    expect(() => createLogVerifier({ vkey: "nonsense" })).toThrow(SignedNoteError);
  });
});

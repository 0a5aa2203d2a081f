/**
 * Verifies an exported log offline, line by line, in constant memory. A line is `{index, bytes, leaf}` (`bytes` in base64,
 * null or absent where the reader has no right to it; `leaf` in hexadecimal) or `{checkpoint}` (a signed note). The last line is
 * a checkpoint over everything before it; earlier ones are allowed, and narrow down where a history departs.
 */
import { fromBase64, fromHex, equalBytes, toBase64 } from "./bytes";
import { CheckpointError, openCheckpoint } from "./checkpoint";
import { LedgerFormatError, parseEnvelope, type Envelope } from "./entry";
import { appendLeaf, leafHash, rootOf, type Hash, type Sha256 } from "./merkle";
import { SignedNoteError, parseVkey, type VerifyEd25519 } from "./signed-note";

export type LogVerdict = {
  ok: boolean;
  /** Entries read. */
  size: number;
  /** Root over them, base64. */
  root: string;
  /** Entries of which only the leaf was there: their place is proven, what they say is not shown. */
  withheld: number;
  /** Where the log is wrong; for a root that does not agree, the first index at which it can be. */
  firstBadIndex?: number;
  /** What is wrong, for people. */
  problem?: string;
};

export type LogVerifier = {
  /** Takes the next line, parsed from JSON. After the first problem further lines are ignored. */
  line: (line: unknown) => void;
  finish: () => LogVerdict;
};

/**
 * A verifier for one export. `previousCheckpoint` is a note that was kept from an earlier visit: the log must contain it.
 * Throws SignedNoteError or CheckpointError when the key or that note is itself malformed. `sha256` and `verify` may be the
 * platform's own.
 */
export function createLogVerifier(options: { vkey: string; previousCheckpoint?: string; sha256?: Sha256; verify?: VerifyEd25519 }): LogVerifier {
  const key = parseVkey(options.vkey, options.verify);
  const previous = options.previousCheckpoint === undefined ? null : openCheckpoint(options.previousCheckpoint, [key]);
  let tree: { frontier: Hash[]; size: number } = { frontier: [], size: 0 };
  let ledger = previous?.origin ?? null;
  let lastAt = "";
  let withheld = 0;
  /** Up to where a checkpoint vouches for what was read. */
  let vouched = 0;
  let covered = false;
  let found: { problem: string; firstBadIndex?: number } | null = null;
  if (previous?.size === 0) comparePrevious();

  function report(problem: string, firstBadIndex?: number): void {
    found ??= firstBadIndex === undefined ? { problem } : { problem, firstBadIndex };
  }

  function comparePrevious(): void {
    if (!previous || previous.size !== tree.size) return;
    if (equalBytes(rootOf(tree.frontier, tree.size), previous.root)) vouched = Math.max(vouched, tree.size);
    else report(`the log no longer agrees with the earlier checkpoint of ${previous.size} entries`, vouched);
  }

  function takeEntry(line: Record<string, unknown>): void {
    const index = tree.size;
    covered = false;
    if (line.index !== index) return report(`entry ${index} is missing: the line says ${String(line.index)}`, index);
    const leaf = typeof line.leaf === "string" ? fromHex(line.leaf) : null;
    if (leaf?.length !== 32) return report("the leaf hash is malformed", index);
    if (line.bytes === undefined || line.bytes === null) {
      withheld += 1;
    } else {
      const bytes = typeof line.bytes === "string" ? fromBase64(line.bytes) : null;
      if (!bytes) return report("the bytes are not base64", index);
      if (!equalBytes(leafHash(bytes, options.sha256), leaf)) return report("the bytes do not have this leaf hash", index);
      const problem = readEntry(bytes, index);
      if (problem) return report(problem, index);
    }
    tree = appendLeaf(tree.frontier, index, leaf, options.sha256);
    comparePrevious();
  }

  function readEntry(bytes: Uint8Array, index: number): string | null {
    let entry: Envelope;
    try {
      entry = parseEnvelope(bytes);
    } catch (error) {
      if (error instanceof LedgerFormatError) return error.message;
      throw error;
    }
    ledger ??= entry.ledger;
    if (entry.seq !== index) return `the entry says that it is number ${entry.seq}`;
    if (entry.ledger !== ledger) return `the entry is of ${entry.ledger}, not of ${ledger}`;
    if (entry.at < lastAt) return `the entry is of ${entry.at}, before its predecessor of ${lastAt}`;
    lastAt = entry.at;
    return null;
  }

  function takeCheckpoint(note: unknown): void {
    const opened = open(note);
    if (typeof opened === "string") return report(opened);
    if (ledger !== null && opened.origin !== ledger) return report(`the checkpoint is of ${opened.origin}, the log of ${ledger}`);
    ledger = opened.origin;
    if (opened.size > tree.size) return report(`the checkpoint covers ${opened.size} entries, the export has ${tree.size}`, tree.size);
    if (opened.size < tree.size) return report(`the checkpoint covers only ${opened.size} of the ${tree.size} entries before it`, opened.size);
    if (!equalBytes(rootOf(tree.frontier, tree.size), opened.root)) return report("an entry here or later was changed: the root is not the one that was signed", vouched);
    vouched = tree.size;
    covered = true;
  }

  function open(note: unknown) {
    try {
      return typeof note === "string" ? openCheckpoint(note, [key]) : "the checkpoint is no text";
    } catch (error) {
      if (error instanceof SignedNoteError || error instanceof CheckpointError) return `the checkpoint is not valid: ${error.message}`;
      throw error;
    }
  }

  return {
    line(line) {
      if (found) return;
      if (typeof line !== "object" || line === null) return report("a line is no object", tree.size);
      const members = line as Record<string, unknown>;
      if ("checkpoint" in members) takeCheckpoint(members.checkpoint);
      else takeEntry(members);
    },
    finish() {
      if (!covered) report("no checkpoint covers the end of the export", vouched);
      if (previous && previous.size > tree.size) report(`the earlier checkpoint has ${previous.size} entries, the export ${tree.size}`, tree.size);
      return { ok: found === null, size: tree.size, root: toBase64(rootOf(tree.frontier, tree.size)), withheld, ...found };
    },
  };
}

/** C2SP offline proofs (c2sp.org/tlog-proof): that an entry is in a log, in one text. */
import { encodeUtf8, fromBase64, toBase64 } from "./bytes";
import { openCheckpoint, type Checkpoint } from "./checkpoint";
import { leafHash, verifyInclusion, type Hash } from "./merkle";
import type { Verifier } from "./signed-note";

const HEADER = "c2sp.org/tlog-proof@v1";
/** A tree of 2^53 leaves is 53 levels high. */
const MOST_HASHES = 64;

export interface TlogProof {
  /** Opaque and not authenticated; null for none. */
  extra: Uint8Array | null;
  index: number;
  /** From the leaf's sibling up to the root's child. */
  hashes: Hash[];
  /** The signed note. */
  checkpoint: string;
}

/** The text is no such proof, or proves something else. */
export class TlogProofError extends Error {
  override name = "TlogProofError";
}

/** Writes a proof as text. */
export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  if (!Number.isSafeInteger(index) || index < 0) throw new TlogProofError("malformed index");
  const lines = [HEADER, ...(extra ? [`extra ${toBase64(extra)}`] : []), `index ${index}`, ...hashes.map(toBase64), ""];
  return `${lines.join("\n")}\n${checkpoint}`;
}

/** Reads such a text; nothing in it is believed yet. @throws TlogProofError */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf("\n\n");
  if (split < 0) throw new TlogProofError("a proof without a checkpoint");
  const lines = text.slice(0, split).split("\n");
  if (lines.shift() !== HEADER) throw new TlogProofError("not a tlog-proof");
  let extra: Uint8Array | null = null;
  if (lines[0]?.startsWith("extra ")) {
    extra = fromBase64((lines.shift() ?? "").slice("extra ".length));
    if (!extra) throw new TlogProofError("malformed extra data");
  }
  const [, decimal = ""] = /^index (0|[1-9][0-9]*)$/.exec(lines.shift() ?? "") ?? [];
  const index = Number(decimal);
  if (decimal === "" || !Number.isSafeInteger(index)) throw new TlogProofError("malformed index");
  if (lines.length > MOST_HASHES) throw new TlogProofError("more hashes than a tree has levels");
  const hashes = lines.map((line) => {
    const hash = fromBase64(line);
    if (hash?.length !== 32) throw new TlogProofError("malformed hash");
    return hash;
  });
  return { extra, index, hashes, checkpoint: text.slice(split + 2) };
}

/**
 * Whether the bytes of an entry are in a log, by its own keys alone: no network, no clock.
 * @param log the origin and keys that the reader knows beforehand, not those that came along
 * @returns the index of the entry and the checkpoint that covers it
 * @throws TlogProofError, SignedNoteError or CheckpointError
 */
export function verifyTlogProof(text: string, entry: Uint8Array | string, log: { origin: string; keys: readonly Verifier[] }): { index: number; checkpoint: Checkpoint } {
  const proof = parseTlogProof(text);
  const checkpoint = openCheckpoint(proof.checkpoint, log.keys, log.origin);
  const leaf = leafHash(typeof entry === "string" ? encodeUtf8(entry) : entry);
  const holds = verifyInclusion({ leaf, index: proof.index, size: checkpoint.size, root: checkpoint.root, proof: proof.hashes });
  if (!holds) throw new TlogProofError("the entry is not in the log at this index");
  return { index: proof.index, checkpoint };
}

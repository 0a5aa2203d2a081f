/** C2SP tree heads (c2sp.org/tlog-checkpoint): origin, size and root, signed as a note. */
import { fromBase64, isWellFormed, toBase64 } from "./bytes";
import type { Hash } from "./merkle";
import { openNote, signNote, type Signer, type Verifier } from "./signed-note";

/** What the log says of itself at one moment. */
export interface Checkpoint {
  /** Which log. */
  origin: string;
  /** How many entries. */
  size: number;
  /** 32 bytes. */
  root: Hash;
}

/** The text is no checkpoint, or one of another log. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
}

/** The text that is signed: three lines, each ending in a newline. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root } = checkpoint;
  if (origin === "" || origin.includes("\n") || !isWellFormed(origin)) throw new CheckpointError("malformed origin");
  if (!Number.isSafeInteger(size) || size < 0) throw new CheckpointError("malformed size");
  if (root.length !== 32) throw new CheckpointError("a root has 32 bytes");
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Reads such a text; throws CheckpointError. Extension lines are opaque, so they are allowed and left out. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith("\n")) throw new CheckpointError("the last line does not end");
  const lines = text.slice(0, -1).split("\n");
  const [origin, decimal, encoded] = lines;
  if (!origin || !decimal || !encoded || lines.includes("")) throw new CheckpointError("not three lines");
  const size = Number(decimal);
  if (!/^(?:0|[1-9][0-9]*)$/.test(decimal) || !Number.isSafeInteger(size)) throw new CheckpointError("malformed size");
  const root = fromBase64(encoded);
  if (root?.length !== 32) throw new CheckpointError("malformed root");
  return { origin, size, root };
}

/** The signed note of a checkpoint. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly Signer[]): string {
  return signNote(formatCheckpoint(checkpoint), signers);
}

/** The checkpoint in a note signed by a known key; throws SignedNoteError or CheckpointError. Give `origin` whenever it is known. */
export function openCheckpoint(note: string, verifiers: readonly Verifier[], origin?: string): Checkpoint {
  const checkpoint = parseCheckpoint(openNote(note, verifiers).text);
  if (origin !== undefined && checkpoint.origin !== origin) throw new CheckpointError(`a checkpoint of ${checkpoint.origin}, not of ${origin}`);
  return checkpoint;
}

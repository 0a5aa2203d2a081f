import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseCheckpoint, type Checkpoint } from "@/lib/domain/ledger/checkpoint";
import type { Config } from "@/server/config";
import { AppError } from "@/server/errors";

/** The last checkpoint that this server signed, kept outside the database: it notices a database that was put back. */
export function checkpointPath(config: Config): string {
  return join(config.dataDir, "ledger", "checkpoint");
}

/** The signed note in the file; null before the first. */
export function readCheckpointFile(config: Config): string | null {
  try {
    return readFileSync(checkpointPath(config), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Replaces the file at once and durably: a crash leaves the old note or the new one. */
export function writeCheckpointFile(config: Config, note: string): void {
  const path = checkpointPath(config);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, note);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

/** What the file claims, its signature unchecked; null before the first. */
export function readClaimedCheckpoint(config: Config): Checkpoint | null {
  const note = readCheckpointFile(config);
  return note === null ? null : parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1));
}

/**
 * Refuses when the database's ledger is shorter than what was signed already: it was restored from an older copy, and
 * whatever is appended now would be another history.
 * @throws AppError unavailable `ledger-behind-file`
 */
export function refuseOlderLedger(config: Config, size: number): void {
  const claimed = readClaimedCheckpoint(config);
  if (claimed && claimed.size > size) {
    throw new AppError(
      "unavailable",
      `The database's ledger holds ${size} entries, but ${claimed.size} were signed: it was restored from an older copy. Plumbline is read-only until the newer database is back, or the ledger is recovered.`,
      { type: "ledger-behind-file" },
    );
  }
}

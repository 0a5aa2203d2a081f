import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync, renameSync, linkSync, unlinkSync } from "node:fs";
import { join } from "node:path";

/** Secrets of an installation, from 0600 files outside the database and its backups. All are raw bytes. */
export type Keys = {
  /** The name in signatures and checkpoints, for example `plumbline/3f9c0d1e`. */
  origin: string;
  epoch: number;
  /** Ed25519 seed, 32 bytes: signs checkpoints and desired state. */
  signingSeed: Uint8Array;
  /** HMAC-SHA-256 key, 32 bytes: only who holds it appends entries that get signed. */
  appendKey: Uint8Array;
  /** Keys settings digests, 32 bytes. */
  fleetKey: Uint8Array;
  /** Signs sessions. */
  authSecret: string;
  /** Ed25519 public key, 32 bytes, of the recovery key that is meant to be moved offline. */
  recoveryPublicKey: Uint8Array;
  /** Lets a shell on this machine ask for a set-up link. */
  localKey: string;
};

type Stored = { origin: string; epoch: number; signing: string; append: string; fleet: string; auth: string; recoveryPublic: string };

/**
 * Reads the key files, making what is missing (first start; safe when two processes start at once: the first
 * complete file wins). `derivePublic` turns an Ed25519 seed into its public key.
 */
export function loadKeys(keysDir: string, derivePublic: (seed: Uint8Array) => Uint8Array, demo = false): Keys {
  mkdirSync(keysDir, { recursive: true, mode: 0o700 });
  const stored = readOrCreate(join(keysDir, "installation.json"), () => {
    const recoverySeed = randomBytes(32);
    const recovery = readOrCreate(join(keysDir, "recovery.json"), () =>
      JSON.stringify({ note: "Move this file offline: it opens a new ledger epoch after a loss or theft.", seed: recoverySeed.toString("hex"), public: Buffer.from(derivePublic(recoverySeed)).toString("hex") }, null, 2),
    );
    const fresh: Stored = {
      origin: `${demo ? "plumbline-demo" : "plumbline"}/${randomBytes(4).toString("hex")}`,
      epoch: 1,
      signing: randomBytes(32).toString("hex"),
      append: randomBytes(32).toString("hex"),
      fleet: randomBytes(32).toString("hex"),
      auth: randomBytes(32).toString("hex"),
      recoveryPublic: (JSON.parse(recovery) as { public: string }).public,
    };
    return JSON.stringify(fresh, null, 2);
  });
  const localKey = readOrCreate(join(keysDir, "local.key"), () => randomBytes(32).toString("hex")).trim();
  const value = JSON.parse(stored) as Stored;
  return {
    origin: value.origin,
    epoch: value.epoch,
    signingSeed: Buffer.from(value.signing, "hex"),
    appendKey: Buffer.from(value.append, "hex"),
    fleetKey: Buffer.from(value.fleet, "hex"),
    authSecret: value.auth,
    recoveryPublicKey: Buffer.from(value.recoveryPublic, "hex"),
    localKey,
  };
}

function readOrCreate(file: string, make: () => string): string {
  if (existsSync(file)) return readFileSync(file, "utf8");
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, make(), { mode: 0o600, flush: true });
  try {
    // A link fails when another process was first; a rename would replace its keys.
    linkSync(draft, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
      renameSync(draft, file);
      return readFileSync(file, "utf8");
    }
  }
  unlinkSync(draft);
  return readFileSync(file, "utf8");
}

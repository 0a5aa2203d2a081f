import { verifyAppendHmac } from "@/lib/domain/ledger/append-hmac";
import { CheckpointError, openCheckpoint, signCheckpoint as signNote } from "@/lib/domain/ledger/checkpoint";
import { SignedNoteError } from "@/lib/domain/ledger/signed-note";
import { equalBytes } from "@/lib/domain/ledger/bytes";
import { appendLeaf, leafHash, rootOf, type Hash } from "@/lib/domain/ledger/merkle";
import type { App } from "@/server/context";
import { transact, type Db, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { processWide } from "@/server/process-wide";
import { readCheckpointFile, refuseOlderLedger, writeCheckpointFile } from "./checkpoint-file";
import { readFrontier } from "./read-nodes";
import { serverSigner } from "./signing-key";

export type SignedCheckpoint = { epoch: number; size: number; root: Hash; note: string; signedAt: Date };

const BATCH = 2_000;
const CATCH_UP_TIMEOUT_MS = 30 * 60_000;

const running = processWide("ledger.signing", () => new WeakMap<Db, Promise<SignedCheckpoint | null>>());
const faults = processWide("ledger.faults", () => new WeakMap<Db, AppError>());

/** Why the ledger was not signed the last time this process tried; null when it was. For health and the screen. */
export function ledgerFault(app: App): AppError | null {
  return faults.get(app.db) ?? null;
}

/** The newest signed checkpoint in the database; null before the first. */
export async function readNewestCheckpoint(db: Db | Tx): Promise<SignedCheckpoint | null> {
  const [row] = await db.$queryRaw<{ epoch: number; size: bigint; root: Uint8Array; note: string; signed_at: Date }[]>`
    SELECT epoch, size, root, note, signed_at FROM ledger_checkpoints ORDER BY epoch DESC, size DESC LIMIT 1`;
  return row ? { epoch: row.epoch, size: Number(row.size), root: row.root, note: row.note, signedAt: row.signed_at } : null;
}

/**
 * Signs what was committed since the last checkpoint. One process at a time (advisory lock). Before it signs, every new
 * entry must carry this installation's HMAC, and the tree must extend both the checkpoint file and the newest
 * checkpoint in the database. Nothing new: the newest is returned as it is.
 * @throws AppError unavailable `ledger-behind-file`, `ledger-diverged` or `ledger-unsigned-entry`; nothing was signed
 */
export function signCheckpoint(app: App): Promise<SignedCheckpoint | null> {
  const current = running.get(app.db);
  if (current) return current;
  const work = signNow(app)
    .then((checkpoint) => {
      faults.delete(app.db);
      return checkpoint;
    })
    .catch((error: unknown) => {
      if (error instanceof AppError) {
        if (faults.get(app.db)?.message !== error.message) app.log.error({ fault: error.extras.type, detail: error.message }, "The ledger is not signed");
        faults.set(app.db, error);
      }
      throw error;
    })
    .finally(() => running.delete(app.db));
  running.set(app.db, work);
  return work;
}

async function signNow(app: App): Promise<SignedCheckpoint | null> {
  return transact(
    app.db,
    async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.checkpoint', 0))`;
      const [head] = await tx.$queryRaw<{ origin: string; epoch: number; size: bigint }[]>`SELECT origin, epoch, size FROM ledger_head`;
      if (!head || head.size === 0n) return null;
      const size = Number(head.size);
      refuseOlderLedger(app.config, size);
      const newest = await readNewestCheckpoint(tx);
      const base = await findBase(app, tx, newest, size);
      if (base.size === size && newest?.size === size) return newest;
      const root = base.size === size ? rootOf(base.frontier, size) : await hashForward(app, tx, base, size);

      const note = signNote({ origin: head.origin, size, root }, [serverSigner(app.keys)]);
      // The file first: what the database shows was always written outside it before.
      writeCheckpointFile(app.config, note);
      const [row] = await tx.$queryRaw<{ signed_at: Date }[]>`
        INSERT INTO ledger_checkpoints (epoch, size, root, note) VALUES (${head.epoch}, ${size}, ${root}, ${note}) RETURNING signed_at`;
      await tx.$executeRaw`INSERT INTO changes (topic, key) VALUES ('ledger', 'checkpoint')`;
      return row ? { epoch: head.epoch, size, root, note, signedAt: row.signed_at } : null;
    },
    { timeoutMs: CATCH_UP_TIMEOUT_MS },
  );
}

type Base = { size: number; frontier: Hash[] };

/** The largest checkpoint signed so far, which the stored tree must still lead to, as must the other one. */
async function findBase(app: App, tx: Tx, newest: SignedCheckpoint | null, size: number): Promise<Base> {
  let base: Base = { size: 0, frontier: [] };
  for (const [where, note] of [["checkpoint file", readCheckpointFile(app.config)], ["database", newest?.note ?? null]] as const) {
    if (note === null) continue;
    const checkpoint = openOwn(app, note, where);
    if (checkpoint.size > size) throw diverged(`the ${where} has a checkpoint of ${checkpoint.size} entries, the ledger only ${size}`);
    const frontier = await readFrontier(tx, checkpoint.size).catch((error: unknown) => {
      throw error instanceof RangeError ? diverged(error.message) : error;
    });
    if (!equalBytes(rootOf(frontier, checkpoint.size), checkpoint.root)) {
      throw diverged(`the first ${checkpoint.size} entries are not those that the checkpoint in the ${where} signed`);
    }
    if (checkpoint.size >= base.size) base = { size: checkpoint.size, frontier };
  }
  return base;
}

function openOwn(app: App, note: string, where: string): { size: number; root: Hash } {
  try {
    return openCheckpoint(note, [serverSigner(app.keys)], app.keys.origin);
  } catch (error) {
    if (error instanceof SignedNoteError || error instanceof CheckpointError) throw diverged(`the checkpoint in the ${where} is not this server's (${error.message})`);
    throw error;
  }
}

/** Root of the tree of `size`, hashed from the entries' own bytes, each of which must carry the HMAC. */
async function hashForward(app: App, tx: Tx, base: Base, size: number): Promise<Hash> {
  let frontier = base.frontier;
  let at = base.size;
  while (at < size) {
    const until = Math.min(size, at + BATCH);
    const rows = await tx.$queryRaw<{ seq: bigint; bytes: Uint8Array; hmac: Uint8Array }[]>`
      SELECT seq, bytes, hmac FROM ledger_entries WHERE seq >= ${at} AND seq < ${until} ORDER BY seq`;
    for (const row of rows) {
      if (Number(row.seq) !== at) throw diverged(`entry ${at} is missing`);
      if (!verifyAppendHmac(app.keys.appendKey, row.bytes, row.hmac)) {
        throw new AppError("unavailable", `Entry ${at} of the ledger was not written by Plumbline: it lacks the append key's HMAC. Nothing after entry ${base.size - 1} is signed.`, { type: "ledger-unsigned-entry" });
      }
      ({ frontier, size: at } = appendLeaf(frontier, at, leafHash(row.bytes)));
    }
    if (at !== until) throw diverged(`entry ${at} is missing`);
  }
  const root = rootOf(frontier, size);
  if (!equalBytes(root, rootOf(await readFrontier(tx, size), size))) throw diverged("the stored tree is not the one that the entries make");
  return root;
}

function diverged(detail: string): AppError {
  return new AppError("unavailable", `The ledger in the database is not the one that was signed: ${detail}. Nothing is signed until it is put right.`, { type: "ledger-diverged" });
}

import { toBase64 } from "@/lib/domain/ledger/bytes";
import { LedgerFormatError, parseEnvelope, readAssignment, type Assignment } from "@/lib/domain/ledger/entry";
import type { App } from "@/server/context";
import type { Db } from "@/server/db";
import { AppError } from "@/server/errors";
import { readConsistencyProof, readInclusionProofs } from "@/server/ledger/read-nodes";
import { readNewestCheckpoint, signCheckpoint, type SignedCheckpoint } from "@/server/ledger/sign-checkpoint";
import { processWide } from "@/server/process-wide";

export type CachedEntry = { bytes: string; assignment: Assignment | null };

const MAX_ENTRIES = 5_000;
const MAX_PROOFS = 20_000;

/**
 * What the documents of many agents share: entries never change, and neither does a proof for one tree size. A thousand
 * agents that wake at once read each of them from the database once.
 */
export class LedgerCache {
  readonly #app: App;
  readonly #entries = new Map<number, Promise<CachedEntry | null>>();
  /** Questions under way, by the size that they ask for. */
  readonly #asked = new Map<number, Promise<SignedCheckpoint | null>>();
  readonly #proofs = new Map<string, Promise<string[]>>();
  #checkpoint: SignedCheckpoint | null = null;

  constructor(app: App) {
    this.#app = app;
  }

  /** A signed checkpoint over at least `size` entries; signs when none is there yet. Null when the ledger is not signed that far. */
  async checkpoint(size: number): Promise<SignedCheckpoint | null> {
    if (this.#checkpoint && this.#checkpoint.size >= size) return this.#checkpoint;
    const asked = this.#asked.get(size);
    if (asked) return asked;
    const found = this.#findCheckpoint(size).finally(() => this.#asked.delete(size));
    this.#asked.set(size, found);
    return found;
  }

  async #findCheckpoint(size: number): Promise<SignedCheckpoint | null> {
    const stored = await readNewestCheckpoint(this.#app.db);
    if (stored && stored.size >= size) return (this.#checkpoint = stored);
    // A signature under way may have begun before the entry was committed: the second one has not.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        const signed = await signCheckpoint(this.#app);
        if (signed && signed.size >= size) return (this.#checkpoint = signed);
      } catch (error) {
        if (error instanceof AppError && error.kind === "unavailable") return null;
        throw error;
      }
    }
    return null;
  }

  /** The exact bytes of entries, and what they assign (null for nothing that this version can read). */
  async entries(indexes: readonly number[]): Promise<Map<number, CachedEntry>> {
    const missing = [...new Set(indexes.filter((index) => !this.#entries.has(index)))];
    if (missing.length > 0) {
      if (this.#entries.size + missing.length > MAX_ENTRIES) this.#entries.clear();
      const read = this.#readEntries(missing);
      for (const index of missing) {
        const one = read.then((entries) => entries.get(index) ?? null);
        this.#entries.set(index, one);
        // What is not there yet, or could not be read, is asked for again.
        const forget = (): void => void (this.#entries.get(index) === one && this.#entries.delete(index));
        one.then((entry) => (entry ? undefined : forget()), forget);
      }
    }
    const found = await Promise.all(indexes.map(async (index) => [index, (await this.#entries.get(index)) ?? null] as const));
    return new Map(found.flatMap(([index, entry]) => (entry ? [[index, entry] as const] : [])));
  }

  async #readEntries(indexes: readonly number[]): Promise<Map<number, CachedEntry>> {
    const rows = await this.#app.db.$queryRaw<{ seq: bigint; bytes: Uint8Array }[]>`SELECT seq, bytes FROM ledger_entries WHERE seq = ANY(${indexes.map(BigInt)}::bigint[])`;
    return new Map(rows.map((row) => [Number(row.seq), { bytes: toBase64(row.bytes), assignment: readAssigned(row.bytes) }]));
  }

  /** Inclusion proofs in the tree of `size`, base64. */
  async inclusion(indexes: readonly number[], size: number): Promise<Map<number, string[]>> {
    const missing = indexes.filter((index) => !this.#proofs.has(`${index}/${size}`));
    if (missing.length > 0) {
      this.#trim(missing.length);
      const read = readInclusionProofs(this.#app.db, missing, size);
      for (const [place, index] of missing.entries()) this.#keep(`${index}/${size}`, read.then((proofs) => (proofs[place] ?? []).map(toBase64)));
    }
    return new Map(await Promise.all(indexes.map(async (index) => [index, (await this.#proofs.get(`${index}/${size}`)) ?? []] as const)));
  }

  /** That the tree of `to` extends the one of `from`, base64. */
  async consistency(from: number, to: number): Promise<string[]> {
    const key = `${from}-${to}`;
    const known = this.#proofs.get(key);
    if (known) return known;
    this.#trim(1);
    return this.#keep(key, readConsistencyProof(this.#app.db, from, to).then((hashes) => hashes.map(toBase64)));
  }

  #trim(coming: number): void {
    if (this.#proofs.size + coming > MAX_PROOFS) this.#proofs.clear();
  }

  #keep(key: string, proof: Promise<string[]>): Promise<string[]> {
    // A read that failed is not remembered.
    const kept = proof.catch((error: unknown) => {
      this.#proofs.delete(key);
      throw error;
    });
    this.#proofs.set(key, kept);
    return kept;
  }
}

const caches = processWide("desired.ledger-cache", () => new WeakMap<Db, LedgerCache>());

export function ledgerCache(app: App): LedgerCache {
  const known = caches.get(app.db);
  if (known) return known;
  const made = new LedgerCache({ config: app.config, db: app.db, keys: app.keys, log: app.log });
  caches.set(app.db, made);
  return made;
}

/** Bytes that do not parse assign nothing: their targets are left out of every document. */
function readAssigned(bytes: Uint8Array): Assignment | null {
  try {
    return readAssignment(parseEnvelope(bytes));
  } catch (error) {
    if (error instanceof LedgerFormatError) return null;
    throw error;
  }
}

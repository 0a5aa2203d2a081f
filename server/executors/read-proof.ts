import type { DecisionProof } from "@/lib/contract/executors";
import { toBase64 } from "@/lib/domain/ledger/bytes";
import { formatTlogProof } from "@/lib/domain/ledger/tlog-proof";
import type { App } from "@/server/context";
import { readInclusionProofs } from "@/server/ledger/read-nodes";
import { readNewestCheckpoint } from "@/server/ledger/sign-checkpoint";
import { serverVkey } from "@/server/ledger/signing-key";

/** The proof of an entry under the newest checkpoint; null while no checkpoint covers it, which is signed after the commit. */
export async function readProof(app: Pick<App, "db" | "keys">, index: number): Promise<DecisionProof | null> {
  const checkpoint = await readNewestCheckpoint(app.db);
  if (!checkpoint || checkpoint.size <= index) return null;
  const [entry] = await app.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries WHERE seq = ${index}`;
  const [hashes = []] = await readInclusionProofs(app.db, [index], checkpoint.size);
  if (!entry) throw new Error(`the entry ${index} is not there`);
  return {
    origin: app.keys.origin,
    vkey: serverVkey(app.keys),
    entry: toBase64(entry.bytes),
    index,
    size: checkpoint.size,
    hashes: hashes.map(toBase64),
    checkpoint: checkpoint.note,
    tlogProof: formatTlogProof({ extra: null, index, hashes, checkpoint: checkpoint.note }),
  };
}

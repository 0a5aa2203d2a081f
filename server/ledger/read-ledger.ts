import type { z } from "zod";
import type { checkpointDto, consistencyQuery, entriesDto, entriesQuery, entryDto, inclusionQuery, proofDto } from "@/lib/contract/ledger";
import { toBase64, toHex } from "@/lib/domain/ledger/bytes";
import { LedgerFormatError, parseEnvelope, type EntryScope } from "@/lib/domain/ledger/entry";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { AppError, notFound } from "@/server/errors";
import { readConsistencyProof, readInclusionProofs } from "./read-nodes";
import { readNewestCheckpoint, signCheckpoint, type SignedCheckpoint } from "./sign-checkpoint";
import { serverVkey } from "./signing-key";

type EntryRow = { seq: bigint; bytes: Uint8Array; leaf_hash: Uint8Array };
type EntryDto = z.output<typeof entryDto>;

const EXPORT_BATCH = 1_000;

/** Entries from an index on, oldest first. Who has no right to an entry's scope gets its leaf hash alone. */
export async function listEntries({ ctx, input }: { ctx: Ctx; input: z.output<typeof entriesQuery> }): Promise<z.output<typeof entriesDto>> {
  authorise(ctx, "ledger.read");
  const [head] = await ctx.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`;
  const size = Number(head?.size ?? 0);
  const until = Math.min(size, input.from + input.limit);
  const rows = await readEntries(ctx, input.from, until);
  return { items: rows.map((row) => entryFor(ctx, row)), nextCursor: until < size ? String(until) : null, size };
}

/** The newest signed checkpoint, with the key to verify it. @throws AppError not-found before the first one */
export async function getCheckpoint({ ctx }: { ctx: Ctx }): Promise<z.output<typeof checkpointDto>> {
  authorise(ctx, "ledger.read");
  const checkpoint = await readNewestCheckpoint(ctx.db);
  if (!checkpoint) throw notFound("checkpoint");
  return { note: checkpoint.note, vkey: serverVkey(ctx.keys), size: checkpoint.size, root: toBase64(checkpoint.root), signedAt: checkpoint.signedAt.toISOString() };
}

/** That an entry is in the tree of a size; hashes in base64. @throws AppError invalid when it cannot be */
export async function getInclusionProof({ ctx, input }: { ctx: Ctx; input: z.output<typeof inclusionQuery> }): Promise<z.output<typeof proofDto>> {
  authorise(ctx, "ledger.read");
  const [hashes] = await inRange("index", () => readInclusionProofs(ctx.db, [input.index], input.size));
  return { hashes: (hashes ?? []).map(toBase64) };
}

/** That the tree of one size extends the tree of another; hashes in base64. @throws AppError invalid when it cannot */
export async function getConsistencyProof({ ctx, input }: { ctx: Ctx; input: z.output<typeof consistencyQuery> }): Promise<z.output<typeof proofDto>> {
  authorise(ctx, "ledger.read");
  return { hashes: (await inRange("from", () => readConsistencyProof(ctx.db, input.from, input.to))).map(toBase64) };
}

/**
 * The whole log as JSON lines, closed by the checkpoint that covers it: what `plumbline ledger verify` reads. The
 * checkpoint and the first batch are read before the stream begins, so that a refusal is still a problem document.
 */
export async function exportLedger({ ctx }: { ctx: Ctx }): Promise<ReadableStream<Uint8Array>> {
  authorise(ctx, "ledger.export");
  const checkpoint = await newestOrSign(ctx);
  if (!checkpoint) throw new AppError("unavailable", "The ledger is not signed yet. Try again in a second.", { retryAfterSeconds: 1 });
  let batch = await readEntries(ctx, 0, Math.min(EXPORT_BATCH, checkpoint.size));
  let at = 0;
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (at >= checkpoint.size) {
        controller.enqueue(encoder.encode(`${JSON.stringify({ checkpoint: checkpoint.note })}\n`));
        controller.close();
        return;
      }
      controller.enqueue(encoder.encode(batch.map((row) => `${JSON.stringify(entryFor(ctx, row))}\n`).join("")));
      at += EXPORT_BATCH;
      if (at < checkpoint.size) batch = await readEntries(ctx, at, Math.min(at + EXPORT_BATCH, checkpoint.size));
    },
  });
}

async function newestOrSign(ctx: Ctx): Promise<SignedCheckpoint | null> {
  try {
    return await signCheckpoint(ctx);
  } catch (error) {
    // What was signed before a fault can still be exported; what came after it cannot.
    if (error instanceof AppError && error.kind === "unavailable") return readNewestCheckpoint(ctx.db);
    throw error;
  }
}

function readEntries(ctx: Ctx, from: number, until: number): Promise<EntryRow[]> {
  return ctx.db.$queryRaw<EntryRow[]>`SELECT seq, bytes, leaf_hash FROM ledger_entries WHERE seq >= ${from} AND seq < ${until} ORDER BY seq`;
}

function entryFor(ctx: Ctx, row: EntryRow): EntryDto {
  const scope = scopeOf(row.bytes);
  const shown = scope !== null && visibleTo(ctx, "ledger.read", { ...(scope.service !== null && { service: scope.service }), ...(scope.environment !== null && { environment: scope.environment }) });
  return { index: Number(row.seq), bytes: shown ? toBase64(row.bytes) : null, leaf: toHex(row.leaf_hash) };
}

/** Bytes that are no entry have no scope, and are shown to nobody but as their leaf. */
function scopeOf(bytes: Uint8Array): EntryScope | null {
  try {
    return parseEnvelope(bytes).scope;
  } catch (error) {
    if (error instanceof LedgerFormatError) return null;
    throw error;
  }
}

async function inRange<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RangeError) throw new AppError("invalid", `There is no such proof: ${error.message}.`, { fields: [{ path, message: error.message }] });
    throw error;
  }
}

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ctx } from "@/server/context";
import { withTransactionGuard, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";

/** What is kept of an answer: its JSON text, byte for byte; null for an empty one. */
export type StoredAnswer = { status: number; body: string | null };
type Row = { request_hash: Uint8Array; status: number | null; response: { body: string | null; kept: boolean } | null; stale: boolean };

/** The work has committed; its answer is not stored (yet). */
const COMMITTED = 102;
/** A claim whose process died before it committed anything may be taken over after this time. */
const STALE_SECONDS = 30;
const WAIT_MS = 10_000;
const POLL_MS = 40;

/** What a key stands for: the same method, address and bytes. */
export function hashRequest(method: string, url: string, text: string): Uint8Array<ArrayBuffer> {
  const { pathname, search } = new URL(url);
  return new Uint8Array(createHash("sha256").update(`${method}\n${pathname}${search}\n`).update(text).digest());
}

/**
 * Runs `work` at most once for (actor, key). Who comes later with the same request gets the stored answer, waiting for
 * it if need be. The first transaction of `work` locks the key's row and marks it, so that a claim taken over from a
 * dead process can never commit as well. A refusal that wrote nothing frees the key.
 * @throws AppError unprocessable for another request under the same key; conflict when it is still running, or when
 * its answer was lost or is not kept; whatever `work` throws
 */
export async function runOnce(ctx: Ctx, { key, hash, keepAnswer }: { key: string; hash: Uint8Array<ArrayBuffer>; keepAnswer: boolean }, work: () => Promise<StoredAnswer>): Promise<StoredAnswer & { replayed: boolean }> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const claim = await takeClaim(ctx, key, hash);
    if (claim) return { ...(await runClaimed(ctx, { key, claim, keepAnswer }, work)), replayed: false };
    const [row] = await ctx.db.$queryRaw<Row[]>`
      SELECT request_hash, status, response, created_at < clock_timestamp() - make_interval(secs => ${STALE_SECONDS}::float8) AS stale
      FROM idempotency_keys WHERE actor_id = ${ctx.actor.id}::uuid AND key = ${key}`;
    if (!row) continue;
    if (!Buffer.from(row.request_hash).equals(hash)) {
      throw new AppError("unprocessable", "This Idempotency-Key was used for another request. Use a new one.", { type: "idempotency-key-reused" });
    }
    if (row.response) {
      if (row.response.kept) return { status: row.status ?? 200, body: row.response.body, replayed: true };
      throw new AppError("conflict", "This was carried out. Its answer held a secret, which is shown once and not kept.", { type: "answer-not-kept" });
    }
    if (row.status === COMMITTED && row.stale) throw new AppError("conflict", "This was carried out, but its answer was lost. Look at the present state.", { type: "answer-lost" });
    if (Date.now() > until) throw new AppError("conflict", "The same request is still being carried out.", { type: "in-progress", retryAfterSeconds: 2 });
    await sleep(POLL_MS);
  }
}

/** The claim is the row's own time, as text: who took over has another one. */
async function takeClaim(ctx: Ctx, key: string, hash: Uint8Array<ArrayBuffer>): Promise<string | null> {
  const [row] = await ctx.db.$queryRaw<{ claim: string }[]>`
    INSERT INTO idempotency_keys AS k (actor_id, key, request_hash) VALUES (${ctx.actor.id}::uuid, ${key}, ${hash})
    ON CONFLICT (actor_id, key) DO UPDATE SET created_at = clock_timestamp()
    WHERE k.status IS NULL AND k.request_hash = EXCLUDED.request_hash AND k.created_at < clock_timestamp() - make_interval(secs => ${STALE_SECONDS}::float8)
    RETURNING created_at::text AS claim`;
  return row?.claim ?? null;
}

async function runClaimed(ctx: Ctx, { key, claim, keepAnswer }: { key: string; claim: string; keepAnswer: boolean }, work: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
  const actor = ctx.actor.id;
  const guard = async (tx: Tx): Promise<void> => {
    const held = await tx.$executeRaw`
      UPDATE idempotency_keys SET status = ${COMMITTED} WHERE actor_id = ${actor}::uuid AND key = ${key} AND created_at = ${claim}::timestamptz AND response IS NULL`;
    if (held === 0) throw new AppError("conflict", "The same request was taken over by a later one.", { type: "in-progress", retryAfterSeconds: 2 });
  };
  let answer: StoredAnswer;
  try {
    answer = await withTransactionGuard(guard, work);
  } catch (error) {
    await ctx.db.$executeRaw`
      DELETE FROM idempotency_keys WHERE actor_id = ${actor}::uuid AND key = ${key} AND created_at = ${claim}::timestamptz AND status IS NULL`.catch((failure: unknown) => ctx.log.warn({ err: failure, requestId: ctx.requestId }, "an idempotency key stays claimed for a while"));
    throw error;
  }
  const stored = JSON.stringify({ body: keepAnswer ? answer.body : null, kept: keepAnswer });
  await ctx.db.$executeRaw`
    UPDATE idempotency_keys SET status = ${answer.status}, response = ${stored}::jsonb WHERE actor_id = ${actor}::uuid AND key = ${key} AND created_at = ${claim}::timestamptz`.catch((failure: unknown) => ctx.log.warn({ err: failure, requestId: ctx.requestId }, "an answer could not be stored for replay"));
  return answer;
}

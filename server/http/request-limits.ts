import type { App } from "@/server/context";
import { AppError } from "@/server/errors";
import { processWide } from "@/server/process-wide";
import type { IncomingCall } from "./call";
import { peerOf } from "./peer";

/** Keys known to be over their limit, until when: a flood does not cost a write per request. Capped. */
const blocked = (): Map<string, number> => processWide("blocked-keys", () => new Map<string, number>());
const MOST_BLOCKED = 10_000;

/**
 * Counts one event under `key` in the database, so that a restart forgets nothing.
 * @throws AppError rate-limited when it is more than `max` in the running window of `windowMs`
 */
export async function hitLimit(app: App, key: string, { max, windowMs }: { max: number; windowMs: number }): Promise<void> {
  const known = blocked();
  const until = known.get(key);
  const now = Date.now();
  if (until !== undefined) {
    if (until > now) throw tooMany(until - now);
    known.delete(key);
  }
  const [row] = await app.db.$queryRaw<{ hits: number; left_ms: number }[]>`
    INSERT INTO request_limits AS l (key, window_start, hits) VALUES (${key}, clock_timestamp(), 1)
    ON CONFLICT (key) DO UPDATE SET
      hits = CASE WHEN l.window_start <= clock_timestamp() - make_interval(secs => ${windowMs / 1000}::float8) THEN 1 ELSE least(l.hits + 1, 1000000000) END,
      window_start = CASE WHEN l.window_start <= clock_timestamp() - make_interval(secs => ${windowMs / 1000}::float8) THEN clock_timestamp() ELSE l.window_start END
    RETURNING hits, (extract(epoch FROM window_start - clock_timestamp()) * 1000 + ${windowMs}::float8)::float8 AS left_ms`;
  if (!row || row.hits <= max) return;
  if (known.size >= MOST_BLOCKED) known.clear();
  known.set(key, now + row.left_ms);
  throw tooMany(row.left_ms);
}

function tooMany(leftMs: number): AppError {
  return new AppError("rate-limited", "Too many attempts. Wait a little.", { retryAfterSeconds: Math.max(1, Math.ceil(leftMs / 1000)) });
}

/** The same for what strangers may do, counted per peer. @throws AppError rate-limited */
export function limitByPeer(app: App, request: Pick<IncomingCall, "headers">, what: string, limit: { max: number; windowMs: number }): Promise<void> {
  return hitLimit(app, `${what}:${peerOf(request) ?? "unknown"}`, limit);
}

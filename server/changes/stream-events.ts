import { TOPICS, type ChangeEvent } from "@/lib/contract/live";
import { visibleTo } from "@/server/access/authorise";
import { authenticateCaller } from "@/server/auth/authenticate";
import type { Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import { Reply } from "@/server/http/handle";
import { processWide } from "@/server/process-wide";
import { asRequest, type IncomingCall } from "@/server/http/call";
import { shutdownSignal } from "@/server/shutdown";
import { changeWatcher, readChanges, type ChangeRow, type Position } from "./watch-changes";

const BEAT_MS = 10_000;
/** Long-lived connections are closed now and then, so that a deploy or a balancer finds them spread. */
const LIFETIME_MS = 10 * 60_000;
const LIFETIME_SPREAD_MS = 60_000;
/** A position older than this is not caught up with: the rows may be gone. `changes` are kept for longer. */
const OLDEST_RESUME_MS = 6 * 3_600_000;
const MOST_CATCH_UP = 2_000;
const MOST_PER_ACTOR = 60;
const MOST_BUFFERED = 200;

const openStreams = (): Map<string, number> => processWide("open-streams", () => new Map<string, number>());
const isTopic = (topic: string): topic is ChangeEvent["topic"] => TOPICS.some((known) => known === topic);
const encoder = new TextEncoder();

/** `<xid>.<seq>.<epoch ms>`: where the reader stands, and since when that is known. */
function formatId({ xid, seq }: Position): string {
  return `${xid}.${seq}.${Date.now()}`;
}

/** Null for what is no id of ours, or too old to catch up from. */
export function parseEventId(id: string, nowMs: number): Position | null {
  const [, xid, seq, at] = /^(\d{1,20})\.(\d{1,19})\.(\d{1,15})$/.exec(id) ?? [];
  if (xid === undefined || seq === undefined || BigInt(xid) > 18_446_744_073_709_551_615n || BigInt(seq) > 9_223_372_036_854_775_807n) return null;
  return nowMs - Number(at) > OLDEST_RESUME_MS ? null : { xid, seq };
}

/** What of a batch this reader may hear of, each pointer once. Rows without a place are about everybody. */
export function visibleChanges(ctx: Ctx, rows: readonly ChangeRow[]): ChangeEvent[] {
  const seen = new Map<string, ChangeEvent>();
  for (const { topic, service, environment, key } of rows) {
    if (!isTopic(topic)) continue;
    if (!visibleTo(ctx, "fleet.read", { service: service ?? undefined, environment: environment ?? undefined })) continue;
    seen.set(JSON.stringify([topic, service, environment, key]), { topic, service, environment, key });
  }
  return [...seen.values()];
}

/**
 * The stream of what moved. Subscribed and caught up before the first byte; who it is for and what they may see is read
 * again every 10 s, and when the reader's own rights change. A Last-Event-ID resumes; a lost one gets `reset`.
 * @throws AppError forbidden (no role), rate-limited (too many streams at once)
 */
export async function streamEvents({ ctx, request }: { ctx: Ctx; request: IncomingCall }): Promise<Reply> {
  if (ctx.actor.roles.length === 0) throw new AppError("forbidden", "You have no role yet.", { type: "not-permitted" });
  const streams = openStreams();
  const held = streams.get(ctx.actor.id) ?? 0;
  if (held >= MOST_PER_ACTOR) throw new AppError("rate-limited", "Too many live connections are open. Close some tabs.", { retryAfterSeconds: 10 });
  streams.set(ctx.actor.id, held + 1);
  const release = (): void => {
    const left = (streams.get(ctx.actor.id) ?? 1) - 1;
    if (left > 0) streams.set(ctx.actor.id, left);
    else streams.delete(ctx.actor.id);
  };
  try {
    const stream = await openStream(ctx, asRequest(request), release);
    return new Reply(stream, {
      raw: true,
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" },
    });
  } catch (error) {
    release();
    throw error;
  }
}

async function openStream(first: Ctx, request: Request, release: () => void): Promise<ReadableStream<Uint8Array>> {
  const lastId = request.headers.get("last-event-id");
  const resume = lastId === null ? null : parseEventId(lastId, Date.now());
  let ctx = first;
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const waiting: string[] = [];
  const send = (text: string): void => {
    if (!controller) waiting.push(text);
    // A reader that does not read is let go: it comes back and catches up.
    else if ((controller.desiredSize ?? 0) < -MOST_BUFFERED) end();
    else controller.enqueue(encoder.encode(text));
  };
  const sendChanges = (rows: readonly ChangeRow[], position: Position): void => {
    const changes = visibleChanges(ctx, rows);
    if (changes.length > 0) send(`id: ${formatId(position)}\nevent: change\ndata: ${JSON.stringify(changes)}\n\n`);
  };

  let askAgain = (): void => undefined;
  const stop = await changeWatcher().subscribe(({ changes, position }) => {
    sendChanges(changes, position);
    // The reader's own rights have changed, or ended.
    if (changes.some(({ topic, key }) => topic === "access" && key === ctx.actor.id)) askAgain();
  });
  send(`retry: 2000\nevent: hello\ndata: ${JSON.stringify({ at: new Date().toISOString() })}\n\n`);
  let ended = false;
  let beat: ReturnType<typeof setTimeout> | undefined;
  const shutdown = shutdownSignal();
  function end(): void {
    if (ended) return;
    ended = true;
    clearTimeout(beat);
    clearTimeout(lifetime);
    stop();
    release();
    shutdown.removeEventListener("abort", end);
    request.signal.removeEventListener("abort", end);
    try {
      controller?.close();
    } catch (error) {
      // The reader had gone already: closed is what it should be.
      ctx.log.debug({ err: error }, "a stream was closed twice");
    }
  }
  const lifetime = setTimeout(end, LIFETIME_MS + Math.random() * LIFETIME_SPREAD_MS);
  lifetime.unref();
  const turn = async (): Promise<void> => {
    try {
      ctx = { ...ctx, actor: await authenticateCaller(ctx, request) };
    } catch (error) {
      // Signed out, revoked or disabled. When the database is away nobody loses the stream for it.
      if (error instanceof AppError && (error.kind === "unauthenticated" || error.kind === "forbidden")) return end();
    }
    if (ended) return;
    send(`event: beat\ndata: ${JSON.stringify({ at: new Date().toISOString() })}\n\n`);
    clearTimeout(beat);
    beat = setTimeout(() => void turn(), BEAT_MS);
    beat.unref();
  };
  askAgain = () => void turn();

  try {
    if (lastId !== null) {
      const missed = resume ? await readChanges(ctx, resume, MOST_CATCH_UP) : null;
      if (missed && missed.changes.length < MOST_CATCH_UP) sendChanges(missed.changes, missed.position);
      else send("event: reset\ndata: {}\n\n");
    }
  } catch (error) {
    ended = true;
    clearTimeout(lifetime);
    stop();
    throw error;
  }
  beat = setTimeout(() => void turn(), BEAT_MS);
  beat.unref();
  shutdown.addEventListener("abort", end, { once: true });
  request.signal.addEventListener("abort", end, { once: true });
  return new ReadableStream<Uint8Array>({
    start(opened) {
      controller = opened;
      for (const text of waiting) opened.enqueue(encoder.encode(text));
      if (shutdown.aborted || request.signal.aborted) end();
    },
    cancel: end,
  });
}

import { decideAttempt, type Attempt } from "@/lib/domain/notifications/decide-attempt";
import type { App } from "@/server/context";
import { shutdownSignal } from "@/server/shutdown";
import type { Sender } from "./sender";
import { openSecret, UnsealError } from "./seal-secret";
import { CHANNEL_SENDERS, EXECUTOR_SENDERS } from "./senders";

/** No attempt takes longer; the lease outlasts it, so that nobody else sends the same meanwhile. */
const ATTEMPT_MS = 30_000;
const LEASE_MS = 90_000;
/** A delivery that has failed so often lets the later ones about the same pass: order is worth minutes, not hours. */
const ORDERED_ATTEMPTS = 4;

type Claimed = {
  id: string;
  message: string;
  event: string;
  wave: number | null;
  rollout_id: string | null;
  body: unknown;
  attempts: number;
  /** What the attempt before this one came to. */
  last_error: string | null;
  now: Date;
  party: "channel" | "executor";
  party_id: string;
  name: string;
  kind: string;
  config: unknown;
  secret: Uint8Array | null;
  enabled: boolean;
  removed: boolean;
};

export type DeliverOptions = {
  /** Stands in for the database's clock. */
  now?: Date | undefined;
  /** In [0, 1), for the spread of the retries. */
  random?: () => number;
  channelSenders?: Readonly<Record<string, Sender>>;
  executorSenders?: Readonly<Record<string, Sender>>;
};

/**
 * Sends what is due in the outbox, one after the other, until nothing is. Any number of these may run at once, here and in
 * other processes: each takes a row by a lease that ends by itself, sends outside any transaction, and notes what came of it.
 * Each destination is sent to by one at a time, so that one that hangs holds up nobody else.
 * @returns how many it has tried
 */
export async function sendDeliveries(app: App, options: DeliverOptions = {}): Promise<number> {
  let tried = 0;
  for (;;) {
    if (shutdownSignal().aborted) return tried;
    const claimed = await claimNext(app, options.now ?? null);
    if (!claimed) return tried;
    tried += 1;
    await markAttempt(app, claimed, await attemptDelivery(app, claimed, options), options);
  }
}

/** Takes the delivery that has been due for longest, for as long as the lease; null when none is. */
async function claimNext({ db }: App, now: Date | null): Promise<Claimed | null> {
  const [claimed] = await db.$queryRaw<Claimed[]>`
    /* prepared: delivery-claim */ WITH clock AS MATERIALIZED (SELECT coalesce(${now}::timestamptz, clock_timestamp()) AS now),
    busy AS MATERIALIZED (SELECT coalesce(channel_id, executor_id) AS party FROM deliveries WHERE status = 'pending' AND leased_until IS NOT NULL AND leased_until > (SELECT now FROM clock)),
    next AS MATERIALIZED (
      SELECT d.id FROM deliveries d
      WHERE d.status = 'pending' AND d.next_attempt_at <= (SELECT now FROM clock) AND (d.leased_until IS NULL OR d.leased_until <= (SELECT now FROM clock))
        AND coalesce(d.channel_id, d.executor_id) NOT IN (SELECT party FROM busy)
        AND NOT EXISTS (
          SELECT FROM deliveries o
          WHERE o.status = 'pending' AND o.order_key = d.order_key AND o.seq < d.seq AND o.attempts < ${ORDERED_ATTEMPTS}
            AND coalesce(o.channel_id, o.executor_id) = coalesce(d.channel_id, d.executor_id))
      ORDER BY d.next_attempt_at, d.seq LIMIT 1 FOR UPDATE OF d SKIP LOCKED)
    UPDATE deliveries d SET leased_until = clock.now + make_interval(secs => ${LEASE_MS / 1_000}::float8), attempts = d.attempts + 1
    FROM next, clock, deliveries p LEFT JOIN channels c ON c.id = p.channel_id LEFT JOIN executors e ON e.id = p.executor_id
    WHERE d.id = next.id AND p.id = d.id
    RETURNING d.id::text, 'msg_' || replace(coalesce(d.resend_of, d.id)::text, '-', '') AS message, d.event, d.wave, d.rollout_id::text, d.body, d.attempts, d.last_error, clock.now,
      CASE WHEN c.id IS NULL THEN 'executor' ELSE 'channel' END AS party, coalesce(c.id, e.id)::text AS party_id, coalesce(c.name, e.name)::text AS name,
      coalesce(c.kind, e.kind) AS kind, coalesce(c.config, e.config) AS config, coalesce(c.secret, e.secret) AS secret,
      coalesce(c.enabled, true) AS enabled, coalesce(c.removed_at, e.removed_at) IS NOT NULL AS removed`;
  return claimed ?? null;
}

async function attemptDelivery(app: App, claimed: Claimed, { channelSenders = CHANNEL_SENDERS, executorSenders = EXECUTOR_SENDERS }: DeliverOptions): Promise<Attempt> {
  const never = (error: string): Attempt => ({ ok: false, status: null, error, permanent: true, retryAfterMs: null });
  if (claimed.removed) return never(`The ${claimed.party} ${claimed.name} was removed before this was sent.`);
  if (!claimed.enabled && claimed.event !== "test") return never(`The ${claimed.party} ${claimed.name} was switched off before this was sent.`);
  const senders: Readonly<Record<string, Sender>> = claimed.party === "channel" ? channelSenders : executorSenders;
  const send = Object.hasOwn(senders, claimed.kind) ? senders[claimed.kind] : undefined;
  if (!send) return never(`This version of Plumbline cannot send to ${claimed.party === "channel" ? "a channel" : "an executor"} of the kind ${claimed.kind}.`);
  const startedAt = performance.now();
  try {
    const secret = claimed.secret === null ? null : openSecret(app, claimed.secret, `${claimed.party}:${claimed.party_id}`);
    const { id, message, event, wave, rollout_id, body, attempts } = claimed;
    return await send(app, {
      delivery: { id, messageId: message, event, wave, rolloutId: rollout_id, body, attempts },
      destination: { id: claimed.party_id, name: claimed.name, kind: claimed.kind, config: claimed.config, secret },
      now: claimed.now,
      leftMs: () => Math.max(1, Math.round(ATTEMPT_MS - (performance.now() - startedAt))),
    });
  } catch (error) {
    if (error instanceof UnsealError) return never(error.message);
    app.log.error({ err: error, delivery: claimed.id, kind: claimed.kind }, "a delivery could not be sent");
    return { ok: false, status: null, error: "Something went wrong in Plumbline while this was sent; its log says what.", permanent: false, retryAfterMs: null };
  }
}

/** Notes what came of an attempt, unless the lease has ended and somebody else took over. */
async function markAttempt(app: App, claimed: Claimed, attempt: Attempt, { now = undefined, random = Math.random }: DeliverOptions): Promise<void> {
  const next = decideAttempt({ attempts: claimed.attempts, attempt, random: random() });
  const delayMs = next.status === "pending" ? next.delayMs : 0;
  const error = attempt.ok ? null : attempt.error;
  const unspent = next.status === "pending" && next.unspent === true;
  // Who waits says so once.
  const isNews = !unspent || claimed.last_error !== error;
  if (next.status === "failed") app.log.warn({ delivery: claimed.id, kind: claimed.kind, attempts: claimed.attempts, status: attempt.status }, "a delivery was given up");
  await app.db.$executeRaw`
    /* prepared: delivery-mark */ WITH clock AS MATERIALIZED (SELECT coalesce(${now ?? null}::timestamptz, clock_timestamp()) AS now),
    marked AS (
      UPDATE deliveries d SET status = ${next.status}, leased_until = NULL, attempts = d.attempts - ${unspent ? 1 : 0}::int, last_status = ${attempt.status}, last_error = ${error},
        sent_at = CASE WHEN ${next.status} = 'sent' THEN clock.now END,
        next_attempt_at = CASE WHEN ${next.status} = 'pending' THEN clock.now + make_interval(secs => ${delayMs / 1_000}::float8) ELSE d.next_attempt_at END
      FROM clock WHERE d.id = ${claimed.id}::uuid AND d.status = 'pending' AND d.attempts = ${claimed.attempts}
      RETURNING d.id, d.rollout_id)
    INSERT INTO changes (topic, service_id, service_name, environment_id, key)
    SELECT 'delivery', r.service_id, s.name, r.environment_id, coalesce(m.rollout_id, m.id)::text
    FROM marked m LEFT JOIN rollouts r ON r.id = m.rollout_id LEFT JOIN services s ON s.id = r.service_id WHERE ${isNews}`;
}

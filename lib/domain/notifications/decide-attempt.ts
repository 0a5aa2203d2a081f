/** What came of one attempt to send. */
export type Attempt =
  | { ok: true; status: number | null }
  | {
      ok: false;
      /** Of HTTP or SMTP; null when none arrived. */
      status: number | null;
      /** A sentence for people. */
      error: string;
      /** Trying again would end the same way. */
      permanent: boolean;
      /** When the other side asked to be left alone for a while. */
      retryAfterMs: number | null;
      /** Nothing was tried, because it is not time yet: due again after this, and no attempt is spent. */
      waitMs?: number;
    };

export type AfterAttempt = { status: "sent" } | { status: "failed" } | { status: "pending"; delayMs: number; unspent?: true };

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** How long after the first, second … failed attempt the next one is made. After the last it is given up. */
export const RETRY_DELAYS_MS = [5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS] as const;
const LONGEST_MS = 6 * HOUR_MS;
const SPREAD = 0.2;

/**
 * What becomes of a delivery after an attempt: sent, given up, or due again.
 * @param attempts how many there were, this one included
 * @param random in [0, 1): spreads the retries of many deliveries over a fifth of their delay
 */
export function decideAttempt({ attempts, attempt, random }: { attempts: number; attempt: Attempt; random: number }): AfterAttempt {
  if (attempt.ok) return { status: "sent" };
  if (attempt.waitMs !== undefined) return { status: "pending", delayMs: attempt.waitMs, unspent: true };
  const delay = RETRY_DELAYS_MS[attempts - 1];
  if (attempt.permanent || delay === undefined) return { status: "failed" };
  const asked = Math.min(attempt.retryAfterMs ?? 0, LONGEST_MS);
  return { status: "pending", delayMs: Math.round(Math.max(delay, asked) * (1 + SPREAD * random)) };
}

/**
 * Whether an HTTP status says that the same request would be refused again (RFC 9110: 4xx). Not so: time-out, too early,
 * too many requests.
 */
export function isPermanentStatus(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}

/** Reads a Retry-After header (RFC 9110 section 10.2.3): seconds or a date; null for anything else. `now` in epoch ms. */
export function readRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * SECOND_MS;
  const at = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

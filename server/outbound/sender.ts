import type { Attempt } from "@/lib/domain/notifications/decide-attempt";
import type { App } from "@/server/context";

/** One row of the outbox, as it goes out. */
export type Delivery = {
  id: string;
  /** Of the message: the same through all attempts, and through re-sending. `msg_` and 32 hex digits. */
  messageId: string;
  event: string;
  wave: number | null;
  rolloutId: string | null;
  body: unknown;
  /** This one included. */
  attempts: number;
};

/** Where it goes: a channel or an executor, with what its row holds. */
export type Destination = { id: string; name: string; kind: string; config: unknown; secret: string | null };

export type SendCall = {
  delivery: Delivery;
  destination: Destination;
  now: Date;
  /** Time that is left for this attempt, for the time-out of the next request; at least 1. */
  leftMs: () => number;
};

/**
 * Sends one delivery to one kind of destination, outside any transaction. It answers with what came of it; what it throws
 * is taken for a failure that may pass, so it throws only what nobody foresaw.
 */
export type Sender = (app: App, call: SendCall) => Promise<Attempt>;

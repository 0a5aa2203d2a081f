/** What may go wrong on the way out. `bad-url`: it was never tried; `refused-address`: it would have gone where it must not. */
export const OUTBOUND_ERROR_KINDS = ["bad-url", "refused-address", "network", "timeout", "redirect", "too-large"] as const;
export type OutboundErrorKind = (typeof OUTBOUND_ERROR_KINDS)[number];

/** Why a request to another system came to nothing. The message is a sentence for people and never holds more of the URL than its host. */
export class OutboundError extends Error {
  readonly kind: OutboundErrorKind;
  /** The status that had arrived before it came to nothing: with `redirect` and `too-large`. */
  readonly status: number | null;
  constructor(kind: OutboundErrorKind, message: string, { status = null, cause }: { status?: number | null; cause?: unknown } = {}) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "OutboundError";
    this.kind = kind;
    this.status = status;
  }
}

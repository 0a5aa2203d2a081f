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

/** What the common errors of a connection are called in words; their own messages hold addresses and ports only, but read badly. */
const CAUSES: Record<string, string> = {
  ECONNREFUSED: "refused the connection",
  ECONNRESET: "ended the connection",
  EPIPE: "ended the connection",
  EHOSTUNREACH: "cannot be reached from here",
  ENETUNREACH: "cannot be reached from here",
  ETIMEDOUT: "did not answer the connection",
  CERT_HAS_EXPIRED: "shows a certificate that has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "shows a certificate that nobody vouches for",
  SELF_SIGNED_CERT_IN_CHAIN: "shows a certificate that nobody vouches for",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "shows a certificate that nobody vouches for",
  ERR_TLS_CERT_ALTNAME_INVALID: "shows a certificate for another name",
};

/** An error of a connection or of TLS, in words. */
export function toOutboundError(error: unknown, host: string): OutboundError {
  if (error instanceof OutboundError) return error;
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "ERR_INVALID_CHAR" || code === "ERR_HTTP_INVALID_HEADER_VALUE" || code === "ERR_INVALID_HTTP_TOKEN" || code === "ERR_UNESCAPED_CHARACTERS") return new OutboundError("bad-url", "A header or the path holds characters that cannot be sent.", { cause: error });
  return new OutboundError("network", `${host} ${CAUSES[code] ?? `could not be talked to${code === "" ? "" : ` (${code})`}`}.`, { cause: error });
}

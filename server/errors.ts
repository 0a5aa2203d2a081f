/**
 * Everything a verb may refuse with. Free of transport: server/http/problem.ts maps a kind to a status once.
 * `message` is written for the caller; internals never go there.
 */
export const ERROR_KINDS = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "too-large": 413,
  unsupported: 415,
  unprocessable: 422,
  "rate-limited": 429,
  unavailable: 503,
} as const;
export type ErrorKind = keyof typeof ERROR_KINDS;

export type FieldProblem = { path: string; message: string };
export type NamedReason = { reason: string; sentence: string };
export type ErrorExtras = {
  /** Stable name of the problem below its kind, for example `resync-required`. */
  type?: string;
  fields?: FieldProblem[];
  reasons?: NamedReason[];
  changed?: string[];
  accepts?: { min: number; max: number };
  retryAfterSeconds?: number;
};

export class AppError extends Error {
  readonly kind: ErrorKind;
  readonly extras: ErrorExtras;
  constructor(kind: ErrorKind, message: string, extras: ErrorExtras = {}) {
    super(message);
    this.name = "AppError";
    this.kind = kind;
    this.extras = extras;
  }
}

/** One answer for "is not there" and "is not yours": nothing can be enumerated. */
export function notFound(what: string): AppError {
  return new AppError("not-found", `There is no such ${what}, or you have no right to see it.`);
}

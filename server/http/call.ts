/**
 * What a handler reads of a request. A `Request` is one. The listener makes those of agents itself: a Request and a
 * Response cost more than everything else about an unchanged report.
 */
export type IncomingCall = {
  readonly method: string;
  readonly url: string;
  readonly headers: Pick<Headers, "get">;
  /** Aborted when the caller hangs up, or the process is asked to end. */
  readonly signal: AbortSignal;
  readonly body: ReadableStream<Uint8Array> | Uint8Array | null;
};

/** What is answered; a header may be there more than once. */
export type Answer = { status: number; headers: [string, string][]; body: BodyInit | null };

export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}

/** The real request, which sessions need. @throws Error where the listener made the call: a route for agents is no route for people */
export function asRequest(call: IncomingCall): Request {
  if (!(call instanceof Request)) throw new Error("a person's route was asked without a Request");
  return call;
}

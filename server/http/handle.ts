import { randomUUID } from "node:crypto";
import { z } from "zod";
import { ACCEPTS, PROTOCOL_HEADER } from "@/lib/contract/agent";
import { getApp } from "@/server/app";
import { authenticateAgent, authenticateCaller } from "@/server/auth/authenticate";
import { pokeChanges } from "@/server/changes/watch-changes";
import { SYSTEM_ACTOR, type App, type Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import { pokeOffers } from "@/server/rollouts/offer-rest";
import { asRequest, toResponse, type Answer, type IncomingCall } from "./call";
import { checkOrigin } from "./check-origin";
import { hashRequest, runOnce } from "./idempotency";
import { problemAnswer, toAppError } from "./problem";
import { readJsonBody, type Body } from "./read-body";

type Schemas = { body?: z.ZodType; query?: z.ZodType; params?: z.ZodType };
type Parsed<I extends Schemas> = {
  body: I extends { body: infer B extends z.ZodType } ? z.output<B> : undefined;
  query: I extends { query: infer Q extends z.ZodType } ? z.output<Q> : undefined;
  params: I extends { params: infer P extends z.ZodType } ? z.output<P> : undefined;
};

/** A result with headers of its own; `raw` bodies are sent as they are (streams, files). */
export class Reply {
  readonly body: unknown;
  readonly status: number | undefined;
  readonly headers: Record<string, string> | Headers;
  readonly raw: boolean;
  constructor(body: unknown, { status, headers = {}, raw = false }: { status?: number; headers?: Record<string, string> | Headers; raw?: boolean } = {}) {
    this.body = body;
    this.status = status;
    this.headers = headers;
    this.raw = raw;
  }
}

export type RouteSpec<I extends Schemas = Schemas> = {
  /** What it does, as the API description names it: `releases.register`. */
  verb: string;
  summary?: string;
  /** `session`: a person or an API token; `agent`: an agent's token; `none`: anyone, who is then the system actor. */
  auth: "session" | "agent" | "none";
  input?: I;
  /** The answer's shape: described in the API description and checked while developing. Absent: no JSON answer. */
  output?: z.ZodType;
  status?: number;
  /** False when the answer holds a secret that must not be kept for replays. */
  keepAnswer?: boolean;
  run: (call: { ctx: Ctx; input: Parsed<I>; request: IncomingCall }) => Promise<unknown>;
};

export type RouteParams = { params: Promise<Record<string, string | string[] | undefined>> };
export type RouteHandler = ((request: Request, context?: RouteParams) => Promise<Response>) & {
  spec: RouteSpec;
  /** The same without a Request and a Response around it; not for people, whose sessions need the real ones. */
  answer: (call: IncomingCall) => Promise<Answer>;
};

/** What the API description reads: a spec without the types of its input. */
type AnySpec = Omit<RouteSpec, "run"> & { run: unknown };

const WRITES = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const IDEMPOTENCY_KEY = /^[!-~]{1,200}$/;

/**
 * Turns a verb into a request handler: authenticate → parse → verb → encode, every failure a problem document.
 * POSTs that carry an Idempotency-Key run once per (actor, key).
 */
export function handle<I extends Schemas>(spec: RouteSpec<I>): RouteHandler {
  const answerCall = async (request: IncomingCall, context?: RouteParams): Promise<Answer> => {
    const requestId = randomUUID();
    const headers: Record<string, string> = {
      "x-request-id": requestId,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(isAgentDoor(request, spec) && { [PROTOCOL_HEADER]: `${ACCEPTS.min}-${ACCEPTS.max}` }),
    };
    try {
      const app = getApp();
      const response = await answer(app, spec, { request, context, requestId, headers });
      if (spec.auth !== "agent" && WRITES.has(request.method)) {
        pokeChanges();
        pokeOffers(app);
      }
      return response;
    } catch (error) {
      return refusal(error, { request, requestId, headers, verb: spec.verb });
    }
  };
  const known: AnySpec = spec;
  const handler = async (request: Request, context?: RouteParams): Promise<Response> => toResponse(await answerCall(request, context));
  return Object.assign(handler, { spec: known as RouteSpec, answer: (call: IncomingCall) => answerCall(call) });
}

function isAgentDoor(request: IncomingCall, spec: { auth: string }): boolean {
  return spec.auth === "agent" || new URL(request.url).pathname.startsWith("/api/agent/");
}

function refusal(error: unknown, { request, requestId, headers, verb }: { request: IncomingCall; requestId: string; headers: Record<string, string>; verb: string }): Answer {
  const known = toAppError(error);
  if (!known) logUnforeseen(error, { requestId, verb, method: request.method });
  else if (known.kind === "unavailable" && !(error instanceof AppError)) logUnforeseen(error, { requestId, verb, method: request.method });
  // A body that nobody will read to its end must not be taken for the next request.
  return problemAnswer(known, requestId, known?.kind === "too-large" ? { ...headers, connection: "close" } : headers);
}

function logUnforeseen(error: unknown, fields: { requestId: string; verb: string; method: string }): void {
  try {
    getApp().log.error({ err: error, ...fields }, "a request failed");
  } catch (failure) {
    process.stderr.write(`${JSON.stringify({ level: "fatal", msg: "settings or keys are not readable", error: String(failure) })}\n`);
  }
}

type Call = { request: IncomingCall; context: RouteParams | undefined; requestId: string; headers: Record<string, string> };

async function answer<I extends Schemas>(app: App, spec: RouteSpec<I>, { request, context, requestId, headers }: Call): Promise<Answer> {
  const actor = spec.auth === "session" ? await authenticateCaller(app, asRequest(request)) : spec.auth === "agent" ? await authenticateAgent(app, request) : SYSTEM_ACTOR;
  if (spec.auth === "none") checkOrigin(request, app.config, { cookie: false });
  const ctx: Ctx = { ...app, actor, requestId };
  const { input, text } = await parseInput(spec, request, context);
  const key = request.headers.get("idempotency-key");
  const run = () => spec.run({ ctx, input, request });
  if (key === null || request.method !== "POST" || spec.auth !== "session") return encode(spec, await run(), headers);

  if (!IDEMPOTENCY_KEY.test(key)) throw new AppError("invalid", "An Idempotency-Key has 1 to 200 visible ASCII characters.", { fields: [{ path: "Idempotency-Key", message: "must have 1 to 200 visible ASCII characters" }] });
  let own: Answer | null = null;
  const stored = await runOnce(ctx, { key, hash: hashRequest(request.method, request.url, text), keepAnswer: spec.keepAnswer ?? true }, async () => {
    own = encode(spec, await run(), headers);
    return { status: own.status, body: own.body === null ? null : await new Response(own.body).text() };
  });
  return own ?? { status: stored.status, headers: Object.entries({ ...headers, "idempotency-replayed": "true", ...(stored.body !== null && { "content-type": "application/json" }) }), body: stored.body };
}

/** Reads what the spec names and refuses what it does not. */
async function parseInput<I extends Schemas>(spec: RouteSpec<I>, request: IncomingCall, context: RouteParams | undefined): Promise<{ input: Parsed<I>; text: string }> {
  const schemas: Schemas = spec.input ?? {};
  const params: unknown = schemas.params ? schemas.params.parse(await context?.params) : undefined;
  const query: unknown = schemas.query ? schemas.query.parse(readQuery(request)) : undefined;
  const body: Body | null = schemas.body ? await readJsonBody(request) : null;
  if (body && isAgentDoor(request, spec)) checkProtocol(body.json);
  const input = { params, query, body: schemas.body?.parse(body?.json) };
  return { input: input as Parsed<I>, text: body?.text ?? "" };
}

function readQuery(request: IncomingCall): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of new URL(request.url).searchParams) {
    if (Object.hasOwn(query, name)) throw new AppError("invalid", `The query names ${name.slice(0, 50)} twice.`, { fields: [{ path: name.slice(0, 50), message: "must be given once" }] });
    if (value.includes("\0") || name === "__proto__") throw new AppError("invalid", "The query holds characters that are not allowed.", { fields: [{ path: name.slice(0, 50).replaceAll("\0", ""), message: "must not contain NUL characters" }] });
    query[name] = value;
  }
  return query;
}

/** A newer protocol is told so before its unknown fields are. */
function checkProtocol(json: unknown): void {
  if (json === null || typeof json !== "object" || !("v" in json) || typeof json.v !== "number") return;
  if (json.v >= ACCEPTS.min && json.v <= ACCEPTS.max) return;
  throw new AppError("invalid", `This server speaks versions ${ACCEPTS.min} to ${ACCEPTS.max} of the protocol, not ${json.v}.`, { type: "unsupported-version", accepts: { ...ACCEPTS }, fields: [{ path: "v", message: "is not a version that this server speaks" }] });
}

function encode(spec: { output?: z.ZodType; status?: number; verb: string }, result: unknown, headers: Record<string, string>): Answer {
  const reply = result instanceof Reply ? result : new Reply(result);
  const status = reply.status ?? spec.status ?? 200;
  const own: [string, string][] = [...(reply.headers instanceof Headers ? reply.headers : Object.entries(reply.headers))].map(([name, value]) => [name.toLowerCase(), value]);
  // A reply's own header takes the place of the usual one.
  const all: [string, string][] = [...Object.entries(headers).filter(([name]) => !own.some(([mine]) => mine === name)), ...own];
  if (reply.raw) return { status, headers: all, body: reply.body as BodyInit | null };
  if (reply.body === undefined || reply.body === null) return { status: reply.status ?? 204, headers: all, body: null };
  // What leaves was made by our own types: checked where it is cheap to find out, not on every answer in production.
  if (spec.output && process.env.NODE_ENV !== "production") checkOutput(spec.output, reply.body, spec.verb);
  return { status, headers: [...all, ["content-type", "application/json"]], body: JSON.stringify(reply.body) };
}

function checkOutput(schema: z.ZodType, body: unknown, verb: string): void {
  const checked = schema.safeParse(body);
  if (!checked.success) throw new Error(`${verb} answers what its contract does not say: ${z.prettifyError(checked.error)}`);
}

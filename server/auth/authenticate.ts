import { createBatcher } from "@/server/batch";
import type { Actor, App } from "@/server/context";
import { sqlArray, type Db } from "@/server/db";
import { AppError } from "@/server/errors";
import type { IncomingCall } from "@/server/http/call";
import { checkOrigin } from "@/server/http/check-origin";
import { isLoopbackAddress, isLoopbackHost, peerOf } from "@/server/http/peer";
import { hitLimit } from "@/server/http/request-limits";
import { TOKEN_PREFIXES, hashSecret } from "@/server/access/secret-token";
import { noteSurvivor } from "@/server/inventory/note-survivor";
import { DEMO_PERSON_ID } from "./demo-person";
import { getAuth } from "./auth";
import { loadActor } from "./load-actor";

const SECRET = /^[A-Za-z0-9_-]{43}$/;
const FAILURES = { max: 60, windowMs: 60_000 };

/** The bearer token of a request; null without one. @throws AppError unauthenticated for another scheme */
function bearerOf(request: IncomingCall): string | null {
  const header = request.headers.get("authorization");
  if (header === null) return null;
  const token = /^Bearer ([!-~]{1,300})$/i.exec(header.trim())?.[1];
  if (token === undefined) throw new AppError("unauthenticated", "Send `Authorization: Bearer <token>`.");
  return token;
}

/**
 * Who asks at the people's door: an API token, else the session's person, else in the demo the demo person. A request
 * with a token never falls back to its cookies.
 * @throws AppError unauthenticated, forbidden (another site's write), rate-limited
 */
export async function authenticateCaller(app: App, request: Request): Promise<Actor> {
  const token = bearerOf(request);
  if (token !== null) return (await actorOfToken(app, token)) ?? (await refuse(app, request, "The token is not valid: unknown, expired or revoked."));
  const person = await personOfSession(app, request.headers);
  if (person) {
    checkOrigin(request, app.config, { cookie: true });
    return person;
  }
  const demo = await demoPerson(app, { headers: request.headers, peer: peerOf(request) });
  if (demo) {
    checkOrigin(request, app.config, { cookie: false });
    return demo;
  }
  throw new AppError("unauthenticated", "Sign in, or send an API token.");
}

/** The agent that a token belongs to. @throws AppError unauthenticated, rate-limited */
export async function authenticateAgent(app: App, request: IncomingCall): Promise<Actor> {
  const token = bearerOf(request);
  if (token !== null && token.startsWith(TOKEN_PREFIXES.agent) && SECRET.test(token.slice(4))) {
    const agent = await findAgent(app, token);
    if (agent) return { id: agent.id, kind: "agent", name: agent.name, personId: agent.id, roles: [] };
    const ended = await noteSurvivor(app, hashSecret(token));
    if (ended !== null) return refuse(app, request, ended.message, ended.type);
  }
  return refuse(app, request, "The agent's token is not valid: unknown, revoked or replaced.");
}

type FoundAgent = { id: string; name: string };

const agentLookups = new WeakMap<Db, (token: string) => Promise<FoundAgent | null>>();

/** The agent of a token; null for none that may speak. Asked each time, so that revoking holds at once; lookups that come together are one query. */
function findAgent({ db }: App, token: string): Promise<FoundAgent | null> {
  let find = agentLookups.get(db);
  if (!find) {
    find = createBatcher((tokens: readonly string[]) => readAgents(db, tokens), { maxSize: 500, concurrency: 2 });
    agentLookups.set(db, find);
  }
  return find(token);
}

async function readAgents(db: Db, tokens: readonly string[]): Promise<(FoundAgent | null)[]> {
  const hashes = tokens.map((token) => Buffer.from(hashSecret(token)).toString("hex"));
  const rows = await db.$queryRaw<(FoundAgent & { place: number })[]>`
    /* prepared: agent-tokens */ SELECT g.id::text, g.name, n.place::int FROM unnest(${sqlArray(hashes)}::text[]) WITH ORDINALITY n(hash, place)
    JOIN LATERAL (
      SELECT * FROM agents WHERE token_hash = decode(n.hash, 'hex')
      UNION ALL SELECT * FROM agents WHERE previous_token_hash = decode(n.hash, 'hex') AND previous_token_until > clock_timestamp()) g ON true
    JOIN actors a ON a.id = g.id
    WHERE g.revoked_at IS NULL AND g.retired_at IS NULL AND a.disabled_at IS NULL`;
  const found = new Map(rows.map(({ place, id, name }) => [place, { id, name }]));
  return tokens.map((_, at) => found.get(at + 1) ?? null);
}

async function refuse(app: App, request: IncomingCall, message: string, type?: string): Promise<never> {
  await hitLimit(app, `bearer:${peerOf(request) ?? "unknown"}`, FAILURES);
  throw new AppError("unauthenticated", message, type === undefined ? {} : { type });
}

async function actorOfToken(app: App, token: string): Promise<Actor | null> {
  if (!token.startsWith(TOKEN_PREFIXES.api) || !SECRET.test(token.slice(4))) return null;
  const [row] = await app.db.$queryRaw<{ id: string; actor_id: string; stale: boolean }[]>`
    SELECT id::text, actor_id::text, coalesce(last_used_at < clock_timestamp() - interval '1 minute', true) AS stale FROM api_tokens
    WHERE token_hash = ${hashSecret(token)} AND revoked_at IS NULL AND expires_at > clock_timestamp()`;
  if (!row) return null;
  if (row.stale) await app.db.$executeRaw`UPDATE api_tokens SET last_used_at = clock_timestamp() WHERE id = ${row.id}::uuid`;
  return loadActor(app.db, row.actor_id);
}

/** The person whose session the cookies name; null for none, an expired one or a disabled person. */
export async function personOfSession(app: App, headers: Headers): Promise<Actor | null> {
  if (!headers.get("cookie")?.includes("plumbline.session_token=")) return null;
  const session = await getAuth(app).api.getSession({ headers });
  const actorId = session?.user.actorId;
  return actorId ? loadActor(app.db, actorId) : null;
}

/** In the demo, whoever is at this machine and asks for this machine by name is the demo person. */
export async function demoPerson(app: App, { headers, peer }: { headers: Headers; peer: string | null }): Promise<Actor | null> {
  if (!app.config.demo || !isLoopbackAddress(peer) || !isLoopbackHost(headers.get("host"))) return null;
  return loadActor(app.db, DEMO_PERSON_ID);
}

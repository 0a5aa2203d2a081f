import { randomUUID } from "node:crypto";
import { z } from "zod";
import { problem as problemSchema } from "@/lib/contract/problem";
import { rollbackRequest } from "@/lib/contract/rollouts";
import { getApp } from "@/server/app";
import { demoPerson, personOfSession } from "@/server/auth/authenticate";
import { isFormToken } from "@/server/auth/form-token";
import { pokeChanges } from "@/server/changes/watch-changes";
import type { App, Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import { pokeOffers } from "@/server/rollouts/offer-rest";
import { startRollback } from "@/server/rollouts/start-rollback";
import { ownOrigins } from "./check-origin";
import { hashRequest, runOnce } from "./idempotency";
import { peerOf } from "./peer";
import { problemResponse, toAppError } from "./problem";
import { decodeText, readBytes } from "./read-body";

const FORM_TYPE = /^application\/x-www-form-urlencoded(?:\s*;|$)/i;
const empty = (value: unknown): unknown => (value === "" ? undefined : value);
/** What the form sends: the hidden fields are the session's token, the revision that was seen, and a key for a double click. */
const rollbackForm = rollbackRequest.extend({
  version: z.preprocess(empty, rollbackRequest.shape.version),
  incident: z.preprocess(empty, rollbackRequest.shape.incident),
  hold: z.enum(["on", "true", "false"]).optional().transform((value) => value === "on" || value === "true"),
  revision: z.string().min(1).max(2_000),
  formToken: z.string().min(1).max(200),
  idempotencyKey: z.uuid(),
  /** The typed name, where the form asked for it. */
  confirm: z.string().max(200).optional(),
});

/**
 * The one form-encoded write: a rollback from a browser without script. Answers with a redirect to the rollout, or with a
 * plain page that says why not.
 */
export async function postRollbackForm(request: Request): Promise<Response> {
  const requestId = randomUUID();
  const headers = { "x-request-id": requestId, "cache-control": "no-store", "x-content-type-options": "nosniff" };
  try {
    const app = getApp();
    const id = await rollBack(app, request, requestId);
    pokeChanges();
    pokeOffers(app);
    return new Response(null, { status: 303, headers: { ...headers, location: `/rollouts/${id}` } });
  } catch (error) {
    const known = toAppError(error);
    if (!known) getApp().log.error({ err: error, requestId, verb: "rollouts.rollback" }, "a request failed");
    if (known?.kind === "unauthenticated") return new Response(null, { status: 303, headers: { ...headers, location: "/sign-in" } });
    const problem = problemSchema.parse(await problemResponse(known, requestId).json());
    const lines = [problem.title, "", problem.detail, ...(problem.changed ?? []), ...(problem.fields ?? []).map(({ path, message }) => `${path}: ${message}`), "", `Request ${requestId}. Go back and look again.`];
    return new Response(`${lines.join("\n")}\n`, { status: problem.status, headers: { ...headers, "content-type": "text/plain; charset=utf-8" } });
  }
}

async function rollBack(app: App, request: Request, requestId: string): Promise<string> {
  const actor = (await personOfSession(app, request.headers)) ?? (await demoPerson(app, { headers: request.headers, peer: peerOf(request) }));
  if (!actor) throw new AppError("unauthenticated", "Sign in first.");
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  if (origin === null || !ownOrigins(app.config).includes(origin) || (site !== null && site !== "same-origin")) {
    throw new AppError("forbidden", "This came from another site. Use Plumbline's own pages.", { type: "foreign-origin" });
  }
  if (!FORM_TYPE.test(request.headers.get("content-type") ?? "")) throw new AppError("unsupported", "Send the form as application/x-www-form-urlencoded.", { type: "not-a-form" });
  const text = decodeText(await readBytes(request));
  const { formToken, idempotencyKey, confirm, ...input } = rollbackForm.parse(readFields(text));
  if (confirm !== undefined && confirm.trim() !== input.service) throw new AppError("invalid", "The typed name is not the service's.", { fields: [{ path: "confirm", message: `must be ${input.service}` }] });
  if (!isFormToken(app.keys, request.headers, formToken)) throw new AppError("forbidden", "This form is of another session. Open it again.", { type: "foreign-form" });
  const ctx: Ctx = { ...app, actor, requestId };
  const { body } = await runOnce(ctx, { key: idempotencyKey, hash: hashRequest(request.method, request.url, text), keepAnswer: true }, async () => {
    const rollout = await startRollback({ ctx, input });
    return { status: 202, body: JSON.stringify({ id: rollout.id }) };
  });
  return z.object({ id: z.uuid() }).parse(JSON.parse(body ?? "{}")).id;
}

function readFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    if (Object.hasOwn(fields, name) || name === "__proto__" || value.includes("\0")) throw new AppError("invalid", "The form names a field twice, or holds characters that are not allowed.");
    fields[name] = value;
  }
  return fields;
}

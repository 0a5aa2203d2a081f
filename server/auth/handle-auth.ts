import { randomUUID } from "node:crypto";
import { getApp } from "@/server/app";
import { AppError } from "@/server/errors";
import { checkOrigin } from "@/server/http/check-origin";
import { problemResponse, toAppError } from "@/server/http/problem";
import { readJsonBody } from "@/server/http/read-body";
import { getAuth } from "./auth";

/** The part of the auth library that browsers need; everything else it could do is not there. */
const OPEN = new Map([
  ["/api/auth/sign-in/email", "POST"],
  ["/api/auth/sign-out", "POST"],
  ["/api/auth/get-session", "GET"],
  ["/api/auth/change-password", "POST"],
]);

/** Signing in and out: the auth library behind our own limits on bodies, origins and paths. */
export async function handleAuth(request: Request): Promise<Response> {
  const requestId = randomUUID();
  const headers = { "x-request-id": requestId, "cache-control": "no-store" };
  try {
    const app = getApp();
    const { pathname } = new URL(request.url);
    if (OPEN.get(pathname) !== request.method) throw new AppError("not-found", "There is no such address.");
    checkOrigin(request, app.config, { cookie: false });
    const response = await getAuth(app).handler(request.method === "POST" ? await withCheckedBody(request) : request);
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    if (response.status < 500) return response;
    app.log.error({ requestId, status: response.status, path: pathname }, "the auth library failed");
    return problemResponse(null, requestId, headers);
  } catch (error) {
    const known = toAppError(error);
    if (!known) getApp().log.error({ err: error, requestId }, "a request failed");
    return problemResponse(known, requestId, headers);
  }
}

async function withCheckedBody(request: Request): Promise<Request> {
  const { text } = await readJsonBody(request);
  const headers = new Headers(request.headers);
  headers.delete("content-length");
  headers.delete("content-encoding");
  return new Request(request.url, { method: request.method, headers, body: text });
}

import { getApp } from "@/server/app";
import { ownOrigins } from "@/server/http/check-origin";
import { getAuth } from "./auth";

/**
 * Ends the session of a plain form's sender and goes to the sign-in page. Another site's form is sent there as well,
 * and ends nothing.
 */
export async function signOutByForm(request: Request): Promise<Response> {
  const app = getApp();
  const headers = new Headers({ location: "/sign-in", "cache-control": "no-store" });
  if (ownOrigins(app.config).includes(request.headers.get("origin") ?? "")) {
    const ended = await getAuth(app).api.signOut({ headers: request.headers, asResponse: true });
    for (const cookie of ended.headers.getSetCookie()) headers.append("set-cookie", cookie);
  }
  return new Response(null, { status: 303, headers });
}

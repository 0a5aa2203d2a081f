import { NextResponse, type NextRequest } from "next/server";
import { readConfig, type Config } from "@/server/config";
import { sessionCookieName } from "@/server/auth/session-cookie";
import { PATH_HEADER } from "@/server/http/peer";
import { contentSecurityPolicy } from "@/server/http/security-headers";

/** Pages that a stranger may open. */
const PUBLIC_PAGES = new Set(["/sign-in", "/setup"]);

let settings: Config | undefined;

/**
 * Gives every page its content security policy with a fresh nonce, and sends whoever has no session cookie to sign in.
 * It decides nothing about rights: every page and every route authorises by itself.
 */
export function proxy(request: NextRequest): NextResponse {
  settings ??= readConfig();
  const https = settings.url.startsWith("https:");
  const { pathname, search } = request.nextUrl;
  const nonce = btoa(crypto.randomUUID());
  const policy = contentSecurityPolicy(nonce, { https });
  if (!settings.demo && !PUBLIC_PAGES.has(pathname) && !request.cookies.has(sessionCookieName(https))) {
    const target = new URL("/sign-in", request.url);
    if (pathname !== "/") target.searchParams.set("next", `${pathname}${search}`);
    return withPolicy(NextResponse.redirect(target), policy);
  }
  const headers = new Headers(request.headers);
  headers.set("x-nonce", nonce);
  headers.set(PATH_HEADER, `${pathname}${search}`);
  // Next reads the nonce for its own scripts from here.
  headers.set("content-security-policy", policy);
  return withPolicy(NextResponse.next({ request: { headers } }), policy);
}

function withPolicy(response: NextResponse, policy: string): NextResponse {
  response.headers.set("content-security-policy", policy);
  response.headers.set("cache-control", "no-store");
  return response;
}

/** Pages only: Next would buffer and cut the bodies of the API here, and files need neither nonce nor session. */
export const config = {
  matcher: ["/((?!api/|api$|_next/|.*\\.(?:svg|png|ico|txt|woff2|webmanifest)$).*)"],
};

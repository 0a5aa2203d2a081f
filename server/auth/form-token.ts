import { createHmac, timingSafeEqual } from "node:crypto";
import type { Keys } from "@/server/ledger/keys";

/**
 * What a page puts into a form that is sent without script: bound to the session's cookie, so that no other site and no
 * other session can make it. @param headers of the request that renders, or carries, the form
 */
export function makeFormToken(keys: Pick<Keys, "authSecret">, headers: Headers): string {
  return createHmac("sha256", keys.authSecret).update(`form\n${sessionOf(headers)}`).digest("base64url");
}

/** Whether a token is of this session. */
export function isFormToken(keys: Pick<Keys, "authSecret">, headers: Headers, token: string): boolean {
  const wanted = Buffer.from(makeFormToken(keys, headers));
  const given = Buffer.from(token);
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}

/** The demo has no session: its forms are bound to nothing but this installation. */
function sessionOf(headers: Headers): string {
  return /(?:^|;\s*)(?:__Host-)?plumbline\.session_token=([^;]+)/.exec(headers.get("cookie") ?? "")?.[1] ?? "";
}

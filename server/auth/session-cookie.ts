/** `__Host-` binds the cookie to this origin; browsers take it over https only, so plain loopback goes without. */
export function cookiePrefix(https: boolean): string {
  return https ? "__Host-plumbline" : "plumbline";
}

/** The name of the cookie that holds the session. */
export function sessionCookieName(https: boolean): string {
  return `${cookiePrefix(https)}.session_token`;
}

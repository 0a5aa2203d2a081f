export type SignInResult = { ok: true } | { ok: false; message: string };

function explainRefusal(status: number, retryAfter: string | null): string {
  if (status === 401) return "E-mail and password do not match an account here.";
  if (status === 403) return "This account is disabled. Ask an administrator.";
  if (status === 429) return `Too many attempts. Try again ${retryAfter ? `in ${retryAfter} s` : "in a minute"}.`;
  if (status === 400 || status === 422) return "Give an e-mail address and a password.";
  return `The server answered ${status} without saying why. Try again in a moment.`;
}

/** Opens a session with e-mail and password; refusals come back in words. */
export async function signIn(email: string, password: string): Promise<SignInResult> {
  try {
    const response = await fetch("/api/auth/sign-in/email", {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ email, password }),
    });
    if (response.ok) return { ok: true };
    return { ok: false, message: explainRefusal(response.status, response.headers.get("x-retry-after") ?? response.headers.get("retry-after")) };
  } catch {
    return { ok: false, message: "The server did not answer. Check that Plumbline is running, then try again." };
  }
}

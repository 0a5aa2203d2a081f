import type { App } from "@/server/context";
import { getAuth } from "./auth";

/** Opens a session; the headers to send with the answer hold its cookie. Empty when the library refused. */
export async function signInHeaders(app: App, request: Request, { email, password }: { email: string; password: string }): Promise<Headers> {
  const answer = new Headers();
  const response = await getAuth(app).api.signInEmail({ body: { email, password }, headers: request.headers, asResponse: true });
  if (response.ok) for (const cookie of response.headers.getSetCookie()) answer.append("set-cookie", cookie);
  return answer;
}

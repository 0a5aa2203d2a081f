import { stripHidden } from "@/lib/contract/primitives";
import { isPermanentStatus, readRetryAfter, type Attempt } from "@/lib/domain/notifications/decide-attempt";
import type { App } from "@/server/context";
import { OutboundError } from "./outbound-error";
import { bareHost, readUrl, sendRequest, type OutboundAnswer, type OutboundRequest } from "./send-request";

const LONGEST_MS = 10_000;
const MOST_QUOTED = 160;

/**
 * Sends one request of a delivery and says what came of it in terms of trying again: 2xx is well; other 4xx than 408, 425
 * and 429, a redirect and an address that is refused would end the same way; the rest may pass.
 * @param secrets what no error may hold, though the other side quotes it
 */
export async function attemptRequest(app: Pick<App, "config">, request: Omit<OutboundRequest, "timeoutMs">, { leftMs, now, secrets }: { leftMs: () => number; now: Date; secrets: readonly string[] }): Promise<Attempt> {
  try {
    const answer = await sendRequest(app, { ...request, timeoutMs: Math.min(LONGEST_MS, leftMs()) });
    return judgeAnswer(bareHost(readUrl(request.url)), answer, { now, secrets });
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    const { kind, status, message } = error;
    // It said that it is well before it went on talking.
    if (kind === "too-large" && status !== null && status >= 200 && status < 300) return { ok: true, status };
    const permanent = kind === "bad-url" || kind === "refused-address" || kind === "redirect" || (kind === "too-large" && status !== null && isPermanentStatus(status));
    return { ok: false, status, error: message, permanent, retryAfterMs: null };
  }
}

function judgeAnswer(host: string, { status, headers, body }: OutboundAnswer, { now, secrets }: { now: Date; secrets: readonly string[] }): Attempt {
  if (status >= 200 && status < 300) return { ok: true, status };
  const quoted = hideSecrets(stripHidden(body).replace(/\s+/g, " ").trim(), secrets).slice(0, MOST_QUOTED);
  return {
    ok: false,
    status,
    error: `${host} answered ${status}${quoted === "" ? "" : `: ${quoted}`}`,
    permanent: isPermanentStatus(status),
    retryAfterMs: readRetryAfter(headers["retry-after"], now.getTime()),
  };
}

/** A text without these secrets, each also without what a URL encodes of it. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
    .filter((secret) => secret.length >= 4)
    .reduce((shown, secret) => shown.replaceAll(secret, "(hidden)"), text);
}

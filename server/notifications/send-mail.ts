import { createTransport } from "nodemailer";
import { z } from "zod";
import { noticeBody, shownDestination, type ShownDestination } from "@/lib/contract/notifications";
import type { Attempt } from "@/lib/domain/notifications/decide-attempt";
import { toMail } from "@/lib/domain/notifications/to-mail";
import type { App } from "@/server/context";
import { hideSecrets } from "@/server/outbound/attempt-request";
import { openConnection } from "@/server/outbound/open-connection";
import { OutboundError } from "@/server/outbound/outbound-error";
import { orLate } from "@/server/outbound/or-late";
import { bareHost } from "@/server/outbound/send-request";
import type { SendCall } from "@/server/outbound/sender";
import { readSecret } from "./channel-secret";

export const mailSecret = z.strictObject({ password: z.string().nullable() });
type Mailbox = Extract<ShownDestination, { kind: "email" }>;

const LONGEST_MS = 20_000;

/**
 * Sends mails over SMTP on a connection to addresses that were vetted; a mail's Message-ID is the same through all attempts.
 * @param ca certificates to trust instead of the system's
 */
export function mailSender({ ca }: { ca?: string } = {}): (app: Pick<App, "config">, call: SendCall) => Promise<Attempt> {
  return async (app, { delivery, destination, leftMs }) => {
    const { password } = readSecret(mailSecret, destination);
    const config = shownDestination.parse(destination.config);
    if (config.kind !== "email") throw new Error(`the channel ${destination.id} is not one of mail`);
    const message = { ...toMail(noticeBody.parse(delivery.body), { origin: app.config.url }), messageId: `<${delivery.messageId}@${bareHost(new URL(app.config.url))}>` };
    const timeoutMs = Math.min(LONGEST_MS, leftMs());
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new OutboundError("timeout", `${config.host} did not take the mail within ${timeoutMs / 1_000} s.`)), timeoutMs);
    try {
      await submit(app, config, { password, message, signal: late.signal, ...(ca !== undefined && { ca }) });
      return { ok: true, status: 250 };
    } catch (error) {
      return judgeError(error, { host: config.host, password });
    } finally {
      clearTimeout(timer);
    }
  };
}
export const sendMail = mailSender();

type Submission = { password: string | null; message: { subject: string; text: string; html: string; messageId: string }; signal: AbortSignal; ca?: string };

async function submit(app: Pick<App, "config">, { host, port, security, user, from, to }: Mailbox, { password, message, signal, ca }: Submission): Promise<void> {
  const { socket, allowed } = await openConnection(app, { host, port, signal });
  try {
    if (security === "none" && !allowed) throw new OutboundError("bad-url", `${host} must be spoken to by TLS. PLUMBLINE_OUTBOUND_ALLOW can make an exception.`);
    const transport = createTransport({
      // The name is what the certificate is held against; the connection is there already.
      host,
      port,
      connection: socket,
      secure: security === "tls",
      requireTLS: security === "starttls",
      ignoreTLS: security === "none",
      tls: { ...(ca !== undefined && { ca }) },
      ...(user !== null && { auth: { user, pass: password ?? "" } }),
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    await orLate(transport.sendMail({ from, to, ...message, headers: { "auto-submitted": "auto-generated" } }), signal);
  } finally {
    socket.destroy();
  }
}

/** SMTP: 4yz may pass, 5yz would end the same way (RFC 5321 section 4.2.1). */
function judgeError(error: unknown, { host, password }: { host: string; password: string | null }): Attempt {
  if (error instanceof OutboundError) return { ok: false, status: null, error: error.message, permanent: error.kind === "bad-url" || error.kind === "refused-address", retryAfterMs: null };
  if (!(error instanceof Error)) throw error;
  const status = "responseCode" in error && typeof error.responseCode === "number" ? error.responseCode : null;
  const response = "response" in error && typeof error.response === "string" ? error.response : null;
  const code = "code" in error && typeof error.code === "string" ? error.code : null;
  if (status === null && code === null) throw error;
  const secrets = password === null ? [] : [password, Buffer.from(password).toString("base64")];
  const said = status === null ? sayCode(host, code, error) : `${host} answered ${hideSecrets((response ?? String(status)).replace(/\s+/g, " "), secrets).slice(0, 160)}`;
  return { ok: false, status, error: said, permanent: status !== null && status >= 500, retryAfterMs: null };
}

function sayCode(host: string, code: string | null, { message }: Error): string {
  if (code === "ETLS" || code === "ESOCKET") return `${host} could not be spoken to by TLS: ${message.replace(/\s+/g, " ").slice(0, 120)}`;
  if (code === "EAUTH") return `${host} does not let the user sign in.`;
  return `${host} ended the conversation (${code}).`;
}

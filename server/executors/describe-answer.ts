import type { ExecutorConfig } from "@/lib/contract/executors";
import { stripHidden } from "@/lib/contract/primitives";
import { findSecret } from "@/server/ledger/refuse-secrets";
import type { OutboundAnswer } from "@/server/outbound/send-request";

const NAMES: Record<ExecutorConfig["kind"], string> = { webhook: "The receiver", github: "GitHub", gitlab: "GitLab" };
const MOST_TEXT = 300;

/** What an executor's answer says, in a sentence. 2xx means that it was told, and nothing more. */
export function describeAnswer(kind: ExecutorConfig["kind"], { status, body }: Pick<OutboundAnswer, "status" | "body">, secret: string): { ok: boolean; sentence: string } {
  const ok = status >= 200 && status <= 299;
  const said = ok ? null : messageOf(body, secret);
  return { ok, sentence: `${NAMES[kind]} answered ${status}${said === null ? "" : `: ${said}`}.` };
}

/** Whether GitLab, asked for a ref that cannot be there, complains about the ref: then it has taken the token. */
export function complainsAboutRef({ status, body }: Pick<OutboundAnswer, "status" | "body">): boolean {
  return status === 400 && /reference not found|ref is invalid|invalid reference/i.test(body);
}

/** GitHub's and GitLab's own words for what is wrong; null when the answer holds none, or what must not be repeated. */
function messageOf(body: string, secret: string): string | null {
  const message = fieldOf(parse(body), "message") ?? fieldOf(parse(body), "error");
  if (message === undefined) return null;
  const line = stripHidden(typeof message === "string" ? message : JSON.stringify(message)).replaceAll(/\s+/g, " ").trim().replace(/\.$/, "").slice(0, MOST_TEXT);
  return line === "" || findSecret(line) || line.includes(secret) ? null : line;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

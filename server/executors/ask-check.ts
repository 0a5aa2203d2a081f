import type { z } from "zod";
import type { checkRequest } from "@/lib/contract/executors";
import type { CheckAnswer } from "@/lib/domain/rollout/judge-check";
import type { ExternalCheck } from "@/lib/domain/rollout/strategy";
import type { App } from "@/server/context";
import { OutboundError } from "@/server/outbound/outbound-error";
import { sendRequest, type OutboundRequest } from "@/server/outbound/send-request";
import { signCheckRequest } from "./check-key";

/** One series of a result is a few hundred bytes. */
const PROMETHEUS_MAX_BYTES = 1024 * 1024;
/** Longer URLs are cut by proxies; Prometheus takes the same question as a form. */
const MOST_URL_CHARACTERS = 2_000;

export type CheckQuestion = { id: string; request: z.input<typeof checkRequest> };

/** Asks another system, once, within the check's time-out. Never throws for what the other side does. */
export async function askCheck(app: Pick<App, "config" | "keys">, check: ExternalCheck, question: CheckQuestion): Promise<CheckAnswer> {
  try {
    const { status, body } = await sendRequest(app, check.kind === "webhook" ? webhookRequest(app, check, question) : prometheusRequest(check));
    return { kind: "response", status, body };
  } catch (error) {
    if (error instanceof OutboundError) return { kind: "none", why: error.message };
    throw error;
  }
}

function webhookRequest(app: Pick<App, "keys">, check: Extract<ExternalCheck, { kind: "webhook" }>, { id, request }: CheckQuestion): OutboundRequest {
  const body = JSON.stringify(request);
  const timestamp = Math.floor(Date.parse(request.timestamp) / 1_000);
  return { url: check.url, method: "POST", headers: { "content-type": "application/json", accept: "application/json", ...signCheckRequest(app.keys, { id, timestamp, body }) }, body, timeoutMs: check.timeoutMs };
}

/** An instant query (prometheus.io/docs, HTTP API), evaluated at Prometheus's own present. */
function prometheusRequest(check: Extract<ExternalCheck, { kind: "prometheus" }>): OutboundRequest {
  const form = new URLSearchParams({ query: check.query, timeout: `${check.timeoutMs}ms` }).toString();
  const base = check.url.replace(/[?#].*$/, "").replace(/\/+$/, "");
  const url = `${base}/api/v1/query`;
  const common = { timeoutMs: check.timeoutMs, maxBytes: PROMETHEUS_MAX_BYTES };
  if (url.length + form.length < MOST_URL_CHARACTERS) return { url: `${url}?${form}`, method: "GET", headers: { accept: "application/json" }, ...common };
  return { url, method: "POST", headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" }, body: form, ...common };
}

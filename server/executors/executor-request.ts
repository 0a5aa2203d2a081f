import type { ExecutorConfig, TestMessage, WaveMessage } from "@/lib/contract/executors";
import type { OutboundRequest } from "@/server/outbound/send-request";
import { signWebhook } from "@/server/outbound/standard-webhook";

const TIMEOUT_MS = 15_000;

/** What is sent: under an id that stays the same through all attempts, at the time of this one. */
export type Outgoing = { id: string; now: Date; secret: string };
type Config<K extends ExecutorConfig["kind"]> = Extract<ExecutorConfig, { kind: K }>;

/** The request that tells an executor to carry a wave out. Pure: the same input gives the same bytes. */
export function orderRequest(config: ExecutorConfig, message: WaveMessage, outgoing: Outgoing, links: { proof: string }): OutboundRequest {
  switch (config.kind) {
    case "webhook":
      return webhookRequest(config, message, outgoing);
    case "github":
      return githubDispatch(config, dispatchInputs(message, links), outgoing.secret);
    case "gitlab":
      return gitlabTrigger(config, { ref: config.ref, variables: dispatchInputs(message, links) }, outgoing.secret);
    default:
      return config satisfies never;
  }
}

/**
 * The request that tries an executor out and starts nothing. A webhook gets a message of type `test`. At GitHub the workflow is
 * read, or an event is sent that no workflow of Plumbline's listens to. A GitLab trigger token opens nothing but the trigger, so
 * a ref is named that cannot be there: who complains about the ref has accepted the token.
 */
export function testRequest(config: ExecutorConfig, message: TestMessage, outgoing: Outgoing): OutboundRequest {
  switch (config.kind) {
    case "webhook":
      return webhookRequest(config, message, outgoing);
    case "github":
      if (config.workflow === null) return githubCall(config, "dispatches", outgoing.secret, { event_type: "plumbline-test", client_payload: {} });
      return githubCall(config, `actions/workflows/${encodeURIComponent(config.workflow)}`, outgoing.secret);
    case "gitlab":
      return gitlabTrigger(config, { ref: "plumbline..test", variables: {} }, outgoing.secret);
    default:
      return config satisfies never;
  }
}

function webhookRequest(config: Config<"webhook">, message: WaveMessage | TestMessage, { id, now, secret }: Outgoing): OutboundRequest {
  const body = JSON.stringify(message);
  const signature = signWebhook({ id, timestamp: Math.floor(now.getTime() / 1_000), body, secret });
  return { url: config.url, method: "POST", headers: { "content-type": "application/json", ...signature }, body, timeoutMs: TIMEOUT_MS };
}

/**
 * What a workflow or pipeline is told: ten texts, which is as many as GitHub takes. `digest` is the first component's; all of
 * them stand in `components` as name=repository@digest, one a line.
 */
function dispatchInputs({ data }: WaveMessage, { proof }: { proof: string }): Record<string, string> {
  const components = data.to?.components ?? [];
  const main = components.find(({ name }) => name === "main") ?? components[0];
  return {
    service: data.service,
    environment: data.environment,
    partition: data.partition,
    kind: data.rollout.kind,
    version: data.to?.version ?? "",
    digest: main?.digest ?? "",
    components: components.map(({ name, repository, digest }) => `${name}=${repository}@${digest}`).join("\n"),
    rollout: data.rollout.id,
    wave: String(data.wave.number),
    proof,
  };
}

/** REST API version 2022-11-28: "Create a workflow dispatch event", "Create a repository dispatch event". */
function githubDispatch(config: Config<"github">, inputs: Record<string, string>, token: string): OutboundRequest {
  if (config.workflow === null) return githubCall(config, "dispatches", token, { event_type: "plumbline-rollout", client_payload: inputs });
  return githubCall(config, `actions/workflows/${encodeURIComponent(config.workflow)}/dispatches`, token, { ref: config.ref, inputs });
}

function githubCall(config: Config<"github">, path: string, token: string, body?: unknown): OutboundRequest {
  return {
    url: `${trimmed(config.baseUrl)}/repos/${encodeURIComponent(config.owner)}/${encodeURIComponent(config.repo)}/${path}`,
    method: body === undefined ? "GET" : "POST",
    headers: { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28", authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    timeoutMs: TIMEOUT_MS,
  };
}

/** "Trigger a pipeline with a token" of GitLab's pipeline triggers API. */
function gitlabTrigger(config: Config<"gitlab">, { ref, variables }: { ref: string; variables: Record<string, string> }, token: string): OutboundRequest {
  const form = new URLSearchParams({ token, ref });
  for (const [name, value] of Object.entries(variables)) form.set(`variables[PLUMBLINE_${name.toUpperCase()}]`, value);
  return {
    url: `${trimmed(config.baseUrl)}/api/v4/projects/${encodeURIComponent(config.project)}/trigger/pipeline`,
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
    timeoutMs: TIMEOUT_MS,
  };
}

function trimmed(url: string): string {
  return url.replace(/\/+$/, "");
}

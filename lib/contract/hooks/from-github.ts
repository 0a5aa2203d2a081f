import { z } from "zod";
import type { AnnouncedStatus } from "@/lib/domain/rollout/statuses";
import { cut, linkFrom, nameIn, releaseFrom, withoutGaps, type Translated } from "./translated";

const text = z.string().nullish();
const deployment = z.object({ id: z.int(), sha: z.string(), environment: z.string().min(1).max(300), payload: z.unknown().optional(), creator: z.object({ login: z.string() }).nullish() });
const repository = z.object({ full_name: z.string().max(250), name: z.string(), html_url: text });
/** The webhook `deployment_status`, as far as it is read. https://docs.github.com/webhooks/webhook-events-and-payloads#deployment_status */
const statusEvent = z.object({
  deployment,
  deployment_status: z.object({ state: z.string(), environment: text, log_url: text, target_url: text, updated_at: z.iso.datetime({ offset: true }).optional().catch(undefined), creator: z.object({ login: z.string() }).nullish() }),
  repository,
});
/** What a workflow may put into the payload of its deployment, to say what GitHub does not know. */
const ownPayload = z.object({ service: z.string(), partition: z.string(), version: z.string(), digest: z.string() }).partial();

const STATES: Record<string, AnnouncedStatus> = { in_progress: "started", success: "succeeded", failure: "failed", error: "failed" };

/**
 * A deployment of GitHub begins with the status `in_progress`: before that it may still wait for somebody's approval there.
 * Unless its payload says otherwise the service is called what the repository is, and the release is the one of its commit.
 * @param event the header `X-GitHub-Event`
 * @throws ZodError for what is no such event
 */
export function fromGithub(event: string, body: unknown): Translated {
  if (event === "ping") return { ignored: "The hook is reached." };
  if (event === "deployment") return { ignored: "The deployment was made; it begins with its status in_progress." };
  if (event !== "deployment_status") return { ignored: `Events of kind ${event.slice(0, 60)} say nothing of a deployment.` };
  const { deployment: made, deployment_status: said, repository: from } = statusEvent.parse(body);
  const status = STATES[said.state];
  if (status === undefined) return { ignored: `A deployment that is ${said.state.slice(0, 60)} is not followed.` };
  const own = readPayload(made.payload);
  const release = releaseFrom({ digest: own.digest, version: own.version, commit: made.sha });
  if (!release) return { ignored: "The deployment names no release." };
  return {
    announce: {
      service: own.service ?? nameIn(from.name),
      environment: nameIn(said.environment || made.environment),
      status,
      externalId: `${from.full_name}#${made.id}`,
      tool: "GitHub",
      ...release,
      ...withoutGaps({ partition: own.partition, by: cut(made.creator?.login ?? said.creator?.login), url: linkFrom(said.log_url) ?? linkFrom(said.target_url) ?? linkFrom(from.html_url), at: said.updated_at }),
    },
  };
}

/** GitHub keeps the payload as it was sent: an object, or a text that holds one. */
function readPayload(payload: unknown): z.infer<typeof ownPayload> {
  const given = typeof payload === "string" ? parse(payload) : payload;
  return ownPayload.catch({}).parse(given ?? {});
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

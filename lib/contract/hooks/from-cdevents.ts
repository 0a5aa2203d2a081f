import { z } from "zod";
import { linkFrom, nameIn, releaseFrom, withoutGaps, type Translated } from "./translated";

/** A CDEvent, as far as it is read. https://github.com/cdevents/spec, "Continuous Deployment Events". */
const cdEvent = z.object({
  context: z.object({ id: z.string().min(1).max(200), source: z.string().max(500), type: z.string().max(200), timestamp: z.iso.datetime({ offset: true }).optional().catch(undefined) }),
  subject: z.object({
    id: z.string().min(1).max(300),
    content: z.object({ environment: z.object({ id: z.string().min(1).max(300) }).optional(), artifactId: z.string().max(1_000).optional() }).optional().default({}),
  }),
});
/** The CloudEvent around it in structured mode. In binary mode, and where it is sent as it is, the body is the CDEvent. */
const cloudEvent = z.object({ specversion: z.string(), data: z.unknown() });

const TYPE = /^dev\.cdevents\.([a-z]+)\.([a-z]+)\./;
const TOLD_DONE = ["deployed", "upgraded", "rolledback"];

/**
 * A CDEvent about a service says what was done, so that it is a hint that it is done. What else there is, is none of a
 * deployment's: it is ignored, and says why. @throws ZodError for what is no CDEvent
 */
export function fromCdEvents(body: unknown): Translated {
  const wrapped = cloudEvent.safeParse(body);
  const { context, subject } = cdEvent.parse(wrapped.success ? wrapped.data.data : body);
  const [, kind, predicate = ""] = TYPE.exec(context.type) ?? [];
  if (kind === "environment") return { ignored: "Environments are decided in Plumbline; an event about one changes nothing." };
  if (kind !== "service") return { ignored: `${context.type} says nothing of a deployment.` };
  if (predicate === "removed") return { ignored: "A service that was removed is seen to be gone by what runs; nothing is announced by it." };
  if (!TOLD_DONE.includes(predicate)) return { ignored: `${context.type} says nothing of a deployment.` };
  const { environment, artifactId } = subject.content;
  const release = artifactId === undefined ? null : releaseFrom(readPackageUrl(artifactId));
  if (!environment || !release) return { ignored: `The event names no ${environment ? "artifactId with a digest or version" : "environment"}: nothing can be followed by it.` };
  return {
    announce: {
      service: nameIn(subject.id),
      environment: nameIn(environment.id),
      status: "succeeded",
      externalId: `${context.source}#${context.id}`.slice(-300),
      ...release,
      ...withoutGaps({ url: linkFrom(context.source), at: context.timestamp }),
    },
  };
}

/** The digest or version of a package URL such as `pkg:oci/myapp@sha256%3A…?repository_url=…`. */
function readPackageUrl(text: string): { digest?: string; version?: string } {
  const path = text.split(/[?#]/, 1)[0] ?? "";
  const at = path.lastIndexOf("@");
  if (!path.startsWith("pkg:") || at < 0) return {};
  const version = decode(path.slice(at + 1));
  if (version === "") return {};
  return /^sha(256|512):/i.test(version) ? { digest: version } : { version };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

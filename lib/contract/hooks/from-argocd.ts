import { z } from "zod";
import type { AnnouncedStatus } from "@/lib/domain/rollout/statuses";
import { cut, linkFrom, nameIn, releaseFrom, withoutGaps, type Translated } from "./translated";

const optional = z.string().max(1_000).nullish();
/** The body that the template in docs/external-deployments.md makes. What Argo CD has no value for is `<no value>` or empty. */
const notification = z.strictObject({
  app: z.string().min(1).max(250),
  service: optional,
  environment: z.string().min(1).max(300),
  partition: optional,
  /** `.app.status.operationState.phase` */
  phase: z.string().min(1).max(60),
  /** `.app.status.operationState.startedAt` */
  startedAt: optional,
  /** `.app.status.summary.images` */
  images: z.array(z.string().max(1_000)).max(200).nullish(),
  version: optional,
  revision: optional,
  by: optional,
  url: optional,
});

const PHASES: Record<string, AnnouncedStatus> = { Running: "started", Succeeded: "succeeded", Failed: "failed", Error: "failed" };

/**
 * A sync of Argo CD. The release is the image of the service's own name, else the only one, by digest, else by tag; or the
 * version or revision that the template names. Where images of its own name differ none of them is it: half-way through a
 * sync Argo CD lists the old beside the new. @throws ZodError for another body than the template's
 */
export function fromArgocd(body: unknown): Translated {
  const given = notification.parse(body);
  const status = PHASES[given.phase];
  if (status === undefined) return { ignored: `A sync that is ${given.phase} is not followed.` };
  const service = said(given.service) ?? nameIn(given.app);
  const images = readImages(given.images ?? [], service);
  const release = releaseFrom({ version: said(given.version) }) ?? (images.length > 1 ? null : (releaseFrom(images[0] ?? {}) ?? releaseFrom({ commit: commitFrom(said(given.revision)) })));
  if (!release) return { ignored: `None of the images of ${given.app} can be told to be the one of ${service}, and no version is named.` };
  return {
    announce: {
      service,
      environment: nameIn(given.environment),
      status,
      // With the release: the images of before a sync may be told first, under the same start.
      externalId: `${given.app}@${said(given.startedAt) ?? said(given.revision) ?? ""}#${Object.values(release).join("")}`.slice(-300),
      tool: "Argo CD",
      ...release,
      ...withoutGaps({ partition: said(given.partition), by: cut(said(given.by)), url: linkFrom(said(given.url)) }),
    },
  };
}

function said(value: string | null | undefined): string | undefined {
  const text = cut(value, 1_000);
  return text === "<no value>" || text === "<nil>" ? undefined : text;
}

type Image = { digest?: string | undefined; version?: string | undefined };

/** The images that may be the service's own, each once. */
function readImages(images: readonly string[], service: string): Image[] {
  const parsed = images.map((image) => {
    const [, path = "", tag, digest] = /^([^@]*?)(?::([^:/@]+))?(?:@(.+))?$/.exec(image) ?? [];
    return { name: nameIn(path), tag, digest };
  });
  const own = parsed.filter(({ name }) => name === service);
  const found = own.length > 0 ? own : parsed.length === 1 ? parsed : [];
  // Bytes before a tag, as the release is read.
  return [...new Map(found.map(({ digest, tag }): [string, Image] => [digest?.toLowerCase() ?? tag ?? "", { digest, version: tag }])).values()];
}

function commitFrom(revision: string | undefined): string | undefined {
  return revision && /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(revision) ? revision : undefined;
}

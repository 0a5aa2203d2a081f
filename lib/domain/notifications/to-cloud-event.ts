import { describeNotice, noticeLink, type Notice } from "./notice";

/** CDEvents 0.4.1 (cdevents.dev) carries these; what it has no word for is a custom event of ours. */
const CDEVENTS_VERSION = "0.4.1";

export interface CloudEvent {
  specversion: "1.0";
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  datacontenttype: "application/json";
  data: {
    context: { version: string; id: string; source: string; type: string; timestamp: string };
    subject: { id: string; source: string; type: string; content: Record<string, unknown> };
    customDataContentType: "application/json";
    customData: Omit<Notice, "v" | "settles"> & { sentence: string; url: string };
  };
}

/**
 * A notice as a CDEvent inside a CloudEvent (structured JSON). A rollout that is done is the CDEvents `service` event that
 * fits its kind; everything on the way there is `dev.cdeventsx.plumbline-rollout.<what>.0.1.0`, and findings are
 * `dev.cdeventsx.plumbline-finding.<what>.0.1.0`.
 * @param id the same for every attempt
 * @param origin this installation's URL, without a trailing slash
 */
export function toCloudEvent(notice: Notice, { id, origin }: { id: string; origin: string }): CloudEvent {
  const type = eventType(notice);
  const { rollout } = notice;
  const { v: _v, settles: _settles, ...told } = notice;
  const isService = type.startsWith("dev.cdevents.service.");
  const { finding } = notice;
  const subject = finding ? { id: `${finding.service}/${finding.environment}/${finding.kind}`, type: "finding", content: { service: finding.service, environment: { id: finding.environment, source: origin } } } : rollout === null ? { id: "test", type: "channel", content: {} } : isService ? serviceSubject(rollout, origin) : { id: rollout.id, type: "rollout", content: { service: rollout.service, environment: { id: rollout.environment, source: origin } } };
  return {
    specversion: "1.0",
    id,
    source: origin,
    type,
    subject: subject.id,
    time: notice.at,
    datacontenttype: "application/json",
    data: {
      context: { version: CDEVENTS_VERSION, id, source: origin, type, timestamp: notice.at },
      subject: { ...subject, source: origin },
      customDataContentType: "application/json",
      customData: { ...told, sentence: describeNotice(notice), url: noticeLink(notice, origin) },
    },
  };
}

function eventType({ event, rollout, finding }: Notice): string {
  if (finding) return `dev.cdeventsx.plumbline-finding.${event === "finding-resolved" ? "resolved" : "opened"}.0.1.0`;
  if (!rollout || event === "test") return "dev.cdeventsx.plumbline-channel.tested.0.1.0";
  const custom = `dev.cdeventsx.plumbline-rollout.${event.replaceAll("-", "")}.0.1.0`;
  if (event !== "succeeded") return custom;
  switch (rollout.kind) {
    case "promote":
      return rollout.from ? "dev.cdevents.service.upgraded.0.2.0" : "dev.cdevents.service.deployed.0.2.0";
    case "rollback":
      return "dev.cdevents.service.rolledback.0.2.0";
    case "stop":
      return "dev.cdevents.service.removed.0.2.0";
    // The same release runs as before: nothing that the standard has a word for.
    case "reconverge":
    case "replace":
      return custom;
    default:
      return rollout.kind satisfies never;
  }
}

function serviceSubject(rollout: NonNullable<Notice["rollout"]>, origin: string): { id: string; type: string; content: Record<string, unknown> } {
  return {
    id: `${rollout.service}/${rollout.environment}/${rollout.partition}`,
    type: "service",
    content: { environment: { id: rollout.environment, source: origin }, ...(rollout.kind !== "stop" && rollout.to && { artifactId: packageUrl(rollout.service, rollout.to) }) },
  };
}

/** The artifact as a package URL: an image by its digest, a file by its service, version and checksum. */
function packageUrl(service: string, { version, artifact }: NonNullable<NonNullable<Notice["rollout"]>["to"]>): string {
  if (!artifact) return `pkg:generic/${service}@${encodeURIComponent(version)}`;
  const digest = encodeURIComponent(artifact.digest);
  if (artifact.repository === null) return `pkg:generic/${service}@${encodeURIComponent(version)}?checksum=${digest}`;
  return `pkg:oci/${artifact.repository.split("/").at(-1)}@${digest}?repository_url=${encodeURIComponent(artifact.repository)}`;
}

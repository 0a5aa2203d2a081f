import type { FindingKind } from "../drift/categories";
import type { RolloutKind } from "../rollout/statuses";
import { isFindingNotice, type NoticeEvent } from "./events";

/** One release as a notice names it; the artifact is the main component's. */
export interface NoticeRelease {
  version: string;
  artifact: { repository: string | null; digest: string } | null;
}

/** What a notice says, as it was when it came about. It is kept in the outbox, and every kind of channel writes its message from it. */
export interface Notice {
  v: 1;
  event: NoticeEvent | "test";
  /** RFC 3339, UTC. */
  at: string;
  /** What it is about where it is about findings: all of one kind of a service in an environment. Absent for all else. */
  finding?: {
    kind: FindingKind;
    service: string;
    environment: string;
    protected: boolean;
    /** How many instances, and at how many targets or sets of facts. */
    instances: number;
    findings: number;
    /** RFC 3339: since when; when it ended, for one that did. */
    since: string;
    title: string;
  };
  /** null for a test and for findings. */
  rollout: {
    id: string;
    number: number;
    kind: RolloutKind;
    service: string;
    environment: string;
    protected: boolean;
    partition: string;
    from: NoticeRelease | null;
    to: NoticeRelease | null;
    startedBy: string;
    /** What the person who started it gave as a reason. */
    reason: string | null;
    incident: string | null;
    counts: { total: number; verified: number; inFlight: number; stuck: number; failed: number; waiting: number; gone: number; withdrawn: number };
  } | null;
  /** The wave that it is about. */
  wave: { number: number; of: number; name: string } | null;
  /** Why this came about: why it pauses, failed, waits. */
  reason: string | null;
  /** Earlier rollouts of the same place whose trouble was told, and that this one brings to an end. */
  settles: string[];
}

const KIND_WORDS: Record<RolloutKind, string> = { promote: "the promotion to", rollback: "the rollback to", reconverge: "putting back", replace: "the replacement of", stop: "stopping" };

/** `payments in production`, with its partition unless that is the only one. */
export function describePlace(rollout: NonNullable<Notice["rollout"]>): string {
  return `${rollout.service} in ${rollout.environment}${rollout.partition === "default" ? "" : ` (${rollout.partition})`}`;
}

/** One line that says what happened where. */
export function describeNotice({ event, rollout, wave, reason, finding }: Notice): string {
  // A reason says that something of it may be left.
  if (finding) return event === "finding-resolved" ? `${reason === null ? "In order again" : "Told no more"}: ${lowerFirst(finding.title)}` : `${finding.title} (${finding.instances === 1 ? "1 instance" : `${finding.instances} instances`})`;
  if (event === "test" || isFindingNotice(event) || !rollout) return "A test from Plumbline: this channel works";
  const version = rollout.to?.version ?? rollout.from?.version ?? "nothing";
  const subject = `${describePlace(rollout)}: ${KIND_WORDS[rollout.kind]} ${version}`;
  const ordinal = wave ? `wave ${wave.number} of ${wave.of}` : "a wave";
  switch (event) {
    case "started":
      return `${subject} has started`;
    case "wave-passed":
      return `${subject} has passed ${ordinal}`;
    case "waiting":
      return `${subject} waits before ${ordinal}`;
    case "paused":
      return `${subject} is paused`;
    case "resumed":
      return `${subject} goes on`;
    case "failed":
      return `${subject} has failed`;
    case "rolled-back":
      return `${subject} was rolled back`;
    case "succeeded":
      return `${subject} is done`;
    case "aborted":
      return `${subject} was stopped`;
    case "superseded":
      return `${subject} was superseded by another rollout`;
    default:
      return event satisfies never;
  }
}

/** What else is known, as pairs of a label and a value, the more urgent first. */
export function listNoticeFacts({ event, rollout, wave, reason, at, finding }: Notice): [string, string][] {
  if (finding) {
    const facts: [string, string | null][] = [
      ["Why", reason],
      ["Kind", finding.kind],
      ["Instances", event === "finding-resolved" ? null : `${finding.instances}, ${finding.findings === 1 ? "1 finding" : `${finding.findings} findings`}`],
      ["Service", finding.service],
      ["Environment", finding.environment],
      ["Since", formatAt(finding.since)],
      ["At", formatAt(at)],
    ];
    return facts.flatMap(([label, value]) => (value ? [[label, value]] : []));
  }
  if (!rollout) return [["At", formatAt(at)]];
  const { counts } = rollout;
  const targets = [
    `${counts.verified} of ${counts.total} verified`,
    ...(counts.inFlight > 0 ? [`${counts.inFlight} in flight`] : []),
    ...(counts.stuck > 0 ? [`${counts.stuck} stuck`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
  ].join(", ");
  const facts: [string, string | null][] = [
    ["Why", reason],
    ["From → to", `${rollout.from?.version ?? "nothing"} → ${rollout.to?.version ?? "nothing"}`],
    ["Targets", counts.total === 0 ? "none yet" : targets],
    ["Wave", wave && `${wave.number} of ${wave.of}: ${wave.name}`],
    ["Started by", rollout.startedBy],
    ["Reason given", rollout.reason],
    ["Incident", rollout.incident],
    ["Rollout", `number ${rollout.number}`],
    ["At", formatAt(at)],
  ];
  return facts.flatMap(([label, value]) => (value ? [[label, value]] : []));
}

/** What all notices about one cause have in common: they arrive in their order, and the later ones end what the first began. */
export function findingKey({ service, environment, kind }: Pick<NonNullable<Notice["finding"]>, "service" | "environment" | "kind">): string {
  return `finding/${service}/${environment}/${kind}`;
}

/** The page of the rollout, or of the findings; the outbox's own page for a test. `origin` without a trailing slash. */
export function noticeLink({ rollout, finding }: Notice, origin: string): string {
  if (finding) return `${origin}/drift?${new URLSearchParams({ service: finding.service, environment: finding.environment, kind: finding.kind })}`;
  return rollout ? `${origin}/rollouts/${rollout.id}` : `${origin}/settings/notifications`;
}

/** What the link leads to, in two or three words. */
export function noticeLinkText({ rollout, finding }: Notice): string {
  if (finding) return `Findings of ${finding.service}`;
  return rollout ? `Rollout ${rollout.number}` : "Channels";
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

function formatAt(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}

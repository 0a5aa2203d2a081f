import type { DriftCategory, FindingKind } from "@/lib/domain/drift/categories";

export interface AdviceFacts {
  service: string;
  environment: string;
  runningVersion: string | null;
  assignedVersion: string | null;
  /** The service whose bytes these are, where it is another one. */
  runningService: string | null;
}

/** What to do about it, in one or two sentences; null where nothing is to be done. Names the command where there is one. */
export function adviseFinding(kind: DriftCategory | FindingKind, facts: AdviceFacts): string | null {
  const { service, environment } = facts;
  const place = `${service} ${environment}`;
  const assigned = facts.assignedVersion ?? "what is assigned";
  const running = facts.runningVersion ?? "what runs";
  switch (kind) {
    case "unknown-artifact":
      return `If it is yours, register it: plumbline release register ${service} VERSION REFERENCE. If not, put it back: plumbline reconverge ${place}.`;
    case "unverifiable":
      return "Deploy an image that was pushed to a registry, by its digest. What was built on a host cannot be held against anything.";
    case "recalled":
      return `Take it off now: plumbline rollback ${place}. A recall is lifted only by two people.`;
    case "mutated":
      return `Find out who changed it, then replace the copy: plumbline reconverge ${place}.`;
    case "wrong-service":
      return facts.runningService === null
        ? `Put it back: plumbline reconverge ${place}. If the image is right, the label that names the service is not.`
        : `If these bytes belong to ${facts.runningService}, the label that names ${service} is wrong. Otherwise put it back: plumbline reconverge ${place}.`;
    case "unapproved":
      return `Approve ${running} for ${environment}, or put it back: plumbline reconverge ${place}.`;
    case "behind":
    case "ahead":
      return `If ${assigned} is right: plumbline reconverge ${place}. If ${running} is: plumbline promote ${place} ${facts.runningVersion ?? "VERSION"}.`;
    case "settings-differ":
      return "Compare command, arguments, environment and mounts with those of a copy that is right. Reconverging keeps the settings as they are.";
    case "missing":
      return `Look at why copies do not become ready: plumbline journal ${place} shows restarts and exits. If the count is wrong, change it in the runtime.`;
    case "unexpected":
      return facts.assignedVersion === null
        ? `Assign a release: plumbline promote ${place} VERSION. Or stop what runs there.`
        : "Stop the copy that nobody decided on, or roll out once more: the next assignment takes in everything that is there.";
    case "will-revert":
      return "Change what the runtime or its manager declares (a manifest, a compose file, a unit) to the digest that is assigned.";
    case "tag-moved":
      return "Deploy by digest, or register what the tag names now.";
    case "not-adopted":
      return `Nothing judges it yet. Register a release of it, or adopt what runs: plumbline adopt --service ${service}.`;
    case "ignored":
      return "Nothing: a mapping rule says that nobody judges it. plumbline mapping show names the rule and its reason.";
    case "in-transition":
      return "Nothing: a rollout is on its way.";
    case "silent":
      return "Look at the host: is the agent running, and does it reach this server?";
    case "ledger-refused":
      return "Do not act until it is clear who is right: plumbline ledger verify compares what the server says with what the agent holds.";
    case "clock-skew":
      return "Set the host's clock (NTP).";
    case "duplicate-agent":
      return "End one of the two processes, and enrol the other machine by itself.";
    case "partial-rollout":
      return `Roll out the rest (plumbline promote ${place} VERSION) or go back (plumbline rollback ${place}).`;
    case "contested":
      return "Something else manages it: change the version there, or take it off that tool.";
    case "flapping":
      return `Look for what starts and stops it: plumbline journal ${place}. Two tools that disagree, or a copy that crashes, look like this.`;
    case "pool-shrunk":
      return "Look at what makes its hosts: an autoscaler, a zone, a spot market. What ran there is gone, not drifted.";
    case "pool-below-minimum":
      return "Start more of its hosts, or change the minimum: plumbline pool set POOL --min-agents N.";
    default:
      return null;
  }
}

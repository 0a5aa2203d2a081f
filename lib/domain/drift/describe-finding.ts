import type { FindingKind } from "@/lib/domain/drift/categories";
import { shortDigest } from "@/lib/domain/fleet/digests";

/** What is known of one finding, or of several with one cause. */
export interface FindingFacts {
  kind: FindingKind;
  service: string | null;
  environment: string | null;
  /** How many instances it concerns. */
  instances: number;
  /** The version that the running bytes belong to; null when the ledger knows none. */
  runningVersion: string | null;
  /** The service whose version that is, where it is another one. */
  runningService: string | null;
  runningDigest: string | null;
  assignedVersion: string | null;
  /** The environments that the running release is approved for. */
  approvedFor: readonly string[];
  /** The agent, host or pool that it is about, where it is about one. */
  agent: string | null;
  /** Paths that were changed, or what else the runtime said. */
  detail: string | null;
}

function listed(names: readonly string[]): string {
  if (names.length <= 1) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function copies(count: number): string {
  return count === 1 ? "1 instance" : `${count} instances`;
}

/** The short form beside a count: what is wrong, in two to six words. */
export function titleOfFinding(facts: Pick<FindingFacts, "kind" | "service" | "environment" | "agent">): string {
  const service = facts.service ?? "something";
  const where = facts.environment === null ? "" : ` in ${facts.environment}`;
  switch (facts.kind) {
    case "unknown-artifact":
      return `Unknown bytes run as ${service}${where}`;
    case "unverifiable":
      return `${service} cannot be verified${where}`;
    case "recalled":
      return `${service} runs a recalled release${where}`;
    case "mutated":
      return `${service} was changed in place${where}`;
    case "wrong-service":
      return `Another service's bytes run as ${service}${where}`;
    case "unapproved":
      return `${service} runs an unapproved release${where}`;
    case "behind":
      return `${service} is behind${where}`;
    case "ahead":
      return `${service} is ahead${where}`;
    case "settings-differ":
      return `${service} runs with other settings${where}`;
    case "missing":
      return `${service} has too few copies${where}`;
    case "unexpected":
      return `${service} should not run here${where}`;
    case "will-revert":
      return `${service} will revert${where}`;
    case "tag-moved":
      return `The tag of ${service} points elsewhere${where}`;
    case "silent":
      return `${facts.agent ?? "An agent"} is silent`;
    case "ledger-refused":
      return `${facts.agent ?? "An agent"} refuses the ledger`;
    case "clock-skew":
      return `The clock of ${facts.agent ?? "an agent"} is off`;
    case "duplicate-agent":
      return `Two processes report as ${facts.agent ?? "one agent"}`;
    case "partial-rollout":
      return `A rollout of ${service} stopped half-way${where}`;
    case "contested":
      return `Something else keeps changing ${service}${where}`;
    case "flapping":
      return `${service} comes and goes${where}`;
    case "pool-shrunk":
      return facts.agent === null ? `Pools lost half of their agents${where}` : `${capitalise(facts.agent)} lost half of its agents`;
    case "pool-below-minimum":
      return facts.agent === null ? `Pools have too few agents${where}` : `${capitalise(facts.agent)} has too few agents`;
    default:
      return facts.kind satisfies never;
  }
}

/** What it means, in plain words: one or two short sentences. Says what is known and nothing else. */
export function describeFinding(facts: FindingFacts): string {
  const environment = facts.environment ?? "this environment";
  const digest = facts.runningDigest === null ? "" : ` (${shortDigest(facts.runningDigest)})`;
  const running = facts.runningVersion ?? "these bytes";
  const assigned = facts.assignedVersion === null ? "Nothing is assigned here." : `Assigned is ${facts.assignedVersion}.`;
  switch (facts.kind) {
    case "unknown-artifact":
      return `No release in the ledger has these bytes${digest}. ${assigned}`;
    case "unverifiable":
      return "The runtime names no digest that a registry could confirm: it was built on the host, or its digests contradict each other.";
    case "recalled":
      return `${facts.runningVersion ?? "What runs"} is recalled and may not run anywhere. ${assigned}`;
    case "mutated":
      return `Files were changed after it was started${facts.detail === null ? "" : `: ${facts.detail}`}.`;
    case "wrong-service":
      return facts.runningService === null || facts.runningVersion === null
        ? `These bytes belong to another service. ${assigned}`
        : `These bytes are ${facts.runningService} ${facts.runningVersion}. ${assigned}`;
    case "unapproved": {
      const known = facts.runningVersion === null ? "In the ledger" : `In the ledger as ${facts.runningVersion}`;
      const others = facts.approvedFor.filter((name) => name !== facts.environment);
      return `Not approved for ${environment}. ${known}, ${others.length === 0 ? "approved nowhere" : `approved for ${listed(others)} only`}.`;
    }
    case "behind":
      return `Runs ${running}, older than assigned. ${assigned}`;
    case "ahead":
      return `Runs ${running}, newer than assigned. ${assigned}`;
    case "settings-differ":
      return "The right bytes, started with other settings than the release has.";
    case "missing":
      return `${facts.instances === 1 ? "1 copy is" : `${facts.instances} copies are`} not ready, for longer than a restart takes.`;
    case "unexpected":
      return facts.assignedVersion === null ? "Nothing of this service is assigned here." : `${capitalise(copies(facts.instances))} beside what was decided: no decision covers ${facts.instances === 1 ? "it" : "them"}.`;
    case "will-revert":
      return facts.runningDigest === null ? `Nothing of it runs now, and the runtime would start something else than what is assigned. ${assigned}` : `What runs is right, but the runtime would start something else next time. ${assigned}`;
    case "tag-moved":
      return "The reference that it was started from now names other bytes. What runs has not changed.";
    case "silent":
      return "Nothing was heard for three intervals. What runs there is unknown.";
    case "ledger-refused":
      return `It does not accept what this server says should run${facts.detail === null ? "" : `: ${facts.detail}`}.`;
    case "clock-skew":
      return "Its clock differs from this server's by more than two minutes. Times of events there are off.";
    case "duplicate-agent":
      return facts.detail === null ? "An ended run of this agent keeps reporting beside the current one: two processes use one identity." : `Two processes speak for one host: ${facts.detail}. Nothing that the older one says is taken.`;
    case "partial-rollout":
      return "It was stopped before all targets had the new release. Both sides are as decided; promotion is held.";
    case "contested":
      return `It was put back twice and changed again${facts.detail === null ? "" : ` by ${facts.detail}`}. Plumbline does not fight longer.`;
    case "flapping":
      return `What is found here comes and goes${facts.detail === null ? "" : `: ${facts.detail}`}. It counts once until it was quiet for half an hour.`;
    case "pool-shrunk":
      return `Half of its agents stopped reporting within five minutes${facts.detail === null ? "" : `: ${facts.detail}`}.`;
    case "pool-below-minimum":
      return `Fewer agents report than it should have at least${facts.detail === null ? "" : `: ${facts.detail}`}. No other one took their place.`;
    default:
      return facts.kind satisfies never;
  }
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

import type { DriftCategory } from "@/lib/domain/drift/categories";
import { sortWorstFirst } from "@/lib/domain/drift/categories";
import type { ResolvedImage } from "@/lib/domain/drift/resolve-image";

/** What was observed of all instances that share one set of facts. */
export interface CombinationFacts {
  component: string;
  /** A rule says that nobody judges it. */
  ignored: boolean;
  image: ResolvedImage;
  /** Changed in place after start, ignored paths already left out. */
  mutated: boolean;
  settingsDigest: string | null;
  /** Whether what the runtime would start next is the assigned artifact; null when it does not say. */
  declaredMatches: boolean | null;
  /** Whether the reference it was started from now points elsewhere. */
  tagMoved: boolean;
}

/** One release that names a candidate as one of its components. */
export interface CandidateRelease {
  releaseId: string;
  serviceId: string;
  artifactId: string;
  component: string;
  /** Order of registration: older and newer mean this. */
  registeredSeq: number;
  /** Whether the policy of this environment lets it run here: approvals given, or none required. */
  approvedHere: boolean;
  recalled: boolean;
}

/** The release of a target's desired row. */
export interface DesiredRelease {
  id: string;
  registeredSeq: number;
  components: readonly { name: string; artifactId: string }[];
  /** The settings it was registered with. */
  settingsDigest: string | null;
  /** The settings with which it first proved itself here; used when it was registered without. */
  baselineSettings: string | null;
  recalled: boolean;
}

/**
 * What should run: `none` no desired row (nothing was assigned here, or the target was not admitted), `nothing` an
 * assignment of nothing.
 */
export type Desired = { kind: "none" } | { kind: "nothing" } | { kind: "release"; release: DesiredRelease };

export interface ClassifyContext {
  /** The service as the ledger knows it; null when it was never adopted. */
  service: { id: string } | null;
  /** Every release, of any service, that names one of the candidates. */
  releases: readonly CandidateRelease[];
  recalledArtifacts: ReadonlySet<string>;
  desired: Desired;
  /** An open rollout of this (service, environment, partition). It explains `behind` and `ahead`, nothing else. */
  activeRollout: boolean;
}

/** The artifacts that are right for a component; a release that does not name the component allows any of its own. */
export function assignedArtifacts(release: Pick<DesiredRelease, "components">, component: string): string[] {
  const named = release.components.filter(({ name }) => name === component);
  return (named.length > 0 ? named : release.components).map(({ artifactId }) => artifactId);
}

/** Whether what runs is what the desired row says, by digests alone. */
function runsAssigned(facts: CombinationFacts, desired: Desired): boolean {
  if (desired.kind !== "release") return false;
  const assigned = assignedArtifacts(desired.release, facts.component);
  return facts.image.candidates.some((candidate) => assigned.includes(candidate));
}

/**
 * Whether it runs something recalled. A candidate is recalled by itself, or when every release that names it (this
 * service's, else anyone's) is. The assigned artifact among the candidates excuses the others, because the bytes are
 * then the right ones, but only as long as it is not recalled itself.
 */
function runsRecalled(facts: CombinationFacts, context: ClassifyContext): boolean {
  const { desired, recalledArtifacts, releases, service } = context;
  const isRecalled = (artifactId: string): boolean => {
    if (recalledArtifacts.has(artifactId)) return true;
    const naming = releases.filter((release) => release.artifactId === artifactId);
    const own = naming.filter((release) => release.serviceId === service?.id);
    const weighed = own.length > 0 ? own : naming;
    return weighed.length > 0 && weighed.every((release) => release.recalled);
  };
  if (desired.kind === "release" && !desired.release.recalled) {
    const assigned = assignedArtifacts(desired.release, facts.component);
    const excused = facts.image.candidates.some((id) => assigned.includes(id) && !recalledArtifacts.has(id));
    if (excused) return false;
  }
  const runsDesiredThatIsRecalled =
    desired.kind === "release" && desired.release.recalled && runsAssigned(facts, desired);
  return runsDesiredThatIsRecalled || facts.image.candidates.some(isRecalled);
}

/** How another approved release of this service relates to the desired one. */
function compareOrder(own: readonly CandidateRelease[], desired: DesiredRelease): DriftCategory {
  const newest = Math.max(...own.filter((release) => release.approvedHere).map((release) => release.registeredSeq));
  if (newest < desired.registeredSeq) return "behind";
  if (newest > desired.registeredSeq) return "ahead";
  // The desired release itself, but in the place of another component: nothing of *this* component names the bytes.
  return "wrong-service";
}

/**
 * All categories that hold for one combination of facts, worst first; never empty. Exactly `["in-sync"]` when the
 * assigned artifact runs and nothing else is to be said, `["ignored"]` where a rule says so. A service that is not in the
 * ledger is only ever `not-adopted`, save that a recall holds everywhere. `missing` is said of targets, see judge-target.
 */
export function classifyCombination(facts: CombinationFacts, context: ClassifyContext): DriftCategory[] {
  if (facts.ignored) return ["ignored"];
  const found: DriftCategory[] = [];
  if (runsRecalled(facts, context)) found.push("recalled");
  const { service, desired } = context;
  if (service === null) return sortWorstFirst([...found, "not-adopted"]);

  const right = runsAssigned(facts, desired);
  switch (facts.image.resolution) {
    case "unknown":
      found.push("unknown-artifact");
      break;
    case "none":
    case "local":
    case "conflicting":
      found.push("unverifiable");
      break;
    case "known": {
      const own = context.releases.filter((release) => release.serviceId === service.id);
      if (own.length === 0 && context.releases.length > 0) found.push("wrong-service");
      else if (!own.some((release) => release.approvedHere)) found.push("unapproved");
      else if (desired.kind === "release" && !right) {
        const order = compareOrder(own, desired.release);
        found.push(context.activeRollout && order !== "wrong-service" ? "in-transition" : order);
      }
      break;
    }
    default:
      facts.image.resolution satisfies never;
  }

  if (facts.mutated) found.push("mutated");
  if (desired.kind !== "release") found.push("unexpected");
  else if (right) {
    const expected = desired.release.settingsDigest ?? desired.release.baselineSettings;
    if (expected !== null && facts.settingsDigest !== null && expected !== facts.settingsDigest) {
      found.push("settings-differ");
    }
    if (facts.declaredMatches === false) found.push("will-revert");
  }
  if (facts.tagMoved) found.push("tag-moved");
  return found.length > 0 ? sortWorstFirst(found) : ["in-sync"];
}

import { FINDING_KINDS, type DriftCategory, type FindingKind } from "@/lib/domain/drift/categories";
import type { Resolution } from "@/lib/domain/drift/resolve-image";
import { shortDigest } from "@/lib/domain/fleet/digests";

/** The questions that are asked of what runs, in this order. */
export const DOCTOR_STEPS = ["reported", "mapped", "resolved", "assigned", "approved", "recalled", "settings", "in-place", "declared"] as const;
export type DoctorStepName = (typeof DOCTOR_STEPS)[number];

/** One question with its answer. `wrong` is a reason for the verdict, `unknown` one for having none. */
export interface DoctorStep {
  step: DoctorStepName;
  mark: "right" | "wrong" | "unknown";
  sentence: string;
  lines: string[];
}

export interface ExplainedRelease {
  service: string;
  version: string;
  /** Of this service: the others only show whose bytes they are. */
  own: boolean;
  approvals: number;
  /** It may run here because it ran here and was adopted. */
  adoptedHere: boolean;
  approvedHere: boolean;
  recalled: boolean;
}

/** Everything that is known of one combination of facts. */
export interface CombinationStory {
  service: string;
  adopted: boolean;
  environment: string;
  partition: string;
  instances: number;
  /** Of those: on scopes that are silent. */
  silent: number;
  reference: string | null;
  /** Where it was seen, a few of many. */
  samples: readonly { instance: string; target: string; agent: string; region: string | null }[];
  digests: readonly { digest: string; kind: string; repository: string | null; leadsTo: readonly string[] }[];
  resolution: Resolution;
  labels: Readonly<Record<string, string>>;
  mapping: readonly string[];
  releases: readonly ExplainedRelease[];
  requiredApprovals: number;
  /** What is assigned to the place; null when nothing is. */
  assigned: { version: string; entry: number; at: string; by: string; authority: string } | null;
  desiredKind: "none" | "nothing" | "release";
  desiredVersion: string | null;
  unexpected: boolean;
  rollout: number | null;
  settings: { running: string | null; expected: string | null };
  mutated: { count: number; paths: readonly string[] } | null;
  declaredMatches: boolean | null;
  categories: readonly DriftCategory[];
}

const AMISS: ReadonlySet<string> = new Set([...FINDING_KINDS, "not-adopted"]);

/** Whether something is a reason to look: every finding, and what nobody has taken into the ledger. */
export function isAmiss(kind: DriftCategory | FindingKind): boolean {
  return AMISS.has(kind);
}

/** What was reported, and what became of it, in the order in which it was judged. Questions that do not arise are left out. */
export function explainCombination(story: CombinationStory): DoctorStep[] {
  const steps = [explainReported(story), { step: "mapped", mark: story.adopted ? "right" : "unknown", sentence: story.adopted ? `It belongs to ${story.service} in ${story.environment}.` : `It is called ${story.service}, which the ledger does not know.`, lines: [...story.mapping] } satisfies DoctorStep, explainResolved(story)];
  if (!story.adopted) return [...steps, ...explainRecalled(story)];
  return [...steps, explainAssigned(story), ...explainApproved(story), ...explainRecalled(story), ...explainSettings(story), ...explainInPlace(story), ...explainDeclared(story)];
}

function count(number: number, one: string, many = `${one}s`): string {
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}

function explainReported(story: CombinationStory): DoctorStep {
  const agents = [...new Set(story.samples.map(({ agent }) => agent))];
  const silence = story.silent === 0 ? "" : story.silent === story.instances ? " Nothing was heard of them lately: this is what was last known." : ` ${story.silent} of them are silent: last known, not known.`;
  return {
    step: "reported",
    mark: story.silent > 0 ? "unknown" : "right",
    sentence: `${count(story.instances, "instance")} of ${story.reference ?? "an image without a name"}, seen by ${agents.length === 0 ? "an agent" : agents.join(", ")}.${silence}`,
    lines: [
      ...story.samples.map(({ instance, target, agent, region }) => `${instance}, target ${target} on ${agent}${region === null ? "" : `, ${region}`}`),
      ...Object.entries(story.labels).map(([label, value]) => `label ${label}=${value}`),
    ],
  };
}

function explainResolved(story: CombinationStory): DoctorStep {
  const lines = story.digests.map(({ digest, kind, repository, leadsTo }) => `${kind} ${digest}${repository === null ? "" : ` (${repository})`}: ${leadsTo.length === 0 ? "in no release" : leadsTo.join(", ")}`);
  const named = [...new Set(story.releases.map(({ service, version }) => `${service} ${version}`))];
  switch (story.resolution) {
    case "known": {
      const own = story.releases.some((release) => release.own);
      return { step: "resolved", mark: own || !story.adopted ? "right" : "wrong", sentence: named.length === 0 ? "The ledger knows these bytes, but no release names them." : `The ledger knows these bytes as ${named.join(", ")}.${own || !story.adopted ? "" : ` None of them is ${story.service}.`}`, lines };
    }
    case "unknown":
      return { step: "resolved", mark: "wrong", sentence: "No digest of it is in the ledger.", lines };
    case "local":
      return { step: "resolved", mark: "wrong", sentence: "All its digests are the host's own: the image was built there, and no registry has it.", lines };
    case "none":
      return { step: "resolved", mark: "wrong", sentence: "The runtime names no digest of it.", lines };
    case "conflicting":
      return { step: "resolved", mark: "wrong", sentence: "Its digests lead to artifacts that share no bytes.", lines };
    default:
      return story.resolution satisfies never;
  }
}

function explainAssigned(story: CombinationStory): DoctorStep {
  const { assigned, desiredKind, desiredVersion } = story;
  const where = `${story.service} in ${story.environment}${story.partition === "default" ? "" : `, partition ${story.partition}`}`;
  const lines = assigned === null ? [] : [`entry ${assigned.entry} of ${assigned.at}, by ${assigned.by}${assigned.authority === "external" ? "; another system carries it out" : ""}`];
  if (story.rollout !== null) lines.push(`rollout ${story.rollout} is under way here`);
  const wrong = story.categories.some((category) => category === "behind" || category === "ahead" || category === "unexpected" || category === "wrong-service");
  const mark = wrong ? "wrong" : "right";
  if (assigned === null && desiredKind !== "release") return { step: "assigned", mark, sentence: desiredKind === "nothing" ? `Nothing should run of ${where}: that was decided.` : `Nothing is assigned to ${where}.`, lines };
  if (story.unexpected) return { step: "assigned", mark: "wrong", sentence: `Assigned to ${where} is ${assigned?.version ?? "a release"}, but no decision covers this target: it was started beside it.`, lines };
  if (assigned !== null && desiredVersion !== null && desiredVersion !== assigned.version) return { step: "assigned", mark, sentence: `Assigned to ${where} is ${assigned.version}; this target should still run ${desiredVersion}.`, lines };
  const running = story.releases.find(({ own }) => own)?.version ?? null;
  const version = desiredVersion ?? assigned?.version ?? "nothing";
  const right = story.releases.some((release) => release.own && release.version === version);
  return { step: "assigned", mark, sentence: `Assigned to ${where} is ${version}${right ? ", and that runs" : running === null ? "" : `; ${running} runs`}.`, lines };
}

function explainApproved(story: CombinationStory): DoctorStep[] {
  const own = story.releases.filter((release) => release.own);
  if (own.length === 0) return [];
  const approved = own.filter(({ approvedHere }) => approvedHere);
  const asks = story.requiredApprovals === 0 ? `${story.environment} asks for no approval` : `${story.environment} asks for ${count(story.requiredApprovals, "approval")}`;
  return [{
    step: "approved",
    mark: approved.length > 0 ? "right" : "wrong",
    sentence: approved.length > 0 ? `${approved.map(({ version }) => version).join(", ")} may run here: ${asks}.` : `${own.map(({ version }) => version).join(", ")} may not run here: ${asks}.`,
    lines: own.map(({ version, approvals, adoptedHere }) => `${version}: ${adoptedHere ? "adopted as it ran, no evidence; " : ""}${count(approvals, "approval")} that ${approvals === 1 ? "counts" : "count"}`),
  }];
}

function explainRecalled(story: CombinationStory): DoctorStep[] {
  const recalled = story.releases.filter((release) => release.recalled).map(({ service, version }) => `${service} ${version}`);
  if (recalled.length === 0 && !story.categories.includes("recalled")) return [];
  return [story.categories.includes("recalled")
    ? { step: "recalled", mark: "wrong", sentence: `${recalled.length === 0 ? "These bytes are" : `${recalled.join(", ")} ${recalled.length === 1 ? "is" : "are"}`} recalled and may not run anywhere.`, lines: [] }
    : { step: "recalled", mark: "right", sentence: `${recalled.join(", ")} ${recalled.length === 1 ? "is" : "are"} recalled, but the same bytes are those of a release that is not.`, lines: [] }];
}

function explainSettings({ settings, categories, desiredVersion }: CombinationStory): DoctorStep[] {
  const { running, expected } = settings;
  if (expected === null && running === null) return [];
  if (expected === null) return [{ step: "settings", mark: "right", sentence: `${desiredVersion ?? "The release"} was registered without settings: nothing is compared.`, lines: [] }];
  if (running === null) return [{ step: "settings", mark: "unknown", sentence: "The agent does not tell the settings: nothing is compared.", lines: [] }];
  const differ = running !== expected;
  const judged = differ && !categories.includes("settings-differ") ? " That is not judged while other bytes run." : "";
  return [{
    step: "settings",
    mark: categories.includes("settings-differ") ? "wrong" : "right",
    sentence: differ ? `It was started with other settings than the release has.${judged}` : "Its settings are those of the release.",
    lines: differ ? [`running ${shortDigest(running)}, registered ${shortDigest(expected)} (keyed digests; values never leave the host)`] : [],
  }];
}

function explainInPlace({ mutated, categories }: CombinationStory): DoctorStep[] {
  if (!categories.includes("mutated")) return [];
  return [{ step: "in-place", mark: "wrong", sentence: mutated === null ? "Files were changed after it was started." : `${count(mutated.count, "file was", "files were")} changed after it was started.`, lines: [...(mutated?.paths ?? [])] }];
}

function explainDeclared({ declaredMatches }: CombinationStory): DoctorStep[] {
  if (declaredMatches !== false) return [];
  return [{ step: "declared", mark: "wrong", sentence: "What the runtime would start next time is something else than what is assigned.", lines: [] }];
}

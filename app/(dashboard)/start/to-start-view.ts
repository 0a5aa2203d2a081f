import { NO_EVIDENCE } from "@/app/(dashboard)/words";
import type { BetweenView } from "@/components/rollouts/weigh";
import type { StartRelease, StartView } from "@/components/rollouts/start-body";
import { formatDateTime } from "@/components/ui/format";
import type { RolloutPreview } from "@/lib/contract/rollouts";

/** Refusals that a person with the right to may pass by, when they say so. */
export interface Overrides {
  freeze?: boolean;
  /** The service's name is typed under a migration that lies between. */
  forwardFix?: boolean;
}

function capitalise(sentence: string): string {
  return sentence.replace(/^[a-z]/, (letter) => letter.toUpperCase());
}

/** What runs in most places is what people want to leave, also when nothing is assigned. */
function fromOf(preview: RolloutPreview): StartRelease {
  const [most] = preview.running;
  const from = preview.assigned ?? (most ? { version: most.version ?? "an unknown release", digest: most.digest } : null);
  const mark = preview.assigned?.adopted ? `, ${NO_EVIDENCE}` : "";
  const label = preview.kind === "reconverge" || preview.kind === "replace" || preview.kind === "stop" ? "Assigned" : "From";
  return { label: `${label}${mark}`, version: from?.version ?? null, digest: from?.digest ?? null };
}

function toOf(preview: RolloutPreview): StartRelease {
  const side = sideOf(preview);
  return preview.to?.adopted && side.version !== null ? { ...side, label: `${side.label}, ${NO_EVIDENCE}` } : side;
}

function sideOf(preview: RolloutPreview): StartRelease {
  const { kind, to } = preview;
  const release = { version: to?.version ?? null, digest: to?.digest ?? null };
  switch (kind) {
    case "promote":
      return { label: "To", ...release };
    case "rollback":
      return { label: to !== null && preview.candidates.some((candidate) => candidate.lastKnownGood && candidate.id === to.id) ? "To, last known good" : "To", ...release };
    case "reconverge":
      return { label: "To, as assigned", ...release };
    case "replace":
      return { label: "New copies of", ...release };
    case "stop":
      return { label: "Afterwards", version: null, digest: null };
    default:
      return kind satisfies never;
  }
}

/** How it is carried out, in sentences: the strategy first. */
function planOf(preview: RolloutPreview): string[] {
  const { strategy, executor, planNotes } = preview;
  return [
    `${capitalise(strategy.sentence)}${strategy.version > 0 ? ` (strategy ${strategy.version})` : ""}`,
    ...(executor ? [`Carried out by ${executor.name} (${executor.kind}) instead of the agents. What is verified is still what the agents see.`] : []),
    ...planNotes,
  ];
}

/** What stays, or is gone for good, in the kind's own words; null where there is nothing to say. */
function leavesOf({ kind, willNotUndo }: RolloutPreview): StartView["leaves"] {
  if (kind === "rollback") return { title: "It will not undo", items: willNotUndo };
  return willNotUndo.length > 0 ? { title: "It cannot be undone", items: willNotUndo } : null;
}

function betweenOf({ between }: RolloutPreview): BetweenView {
  return { commits: between.commits, compareUrl: between.compareUrl, releases: between.releases };
}

/** From → to, reach, waves, evidence and what stays, from the server's preview. `selected`: how many targets were chosen, null for all. */
export function toStartView(preview: RolloutPreview, { selected = null, overrides = {} }: { selected?: number | null; overrides?: Overrides } = {}): StartView {
  return {
    kind: preview.kind,
    service: preview.service,
    environment: preview.environment,
    selected,
    from: fromOf(preview),
    to: toOf(preview),
    blast: { instances: preview.instances, targets: preview.targets, actable: preview.actable, regions: preview.regions, waves: preview.waves, estimateMs: preview.estimateMs },
    waves: preview.waves,
    plan: planOf(preview),
    // Who reverts it stands above, with what to do about it.
    warnings: preview.warnings.filter((warning) => warning.reason !== "will-be-reverted" || preview.ways.length === 0).map((warning) => capitalise(warning.sentence)),
    evidence: preview.evidence.map((item) => ({ ok: item.ok, required: item.required, text: capitalise(item.sentence), at: item.at })),
    leaves: leavesOf(preview),
    difference: preview.difference.map(capitalise),
    between: betweenOf(preview),
    holdVersion: preview.kind === "rollback" ? (preview.assigned?.version ?? null) : null,
    reasonRequired: preview.kind !== "promote" || overrides.freeze === true,
    confirm: preview.forwardFix || preview.kind === "stop" ? "type" : preview.confirm,
    asOf: preview.asOf,
    ledgerSize: preview.ledgerSize,
  };
}

const OVERRIDES: Record<keyof Overrides, string> = { freeze: "frozen", forwardFix: "needs-forward-fix" };
const NO_CHOICE: Record<RolloutPreview["kind"], string> = {
  promote: "Choose a release first.",
  rollback: "There is no release to go back to.",
  reconverge: "Nothing is assigned here.",
  replace: "Nothing is assigned here.",
  stop: "Nothing is assigned here.",
};

/** Why the server would refuse, in its own words, without what was overridden; null when it would not. */
export function describeDisabled(preview: RolloutPreview, overrides: Overrides = {}): string | null {
  if (preview.allowed) return null;
  const standing = preview.reasons.filter(({ reason }) => !(overrides.freeze && reason === OVERRIDES.freeze) && !(overrides.forwardFix && reason === OVERRIDES.forwardFix));
  if (standing.length > 0) return standing.map((reason) => reason.sentence).join(" ");
  return preview.reasons.length > 0 ? null : NO_CHOICE[preview.kind];
}

/** The freeze that stands in the way of a promotion, in words; null when none does. */
export function describeFreeze({ freeze, kind }: RolloutPreview): string | null {
  if (!freeze || kind !== "promote") return null;
  return `${freeze.name}${freeze.until ? ` until ${formatDateTime(freeze.until)} UTC` : ""}`;
}

import { formatCount } from "@/components/ui/format";
import type { RollbackView } from "@/components/rollouts/rollback-body";
import type { RolloutPreview } from "@/lib/contract/rollouts";

/** What a manager that puts its own version back means for this rollback. */
function describeManagers(preview: RolloutPreview): string[] {
  return preview.ways
    .filter((way) => way.willRevert === true)
    .map((way) => `${way.title} manages ${formatCount(way.targets)} targets and will put its own version back`);
}

/** From → to, reach, evidence and what stays, from the server's preview. */
export function toRollbackView(preview: RolloutPreview): RollbackView {
  const lastKnownGood = preview.candidates.find((candidate) => candidate.lastKnownGood);
  const isLastKnownGood = preview.to !== null && lastKnownGood?.id === preview.to.id;
  // What runs in most places is what people want to leave, also when something else is assigned.
  const [most] = preview.running;
  const from = preview.assigned ?? (most ? { version: most.version, digest: most.digest } : null);
  const toLabel = preview.kind === "reconverge" ? "To, as assigned" : isLastKnownGood ? "To, last known good" : "To";
  return {
    kind: preview.kind === "reconverge" ? "reconverge" : "rollback",
    service: preview.service,
    environment: preview.environment,
    from: { label: preview.kind === "reconverge" ? "Assigned" : "From", version: from?.version ?? null, digest: from?.digest ?? null },
    to: { label: toLabel, version: preview.to?.version ?? null, digest: preview.to?.digest ?? null },
    blast: { instances: preview.instances, targets: preview.targets, actable: preview.actable, regions: preview.regions, waves: preview.waves, estimateMs: preview.estimateMs },
    evidence: preview.evidence.map((item) => ({ ok: item.ok, required: item.required, text: item.sentence.replace(/^[a-z]/, (letter) => letter.toUpperCase()), at: item.at })),
    willNotUndo: [...preview.willNotUndo, ...describeManagers(preview)],
    holdVersion: preview.kind === "rollback" ? (preview.assigned?.version ?? null) : null,
    confirm: preview.confirm,
    asOf: preview.asOf,
    ledgerSize: preview.ledgerSize,
  };
}

/** Why the server would refuse, in its own words; null when it would not. */
export function describeDisabled(preview: RolloutPreview): string | null {
  if (preview.allowed) return null;
  const sentences = preview.reasons.map((reason) => reason.sentence);
  return sentences.length > 0 ? sentences.join(" ") : "There is no release to go back to.";
}

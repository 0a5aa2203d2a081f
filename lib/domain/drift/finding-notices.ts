import { FINDING_KINDS, severityOf, type FindingKind } from "@/lib/domain/drift/categories";

/** How long (ms) a finding of a kind that a deployment passes through has to stand before anybody is told. */
export const TOLD_AFTER_MS = 60_000;
/** About one cause (a kind of finding of a service in an environment) that it is there is told once within this time (ms). */
export const TOLD_AGAIN_MS = 15 * 60_000;
/** A cause has to be gone for so long (ms) before that is told. */
export const GONE_AFTER_MS = 60_000;

/** While something is deployed by whatever tool, copies of both sides run for a moment, and one side deviates. */
const PASSED_THROUGH: ReadonlySet<FindingKind> = new Set(["behind", "ahead", "settings-differ", "unexpected"]);

/** The kinds that somebody is told of: what is critical and what has drifted. Warnings stay on the page. */
export const TOLD_KINDS = FINDING_KINDS.filter((kind) => severityOf(kind) === "critical" || severityOf(kind) === "drift");

/** How long (ms) a finding of this kind stands before it is told. What nobody approved, or nobody knows, is told at once. */
export function toldAfterMs(kind: FindingKind): number {
  return PASSED_THROUGH.has(kind) ? TOLD_AFTER_MS : 0;
}

/** One cause, as it stands and as it was told. Times in epoch ms. */
export interface ToldCause {
  kind: FindingKind;
  /** Whether the environment enforces. */
  enforced: boolean;
  /** What is open of it and not waived; null when nothing is. */
  open: { instances: number; oldestAt: number } | null;
  /** Whether a waiver covers what is open of it. */
  waived: boolean;
  /** When the last of it ended; null when that is not known. */
  endedAt: number | null;
  told: { state: "open" | "resolved"; instances: number; openedToldAt: number } | null;
}

/** What to tell of a cause now; null for nothing. */
export function decideFindingNotice({ kind, enforced, open, waived, endedAt, told }: ToldCause, now: number): "finding-opened" | "finding-resolved" | null {
  // Who was told of it waits for the end of it, and nothing more will be told.
  if (!enforced) return told?.state === "open" ? "finding-resolved" : null;
  if (open === null) {
    if (told?.state !== "open") return null;
    const isWaived = waived && endedAt === null;
    return isWaived || now - (endedAt ?? told.openedToldAt) >= GONE_AFTER_MS ? "finding-resolved" : null;
  }
  if (now - open.oldestAt < toldAfterMs(kind)) return null;
  if (told === null) return "finding-opened";
  if (now - told.openedToldAt < TOLD_AGAIN_MS) return null;
  // That it is still there is no news; that it is there again, or of more instances, is.
  return told.state === "resolved" || open.instances > told.instances ? "finding-opened" : null;
}

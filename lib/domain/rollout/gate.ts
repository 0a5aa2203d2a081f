import { refusePinned, refusePlace, refuseRelease, type DecisionState, type Pin, type ReleaseHere } from "@/lib/domain/rollout/check-rollback";
import type { RefusalReason } from "@/lib/domain/rollout/reasons";

/** What is asked of a gate: may these bytes be deployed here, by whoever deploys them? */
export interface GateState extends Pick<DecisionState, "service" | "environment" | "partition"> {
  /** Every release that names the digest, of this service and of others. */
  releases: readonly ReleaseHere[];
  hold: { id: string; detail: string | null } | null;
  freeze: { name: string; until: string | null } | null;
  pin: Pick<Pin, "detail" | "until"> | null;
}
export type GateVerdict = { ok: true; version: string } | { ok: false; version: string | null; reasons: RefusalReason[] };

/**
 * Whether a digest may be deployed at a place. The same bytes may have several versions: the newest that may run counts;
 * where none may, the newest says why. Unlike a promotion it asks nothing of what runs there, since somebody else acts.
 */
export function decideGate(state: GateState): GateVerdict {
  const { service, environment, partition, releases, hold, freeze, pin } = state;
  const reasons = refusePlace(state);
  const newestFirst = releases.toSorted((a, b) => b.registeredSeq - a.registeredSeq);
  const own = newestFirst.filter(({ serviceId }) => serviceId === service?.id);
  const chosen = own.find((release) => release.approvedHere && !release.recalled) ?? own[0] ?? null;
  // Whether it is approved is a question about a place that exists.
  if (service && environment) reasons.push(...refuseRelease(state, chosen ?? newestFirst[0] ?? null));
  if (hold) reasons.push({ reason: "held", hold: hold.id, detail: hold.detail });
  if (freeze) reasons.push({ reason: "frozen", freeze: freeze.name, until: freeze.until });
  reasons.push(...refusePinned(partition.name, pin));
  if (reasons.length > 0 || !chosen) return { ok: false, version: chosen?.version ?? null, reasons };
  return { ok: true, version: chosen.version };
}

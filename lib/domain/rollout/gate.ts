import type { ReleaseHere } from "@/lib/domain/rollout/check-rollback";
import type { RefusalReason } from "@/lib/domain/rollout/reasons";

/** What is asked of a gate: may these bytes be deployed here, by whoever deploys them? */
export interface GateState {
  service: { id: string; name: string } | null;
  environment: { name: string } | null;
  partition: { name: string; known: boolean };
  /** Every release that names the digest, of this service and of others. */
  releases: readonly ReleaseHere[];
  hold: { id: string; detail: string | null } | null;
  freeze: { name: string; until: string | null } | null;
}
export type GateVerdict = { ok: true; version: string } | { ok: false; version: string | null; reasons: RefusalReason[] };

/**
 * Whether a digest may be deployed at a place. The same bytes may have several versions: the newest that may run counts;
 * where none may, the newest says why. Unlike a promotion it asks nothing of what runs there, since somebody else acts.
 */
export function decideGate({ service, environment, partition, releases, hold, freeze }: GateState): GateVerdict {
  const reasons: RefusalReason[] = [];
  if (!service) reasons.push({ reason: "service-unknown" });
  if (!environment) reasons.push({ reason: "environment-unknown" });
  if (service && environment && !partition.known) reasons.push({ reason: "partition-unknown", partition: partition.name });
  const newestFirst = releases.toSorted((a, b) => b.registeredSeq - a.registeredSeq);
  const own = newestFirst.filter(({ serviceId }) => serviceId === service?.id);
  const mayRun = (release: ReleaseHere): boolean => release.approvedHere && !release.recalled;
  const chosen = own.find(mayRun) ?? own[0] ?? null;
  if (service) {
    const [foreign] = newestFirst;
    if (!chosen) reasons.push(foreign ? { reason: "wrong-service", version: foreign.version, service: foreign.serviceName } : { reason: "release-unknown" });
    else {
      if (chosen.recalled) reasons.push({ reason: "recalled", version: chosen.version });
      if (environment && !chosen.approvedHere) reasons.push({ reason: "not-approved", version: chosen.version, environment: environment.name });
    }
  }
  if (hold) reasons.push({ reason: "held", hold: hold.id, detail: hold.detail });
  if (freeze) reasons.push({ reason: "frozen", freeze: freeze.name, until: freeze.until });
  if (reasons.length > 0 || !chosen) return { ok: false, version: chosen?.version ?? null, reasons };
  return { ok: true, version: chosen.version };
}

import { compareText } from "@/lib/domain/compare-text";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";

/** A release as one side of a comparison. */
export interface ReleaseSide {
  id: string;
  version: string;
  registeredSeq: number;
}

/** What a person should know about one member before choosing it; none of it refuses. */
export type GroupNote =
  | { note: "was-not-here" }
  | { note: "goes-forward"; version: string; assigned: string }
  | { note: "not-proven"; version: string }
  | { note: "nothing-to-go-to" };

/** What one place of a group would do. */
export type GroupAim =
  /** Without a release there is none to go to, which the check says. */
  | { kind: Extract<RolloutKind, "rollback" | "reconverge" | "promote">; release: ReleaseSide | null; suggested: boolean; notes: GroupNote[] }
  | { kind: "stop"; release: null; suggested: false; notes: GroupNote[] }
  /** It is concerned, and nothing can be done from here: it runs without any decision. */
  | { kind: null; release: null; suggested: false; notes: [] };

/**
 * How a place gets back to what was assigned at a moment; null when it is so now. Nothing is suggested that a person has
 * to mean: stopping what was not there yet, and going forward to what was left since.
 */
export function planAsOf(place: { was: ReleaseSide | null; now: ReleaseSide | null }): GroupAim | null {
  const { was, now } = place;
  if ((was?.id ?? null) === (now?.id ?? null)) return null;
  if (was === null) return { kind: "stop", release: null, suggested: false, notes: [{ note: "was-not-here" }] };
  const forward = now !== null && was.registeredSeq > now.registeredSeq;
  return {
    kind: "rollback",
    release: was,
    suggested: !forward,
    notes: forward ? [{ note: "goes-forward", version: was.version, assigned: now.version }] : [],
  };
}

/**
 * How a place gets away from a recalled release; null when it does not touch it. Where it is assigned: to the last known
 * good, else to the newest older release that may run, else it could be stopped, which is never done unasked. Where it
 * only runs: back to what is assigned.
 * @param place.mayRun releases that are approved there and not recalled, in any order
 */
export function planRecall(place: {
  assigned: ReleaseSide | null;
  assignedIsRecalled: boolean;
  runsRecalled: boolean;
  lastKnownGood: ReleaseSide | null;
  mayRun: readonly ReleaseSide[];
}): GroupAim | null {
  const { assigned, lastKnownGood } = place;
  if (assigned === null) return place.runsRecalled ? { kind: null, release: null, suggested: false, notes: [] } : null;
  if (!place.assignedIsRecalled) {
    return place.runsRecalled ? { kind: "reconverge", release: assigned, suggested: true, notes: [] } : null;
  }
  if (lastKnownGood !== null) return { kind: "rollback", release: lastKnownGood, suggested: true, notes: [] };
  const [newest] = place.mayRun
    .filter((release) => release.registeredSeq < assigned.registeredSeq)
    .toSorted((a, b) => b.registeredSeq - a.registeredSeq);
  if (newest) {
    return { kind: "rollback", release: newest, suggested: true, notes: [{ note: "not-proven", version: newest.version }] };
  }
  return { kind: "stop", release: null, suggested: false, notes: [{ note: "nothing-to-go-to" }] };
}

/**
 * What one partition does when its service goes back, or forward: all are meant but the pinned ones. Back to what is assigned
 * puts back what left it.
 */
export function planPartition(place: { kind: "rollback" | "promote"; assigned: ReleaseSide | null; release: ReleaseSide | null; pinned: boolean }): GroupAim {
  const { kind, assigned, release, pinned } = place;
  const isAssigned = kind === "rollback" && release !== null && release.id === assigned?.id;
  return { kind: isAssigned ? "reconverge" : kind, release, suggested: !pinned, notes: [] };
}

/** Says a note in one sentence. */
export function explainNote(note: GroupNote): string {
  switch (note.note) {
    case "was-not-here":
      return "Nothing was assigned here at that moment: to be as it was then, it would be stopped.";
    case "goes-forward":
      return `${note.version} is newer than ${note.assigned}, which was chosen since: this goes forward again.`;
    case "not-proven":
      return `${note.version} is approved, but no record shows that it worked here.`;
    case "nothing-to-go-to":
      return "No other release may run here: it can only be stopped.";
    default:
      return note satisfies never;
  }
}

/** A place by the ids of its rows. */
export interface PlaceIds {
  serviceId: string;
  environmentId: string;
  partition: string;
}

/** The one order in which places are locked, whoever locks several: service, environment, partition. */
export function comparePlaces(a: PlaceIds, b: PlaceIds): number {
  return (
    compareText(a.serviceId, b.serviceId) ||
    compareText(a.environmentId, b.environmentId) ||
    compareText(a.partition, b.partition)
  );
}

/** Why a promotion, rollback or reconvergence is refused. The button, the server and the execution name the same. */
export type RefusalReason =
  | { reason: "not-permitted"; detail: string }
  | { reason: "service-unknown" }
  | { reason: "environment-unknown" }
  | { reason: "partition-unknown"; partition: string }
  | { reason: "release-unknown" }
  | { reason: "wrong-service"; version: string; service: string }
  | { reason: "not-approved"; version: string; environment: string }
  | { reason: "recalled"; version: string }
  /** `deviating`: how many targets are not verified on it, where that is no obstacle to the refusal. */
  | { reason: "identical"; version: string; deviating?: number; /** Somebody is at it. */ underWay?: boolean }
  | { reason: "newer-than-assigned"; version: string; assigned: string }
  | { reason: "nothing-assigned" }
  | { reason: "no-targets" }
  | { reason: "nothing-can-act"; targets: number }
  | { reason: "needs-forward-fix"; release: string; migration: string; compatibleBackTo: string | null }
  | { reason: "held"; hold: string; detail: string | null }
  | { reason: "frozen"; freeze: string; until: string | null }
  /** `named`: whether naming the partition would be enough. */
  | { reason: "pinned"; partition: string; detail: string | null; until: string | null; named: boolean }
  | { reason: "rollout-active"; rollout: string; kind: string }
  | { reason: "not-confirmed"; expected: string }
  | { reason: "stale-view"; changes: readonly string[] };
export type RefusalName = RefusalReason["reason"];

/** What a person should know beforehand; none of it refuses. */
export type Warning =
  | { warning: "never-ran-here"; version: string }
  | { warning: "no-targets" }
  | { warning: "some-cannot-act"; count: number; of: number }
  | { warning: "some-silent"; count: number; of: number }
  | { warning: "carried-out-by"; executor: string }
  | { warning: "freeze-overridden"; freeze: string }
  | { warning: "pinned"; partition: string; detail: string | null; until: string | null }
  | { warning: "will-be-reverted"; by: string; count: number }
  | { warning: "migrations-undeclared"; releases: readonly string[] }
  | { warning: "forward-fix-overridden"; release: string; migration: string }
  | { warning: "supersedes"; rollout: string; kind: string };
export type WarningName = Warning["warning"];

const NOUN: Record<string, string> = { promote: "promotion", reconverge: "reconvergence", replace: "replacement" };

/** A kind of rollout as people name it. */
function nounOf(kind: string): string {
  return NOUN[kind] ?? kind;
}

function pinWords({ partition, detail, until }: { partition: string; detail: string | null; until: string | null }): string {
  return `${partition} is pinned${until ? ` until ${until}` : ""}${detail ? ` (${detail})` : ""}`;
}

/** Says a reason in one or two sentences, and what to do where something can be done. */
export function explainReason(reason: RefusalReason): string {
  switch (reason.reason) {
    case "not-permitted":
      return reason.detail;
    case "service-unknown":
      return "The ledger knows no such service.";
    case "environment-unknown":
      return "There is no such environment.";
    case "partition-unknown":
      return `There is no partition ${reason.partition} here.`;
    case "release-unknown":
      return "The ledger knows no such release.";
    case "wrong-service":
      return `${reason.version} is a release of another service, ${reason.service}.`;
    case "not-approved":
      return `${reason.version} is not approved for ${reason.environment}.`;
    case "recalled":
      return `${reason.version} is recalled and may not be assigned anywhere.`;
    case "identical":
      return reason.deviating
        ? `${reason.version} is assigned already; ${reason.deviating === 1 ? "one target is" : `${reason.deviating} targets are`} not verified on it.${reason.underWay ? "" : ` A reconverge brings ${reason.deviating === 1 ? "it" : "them"} there.`}`
        : `${reason.version} is assigned, and every target is verified on it.`;
    case "newer-than-assigned":
      return `${reason.version} is newer than ${reason.assigned} and was never decided on here. Promote it instead.`;
    case "nothing-assigned":
      return "Nothing is assigned here yet. Promote a release first.";
    case "no-targets":
      return "No target of this service was reported here.";
    case "nothing-can-act":
      return `None of the ${reason.targets} targets lets Plumbline act. Allow it on the host with --act.`;
    case "needs-forward-fix":
      return reason.compatibleBackTo === null
        ? `${reason.release} ran migration ${reason.migration} here, which cannot be undone: older releases may not work with the data.`
        : `${reason.release} ran migration ${reason.migration} here: releases older than ${reason.compatibleBackTo} may not work with the data.`;
    case "held":
      return `Promotions are held here${reason.detail ? ` (${reason.detail})` : ""}. Lift the hold first.`;
    case "frozen":
      return `Promotions are frozen by ${reason.freeze}${reason.until ? ` until ${reason.until}` : ""}.`;
    case "pinned":
      return `${pinWords(reason)}. ${reason.named ? "Unpin it first." : "Name the partition to touch it all the same, or unpin it."}`;
    case "rollout-active":
      return `A ${nounOf(reason.kind)} is under way here. Wait for it, or abort it.`;
    case "not-confirmed":
      return `Type ${reason.expected} to confirm it.`;
    case "stale-view":
      return ["Something changed since you looked.", ...reason.changes].join(" ");
    default:
      return reason satisfies never;
  }
}

/** Says a warning in one sentence. */
export function explainWarning(warning: Warning): string {
  switch (warning.warning) {
    case "never-ran-here":
      return `${warning.version} never ran here.`;
    case "no-targets":
      return "No target of this service was reported here yet. The first ones are expected to run this release; a reconverge brings those to it that do not.";
    case "some-cannot-act":
      return `${warning.count} of ${warning.of} targets do not let Plumbline act; their hosts have to be changed by hand.`;
    case "some-silent":
      return `${warning.count} of ${warning.of} targets are silent and follow when they report again.`;
    case "carried-out-by":
      return `${warning.executor} is told to carry it out; it is done when the running digests say so.`;
    case "freeze-overridden":
      return `${warning.freeze} is in force; you start in spite of it.`;
    case "pinned":
      return `${pinWords(warning)}, and is touched only because you named it. The pin stays.`;
    case "will-be-reverted":
      return `${warning.by} manages ${warning.count} targets and will put its own version back.`;
    case "migrations-undeclared":
      return `Whether ${warning.releases.join(", ")} migrated data is not declared.`;
    case "forward-fix-overridden":
      return `${warning.release} ran migration ${warning.migration}; you go back all the same.`;
    case "supersedes":
      return `The ${nounOf(warning.kind)} that is under way ends here.`;
    default:
      return warning satisfies never;
  }
}

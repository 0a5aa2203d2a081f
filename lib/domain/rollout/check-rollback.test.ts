import { describe, expect, it } from "vitest";
import type {
  DeclaredMigration,
  PromotionState,
  ReconvergeState,
  ReleaseHere,
  RollbackState,
  TargetHere,
} from "@/lib/domain/rollout/check-rollback";
import { checkPromotion, checkReconverge, checkRollback } from "@/lib/domain/rollout/check-rollback";
import type { RefusalName, WarningName } from "@/lib/domain/rollout/reasons";
import { explainReason, explainWarning } from "@/lib/domain/rollout/reasons";

/** payments in production: 1.42 is assigned, 1.41 ran before. */
const release = (seq: number, changes: Partial<ReleaseHere> = {}): ReleaseHere => ({
  id: `r${seq}`,
  version: `1.${seq}`,
  serviceId: "s1",
  serviceName: "payments",
  registeredSeq: seq,
  approvedHere: true,
  recalled: false,
  ranHere: true,
  ...changes,
});
const target = (changes: Partial<TargetHere> = {}): TargetHere => ({
  key: "t1",
  canAct: true,
  freshness: "fresh",
  verifiedOnAssigned: true,
  revertedBy: null,
  ...changes,
});
const state = (changes: Partial<RollbackState> = {}): RollbackState => ({
  permission: { ok: true },
  service: { id: "s1", name: "payments" },
  environment: { name: "production" },
  partition: { name: "default", known: true },
  assigned: { releaseId: "r42", version: "1.42", registeredSeq: 42 },
  targets: [target()],
  activeRollout: null,
  revision: { expected: "x", current: "x", changes: [] },
  release: release(41),
  offeredSince: [],
  forwardFixAccepted: false,
  ...changes,
});
const migrated = (
  kind: DeclaredMigration["kind"],
  compatibleBackTo: number | null,
  seq = 42,
): RollbackState["offeredSince"] => [
  {
    version: `1.${seq}`,
    registeredSeq: seq,
    migrations: [
      { id: "m1", kind, compatibleBackTo: compatibleBackTo === null ? null : { version: `1.${compatibleBackTo}`, registeredSeq: compatibleBackTo } },
    ],
  },
];
const stale = { expected: "x", current: "y", changes: ["1.41 is recalled."] };

type Answer = string | RefusalName[];
const answer = (check: { ok: true; kind: string } | { ok: false; reasons: { reason: RefusalName }[] }): Answer =>
  check.ok ? check.kind : check.reasons.map(({ reason }) => reason);

describe("checkRollback", () => {
  it.each<[string, Partial<RollbackState>, Answer]>([
    ["to the release before", {}, "rollback"],
    ["without a revision (a script)", { revision: { expected: null, current: "y", changes: [] } }, "rollback"],
    ["to the assigned one, something drifted", { release: release(42), targets: [target({ verifiedOnAssigned: false }), target()] }, "reconverge"],
    ["to the assigned one, all verified", { release: release(42) }, ["identical"]],
    ["no rights", { permission: { ok: false, detail: "Needs operator." } }, ["not-permitted"]],
    ["unknown service", { service: null }, ["service-unknown"]],
    ["unknown environment", { environment: null }, ["environment-unknown"]],
    ["unknown partition", { partition: { name: "eu", known: false } }, ["partition-unknown"]],
    ["unknown release", { release: null }, ["release-unknown"]],
    ["another service's release", { release: release(41, { serviceId: "s2", serviceName: "checkout" }) }, ["wrong-service"]],
    ["recalled", { release: release(41, { recalled: true }) }, ["recalled"]],
    ["not approved", { release: release(41, { approvedHere: false }) }, ["not-approved"]],
    ["recalled and not approved", { release: release(41, { recalled: true, approvedHere: false }) }, ["recalled", "not-approved"]],
    ["newer, never ran here", { release: release(43, { ranHere: false }) }, ["newer-than-assigned"]],
    ["newer, ran here before", { release: release(43) }, "rollback"],
    ["nothing assigned so far", { assigned: null }, "rollback"],
    ["no target", { targets: [] }, ["no-targets"]],
    ["nobody can act", { targets: [target({ canAct: false })] }, ["nothing-can-act"]],
    ["only some can act", { targets: [target({ canAct: false }), target()] }, "rollback"],
    ["all silent: they follow when they return", { targets: [target({ freshness: "silent" })] }, "rollback"],
    ["a running rollout is superseded", { activeRollout: { id: "o1", kind: "promote" } }, "rollback"],
    ["something changed", { revision: stale }, ["stale-view"]],
    ["an expanding migration", { offeredSince: migrated("expand", null) }, "rollback"],
    ["an irreversible one", { offeredSince: migrated("irreversible", null) }, ["needs-forward-fix"]],
    ["a contracting one that declares nothing", { offeredSince: migrated("contract", null) }, ["needs-forward-fix"]],
    ["compatible back to the chosen one", { offeredSince: migrated("contract", 41) }, "rollback"],
    ["compatible back to a newer one only", { offeredSince: migrated("expand", 42) }, ["needs-forward-fix"]],
    ["an aborted canary's, newer than the assigned", { offeredSince: migrated("irreversible", null, 43) }, ["needs-forward-fix"]],
    ["the chosen one's own", { offeredSince: migrated("irreversible", null, 41) }, "rollback"],
    ["typed all the same", { offeredSince: migrated("irreversible", null), forwardFixAccepted: true }, "rollback"],
    ["typed, but recalled", { offeredSince: migrated("irreversible", null), forwardFixAccepted: true, release: release(41, { recalled: true }) }, ["recalled"]],
    ["every reason, the stale view last", { release: release(41, { recalled: true }), targets: [], revision: stale }, ["recalled", "no-targets", "stale-view"]],
  ])("%s", (_, changes, expected) => {
    expect(answer(checkRollback(state(changes)))).toEqual(expected);
  });

  it.each<[string, Partial<RollbackState>, WarningName[]]>([
    ["nothing to say", {}, []],
    ["never ran here", { release: release(41, { ranHere: false }) }, ["never-ran-here"]],
    ["hosts that do not act or are silent", { targets: [target(), target({ canAct: false }), target({ freshness: "silent" })] }, ["some-cannot-act", "some-silent"]],
    ["another tool reverts it", { targets: [target({ revertedBy: "Argo CD" }), target({ revertedBy: "Argo CD" })] }, ["will-be-reverted"]],
    ["migrations not declared", { offeredSince: [{ version: "1.42", registeredSeq: 42, migrations: null }] }, ["migrations-undeclared"]],
    ["typed all the same", { offeredSince: migrated("irreversible", null), forwardFixAccepted: true }, ["forward-fix-overridden"]],
    ["a running rollout", { activeRollout: { id: "o1", kind: "promote" } }, ["supersedes"]],
  ])("warns: %s", (_, changes, expected) => {
    const check = checkRollback(state(changes));
    expect(check.ok && check.warnings.map(({ warning }) => warning)).toEqual(expected);
    for (const warning of check.ok ? check.warnings : []) expect(explainWarning(warning)).toMatch(/\.$/);
  });
});

describe("checkPromotion", () => {
  const promotion = (changes: Partial<PromotionState> = {}): PromotionState => ({
    ...state(),
    release: release(43, { ranHere: false }),
    hold: null,
    freeze: null,
    ...changes,
  });
  it.each<[string, Partial<PromotionState>, Answer]>([
    ["a new release", {}, "promote"],
    ["the first one", { assigned: null }, "promote"],
    ["an older one", { release: release(40) }, "promote"],
    ["held", { hold: { id: "h1", detail: "after a rollback" } }, ["held"]],
    ["frozen", { freeze: { name: "Friday", until: null, overridden: false } }, ["frozen"]],
    ["frozen, overridden", { freeze: { name: "Friday", until: null, overridden: true } }, "promote"],
    ["not approved", { release: release(43, { approvedHere: false }) }, ["not-approved"]],
    ["recalled", { release: release(43, { recalled: true }) }, ["recalled"]],
    ["another service's", { release: release(43, { serviceId: "s2" }) }, ["wrong-service"]],
    ["unknown", { release: null }, ["release-unknown"]],
    ["a rollout runs", { activeRollout: { id: "o1", kind: "rollback" } }, ["rollout-active"]],
    ["already assigned", { release: release(42) }, ["identical"]],
    ["no target yet", { targets: [] }, "promote"],
    ["nobody can act: it then says what should run", { targets: [target({ canAct: false })] }, "promote"],
    ["something changed", { revision: stale }, ["stale-view"]],
    ["no rights", { permission: { ok: false, detail: "Needs promoter." } }, ["not-permitted"]],
  ])("%s", (_, changes, expected) => {
    expect(answer(checkPromotion(promotion(changes)))).toEqual(expected);
  });
});

describe("checkReconverge", () => {
  const drifted = [target({ verifiedOnAssigned: false })];
  const reconverge = (changes: Partial<ReconvergeState> = {}): ReconvergeState => ({
    ...state(),
    release: release(42),
    targets: drifted,
    ...changes,
  });
  it.each<[string, Partial<ReconvergeState>, Answer]>([
    ["something drifted", {}, "reconverge"],
    ["all verified", { targets: [target()] }, ["identical"]],
    ["nothing assigned", { assigned: null, release: null }, ["nothing-assigned"]],
    ["recalled since", { release: release(42, { recalled: true }) }, ["recalled"]],
    ["approval withdrawn since", { release: release(42, { approvedHere: false }) }, ["not-approved"]],
    ["a rollout runs", { activeRollout: { id: "o1", kind: "promote" } }, ["rollout-active"]],
    ["no target", { targets: [] }, ["no-targets"]],
    ["nobody can act", { targets: [target({ canAct: false, verifiedOnAssigned: false })] }, ["nothing-can-act"]],
    ["something changed", { revision: stale }, ["stale-view"]],
  ])("%s", (_, changes, expected) => {
    expect(answer(checkReconverge(reconverge(changes)))).toEqual(expected);
  });
});

describe("explainReason", () => {
  it("says each in a sentence", () => {
    const refusals = [
      checkRollback(state({ permission: { ok: false, detail: "No." }, service: null, environment: null, release: null, targets: [] })),
      checkRollback(state({ partition: { name: "eu", known: false }, release: release(42), revision: stale })),
      checkRollback(state({ release: release(41, { recalled: true, approvedHere: false }), targets: [target({ canAct: false })], offeredSince: migrated("irreversible", null) })),
      checkRollback(state({ release: release(43, { ranHere: false }), offeredSince: migrated("contract", 44, 45) })),
      checkRollback(state({ release: release(41, { serviceId: "s2" }) })),
    ];
    for (const check of refusals) {
      expect(check.ok).toBe(false);
      for (const reason of check.ok ? [] : check.reasons) expect(explainReason(reason)).toMatch(/^[A-Z0-9].*\.$/);
    }
  });
});

import { describe, expect, it } from "vitest";
import type {
  DeclaredMigration,
  PromotionState,
  ReconvergeState,
  ReleaseHere,
  RollbackState,
  StopState,
  TargetHere,
} from "@/lib/domain/rollout/check-rollback";
import { checkPromotion, checkReconverge, checkReplace, checkRollback, checkStop } from "@/lib/domain/rollout/check-rollback";
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
  assignedHere: true,
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
  pin: null,
  executor: null,
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
    ["newer, nobody decided on it here, though it turned up", { release: release(43, { assignedHere: false }) }, ["newer-than-assigned"]],
    ["newer, ran here before", { release: release(43) }, "rollback"],
    ["nothing assigned so far", { assigned: null }, "rollback"],
    ["no target", { targets: [] }, ["no-targets"]],
    ["nobody can act", { targets: [target({ canAct: false })] }, ["nothing-can-act"]],
    ["only some can act", { targets: [target({ canAct: false }), target()] }, "rollback"],
    ["all silent: they follow when they return", { targets: [target({ freshness: "silent" })] }, "rollback"],
    ["a running rollout is superseded", { activeRollout: { id: "o1", kind: "promote" } }, "rollback"],
    ["pinned, and named", { pin: { detail: "contract", until: null, named: true } }, "rollback"],
    ["pinned, and not named", { pin: { detail: "contract", until: null, named: false } }, ["pinned"]],
    ["something changed", { revision: stale }, ["stale-view"]],
    ["an expanding migration", { offeredSince: migrated("expand", null) }, "rollback"],
    ["an irreversible one", { offeredSince: migrated("irreversible", null) }, ["needs-forward-fix"]],
    ["a contracting one that declares nothing", { offeredSince: migrated("contract", null) }, ["needs-forward-fix"]],
    ["compatible back to the chosen one", { offeredSince: migrated("contract", 41) }, "rollback"],
    ["compatible back to a newer one only", { offeredSince: migrated("expand", 42) }, ["needs-forward-fix"]],
    ["an aborted canary's, newer than the assigned", { offeredSince: migrated("irreversible", null, 43) }, ["needs-forward-fix"]],
    ["an aborted canary's, compatible back to the chosen one", { offeredSince: migrated("irreversible", 41, 43) }, "rollback"],
    ["an aborted canary's, compatible back to the assigned one only", { offeredSince: migrated("contract", 42, 43) }, ["needs-forward-fix"]],
    ["an aborted canary's that expands", { offeredSince: migrated("expand", null, 43) }, "rollback"],
    ["the assigned one's harms nobody, the aborted canary's does", { offeredSince: [...migrated("expand", null), ...migrated("irreversible", null, 43)] }, ["needs-forward-fix"]],
    ["an aborted canary's, and something that drifted is put back", { release: release(42), targets: [target({ verifiedOnAssigned: false })], offeredSince: migrated("irreversible", null, 43) }, "reconverge"],
    ["back to an aborted canary that ran here, past its own migration", { release: release(43), offeredSince: migrated("irreversible", null, 43) }, "rollback"],
    ["an older one's than the chosen", { offeredSince: migrated("irreversible", null, 40) }, "rollback"],
    ["recalled in between, with something else before it", { offeredSince: migrated("irreversible", null, 43), release: release(41, { recalled: true }) }, ["recalled", "needs-forward-fix"]],
    ["nobody may act, another system does", { targets: [target({ canAct: false })], executor: "argo" }, "rollback"],
    ["no target, whoever would carry it out", { targets: [], executor: "argo" }, ["no-targets"]],
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
    ["what an aborted canary did not declare", { offeredSince: [{ version: "1.43", registeredSeq: 43, migrations: null }, { version: "1.42", registeredSeq: 42, migrations: [] }] }, ["migrations-undeclared"]],
    ["what the chosen one or an older one did not declare is no matter", { offeredSince: [{ version: "1.41", registeredSeq: 41, migrations: null }, { version: "1.40", registeredSeq: 40, migrations: null }] }, []],
    ["another system carries it out: no host has to allow anything", { executor: "argo", targets: [target({ canAct: false }), target({ freshness: "silent" })] }, ["some-silent", "carried-out-by"]],
    ["a running rollout", { activeRollout: { id: "o1", kind: "promote" } }, ["supersedes"]],
  ])("warns: %s", (_, changes, expected) => {
    const check = checkRollback(state(changes));
    expect(check.ok && check.warnings.map(({ warning }) => warning)).toEqual(expected);
    for (const warning of check.ok ? check.warnings : []) expect(explainWarning(warning)).toMatch(/\.$/);
  });
});

describe("the migration that stands in the way", () => {
  const reasonOf = (changes: Partial<RollbackState>) => {
    const check = checkRollback(state(changes));
    return check.ok ? null : check.reasons.find(({ reason }) => reason === "needs-forward-fix");
  };
  it("is the newest release's, with how far it reaches back", () => {
    const offeredSince = [...migrated("contract", 42, 42), ...migrated("irreversible", 43, 44), ...migrated("contract", null, 43)];
    expect(reasonOf({ offeredSince })).toEqual({ reason: "needs-forward-fix", release: "1.44", migration: "m1", compatibleBackTo: "1.43" });
    expect(reasonOf({ offeredSince: offeredSince.toReversed() })).toEqual(reasonOf({ offeredSince }));
  });

  it("is the first of several that the chosen release cannot live with", () => {
    const migrations: DeclaredMigration[] = [
      { id: "adds", kind: "expand", compatibleBackTo: null },
      { id: "renames", kind: "contract", compatibleBackTo: { version: "1.41", registeredSeq: 41 } },
      { id: "drops", kind: "contract", compatibleBackTo: null },
    ];
    expect(reasonOf({ offeredSince: [{ version: "1.43", registeredSeq: 43, migrations }] })).toEqual({ reason: "needs-forward-fix", release: "1.43", migration: "drops", compatibleBackTo: null });
  });
});

describe("checkPromotion", () => {
  const promotion = (changes: Partial<PromotionState> = {}): PromotionState => ({
    ...state(),
    release: release(43, { ranHere: false, assignedHere: false }),
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
    ["pinned, also for who names the partition", { pin: { detail: "contract", until: null, named: true } }, ["pinned"]],
    ["recalled in between, held and frozen: every reason", { release: release(43, { recalled: true }), hold: { id: "h1", detail: null }, freeze: { name: "Friday", until: null, overridden: false } }, ["recalled", "held", "frozen"]],
    ["a freeze that was overridden does not lift a hold", { hold: { id: "h1", detail: null }, freeze: { name: "Friday", until: null, overridden: true } }, ["held"]],
    ["no target yet", { targets: [] }, "promote"],
    ["nobody can act: it then says what should run", { targets: [target({ canAct: false })] }, "promote"],
    ["something changed", { revision: stale }, ["stale-view"]],
    ["no rights", { permission: { ok: false, detail: "Needs promoter." } }, ["not-permitted"]],
  ])("%s", (_, changes, expected) => {
    expect(answer(checkPromotion(promotion(changes)))).toEqual(expected);
  });
});

describe("a promotion of what is assigned", () => {
  it.each<[string, TargetHere[], string]>([
    ["all verified", [target()], "1.42 is assigned, and every target is verified on it."],
    ["no target", [], "1.42 is assigned, and every target is verified on it."],
    ["one on its way", [target(), target({ verifiedOnAssigned: false })], "1.42 is assigned already; one target is not verified on it. A reconverge brings it there."],
    ["several on their way", [target({ verifiedOnAssigned: false }), target({ verifiedOnAssigned: false })], "1.42 is assigned already; 2 targets are not verified on it. A reconverge brings them there."],
  ])("is refused in the right words: %s", (_, targets, sentence) => {
    const check = checkPromotion({ ...state(), release: release(42), hold: null, freeze: null, targets });
    expect(check.ok ? [] : check.reasons.map(explainReason)).toEqual([sentence]);
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

describe("checkReplace", () => {
  const replace = (changes: Partial<ReconvergeState> = {}): ReconvergeState => ({ ...state(), release: release(42), ...changes });
  it.each<[string, Partial<ReconvergeState>, Answer]>([
    ["all verified: new copies all the same", {}, "replace"],
    ["nothing assigned", { assigned: null, release: null }, ["nothing-assigned"]],
    ["recalled since", { release: release(42, { recalled: true }) }, ["recalled"]],
    ["approval withdrawn since", { release: release(42, { approvedHere: false }) }, ["not-approved"]],
    ["a rollout runs", { activeRollout: { id: "o1", kind: "promote" } }, ["rollout-active"]],
    ["no target", { targets: [] }, ["no-targets"]],
    ["nobody can act", { targets: [target({ canAct: false })] }, ["nothing-can-act"]],
    ["something changed", { revision: stale }, ["stale-view"]],
  ])("%s", (_, changes, expected) => {
    expect(answer(checkReplace(replace(changes)))).toEqual(expected);
  });
});

describe("checkStop", () => {
  const stop = (changes: Partial<StopState> = {}): StopState => ({ ...state(), typed: "payments", ...changes });
  it.each<[string, Partial<StopState>, Answer]>([
    ["typed", {}, "stop"],
    ["typed with a space", { typed: " payments " }, "stop"],
    ["not typed", { typed: "" }, ["not-confirmed"]],
    ["another name", { typed: "payment" }, ["not-confirmed"]],
    ["something runs that nobody assigned", { assigned: null }, "stop"],
    ["assigned, and nothing runs", { targets: [] }, "stop"],
    ["nothing assigned, nothing runs", { assigned: null, targets: [] }, ["nothing-assigned"]],
    ["nobody can act", { targets: [target({ canAct: false })] }, ["nothing-can-act"]],
    ["a running rollout is superseded", { activeRollout: { id: "o1", kind: "promote" } }, "stop"],
    ["no rights", { permission: { ok: false, detail: "Needs operator." } }, ["not-permitted"]],
    ["unknown service: nothing could be typed", { service: null, typed: "" }, ["service-unknown"]],
    ["something changed", { revision: stale }, ["stale-view"]],
  ])("%s", (_, changes, expected) => {
    expect(answer(checkStop(stop(changes)))).toEqual(expected);
  });
});

describe("explainReason", () => {
  it("says each in a sentence", () => {
    const refusals = [
      checkRollback(state({ permission: { ok: false, detail: "No." }, service: null, environment: null, release: null, targets: [] })),
      checkRollback(state({ partition: { name: "eu", known: false }, release: release(42), revision: stale })),
      checkRollback(state({ release: release(41, { recalled: true, approvedHere: false }), targets: [target({ canAct: false })], offeredSince: migrated("irreversible", null) })),
      checkRollback(state({ release: release(43, { ranHere: false, assignedHere: false }), offeredSince: migrated("contract", 44, 45) })),
      checkRollback(state({ release: release(41, { serviceId: "s2" }) })),
      checkStop({ ...state(), typed: "" }),
    ];
    for (const check of refusals) {
      expect(check.ok).toBe(false);
      for (const reason of check.ok ? [] : check.reasons) expect(explainReason(reason)).toMatch(/^[A-Z0-9].*\.$/);
    }
  });
});

import { checkPromotion, checkRollback, checkStop } from "@/lib/domain/rollout/check-rollback";
import { chooseLastKnownGood, type ReleaseRecord } from "@/lib/domain/rollout/last-known-good";
import type { GroupAim, ReleaseSide } from "@/lib/domain/rollout/plan-group";
import type { RefusalReason, Warning } from "@/lib/domain/rollout/reasons";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { decisionState, membersOf, readDecision, readOfferedSince, type Decision, type ReleaseRow, type TargetRow } from "../read-decision";
import { readHistory } from "../read-history";
import { isKnownPlace, readPlace, type KnownPlace, type PlaceNames } from "../read-place";

/** One place of a group: what would be done, on whom, and whether it may. */
export type Member = {
  place: KnownPlace;
  aim: GroupAim;
  decision: Decision;
  release: ReleaseRow | null;
  targets: TargetRow[];
  check: { ok: true; warnings: Warning[] } | { ok: false; reasons: RefusalReason[] };
  /** The release to go to did not prove itself here. */
  weak: boolean;
};

/** A place that was just listed. */
export async function readKnown(tx: Tx, { service, environment, partition }: PlaceNames): Promise<KnownPlace> {
  const place = await readPlace(tx, { service, environment, partition }, null);
  if (!isKnownPlace(place)) throw new Error(`${service} in ${environment} vanished between two reads`);
  return place;
}

export function sideOf(release: ReleaseRow | undefined): ReleaseSide | null {
  return release ? { id: release.id, version: release.version, registeredSeq: release.registeredSeq } : null;
}

/** What is known of it already is not read again. `named`: whether somebody named the partition, or meant all of them. */
type Weighed = { place: KnownPlace; aim: GroupAim; releases: ReadonlyMap<string, ReleaseRow>; decision?: Decision; records?: readonly ReleaseRecord[]; named?: boolean };

/** Weighs what is meant for a place by the check that decides about it alone. */
export async function weighMember(tx: Tx, ctx: Ctx, { place, aim, releases, named = true, ...read }: Weighed): Promise<Member> {
  const decision = read.decision ?? (await readDecision(tx, place));
  const release = aim.release === null ? null : (releases.get(aim.release.id) ?? null);
  const targets = aim.kind === null ? decision.targets : membersOf(decision, aim.kind, release?.id ?? null);
  const member = { place, aim, decision, release, targets, weak: false };
  if (aim.kind === null) return { ...member, check: { ok: false, reasons: [{ reason: "nothing-assigned" }] } };
  if (aim.kind === "stop") return { ...member, check: checkStop({ ...decisionState(ctx, "rollouts.stop", decision, null, null), typed: place.service.name }) };
  if (aim.kind === "promote") {
    const promotion = checkPromotion({
      ...decisionState(ctx, "rollouts.promote", decision, release, null),
      release,
      hold: decision.hold && { id: decision.hold.id, detail: `entry ${decision.hold.entry}` },
      freeze: decision.freeze && { name: decision.freeze.name, until: decision.freeze.until?.toISOString() ?? null, overridden: false },
    });
    return { ...member, check: promotion };
  }
  const state = decisionState(ctx, "rollouts.rollback", decision, release, null);
  const check = checkRollback({
    ...state,
    pin: state.pin && { ...state.pin, named },
    release,
    offeredSince: release ? await readOfferedSince(tx, place, release.id) : [],
    forwardFixAccepted: false,
  });
  if (aim.kind === "reconverge") return { ...member, check };
  const record = (read.records ?? (await readHistory(tx, place))).find(({ releaseId }) => releaseId === release?.id);
  return { ...member, check, weak: record === undefined || chooseLastKnownGood({ records: [record], current: null, policy: decision.strategy.strategy.lastKnownGood }).weak };
}

import { advanceRollout } from "@/lib/domain/rollout/advance-rollout";
import { checkRollback } from "@/lib/domain/rollout/check-rollback";
import { explainReason } from "@/lib/domain/rollout/reasons";
import { recordChanges } from "@/server/changes/record-change";
import { systemContext, type App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { moveRollout } from "./advance-waves";
import { openRollout } from "./open-rollout";
import { decisionState, membersOf, readDecision, readOfferedSince, readReleasesHere } from "./read-decision";
import { isKnownPlace, lockPlace, readPlace, type KnownPlace } from "./read-place";
import { lockRollout, readRolloutState, type RolloutRow } from "./read-rollout-state";

/**
 * Rolls back by itself, as the strategy of a rollout says that is past its threshold: what was assigned before is put back
 * where the rollout came, by the same check as a person's rollback. Where that must not be, it pauses and says why.
 */
export async function revertRollout(app: App, id: string): Promise<void> {
  await transact(app.db, async (tx) => {
    const place = await findPlace(tx, id);
    if (!place) return;
    await lockPlace(tx, place);
    const rollout = await lockRollout(tx, id, { wait: true });
    if (!rollout) return;
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const now = clock?.now ?? new Date();
    // Decided again on what is locked: a person may have come first.
    const moves = advanceRollout(await readRolloutState(tx, rollout, now), now.getTime());
    if (!moves.revert || !moves.rollout) return;
    const refused = await putBack(tx, app, { place, rollout, reason: moves.rollout.reason, now });
    if (refused) await moveRollout(tx, rollout, { to: "paused", reason: `${moves.rollout.reason.replace(" Rolled back by itself, as the strategy says.", "")} It could not be rolled back by itself: ${refused}` }, now);
    await recordChanges(tx, [{ topic: "rollout", serviceId: rollout.serviceId, environmentId: rollout.environmentId, key: id }]);
  });
}

/** @returns why not, in words; null when the way back is open */
async function putBack(tx: Tx, app: App, { place, rollout, reason, now }: { place: KnownPlace; rollout: RolloutRow; reason: string; now: Date }): Promise<string | null> {
  const ctx = systemContext(app, `rollout-${rollout.number}`);
  const [row] = await tx.$queryRaw<{ from_release_id: string | null; incident: string | null }[]>`SELECT from_release_id, incident FROM rollouts WHERE id = ${rollout.id}::uuid`;
  if (!row?.from_release_id) return "nothing was assigned here before.";
  const decision = await readDecision(tx, place);
  const [release] = await readReleasesHere(tx, place, { ids: [row.from_release_id] });
  if (!release) return "what was assigned here before is not in the ledger.";
  const state = decisionState(ctx, "rollouts.rollback", decision, release, null);
  const check = checkRollback({ ...state, release, offeredSince: await readOfferedSince(tx, place, release.id), forwardFixAccepted: false });
  if (!check.ok) return check.reasons.map(explainReason).join(" ");
  await moveRollout(tx, rollout, { to: "failed", reason }, now, { reverts: true });
  await tx.$executeRaw`
    UPDATE rollout_targets SET status = 'withdrawn', updated_at = ${now} WHERE rollout_id = ${rollout.id}::uuid AND status IN ('pending', 'offered', 'acknowledged', 'replacing', 'stuck', 'regressed')`;
  await openRollout(tx, ctx, {
    kind: "rollback",
    place,
    decision: { ...decision, activeRollout: null },
    release,
    members: membersOf(decision, "rollback", release.id),
    strategy: decision.strategy.strategy.rollback,
    reason: `R-${rollout.number}: ${reason}`,
    incident: row.incident ?? undefined,
    hold: true,
    revertsId: rollout.id,
  });
  return null;
}

async function findPlace(tx: Tx, id: string): Promise<KnownPlace | null> {
  const [names] = await tx.$queryRaw<{ service: string; environment: string; partition: string }[]>`
    SELECT s.name::text AS service, e.name::text AS environment, r.partition::text FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id WHERE r.id = ${id}::uuid`;
  if (!names) return null;
  const place = await readPlace(tx, names, null);
  return isKnownPlace(place) ? place : null;
}

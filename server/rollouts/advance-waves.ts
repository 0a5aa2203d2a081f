import { advanceRollout } from "@/lib/domain/rollout/advance-rollout";
import { isActiveRollout, type RolloutStatus, type WaveStatus } from "@/lib/domain/rollout/statuses";
import { recordChanges } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { declaresSql } from "@/server/drift/load-declared";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";
import { regroupTargets } from "@/server/drift/regroup-targets";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { dispatchWave } from "@/server/executors/dispatch-wave";
import { adoptNewcomers } from "./adopt-newcomers";
import { offerTargets } from "./offer-targets";
import { readRolloutState, type RolloutRow } from "./read-rollout-state";
import { noteStall } from "./external/note-stall";
import { openSplitFinding, settlePlace } from "./settle-place";
import { tellRollout } from "./tell-rollout";
import { noteUnfinished } from "./unfinished-offers";

/** So many targets are told in one transaction; the others follow in their own (`offerRest`). */
const TOLD_TOGETHER = 500;
/** More turns than any rollout has waves and statuses. */
const MAX_STEPS = 500;
/** How long after its end a rollout is watched: one that succeeded puts back who leaves it, another only sees who still gets there. */
const WATCH_MS = 10 * 60_000;

/**
 * Moves the waves of a locked rollout, and itself, as far as they go now.
 * @returns `revert`: it is past its threshold and to be rolled back by itself, which needs the place's lock, so it is the
 *   caller's; `more`: there may be targets left to tell, in another transaction; `uncounted`: whom it told is to be counted
 *   with `countOffered`, when all are told
 */
export async function advanceWaves(tx: Tx, rollout: RolloutRow, now: Date): Promise<{ revert: boolean; more: boolean; uncounted: boolean }> {
  let moved = false;
  const told: bigint[] = [];
  let room = toldTogether(rollout.executorId !== null || rollout.strategy.follow !== null) ?? Number.POSITIVE_INFINITY;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const state = await readRolloutState(tx, rollout, now);
    const moves = advanceRollout(state, now.getTime());
    if (moves.revert) return { revert: true, more: false, uncounted: false };
    if (!moves.rollout && moves.waves.length === 0 && moves.ask === null && moves.offer === null) {
      if (state.follow) moved = (await noteStall(tx, rollout, state, now)) || moved;
      break;
    }
    moved = true;
    if (moves.rollout) await moveRollout(tx, rollout, moves.rollout, now);
    for (const { index, to, reason } of moves.waves) await moveWave(tx, rollout, { ordinal: index + 1, to, reason, now });
    if (moves.ask !== null) await tx.$executeRaw`INSERT INTO wave_checks (rollout_id, ordinal, next_attempt_at, started_at) VALUES (${rollout.id}::uuid, ${moves.ask + 1}, ${now}, ${now}) ON CONFLICT DO NOTHING`;
    if (!moves.offer) continue;
    const count = Math.min(room, moves.offer.count ?? Number.POSITIVE_INFINITY);
    const offered = await offer(tx, rollout, { throughWave: moves.offer.throughWave + 1, count: Number.isFinite(count) ? count : null }, now);
    for (const id of offered) told.push(id);
    room -= offered.length;
    if (room <= 0) break;
  }
  const uncounted = !(await count(tx, rollout, { told, more: room <= 0, now }));
  if (room <= 0) noteUnfinished(rollout.id);
  if (moved) await recordChanges(tx, [{ topic: "rollout", serviceId: rollout.serviceId, environmentId: rollout.environmentId, key: rollout.id }]);
  return { revert: false, more: room <= 0, uncounted };
}

/** How many targets one transaction tells; null for all: where others carry it out nobody is told, and they are asked once for a wave. */
export function toldTogether(byOthers: boolean): number | null {
  return byOthers ? null : TOLD_TOGETHER;
}

/**
 * Brings verdicts, counters and findings up to what was told: at once, or by `countOffered` where others are still to be told,
 * which comes first.
 * @returns whether it is done
 */
async function count(tx: Tx, rollout: RolloutRow, { told, more, now }: { told: readonly bigint[]; more: boolean; now: Date }): Promise<boolean> {
  if (told.length === 0) return true;
  // A clock that was put back brings no part before the first.
  const later = await tx.$executeRaw`UPDATE rollouts SET uncounted_since = least(uncounted_since, ${now}::timestamptz) WHERE id = ${rollout.id}::uuid AND (${more} OR uncounted_since IS NOT NULL)`;
  if (later > 0) return false;
  await regroupTargets(tx, told, { now });
  return true;
}

/** @returns who was told */
async function offer(tx: Tx, rollout: RolloutRow, which: { throughWave: number; count: number | null }, now: Date): Promise<bigint[]> {
  const offered = await offerTargets(tx, { rolloutId: rollout.id, offer: which, now, countLater: true });
  const told = offered.map(({ targetId }) => targetId);
  if (rollout.executorId === null) return told;
  const byWave = new Map<number, bigint[]>();
  for (const { wave, targetId } of offered) byWave.set(wave, [...(byWave.get(wave) ?? []), targetId]);
  for (const [wave, targetIds] of byWave) await dispatchWave(tx, { rolloutId: rollout.id, wave, targetIds, at: now });
  return told;
}

async function moveWave(tx: Tx, rollout: RolloutRow, { ordinal, to, reason, now }: { ordinal: number; to: WaveStatus; reason: string | null; now: Date }): Promise<void> {
  const [before] = await tx.$queryRaw<{ status: WaveStatus; last: boolean }[]>`
    SELECT status, ordinal = (SELECT max(ordinal) FROM waves WHERE rollout_id = ${rollout.id}::uuid) AS last FROM waves WHERE rollout_id = ${rollout.id}::uuid AND ordinal = ${ordinal}`;
  await tx.$executeRaw`
    UPDATE waves SET status = ${to}, status_reason = ${reason}, status_since = CASE WHEN status = ${to} THEN status_since ELSE ${now}::timestamptz END,
      opened_at = CASE WHEN ${to} = 'open' THEN coalesce(opened_at, ${now}::timestamptz) ELSE opened_at END,
      finished_at = CASE WHEN ${to} IN ('passed', 'failed') THEN ${now}::timestamptz END
    WHERE rollout_id = ${rollout.id}::uuid AND ordinal = ${ordinal}`;
  if (before?.status === to) return;
  await tellRollout(tx, { rolloutId: rollout.id, at: now, kind: "wave", detail: { wave: ordinal, reason: to, message: reason } });
  // From now on whoever came meanwhile belongs to it.
  if (to === "open" && before?.last) await adoptNewcomers(tx, rollout, { wave: ordinal, now });
}

/** Moves a rollout, with everything that its end brings; `reverts`: another one takes all back at once, so nothing stays behind. */
export async function moveRollout(tx: Tx, rollout: RolloutRow, { to, reason }: { to: RolloutStatus; reason: string }, now: Date, { reverts = false } = {}): Promise<void> {
  const ended = !isActiveRollout(to);
  const good = to === "succeeded" || to === "succeeded-will-revert";
  // What others carry out is not put back by anybody here.
  const watched = ended && !reverts && rollout.strategy.follow === null;
  rollout.status = to;
  await tx.$executeRaw`
    UPDATE rollouts SET status = ${to}, status_reason = ${reason}, revision = revision + 1, started_at = coalesce(started_at, ${now}::timestamptz),
      finished_at = CASE WHEN ${ended} THEN ${now}::timestamptz END, stalled_since = NULL, watched_until = CASE WHEN ${watched} THEN ${new Date(now.getTime() + WATCH_MS)}::timestamptz END
    WHERE id = ${rollout.id}::uuid`;
  if (to !== "running" && to !== "planned") await tellRollout(tx, { rolloutId: rollout.id, at: now, kind: to, detail: { reason } });
  if (!ended) return;
  const place = { serviceId: rollout.serviceId, environmentId: rollout.environmentId, partition: rollout.partition };
  if (good) await settlePlace(tx, { ...place, now });
  else if (!reverts) await openSplitFinding(tx, rollout.id, now);
  // An open rollout explained what lies behind or ahead; it does no longer.
  await rejudgeCombinations(tx, place, { now });
  const later = await tx.$queryRaw<{ id: bigint }[]>`SELECT t.id FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id AND t.gone_at IS NULL AND ${declaresSql("t")} WHERE rt.rollout_id = ${rollout.id}::uuid`;
  await refreshTargetFindings(tx, later.map(({ id }) => id), { now });
}

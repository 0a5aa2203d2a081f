import { z } from "zod";
import { advanceRollout, type RolloutTargetState } from "@/lib/domain/rollout/progress";
import type { RolloutStatus, TargetStatus, WaveStatus } from "@/lib/domain/rollout/statuses";
import { recordChanges } from "@/server/changes/record-change";
import type { App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { judgeTargets, targetDetail } from "./judge-targets";
import { offerTargets } from "./offer-targets";
import { openSplitFinding, settlePlace } from "./settle-place";

/** More turns than any rollout has waves and statuses. */
const MAX_STEPS = 100;

type Rollout = { id: string; status: RolloutStatus; service_id: string; environment_id: string; partition: string };
const gate = z.object({ passShare: z.number().default(1), soakMs: z.number().default(0), failureThreshold: z.number().default(0) });

/** The job behind every active rollout: judges its targets by observation and time, then moves its waves and itself. */
export async function advanceRollouts(app: App): Promise<void> {
  const active = await app.db.$queryRaw<{ id: string }[]>`SELECT id FROM rollouts WHERE status IN ('planned', 'running', 'paused') ORDER BY number`;
  for (const { id } of active) {
    try {
      await transact(app.db, (tx) => advanceOne(tx, id));
    } catch (error) {
      // One rollout's trouble is not the others'; the next turn tries again.
      app.log.error({ err: error, rollout: id }, "A rollout could not be advanced");
    }
  }
}

async function advanceOne(tx: Tx, id: string): Promise<void> {
  const [rollout] = await tx.$queryRaw<Rollout[]>`
    SELECT id, status, service_id, environment_id, partition::text FROM rollouts WHERE id = ${id}::uuid AND status IN ('planned', 'running', 'paused') FOR UPDATE SKIP LOCKED`;
  if (!rollout) return;
  const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  const now = clock?.now ?? new Date();
  await judgeTargets(tx, { rolloutId: id }, now);
  // Once more, at most twice: judging says `contested` after that.
  if (rollout.status === "running") await offerTargets(tx, { rolloutId: id, wave: null, now });
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const moves = advanceRollout(await readState(tx, rollout), await readTargetStates(tx, id), now.getTime());
    if (!moves.rollout && moves.waves.length === 0 && moves.offer.length === 0) return;
    for (const { index, to } of moves.waves) await moveWave(tx, id, { ordinal: index + 1, to, now });
    if (moves.rollout) await moveRollout(tx, rollout, moves.rollout, now);
    const wave = moves.waves.find(({ to }) => to === "open")?.index;
    if (moves.offer.length > 0) await offerTargets(tx, { rolloutId: id, wave: wave === undefined ? await currentWave(tx, id) : wave + 1, now });
    await recordChanges(tx, [{ topic: "rollout", serviceId: rollout.service_id, environmentId: rollout.environment_id, key: id }]);
  }
}

async function readState(tx: Tx, rollout: Rollout): Promise<Parameters<typeof advanceRollout>[0]> {
  const waves = await tx.$queryRaw<{ ordinal: number; status: WaveStatus; gate: unknown; opened_at: Date | null }[]>`
    SELECT ordinal, status, gate, opened_at FROM waves WHERE rollout_id = ${rollout.id}::uuid ORDER BY ordinal`;
  return {
    status: rollout.status,
    onFailure: "fail",
    waves: waves.map((wave) => ({ index: wave.ordinal - 1, status: wave.status, statusSince: wave.opened_at?.getTime() ?? 0, ...gate.parse(wave.gate) })),
  };
}

async function readTargetStates(tx: Tx, id: string): Promise<RolloutTargetState[]> {
  const rows = await tx.$queryRaw<{ target_id: bigint; wave: number; status: TargetStatus; updated_at: Date; detail: unknown }[]>`
    SELECT target_id, wave, status, updated_at, detail FROM rollout_targets WHERE rollout_id = ${id}::uuid`;
  return rows.map((row) => ({
    key: row.target_id.toString(),
    wave: row.wave - 1,
    status: row.status,
    statusSince: row.updated_at.getTime(),
    willRevert: targetDetail.parse(row.detail ?? {}).willRevert ?? false,
  }));
}

async function currentWave(tx: Tx, id: string): Promise<number> {
  const [row] = await tx.$queryRaw<{ ordinal: number }[]>`SELECT ordinal FROM waves WHERE rollout_id = ${id}::uuid AND status = 'open' ORDER BY ordinal LIMIT 1`;
  return row?.ordinal ?? 1;
}

async function moveWave(tx: Tx, id: string, { ordinal, to, now }: { ordinal: number; to: WaveStatus; now: Date }): Promise<void> {
  await tx.$executeRaw`
    UPDATE waves SET status = ${to}, opened_at = CASE WHEN ${to} IN ('open', 'soaking') THEN ${now}::timestamptz ELSE opened_at END,
      finished_at = CASE WHEN ${to} IN ('passed', 'failed') THEN ${now}::timestamptz END
    WHERE rollout_id = ${id}::uuid AND ordinal = ${ordinal}`;
  await tx.$executeRaw`
    INSERT INTO rollout_events (rollout_id, at, kind, detail) VALUES (${id}::uuid, ${now}, 'wave', ${JSON.stringify({ wave: ordinal, reason: to })}::jsonb)`;
}

async function moveRollout(tx: Tx, rollout: Rollout, { to, reason }: { to: RolloutStatus; reason: string }, now: Date): Promise<void> {
  const ended = !["planned", "running", "paused"].includes(to);
  rollout.status = to;
  await tx.$executeRaw`
    UPDATE rollouts SET status = ${to}, status_reason = ${reason}, revision = revision + 1, finished_at = CASE WHEN ${ended} THEN ${now}::timestamptz END WHERE id = ${rollout.id}::uuid`;
  await tx.$executeRaw`INSERT INTO rollout_events (rollout_id, at, kind, detail) VALUES (${rollout.id}::uuid, ${now}, ${to}, ${JSON.stringify({ reason })}::jsonb)`;
  if (!ended) return;
  const place = { serviceId: rollout.service_id, environmentId: rollout.environment_id, partition: rollout.partition };
  if (to === "failed") await openSplitFinding(tx, rollout.id, now);
  else await settlePlace(tx, { ...place, now });
  // An open rollout explained what lies behind or ahead; it does no longer.
  await rejudgeCombinations(tx, place, { now });
}

import type { Tx } from "@/server/db";
import { judgeTargets } from "./judge-targets";

/**
 * A report changed these targets: those that take part in an active rollout are judged by it at once. Waves and the
 * rollout itself are moved by `advanceRollouts`, so that reports never wait for each other on one rollout's row.
 */
export async function observeTargets(tx: Tx, targetIds: readonly bigint[], { now }: { now: Date }): Promise<void> {
  if (targetIds.length > 0) await judgeTargets(tx, { targetIds }, now);
}

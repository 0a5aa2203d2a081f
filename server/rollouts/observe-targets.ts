import type { Tx } from "@/server/db";
import { judgeTargets } from "./judge-targets";

/**
 * A report changed these targets: those that a rollout had settled are judged by it at once. Whoever is still in flight is
 * judged by the next turn of `advanceRollouts`, a quarter of a second later and all together, since minimum uptimes make
 * them wait for it anyway: a fleet that reports at once would else be judged one by one, in transactions that ingest.
 */
export async function observeTargets(tx: Tx, targetIds: readonly bigint[], { now }: { now: Date }): Promise<void> {
  if (targetIds.length > 0) await judgeTargets(tx, { targetIds, settled: true }, now);
}

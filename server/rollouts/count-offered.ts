import type { App } from "@/server/context";
import { transact } from "@/server/db";
import { regroupTargets } from "@/server/drift/regroup-targets";
import { lockForTargets } from "./offer-targets";

/** What is left after so long (ms) is a later turn's: other rollouts wait. */
const AT_MOST_MS = 1_000;

/**
 * Brings verdicts, counters and findings of a rollout's targets up to what they were told, where telling them all came
 * first: in each transaction those that were told in one, which have one `offered_at`. Safe to call at any time, and by
 * several at once; what is left after a second is taken up by a worker.
 */
export async function countOffered(app: Pick<App, "db">, id: string): Promise<void> {
  const until = performance.now() + AT_MOST_MS;
  while ((await countPart(app, id)) === "more" && performance.now() < until);
}

function countPart({ db }: Pick<App, "db">, id: string): Promise<"more" | "all"> {
  return transact(db, async (tx) => {
    const [rollout] = await tx.$queryRaw<{ since: Date; now: Date }[]>`
      SELECT uncounted_since AS since, clock_timestamp() AS now FROM rollouts WHERE id = ${id}::uuid AND uncounted_since IS NOT NULL FOR NO KEY UPDATE`;
    if (!rollout) return "all";
    const told = await tx.$queryRaw<{ target_id: bigint; offered_at: Date }[]>`
      SELECT target_id, offered_at FROM rollout_targets
      WHERE rollout_id = ${id}::uuid AND offered_at = (SELECT min(offered_at) FROM rollout_targets WHERE rollout_id = ${id}::uuid AND offered_at >= ${rollout.since}) ORDER BY target_id`;
    const targetIds = told.map(({ target_id }) => target_id);
    await lockForTargets(tx, targetIds);
    await regroupTargets(tx, targetIds, { now: rollout.now });
    const [left] = await tx.$queryRaw<{ since: Date | null }[]>`
      UPDATE rollouts SET uncounted_since = (SELECT min(offered_at) FROM rollout_targets WHERE rollout_id = ${id}::uuid AND offered_at > ${told[0]?.offered_at ?? null}::timestamptz)
      WHERE id = ${id}::uuid RETURNING uncounted_since AS since`;
    return left?.since ? "more" : "all";
  });
}

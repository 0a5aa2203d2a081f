import type { App } from "@/server/context";
import { transact } from "@/server/db";
import { beginTelling } from "@/server/desired/telling";
import { processWide } from "@/server/process-wide";
import { advanceWaves } from "./advance-waves";
import { lockRollout } from "./read-rollout-state";
import { unfinishedOffers } from "./unfinished-offers";

/**
 * Tells the targets that a decision left for later: a part in each transaction, so that the first are told while the last
 * are still written, and nobody waits long for what a part holds. What ends in between is taken up by the worker's next turn.
 */
export async function offerRest(app: App, id: string): Promise<void> {
  try {
    for (let more = true; more; ) more = await offerPart(app, id);
  } finally {
    unfinishedOffers().delete(id);
  }
}

function offerPart(app: App, id: string): Promise<boolean> {
  return transact(app.db, async (tx) => {
    const rollout = await lockRollout(tx, id, { wait: false });
    if (!rollout) return false;
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    return (await advanceWaves(tx, rollout, clock?.now ?? new Date())).more;
  });
}

const offering = processWide("rollouts.offering", () => ({ busy: false }));

/** A hint that something has just been committed by this process: goes on with what it left for later, if anything. */
export function pokeOffers(app: App): void {
  if (offering.busy || unfinishedOffers().size === 0) return;
  offering.busy = true;
  const told = beginTelling();
  void (async () => {
    for (const id of unfinishedOffers()) {
      try {
        await offerRest(app, id);
      } catch (error) {
        app.log.warn({ err: error, rollout: id }, "The rest of a wave was not told; the worker goes on with it");
      }
    }
    offering.busy = false;
    told();
  })();
}

import { setImmediate } from "node:timers/promises";
import { pokeChanges } from "@/server/changes/watch-changes";
import type { App } from "@/server/context";
import { transact } from "@/server/db";
import { afterTelling, beginTelling } from "@/server/desired/telling";
import { processWide } from "@/server/process-wide";
import { shutdownSignal } from "@/server/shutdown";
import { advanceWaves } from "./advance-waves";
import { countOffered } from "./count-offered";
import { lockRollout } from "./read-rollout-state";
import { noteFinished, unfinishedOffers } from "./unfinished-offers";

/** After so long (ms) the worker's turns go on with it, which judge in between and look after other rollouts. */
const GO_ON_MS = 1_000;

/**
 * Tells the targets that a decision left for later: a part in each transaction, so that the first are told while the last
 * are still written, and nobody waits long for what a part holds. What is left after a second, or when the process ends, is
 * taken up by the worker's next turn. Whom it told is counted by `countOffered`, which is the caller's, or the worker's
 * where a process ended before.
 */
export async function offerRest(app: App, id: string): Promise<void> {
  const until = performance.now() + GO_ON_MS;
  let part: Part = "more";
  while (part === "more" && performance.now() < until && !shutdownSignal().aborted) {
    part = await offerPart(app, id);
    pokeChanges();
  }
  // Who has not committed yet, or is at it now, says so again.
  if (part !== "not-here") noteFinished(id);
}

/** `not-here`: it is not active, not committed yet, or somebody else is at it. */
type Part = "more" | "all" | "not-here";

function offerPart(app: App, id: string): Promise<Part> {
  return transact(app.db, async (tx) => {
    const rollout = await lockRollout(tx, id, { wait: false });
    if (!rollout) return "not-here";
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    return (await advanceWaves(tx, rollout, clock?.now ?? new Date(), { countLater: true })).more ? "more" : "all";
  });
}

const offering = processWide("rollouts.offering", () => ({ busy: false, again: false }));

/** A hint that something has just been committed by this process: goes on with what it left for later, if anything. */
export function pokeOffers(app: App): void {
  if (unfinishedOffers().length === 0) return;
  offering.again = true;
  if (offering.busy) return;
  offering.busy = true;
  const told = beginTelling();
  void (async () => {
    const uncounted = new Set<string>();
    while (offering.again) {
      offering.again = false;
      for (const id of unfinishedOffers()) {
        uncounted.add(id);
        await unlessItFails(app, id, "The rest of a wave was not told; the worker goes on with it", offerRest);
      }
      await setImmediate();
    }
    offering.busy = false;
    told();
    // Telling comes first, and what agents answer after it.
    await afterTelling();
    for (const id of uncounted) await unlessItFails(app, id, "Whom a wave told was not counted; the worker goes on with it", countOffered);
  })();
}

async function unlessItFails(app: App, id: string, otherwise: string, work: (app: App, id: string) => Promise<void>): Promise<void> {
  try {
    await work(app, id);
  } catch (error) {
    app.log.warn({ err: error, rollout: id }, otherwise);
  }
}

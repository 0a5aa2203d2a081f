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

/** For so long (ms) a large wave is left to the process that decided it; then the worker's turns go on, which judge in between and look after other rollouts. */
export const TOLD_FIRST_MS = 1_000;

/**
 * Tells the targets that a decision left for later: a part in each transaction, so that the first are told while the last
 * are still written, and nobody waits long for what a part holds. What is left after a second, or when the process ends, is
 * taken up by a worker.
 * @returns `all`: nobody is left, and whom it told is to be counted with `countOffered`
 */
export async function offerRest(app: App, id: string): Promise<Part> {
  const until = performance.now() + TOLD_FIRST_MS;
  let part: Part = "more";
  while (part === "more" && performance.now() < until && !shutdownSignal().aborted) {
    part = await offerPart(app, id);
    pokeChanges();
  }
  // Who has not committed yet, or is at it now, says so again.
  if (part !== "not-here") noteFinished(id);
  return part;
}

/** `not-here`: it is not active, not committed yet, or somebody else is at it. */
type Part = "more" | "all" | "not-here";

function offerPart(app: App, id: string): Promise<Part> {
  return transact(app.db, async (tx) => {
    const rollout = await lockRollout(tx, id, { wait: false });
    if (!rollout) return "not-here";
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    return (await advanceWaves(tx, rollout, clock?.now ?? new Date())).more ? "more" : "all";
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
        const part = await unlessItFails(app, id, "The rest of a wave was not told; a worker goes on with it", offerRest);
        if (part === "all") uncounted.add(id);
      }
      await setImmediate();
    }
    offering.busy = false;
    told();
    // Telling comes first, and what agents answer after it.
    await afterTelling();
    for (const id of uncounted) await unlessItFails(app, id, "Whom a wave told was not counted; a worker goes on with it", countOffered);
  })();
}

async function unlessItFails<T>(app: App, id: string, otherwise: string, work: (app: App, id: string) => Promise<T>): Promise<T | null> {
  try {
    return await work(app, id);
  } catch (error) {
    app.log.warn({ err: error, rollout: id }, otherwise);
    return null;
  }
}

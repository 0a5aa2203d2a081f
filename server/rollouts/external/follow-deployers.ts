import { chooseObserved, GONE_FOR_MS } from "@/lib/domain/rollout/follow-external";
import { systemContext, type App, type Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";
import { oncePerPlace } from "../once-per-place";
import { readDecision, readReleasesHere } from "../read-decision";
import { isKnownPlace, lockPlace, readPlace, type KnownPlace } from "../read-place";
import { openExternal, refuseExternal } from "./open-external";
import { countOn, readAppearances, readLastEnd, readRunningBefore, readWatched, type Appearance, type WatchedPlace } from "./read-appearances";

/** What was written down so long ago is not looked at again, but once in a while everything is. */
const LOOK_BACK_MS = 60_000;
const EVERYTHING_EVERY_MS = 60_000;

/** The job: looks at what changed where others decide, and at everything once a minute. */
export function followDeployers(): (app: App) => Promise<void> {
  let lookedAtAll = 0;
  return async (app) => {
    const [clock] = await app.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const now = clock?.now ?? new Date();
    const all = now.getTime() - lookedAtAll >= EVERYTHING_EVERY_MS;
    await followOnce(app, { now, changedSince: all ? null : new Date(now.getTime() - LOOK_BACK_MS) });
    if (all) lookedAtAll = now.getTime();
  };
}

/**
 * Opens a rollout of others at each place where an approved release appeared, and one back where the release of such a rollout
 * is not there any more. However many reports showed it: it is one rollout.
 */
export async function followOnce(app: App, { now, changedSince = null }: { now: Date; changedSince?: Date | null }): Promise<void> {
  const places = await readWatched(app.db, { changedSince });
  const seen = await readAppearances(app.db, places, now);
  for (const [at, place] of places.entries()) {
    try {
      await followPlace(app, place, seen.get(at) ?? [], now);
    } catch (error) {
      // One place's trouble is not the others'; the next turn tries again.
      app.log.error({ err: error, service: place.service, environment: place.environment }, "What a deployer brought could not be followed");
    }
  }
}

async function followPlace(app: App, watched: WatchedPlace, seen: readonly Appearance[], now: Date): Promise<void> {
  if (seen.some(({ moved, fresh }) => moved + fresh > 0) && (await open(app, watched, now))) return;
  if (await mayHaveGone(app, watched)) {
    if (await goBack(app, watched, now)) return;
  }
  const unexplained = seen.flatMap((release) => release.unexplained);
  if (unexplained.length > 0) await transact(app.db, (tx) => refreshTargetFindings(tx, unexplained, { now }));
}

/** Decided again on locked rows: what was read before may be over. @returns whether a rollout was opened */
function open(app: App, watched: WatchedPlace, now: Date): Promise<boolean> {
  return decide(app, watched, async (tx, ctx, place, current) => {
    const decision = await readDecision(tx, place);
    const seen = (await readAppearances(tx, [current], now)).get(0) ?? [];
    const chosen = chooseObserved({
      assigned: decision.assigned,
      onAssigned: current.assigned_id ? await countOn(tx, current, current.assigned_id) : 0,
      following: current.origin === "external" && decision.activeRollout !== null,
      closed: decision.hold !== null || decision.freeze !== null || decision.pin !== null,
      seen,
    });
    const [release] = chosen ? await readReleasesHere(tx, place, { ids: [chosen.releaseId] }) : [];
    if (!chosen || !release || (await refuseExternal(tx, { place, decision, release, kind: chosen.kind })).length > 0) return false;
    await openExternal(tx, ctx, { place, decision, release, kind: chosen.kind, by: null, announced: null });
    return true;
  });
}

/** Whether the release that others brought, and that is still followed or failed, runs nowhere, and one of before does. */
async function mayHaveGone(app: App, watched: WatchedPlace): Promise<boolean> {
  if (watched.origin !== "external" || watched.assigned_id === null) return false;
  if (watched.status !== "running" && watched.status !== "failed") return false;
  return (await countOn(app.db, watched, watched.assigned_id)) === 0 && (await readRunningBefore(app.db, watched)) !== null;
}

/** What was assigned before, however many rollouts ago, is assigned again where it still runs: whoever brought the others took them away. */
function goBack(app: App, watched: WatchedPlace, now: Date): Promise<boolean> {
  return decide(app, watched, async (tx, ctx, place, current) => {
    if (current.assigned_id === null || current.rollout_at === null || current.rollout_id !== watched.rollout_id) return false;
    const before = await readRunningBefore(tx, current);
    if (before === null || (await countOn(tx, current, current.assigned_id)) > 0) return false;
    const lastEnd = await readLastEnd(tx, current, current.assigned_id, current.rollout_at);
    // One that was announced and never came is waited for, until it has failed.
    if (lastEnd === null ? current.status === "running" : now.getTime() - lastEnd.getTime() < GONE_FOR_MS) return false;
    const decision = await readDecision(tx, place);
    const [release] = await readReleasesHere(tx, place, { ids: [before] });
    if (!release || (await refuseExternal(tx, { place, decision, release, kind: "rollback" })).length > 0) return false;
    const left = decision.assigned?.version ?? "The other release";
    const reason = lastEnd === null ? `${left} never came.` : `${left} is not there any more.`;
    await openExternal(tx, ctx, { place, decision, release, kind: "rollback", by: null, announced: null, reason });
    return true;
  });
}

/** Runs a decision on a locked place, with what is known of it there. */
function decide(app: App, watched: WatchedPlace, act: (tx: Tx, ctx: Ctx, place: KnownPlace, current: WatchedPlace) => Promise<boolean>): Promise<boolean> {
  const names = { service: watched.service, environment: watched.environment, partition: watched.partition };
  return oncePerPlace(names, () =>
    transact(app.db, async (tx) => {
      const place = await readPlace(tx, names, null);
      if (!isKnownPlace(place)) return false;
      await lockPlace(tx, place);
      const [current] = await readWatched(tx, { place: { serviceId: watched.service_id, environmentId: watched.environment_id, partition: watched.partition } });
      return current ? act(tx, systemContext(app, "follow-deployers"), place, current) : false;
    }),
  );
}

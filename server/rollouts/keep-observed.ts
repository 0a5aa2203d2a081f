import type { App } from "@/server/context";
import type { Db } from "@/server/db";
import { processWide } from "@/server/process-wide";
import { readObserved, type Observed } from "./read-history";
import type { PlaceIds } from "./read-place";

type Kept = { readAt: number; renewAt: number; observed: Promise<readonly Observed[]> };

/** What is older (ms) is read anew, for those who ask later. */
const FRESH_MS = 60_000;
/** What is older (ms) is of no use: who asks waits for what is read anew. */
const USABLE_MS = 5 * 60_000;
const MAX_KEPT = 2_000;
const places = processWide("rollouts.observed", () => new WeakMap<Db, Map<string, Kept>>());

/**
 * What was observed at a place within the last five minutes: for whom a look through 90 days would keep waiting, and whose
 * answer a few minutes do not change. No decision of a rollout is in it, so it may be read before one is committed.
 */
export function keptObserved(app: Pick<App, "db">, place: PlaceIds): Promise<readonly Observed[]> {
  const known = placesOf(app).get(keyOf(place));
  const now = Date.now();
  if (!known || now - known.readAt >= USABLE_MS) return keepObserved(app, place, readObserved(app.db, place));
  if (now >= known.renewAt) {
    known.renewAt = now + FRESH_MS;
    // What cannot be read now is tried again in a minute; until then what is known serves.
    readObserved(app.db, place).then((observed) => keepObserved(app, place, Promise.resolve(observed)), () => undefined);
  }
  return known.observed;
}

/** Keeps what somebody has read, or reads. */
export function keepObserved(app: Pick<App, "db">, place: PlaceIds, observed: Promise<readonly Observed[]>): Promise<readonly Observed[]> {
  const all = placesOf(app);
  const key = keyOf(place);
  if (all.size >= MAX_KEPT) all.clear();
  const now = Date.now();
  const kept = { readAt: now, renewAt: now + FRESH_MS, observed };
  all.set(key, kept);
  observed.catch(() => all.get(key) === kept && all.delete(key));
  return observed;
}

function placesOf({ db }: Pick<App, "db">): Map<string, Kept> {
  const known = places.get(db) ?? new Map<string, Kept>();
  places.set(db, known);
  return known;
}

function keyOf({ service, environment, names }: PlaceIds): string {
  return `${service.id} ${environment.id} ${names.partition}`;
}

import { chooseLastKnownGood } from "@/lib/domain/rollout/last-known-good";
import type { App } from "@/server/context";
import type { Db } from "@/server/db";
import { readStrategy } from "@/server/policies/read-strategy";
import { processWide } from "@/server/process-wide";
import { keptObserved } from "@/server/rollouts/keep-observed";
import { readDecided } from "@/server/rollouts/read-history";
import type { ProjectedTarget } from "./read-projection";

export type Fallback = { entry: number; releaseId: string };
type Kept = { until: number; fallback: Promise<Fallback | null> };

const KEEP_MS = 60_000;
const MAX_KEPT = 2_000;
const kept = processWide("desired.fallbacks", () => new WeakMap<Db, Map<string, Kept>>());

/**
 * The release that a target's host can go back to without a server: the last known good that proved itself, and the
 * entry that assigned it here. Null without good evidence. Shared by everyone at the same place for a minute.
 */
export function readFallback(app: App, target: ProjectedTarget): Promise<Fallback | null> {
  const places = kept.get(app.db) ?? new Map<string, Kept>();
  kept.set(app.db, places);
  const key = `${target.serviceId} ${target.environmentId} ${target.partition} ${target.releaseId}`;
  const known = places.get(key);
  if (known && known.until > Date.now()) return known.fallback;
  if (places.size >= MAX_KEPT) places.clear();
  const fallback = findFallback(app, target).catch((error: unknown) => {
    places.delete(key);
    throw error;
  });
  places.set(key, { until: Date.now() + KEEP_MS, fallback });
  return fallback;
}

async function findFallback(app: App, target: ProjectedTarget): Promise<Fallback | null> {
  const place = { service: { id: target.serviceId, name: target.service }, environment: { id: target.environmentId }, names: { partition: target.partition } };
  const records = await readDecided(app.db, place, await keptObserved(app, place));
  const { strategy } = await readStrategy(app.db, target.environmentId);
  const good = chooseLastKnownGood({ records, current: target.releaseId === null ? null : { releaseId: target.releaseId, registeredSeq: records.find(({ releaseId }) => releaseId === target.releaseId)?.registeredSeq ?? Infinity }, policy: strategy.lastKnownGood });
  if (!good.release || good.weak) return null;
  const [row] = await app.db.$queryRaw<{ entry_seq: bigint }[]>`
    SELECT entry_seq FROM rollouts
    WHERE service_id = ${target.serviceId}::uuid AND environment_id = ${target.environmentId}::uuid AND partition = ${target.partition} AND to_release_id = ${good.release.id}::uuid
      -- What others brought is proven by no entry that orders it.
      AND origin = 'plumbline'
    ORDER BY entry_seq DESC LIMIT 1`;
  return row ? { entry: Number(row.entry_seq), releaseId: good.release.id } : null;
}

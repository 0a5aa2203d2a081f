import { sqlStateOf } from "@/server/db";
import { AppError } from "@/server/errors";
import { processWide } from "@/server/process-wide";
import type { PlaceNames } from "./read-place";

/** The last of those that wait, by place. */
const queues = processWide("rollouts.places", () => new Map<string, Promise<unknown>>());

/**
 * Runs decisions about one place one after the other within this process: who waits for the place's lock holds no database
 * connection meanwhile, so that a crowd at one service keeps nobody else waiting. Between processes the lock decides, and the
 * index that allows one active rollout per place has the last word: who loses that race is told so.
 */
export async function oncePerPlace<T>({ service, environment, partition }: PlaceNames, work: () => Promise<T>): Promise<T> {
  const key = JSON.stringify([service, environment, partition]);
  const before = queues.get(key);
  const mine = (async () => {
    // How the one before ended is its caller's affair.
    await before?.catch(() => undefined);
    return work();
  })();
  queues.set(key, mine);
  try {
    return await mine;
  } catch (error) {
    if (sqlStateOf(error) !== "23505") throw error;
    throw new AppError("conflict", "Another rollout was started here at the same moment. Look again.", { type: "rollout-active" });
  } finally {
    if (queues.get(key) === mine) queues.delete(key);
  }
}

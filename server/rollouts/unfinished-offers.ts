import { processWide } from "@/server/process-wide";

/** What is older (ms) was never committed, or is the worker's by now. */
const FORGET_MS = 60_000;
const unfinished = processWide("rollouts.unfinished-offers", () => new Map<string, number>());

/** This process told a part of a rollout's targets, and may go on at once when that is committed. */
export function noteUnfinished(id: string): void {
  const now = performance.now();
  for (const [known, at] of unfinished) if (now - at > FORGET_MS) unfinished.delete(known);
  unfinished.set(id, now);
}

/** Nothing is left to tell, or somebody else goes on. */
export function noteFinished(id: string): void {
  unfinished.delete(id);
}

export function unfinishedOffers(): string[] {
  return [...unfinished.keys()];
}

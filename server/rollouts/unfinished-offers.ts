import { processWide } from "@/server/process-wide";

/** Rollouts of which this process told a part, and may go on at once. */
export function unfinishedOffers(): Set<string> {
  return processWide("rollouts.unfinished-offers", () => new Set<string>());
}

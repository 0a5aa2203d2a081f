import type { z } from "zod";
import type { promoteRequest } from "@/lib/contract/rollouts";
import { FAST_TRACK, type Strategy } from "@/lib/domain/rollout/strategy";
import type { Decision } from "./read-decision";

/** How a promotion is carried out: as the environment says, everyone at once, or as it was said this one time. */
export function promotionStrategy(decision: Pick<Decision, "strategy">, asked: z.output<typeof promoteRequest>["strategy"]): Strategy {
  const { promote } = decision.strategy.strategy;
  if (asked === "environment") return promote;
  if (asked === "all-at-once") return { ...FAST_TRACK, onFailure: promote.onFailure, maxInFlight: promote.maxInFlight, minUptimeMs: promote.minUptimeMs, stuckAfterMs: promote.stuckAfterMs };
  return asked;
}

import type { z } from "zod";
import type { RolloutDto, stopRequest } from "@/lib/contract/rollouts";
import { checkStop } from "@/lib/domain/rollout/check-rollback";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { loadRollout } from "./load-rollouts";
import { oncePerPlace } from "./once-per-place";
import { openRollout } from "./open-rollout";
import { decisionState, readDecision } from "./read-decision";
import { isKnownPlace, lockPlace, readPlace } from "./read-place";
import { refusal } from "./refuse-reasons";

/**
 * Ends everything of a service at a place, and assigns nothing there: what starts again is a finding, until a release is
 * promoted. A rollout that is under way is superseded. @throws AppError with every reason
 */
export async function startStop({ ctx, input }: { ctx: Ctx; input: z.output<typeof stopRequest> }): Promise<RolloutDto> {
  authorise(ctx, "rollouts.stop", { service: input.service, environment: input.environment });
  return oncePerPlace(input, () =>
    transact(ctx.db, async (tx) => {
      const place = await readPlace(tx, input, { ctx, verb: "rollouts.stop" });
      if (isKnownPlace(place)) await lockPlace(tx, place);
      const decision = await readDecision(tx, place);
      const check = checkStop({ ...decisionState(ctx, "rollouts.stop", decision, null, input.revision ?? null), typed: input.confirm });
      if (!check.ok || !isKnownPlace(place)) throw refusal(check.ok ? [{ reason: "service-unknown" }] : check.reasons);
      const { id } = await openRollout(tx, ctx, {
        kind: "stop",
        place,
        decision,
        release: null,
        members: decision.targets,
        strategy: decision.strategy.strategy.rollback,
        reason: input.reason,
        incident: input.incident,
        hold: false,
      });
      return loadRollout(tx, id);
    }),
  );
}

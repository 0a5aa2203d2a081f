import type { z } from "zod";
import type { replaceRequest, RolloutDto } from "@/lib/contract/rollouts";
import { checkReplace } from "@/lib/domain/rollout/check-rollback";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { loadRollout } from "./load-rollouts";
import { oncePerPlace } from "./once-per-place";
import { openRollout } from "./open-rollout";
import { chooseMembers, decisionState, readDecision, readReleasesHere } from "./read-decision";
import { isKnownPlace, lockPlace, readPlace } from "./read-place";
import { refusal } from "./refuse-reasons";

/**
 * Makes new copies from the digest that is assigned, the only repair there is: those that were named at once, all of them in
 * the environment's waves. It is done when none of the copies that run now is left.
 * @throws AppError with every reason; unprocessable when a named target is not one of this place
 */
export async function startReplace({ ctx, input }: { ctx: Ctx; input: z.output<typeof replaceRequest> }): Promise<RolloutDto> {
  authorise(ctx, "rollouts.replace", { service: input.service, environment: input.environment });
  return oncePerPlace(input, () =>
    transact(ctx.db, async (tx) => {
      const place = await readPlace(tx, input, { ctx, verb: "rollouts.replace" });
      if (isKnownPlace(place)) await lockPlace(tx, place);
      const decision = await readDecision(tx, place);
      const [release] = isKnownPlace(place) && decision.assigned ? await readReleasesHere(tx, place, { ids: [decision.assigned.releaseId] }) : [];
      const check = checkReplace({ ...decisionState(ctx, "rollouts.replace", decision, release ?? null, input.revision ?? null), release: release ?? null });
      if (!check.ok || !isKnownPlace(place) || !release) throw refusal(check.ok ? [{ reason: "release-unknown" }] : check.reasons);
      const members = chooseMembers(decision, "replace", release.id, input.targets);
      const { promote, rollback } = decision.strategy.strategy;
      const strategy = input.targets ? rollback : { ...promote, onFailure: "pause" as const };
      const { id } = await openRollout(tx, ctx, { kind: "replace", place, decision, release, members, strategy, reason: input.reason, incident: input.incident, hold: false });
      return loadRollout(tx, id);
    }),
  );
}

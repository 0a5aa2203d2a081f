import type { z } from "zod";
import type { reconvergeRequest, RolloutDto } from "@/lib/contract/rollouts";
import { checkReconverge } from "@/lib/domain/rollout/check-rollback";
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
 * Carries the assigned release out again where something else runs: on every target that deviates, or on those named.
 * @throws AppError with every reason; unprocessable when a named target is not one of this place
 */
export async function startReconverge({ ctx, input }: { ctx: Ctx; input: z.output<typeof reconvergeRequest> }): Promise<RolloutDto> {
  authorise(ctx, "rollouts.reconverge", { service: input.service, environment: input.environment });
  return oncePerPlace(input, () =>
    transact(ctx.db, async (tx) => {
      const place = await readPlace(tx, input, { ctx, verb: "rollouts.reconverge" });
      if (isKnownPlace(place)) await lockPlace(tx, place);
      const decision = await readDecision(tx, place);
      const [release] = isKnownPlace(place) && decision.assigned ? await readReleasesHere(tx, place, { ids: [decision.assigned.releaseId] }) : [];
      const members = release ? chooseMembers(decision, "reconverge", release.id, input.targets) : [];
      const check = checkReconverge({ ...decisionState(ctx, "rollouts.reconverge", decision, release ?? null, null), release: release ?? null });
      if (!check.ok || !isKnownPlace(place) || !release) throw refusal(check.ok ? [{ reason: "release-unknown" }] : check.reasons);
      const { id } = await openRollout(tx, ctx, { kind: "reconverge", place, decision, release, members, strategy: decision.strategy.strategy.rollback, reason: input.reason, incident: input.incident, hold: false });
      return loadRollout(tx, id);
    }),
  );
}

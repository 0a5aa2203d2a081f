import type { z } from "zod";
import type { promoteRequest, RolloutDto } from "@/lib/contract/rollouts";
import { checkPromotion } from "@/lib/domain/rollout/check-rollback";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { loadRollout } from "./load-rollouts";
import { oncePerPlace } from "./once-per-place";
import { openRollout } from "./open-rollout";
import { decisionState, readDecision, readReleasesHere } from "./read-decision";
import { isKnownPlace, lockPlace, readPlace } from "./read-place";
import { refusal } from "./refuse-reasons";

/**
 * Assigns an approved release and carries it out. Where nothing runs yet the assignment is all: the rollout has
 * succeeded, and the first target that is reported gets the release.
 * @throws AppError with every reason; a hold, a freeze or a rollout under way refuses
 */
export async function promoteRelease({ ctx, input }: { ctx: Ctx; input: z.output<typeof promoteRequest> }): Promise<RolloutDto> {
  authorise(ctx, "rollouts.promote", { service: input.service, environment: input.environment });
  return oncePerPlace(() =>
    transact(ctx.db, async (tx) => {
      const place = await readPlace(tx, input);
      if (isKnownPlace(place)) await lockPlace(tx, place);
      const decision = await readDecision(tx, place);
      const [release] = isKnownPlace(place) ? await readReleasesHere(tx, place, { version: input.version }) : [];
      const check = checkPromotion({
        ...decisionState(ctx, "rollouts.promote", decision, release ?? null, null),
        release: release ?? null,
        hold: decision.hold && { id: decision.hold.id, detail: `entry ${decision.hold.entry}` },
        freeze: decision.freeze && { name: decision.freeze.name, until: decision.freeze.until?.toISOString() ?? null, overridden: false },
      });
      if (!check.ok || !isKnownPlace(place) || !release) throw refusal(check.ok ? [{ reason: "release-unknown" }] : check.reasons);
      const { id } = await openRollout(tx, ctx, { kind: "promote", place, decision, release, members: decision.targets, reason: input.reason, hold: false });
      return loadRollout(tx, id);
    }),
  );
}

import type { z } from "zod";
import type { promoteRequest, RolloutDto } from "@/lib/contract/rollouts";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { explainMissing, may } from "@/lib/domain/access/permissions";
import { checkPromotion } from "@/lib/domain/rollout/check-rollback";
import { authorise, authoriseOwnName } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { startInPartitions } from "./groups/start-group";
import { loadRollout } from "./load-rollouts";
import { oncePerPlace } from "./once-per-place";
import { openRollout } from "./open-rollout";
import { decisionState, membersOf, readDecision, readReleasesHere } from "./read-decision";
import { promotionStrategy } from "./promotion-strategy";
import { isKnownPlace, lockPlace, readPlace } from "./read-place";
import { refusal } from "./refuse-reasons";

/**
 * Assigns an approved release and carries it out in waves. Where nothing runs yet the assignment is all: the rollout has
 * succeeded, and the first target that is reported is expected to run the release. Without a partition it is every one that is not
 * pinned: the first rollout is returned, and its group is the receipt of all of them.
 * @throws AppError with every reason; a hold, a freeze that is not overridden or a rollout under way refuses
 */
export async function promoteRelease({ ctx, input }: { ctx: Ctx; input: z.output<typeof promoteRequest> }): Promise<RolloutDto> {
  authorise(ctx, "rollouts.promote", { service: input.service, environment: input.environment });
  if (input.overrideFreeze) checkOverride(ctx, input);
  // Whoever looked at a place before, names what was seen or overrides a freeze, means one place.
  const isNamed = input.partition !== undefined || input.revision !== undefined || input.overrideFreeze;
  const first = isNamed ? null : await startInPartitions(ctx, { ...input, kind: "promote", hold: false });
  if (first) return first;
  const names = { service: input.service, environment: input.environment, partition: input.partition ?? DEFAULT_PARTITION };
  return oncePerPlace(names, () =>
    transact(ctx.db, async (tx) => {
      const place = await readPlace(tx, names, { ctx, verb: "rollouts.promote" });
      if (input.overrideFreeze) authoriseOwnName({ ctx, verb: "freezes.override" }, { service: names.service, environment: names.environment }, place.service?.name);
      if (isKnownPlace(place)) await lockPlace(tx, place);
      const decision = await readDecision(tx, place);
      const [release] = isKnownPlace(place) ? await readReleasesHere(tx, place, { version: input.version }) : [];
      const check = checkPromotion({
        ...decisionState(ctx, "rollouts.promote", decision, release ?? null, input.revision ?? null),
        release: release ?? null,
        hold: decision.hold && { id: decision.hold.id, detail: `entry ${decision.hold.entry}` },
        freeze: decision.freeze && { name: decision.freeze.name, until: decision.freeze.until?.toISOString() ?? null, overridden: input.overrideFreeze },
      });
      if (!check.ok || !isKnownPlace(place) || !release) throw refusal(check.ok ? [{ reason: "release-unknown" }] : check.reasons);
      const { id } = await openRollout(tx, ctx, {
        kind: "promote",
        place,
        decision,
        release,
        members: membersOf(decision, "promote", release.id),
        strategy: promotionStrategy(decision, input.strategy),
        reason: input.reason,
        incident: input.incident,
        hold: false,
        overrideFreeze: input.overrideFreeze && decision.freeze !== null,
      });
      return loadRollout(tx, id);
    }),
  );
}

function checkOverride(ctx: Ctx, input: z.output<typeof promoteRequest>): void {
  if (!input.reason) throw new AppError("unprocessable", "Say why the freeze is overridden.", { fields: [{ path: "reason", message: "is needed to override a freeze" }] });
  const permission = may(ctx.actor, "freezes.override", { service: input.service, environment: input.environment }, Date.now());
  if (!permission.ok) throw new AppError("forbidden", explainMissing(permission), { type: "not-permitted", reasons: [{ reason: "not-permitted", sentence: explainMissing(permission) }] });
}

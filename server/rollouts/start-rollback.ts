import type { z } from "zod";
import type { rollbackRequest, RolloutDto } from "@/lib/contract/rollouts";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { checkRollback } from "@/lib/domain/rollout/check-rollback";
import { chooseLastKnownGood } from "@/lib/domain/rollout/last-known-good";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { startInPartitions } from "./groups/start-group";
import { loadRollout } from "./load-rollouts";
import { openRollout } from "./open-rollout";
import { membersOf, decisionState, readDecision, readOfferedSince, readReleasesHere, type Decision, type ReleaseRow } from "./read-decision";
import { readHistory } from "./read-history";
import { isKnownPlace, lockPlace, readPlace, type Place } from "./read-place";
import { NO_CANDIDATE, refusal } from "./refuse-reasons";
import { oncePerPlace } from "./once-per-place";

/**
 * Starts a rollback (or, when the chosen release is the assigned one, a reconvergence): a new rollout, forward in time.
 * The same check as the preview's, on locked rows. Without a version it goes to the last known good. A rollout that is
 * under way is superseded; a hold is placed. Without a partition it is every one that is not pinned: the first rollout is
 * returned, and its group is the receipt of all of them.
 * @throws AppError with every reason: not-found, forbidden, conflict (with `changed` for a stale view), unprocessable
 */
export async function startRollback({ ctx, input }: { ctx: Ctx; input: z.output<typeof rollbackRequest> }): Promise<RolloutDto> {
  authorise(ctx, "rollouts.rollback", { service: input.service, environment: input.environment });
  refuseSecrets({ reason: input.reason });
  // Whoever looked at a place before, and names what was seen, means that place.
  const isNamed = input.partition !== undefined || input.revision !== undefined;
  const first = isNamed ? null : await startInPartitions(ctx, { ...input, kind: "rollback" });
  if (first) return first;
  const names = { service: input.service, environment: input.environment, partition: input.partition ?? DEFAULT_PARTITION };
  return oncePerPlace(names, () =>
    transact(ctx.db, async (tx) => {
      const place = await readPlace(tx, names, { ctx, verb: "rollouts.rollback" });
      if (isKnownPlace(place)) await lockPlace(tx, place);
      const decision = await readDecision(tx, place);
      const release = await chooseRelease(tx, place, decision, input.version);
      const state = decisionState(ctx, "rollouts.rollback", decision, release, input.revision ?? null);
      const check = checkRollback({
        ...state,
        pin: state.pin && { ...state.pin, named: isNamed },
        release,
        offeredSince: isKnownPlace(place) && release ? await readOfferedSince(tx, place, release.id) : [],
        forwardFixAccepted: input.acceptForwardFix !== undefined && input.acceptForwardFix.trim() === place.service?.name,
      });
      if (!check.ok || !isKnownPlace(place) || !release) {
        const refused = refusal(check.ok ? [{ reason: "release-unknown" }] : check.reasons);
        const nothingNamed = input.version === undefined && refused.extras.type === "release-unknown";
        throw nothingNamed ? new AppError("unprocessable", NO_CANDIDATE, { type: "release-unknown", reasons: [{ reason: "release-unknown", sentence: NO_CANDIDATE }] }) : refused;
      }
      const { promote, rollback } = decision.strategy.strategy;
      const { id } = await openRollout(tx, ctx, {
        kind: check.kind,
        place,
        decision,
        release,
        members: membersOf(decision, check.kind, release.id),
        // The fast track; or the waves of a promotion, which never turn back by themselves.
        strategy: input.strategy === "waves" ? { ...promote, onFailure: "pause" } : rollback,
        reason: input.reason,
        incident: input.incident,
        hold: input.hold,
      });
      return loadRollout(tx, id);
    }),
  );
}

/** The named version, or the last known good; null when there is none. */
export async function chooseRelease(tx: Tx, place: Place, decision: Decision, version: string | undefined): Promise<ReleaseRow | null> {
  if (!isKnownPlace(place)) return null;
  if (version !== undefined) return (await readReleasesHere(tx, place, { version }))[0] ?? null;
  const good = chooseLastKnownGood({ records: await readHistory(tx, place), current: decision.assigned, policy: decision.strategy.strategy.lastKnownGood });
  return good.release ? ((await readReleasesHere(tx, place, { ids: [good.release.id] }))[0] ?? null) : null;
}

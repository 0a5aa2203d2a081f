import { refusePinned, refuseRelease } from "@/lib/domain/rollout/check-rollback";
import { DEFAULT_FOLLOW_POLICY } from "@/lib/domain/rollout/follow-external";
import { labelOfTool } from "@/lib/domain/rollout/native-ways";
import type { RefusalReason } from "@/lib/domain/rollout/reasons";
import { OPEN_GATE, type Strategy } from "@/lib/domain/rollout/strategy";
import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { openRollout } from "../open-rollout";
import { membersOf, type Decision, type ReleaseRow } from "../read-decision";
import type { KnownPlace } from "../read-place";

export type ExternalRollout = {
  place: KnownPlace;
  decision: Decision;
  release: ReleaseRow;
  kind: "promote" | "rollback";
  /** The deployer in words; null: as the runtimes say. */
  by: string | null;
  announced: JsonObject | null;
  reason?: string | undefined;
};

/**
 * Why a deployer may not bring a release to a locked place: what a gate says to whoever asks it first, and a rollout that
 * Plumbline itself carries out. An older release is always let through, unless it may not run at all.
 */
export async function refuseExternal(tx: Tx, { place, decision, release, kind }: Pick<ExternalRollout, "place" | "decision" | "release" | "kind">): Promise<RefusalReason[]> {
  const reasons = refuseRelease(place, release);
  if (kind === "promote") {
    reasons.push(...refusePinned(place.names.partition, decision.pin && { detail: decision.pin.reason, until: decision.pin.until?.toISOString() ?? null }));
    if (decision.hold) reasons.push({ reason: "held", hold: decision.hold.id, detail: `entry ${decision.hold.entry}` });
    if (decision.freeze) reasons.push({ reason: "frozen", freeze: decision.freeze.name, until: decision.freeze.until?.toISOString() ?? null });
  }
  const { activeRollout } = decision;
  if (activeRollout) {
    const [own] = await tx.$queryRaw<{ own: boolean }[]>`SELECT origin = 'plumbline' AS own FROM rollouts WHERE id = ${activeRollout.id}::uuid`;
    if (own?.own) reasons.push({ reason: "rollout-active", rollout: activeRollout.id, kind: activeRollout.kind });
  }
  return reasons;
}

/**
 * Opens a rollout that others carry out, on a locked place: one wave of the targets that are not there yet. The assignment
 * moves by an entry of type `observed`, a rollout of others that is still followed is superseded, and nobody is told to act.
 */
export async function openExternal(tx: Tx, ctx: Ctx, { place, decision, release, kind, by, announced, reason }: ExternalRollout): Promise<{ id: string; at: Date }> {
  const members = membersOf(decision, kind, release.id);
  const strategy = externalStrategy(decision.strategy.strategy.promote);
  return openRollout(tx, ctx, {
    kind,
    place,
    decision,
    release,
    members,
    strategy,
    reason,
    hold: false,
    overrideFreeze: decision.freeze !== null,
    external: { by: by ?? nameManager(decision), announced, follow: DEFAULT_FOLLOW_POLICY },
  });
}

/** How much may fail is the environment's to say; in which order it happens is the deployer's. */
function externalStrategy({ gate, minUptimeMs, stuckAfterMs }: Strategy): Strategy {
  const { passShare, failureThreshold, maxFailures, health } = gate;
  return { cut: { kind: "all-at-once" }, gate: { ...OPEN_GATE, passShare, failureThreshold, maxFailures, health }, waves: [], onFailure: "fail", maxInFlight: null, minUptimeMs, stuckAfterMs };
}

/** Who keeps most of the targets, as their runtimes say; null when they say nothing. */
function nameManager({ targets }: Decision): string | null {
  const counts = new Map<string, number>();
  for (const { managedBy } of targets) if (managedBy) counts.set(managedBy.tool, (counts.get(managedBy.tool) ?? 0) + 1);
  const [most] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return most ? labelOfTool(most[0]) : null;
}

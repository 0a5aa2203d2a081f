import { randomUUID } from "node:crypto";
import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import type { FollowPolicy } from "@/lib/domain/rollout/follow-external";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import type { Strategy } from "@/lib/domain/rollout/strategy";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { sqlArray, type Tx } from "@/server/db";
import { raiseDesired } from "@/server/desired/raise-desired";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { advanceWaves, toldTogether } from "./advance-waves";
import { describeRelease } from "./describe-release";
import { keptObserved } from "./keep-observed";
import { lockForTargets } from "./offer-targets";
import { planMembers } from "./plan-members";
import type { Decision, ReleaseRow, TargetRow } from "./read-decision";
import { lockRollout } from "./read-rollout-state";
import { settlePlace } from "./settle-place";
import { tellRollout } from "./tell-rollout";
import type { KnownPlace } from "./read-place";

export type NewRollout = {
  kind: RolloutKind;
  place: KnownPlace;
  decision: Decision;
  /** Null for `stop` alone: nothing shall run. */
  release: ReleaseRow | null;
  /** Who takes part: frozen now. */
  members: readonly TargetRow[];
  strategy: Strategy;
  reason?: string | undefined;
  incident?: string | undefined;
  hold: boolean;
  /** The decision about several services that it belongs to. */
  groupId?: string;
  /** The failed rollout that it undoes by itself. */
  revertsId?: string;
  overrideFreeze?: boolean;
  /** Others carry it out: it is followed by observation, and nobody is told to act. */
  external?: ExternalOrigin;
};

export type ExternalOrigin = {
  /** The deployer in words, as far as anybody knows: "Argo CD". */
  by: string | null;
  /** What the deployer said; null where only observation tells of it. */
  announced: JsonObject | null;
  follow: FollowPolicy;
};

const ENTRY_TYPE = { promote: "assignment-changed", rollback: "assignment-changed", stop: "assignment-changed", reconverge: "reconverge-started", replace: "replace-started" } as const;

/**
 * Starts a rollout on a locked place, in the caller's transaction: the entry, the assignment, the frozen waves, the hold,
 * the end of a rollout that it supersedes, and the first wave with the desired rows of its members. Without members it has
 * succeeded at once: the first target that is reported is expected to run the release.
 */
export async function openRollout(tx: Tx, ctx: Ctx, rollout: NewRollout): Promise<{ id: string; seq: bigint; at: Date }> {
  const { kind, place, decision, release, members, external } = rollout;
  const executor = external ? null : decision.executor;
  // The incident's name is part of the entry, which nobody can redact.
  refuseSecrets({ incident: rollout.incident });
  const moves = ENTRY_TYPE[kind] === "assignment-changed";
  // Hosts are told what they can go back to: it is looked up meanwhile, and whoever needs it sees when it fails.
  if (moves && !external) keptObserved(ctx, place).catch(() => undefined);
  const id = randomUUID();
  const superseded = decision.activeRollout;
  const holdId = rollout.hold && !decision.hold ? randomUUID() : null;
  const { waves, notes } = planMembers(members, place.names.partition, rollout.strategy);
  const first = waves[0]?.targets.map(BigInt).sort((a, b) => (a < b ? -1 : 1)) ?? [];
  await lockForTargets(tx, first.slice(0, toldTogether(Boolean(executor ?? external)) ?? first.length));
  const { seq, at } = await appendEntry(tx, ctx, {
    type: external ? "observed" : ENTRY_TYPE[kind],
    serviceId: place.service.id,
    environmentId: place.environment.id,
    scope: { service: place.service.name, environment: place.environment.name },
    payload: {
      kind,
      rollout: id,
      service: place.service.name,
      environment: place.environment.name,
      partition: place.names.partition,
      from: decision.assigned && { release: decision.assigned.releaseId, version: decision.assigned.version },
      to: release && (await describeRelease(tx, place.service, release)),
      hold: holdId,
      incident: rollout.incident ?? null,
      supersedes: superseded?.id ?? null,
      waves: waves.map(({ name, targets }) => ({ name, targets: targets.length })),
      strategy: decision.strategy.version,
      executor: executor?.name ?? null,
      ...(rollout.groupId && { group: rollout.groupId }),
      ...(rollout.revertsId && { reverts: rollout.revertsId }),
      ...(rollout.overrideFreeze && { freezeOverridden: decision.freeze?.id ?? null }),
      ...(external && { carriedOutBy: external.by, announced: external.announced }),
    },
    texts: { reason: rollout.reason },
  });
  if (superseded) await endSuperseded(tx, superseded.id, at);
  await endWatch(tx, place, at);

  const succeeded = waves.length === 0;
  const words = decision.targets.length === 0 ? "Assigned; no target was reported here yet." : "Every target is there already.";
  await tx.$executeRaw`
    INSERT INTO rollouts (id, service_id, environment_id, partition, kind, origin, carried_out_by, status, status_reason, from_release_id, from_entry_seq, to_release_id, entry_seq, actor_id, incident, supersedes_id,
      group_id, reverts_id, executor_id, strategy, strategy_version, created_at, started_at, finished_at)
    VALUES (${id}::uuid, ${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${kind}, ${external ? "external" : "plumbline"}, ${external?.by ?? null}, ${succeeded ? "succeeded" : "running"},
      ${succeeded ? words : null}, ${decision.assigned?.releaseId ?? null}::uuid, ${decision.assigned?.entry ?? null}::bigint, ${release?.id ?? null}::uuid, ${seq}, ${ctx.actor.id}::uuid,
      ${rollout.incident ?? null}, ${superseded?.id ?? null}::uuid, ${rollout.groupId ?? null}::uuid, ${rollout.revertsId ?? null}::uuid, ${executor?.id ?? null}::uuid,
      ${JSON.stringify({ ...rollout.strategy, overrideFreeze: rollout.overrideFreeze ?? false, ...(external && { follow: external.follow }) })}::jsonb, ${decision.strategy.version}, ${at}, ${at}, ${succeeded ? at : null})`;
  if (moves) {
    await tx.$executeRaw`
      INSERT INTO assignments (service_id, environment_id, partition, release_id, entry_seq, updated_at)
      VALUES (${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${release?.id ?? null}::uuid, ${seq}, ${at})
      ON CONFLICT (service_id, environment_id, partition)
      DO UPDATE SET release_id = excluded.release_id, entry_seq = excluded.entry_seq, revision = assignments.revision + 1, updated_at = excluded.updated_at`;
  }
  if (holdId) {
    await tx.$executeRaw`
      INSERT INTO holds (id, service_id, environment_id, partition, release_id, actor_id, entry_seq)
      VALUES (${holdId}::uuid, ${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${decision.assigned?.releaseId ?? null}::uuid, ${ctx.actor.id}::uuid, ${seq})`;
  }
  await freezeWaves(tx, id, { waves, kind, at });
  // An open rollout explains what lies behind, or ahead. Before anybody is told, so that nobody is moved to a verdict of before.
  await rejudgeCombinations(tx, placeIds(place), { now: at });
  await tellRollout(tx, { rolloutId: id, at, kind: "started", detail: { targets: members.length, superseded: superseded ? Number(superseded.number) : null, hold: holdId !== null, note: notes[0] ?? null, ...(external && { by: external.by, how: external.announced ? "announced" : "observed" }) } });
  if (succeeded) {
    await tellRollout(tx, { rolloutId: id, at, kind: "succeeded", detail: { reason: words } });
    await settlePlace(tx, { ...placeIds(place), now: at });
  } else {
    const opened = await lockRollout(tx, id, { wait: true });
    if (opened) await advanceWaves(tx, opened, at);
    // Those of later waves fetch the bytes now; nobody is told to run them yet.
    if (waves.length > 1 && !executor && !external && release) {
      const later = new Set(waves.slice(1).flatMap(({ targets }) => targets.map(BigInt)));
      await raiseDesired(tx, [...new Set(members.filter((member) => later.has(member.id)).map((member) => member.agentId))]);
    }
  }
  const scope = { serviceId: place.service.id, serviceName: place.service.name, environmentId: place.environment.id };
  await recordChanges(tx, [
    { topic: "rollout", ...scope, key: id },
    { topic: "assignment", ...scope, key: place.names.partition },
    ...(superseded ? [{ topic: "rollout" as const, ...scope, key: superseded.id }] : []),
  ]);
  return { id, seq, at };
}

function placeIds(place: KnownPlace): { serviceId: string; environmentId: string; partition: string } {
  return { serviceId: place.service.id, environmentId: place.environment.id, partition: place.names.partition };
}

/** What was still on its way is not waited for any more; what failed stays as it ended. */
async function endSuperseded(tx: Tx, id: string, at: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE rollouts SET status = 'superseded', status_reason = 'Another rollout took its place.', finished_at = ${at}, revision = revision + 1 WHERE id = ${id}::uuid`;
  await tx.$executeRaw`
    UPDATE rollout_targets SET status = 'withdrawn', reason = NULL, updated_at = ${at}
    WHERE rollout_id = ${id}::uuid AND status IN ('pending', 'offered', 'acknowledged', 'replacing', 'stuck', 'regressed')`;
  await tellRollout(tx, { rolloutId: id, at, kind: "superseded" });
}

/** Whoever watched over this place until now leaves it to the new rollout. */
async function endWatch(tx: Tx, place: KnownPlace, at: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE rollouts SET watched_until = NULL WHERE service_id = ${place.service.id}::uuid AND environment_id = ${place.environment.id}::uuid AND partition = ${place.names.partition} AND watched_until IS NOT NULL`;
  await tx.$executeRaw`
    UPDATE findings SET resolved_at = ${at}, resolved_reason = 'another rollout decides about it now'
    WHERE kind = 'contested' AND resolved_at IS NULL AND service_id = ${place.service.id}::uuid AND environment_id = ${place.environment.id}::uuid AND partition = ${place.names.partition}`;
}

/** The plan's sets as they are now. For `replace` the copies of this moment are remembered: none of them may remain. */
async function freezeWaves(tx: Tx, id: string, { waves, kind, at }: { waves: ReturnType<typeof planMembers>["waves"]; kind: RolloutKind; at: Date }): Promise<void> {
  if (waves.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO waves (rollout_id, ordinal, name, gate, status_since)
    SELECT ${id}::uuid, w.ordinal, w.name, w.gate::jsonb, ${at}
    FROM unnest(${sqlArray(waves.map(({ index }) => index + 1))}::int[], ${sqlArray(waves.map(({ name }) => name))}::text[], ${sqlArray(waves.map(({ gate }) => JSON.stringify(gate)))}::text[]) w(ordinal, name, gate)`;
  const members = waves.flatMap(({ index, targets }) => targets.map((target) => ({ target: BigInt(target), wave: index + 1 })));
  await tx.$executeRaw`
    INSERT INTO rollout_targets (rollout_id, target_id, wave, updated_at, detail)
    SELECT ${id}::uuid, m.target, m.wave, ${at},
      CASE WHEN ${kind === "replace"} THEN jsonb_build_object('previousInstances', (SELECT coalesce(jsonb_agg(i.key), '[]') FROM instances i WHERE i.target_id = m.target AND i.state <> 'exited')) END
    FROM unnest(${sqlArray(members.map(({ target }) => target))}::bigint[], ${sqlArray(members.map(({ wave }) => wave))}::int[]) m(target, wave)`;
}

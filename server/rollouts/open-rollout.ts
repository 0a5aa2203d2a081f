import { randomUUID } from "node:crypto";
import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import { planRollout } from "@/lib/domain/rollout/plan";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { offerTargets } from "./offer-targets";
import type { Decision, ReleaseRow, TargetRow } from "./read-decision";
import { settlePlace } from "./settle-place";
import type { KnownPlace } from "./read-place";

export type NewRollout = {
  kind: Extract<RolloutKind, "promote" | "rollback" | "reconverge">;
  place: KnownPlace;
  decision: Decision;
  release: ReleaseRow;
  /** Who takes part: frozen now. */
  members: readonly TargetRow[];
  reason?: string | undefined;
  incident?: string | undefined;
  hold: boolean;
};

/**
 * Starts a rollout on a locked place, in the caller's transaction: the entry, the assignment, the frozen wave, the desired
 * rows of its members, the hold, and the end of a rollout that it supersedes. Without members it has succeeded at once:
 * the first target that is reported gets the release.
 */
export async function openRollout(tx: Tx, ctx: Ctx, rollout: NewRollout): Promise<{ id: string; seq: bigint; at: Date }> {
  const { kind, place, decision, release, members } = rollout;
  // The incident's name is part of the entry, which nobody can redact.
  refuseSecrets({ incident: rollout.incident });
  const id = randomUUID();
  const superseded = decision.activeRollout;
  const holdId = rollout.hold && !decision.hold ? randomUUID() : null;
  const { seq, at } = await appendEntry(tx, ctx, {
    type: kind === "reconverge" ? "reconverge-started" : "assignment-changed",
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
      to: await describeRelease(tx, place, release),
      hold: holdId,
      incident: rollout.incident ?? null,
      supersedes: superseded?.id ?? null,
    },
    texts: { reason: rollout.reason },
  });
  if (superseded) await endSuperseded(tx, superseded.id, at);

  const succeeded = members.length === 0;
  await tx.$executeRaw`
    INSERT INTO rollouts (id, service_id, environment_id, partition, kind, status, status_reason, from_release_id, to_release_id, entry_seq, actor_id, incident, supersedes_id, strategy, created_at, started_at, finished_at)
    VALUES (${id}::uuid, ${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${kind}, ${succeeded ? "succeeded" : "running"},
      ${succeeded ? "Assigned; no target was reported here yet." : null}, ${decision.assigned?.releaseId ?? null}::uuid, ${release.id}::uuid, ${seq}, ${ctx.actor.id}::uuid,
      ${rollout.incident ?? null}, ${superseded?.id ?? null}::uuid, '{"kind":"all-at-once"}'::jsonb, ${at}, ${at}, ${succeeded ? at : null})`;
  if (kind !== "reconverge") {
    await tx.$executeRaw`
      INSERT INTO assignments (service_id, environment_id, partition, release_id, entry_seq, updated_at)
      VALUES (${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${release.id}::uuid, ${seq}, ${at})
      ON CONFLICT (service_id, environment_id, partition)
      DO UPDATE SET release_id = excluded.release_id, entry_seq = excluded.entry_seq, revision = assignments.revision + 1, updated_at = excluded.updated_at`;
  }
  if (holdId) {
    await tx.$executeRaw`
      INSERT INTO holds (id, service_id, environment_id, partition, release_id, actor_id, entry_seq)
      VALUES (${holdId}::uuid, ${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${decision.assigned?.releaseId ?? null}::uuid, ${ctx.actor.id}::uuid, ${seq})`;
  }
  await freezeWaves(tx, id, place, members, at);
  await tx.$executeRaw`
    INSERT INTO rollout_events (rollout_id, at, kind, detail)
    VALUES (${id}::uuid, ${at}, 'started', ${JSON.stringify({ targets: members.length, superseded: superseded ? Number(superseded.number) : null, hold: holdId !== null })}::jsonb)`;
  await offerTargets(tx, { rolloutId: id, wave: 1, now: at });
  if (succeeded) await settlePlace(tx, { ...placeIds(place), now: at });
  // Who is not told anything is judged anew as well: an open rollout explains what lies behind, or ahead.
  await rejudgeCombinations(tx, { serviceId: place.service.id, environmentId: place.environment.id, partition: place.names.partition }, { now: at });

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

/** The release with every digest of every component: what an agent holds its order against. */
async function describeRelease(tx: Tx, place: KnownPlace, release: ReleaseRow): Promise<JsonObject> {
  const rows = await tx.$queryRaw<{ name: string; repository: string | null; digests: string[] }[]>`
    SELECT c.name::text, c.repository, ARRAY(SELECT DISTINCT d.digest::text FROM artifact_digests d WHERE d.artifact_id = c.artifact_id ORDER BY 1) AS digests
    FROM release_components c WHERE c.release_id = ${release.id}::uuid ORDER BY c.name`;
  return {
    release: release.id,
    version: release.version,
    // A file comes from nowhere: its service stands in, since an entry names some source for every component.
    components: rows.map(({ name, repository, digests }) => ({ name, repository: repository ?? place.service.name, digests })),
  };
}

async function endSuperseded(tx: Tx, id: string, at: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE rollouts SET status = 'superseded', status_reason = 'Another rollout took its place.', finished_at = ${at}, revision = revision + 1 WHERE id = ${id}::uuid`;
  await tx.$executeRaw`
    UPDATE rollout_targets SET status = 'withdrawn', reason = NULL, updated_at = ${at}
    WHERE rollout_id = ${id}::uuid AND status IN ('pending', 'offered', 'acknowledged', 'replacing', 'stuck', 'failed')`;
  await tx.$executeRaw`INSERT INTO rollout_events (rollout_id, at, kind) VALUES (${id}::uuid, ${at}, 'superseded')`;
}

/** One wave, all at once: the plan's sets as they are now. */
async function freezeWaves(tx: Tx, id: string, place: KnownPlace, members: readonly TargetRow[], at: Date): Promise<void> {
  const plannable = members.map((member) => ({ key: member.id.toString(), partition: place.names.partition, region: member.region, labels: {} }));
  const { waves } = planRollout(plannable, { kind: "all-at-once" });
  for (const wave of waves) {
    const gate = JSON.stringify({ passShare: wave.passShare, soakMs: wave.soakMs, failureThreshold: wave.failureThreshold });
    await tx.$executeRaw`
      INSERT INTO waves (rollout_id, ordinal, name, status, gate, opened_at)
      VALUES (${id}::uuid, ${wave.index + 1}, ${wave.name}, ${wave.index === 0 ? "open" : "pending"}, ${gate}::jsonb, ${wave.index === 0 ? at : null})`;
    await tx.$executeRaw`
      INSERT INTO rollout_targets (rollout_id, target_id, wave, updated_at)
      SELECT ${id}::uuid, target, ${wave.index + 1}, ${at} FROM unnest(${wave.targets.map(BigInt)}::bigint[]) target`;
  }
}

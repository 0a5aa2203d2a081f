import type { z } from "zod";
import type { waveOrder } from "@/lib/contract/executors";
import { parseEnvelope, readAssignment, type AssignedComponent } from "@/lib/domain/ledger/entry";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { sqlArray, type Tx } from "@/server/db";

/** More targets than these are told as a count and a link to page through them. */
export const MOST_TARGETS = 1_000;
/** Labels go along with few targets only: a thousand times sixteen of them would be megabytes. */
const MOST_LABELLED = 100;

type Rollout = { id: string; number: bigint; kind: RolloutKind; executor_id: string | null; entry_seq: bigint; wave_name: string; waves: number; bytes: Uint8Array };
type TargetRow = { key: string; agent: string; scope: string; labels: Record<string, string> };

/**
 * Tells the executor of a rollout that a wave is open, by one row of the outbox in the caller's transaction. What it says is
 * read from the entry's own bytes, so that the message and its proof are one. Without an executor, or without targets, there
 * is nothing to tell.
 * @param targetIds whom this call is about: the wave's targets, or those that joined it since
 */
export async function dispatchWave(tx: Tx, { rolloutId, wave, targetIds, at }: { rolloutId: string; wave: number; targetIds: readonly bigint[]; at: Date }): Promise<void> {
  if (targetIds.length === 0) return;
  const [rollout] = await tx.$queryRaw<Rollout[]>`
    SELECT r.id::text, r.number, r.kind, r.executor_id::text, r.entry_seq, w.name AS wave_name, l.bytes,
      (SELECT count(*)::int FROM waves other WHERE other.rollout_id = r.id) AS waves
    FROM rollouts r JOIN waves w ON w.rollout_id = r.id AND w.ordinal = ${wave} JOIN ledger_entries l ON l.seq = r.entry_seq
    WHERE r.id = ${rolloutId}::uuid`;
  if (!rollout) throw new Error(`there is no wave ${wave} of the rollout ${rolloutId}`);
  if (rollout.executor_id === null) return;
  const entry = parseEnvelope(rollout.bytes);
  const assignment = readAssignment(entry);
  if (!assignment) throw new Error(`the entry ${rollout.entry_seq} of the rollout ${rolloutId} assigns nothing`);

  const ids = [...new Set(targetIds)];
  const items = await tx.$queryRaw<TargetRow[]>`
    SELECT t.key, a.name AS agent, s.scope, CASE WHEN ${ids.length <= MOST_LABELLED} THEN t.labels ELSE '{}'::jsonb END AS labels
    FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
    WHERE t.id = ANY(${sqlArray(ids)}::bigint[]) ORDER BY a.name, s.scope, t.key LIMIT ${MOST_TARGETS}`;
  const pulled = await readDigests(tx, assignment.to?.release ?? null);
  const order: z.input<typeof waveOrder> = {
    rollout: { id: rollout.id, number: Number(rollout.number), kind: rollout.kind },
    service: assignment.service,
    environment: assignment.environment,
    partition: assignment.partition,
    wave: { number: wave, name: rollout.wave_name, of: rollout.waves },
    from: assignment.from && { release: assignment.from.release, version: assignment.from.version },
    to: assignment.to && { release: assignment.to.release, version: assignment.to.version, components: assignment.to.components.map((component) => describeComponent(component, pulled)) },
    targets: { count: ids.length, items },
    incident: assignment.incident,
    hold: assignment.hold,
    reasonGiven: "reasonHash" in entry.payload,
    entry: { index: Number(rollout.entry_seq), at: entry.at },
    openedAt: at.toISOString(),
  };
  await tx.$executeRaw`
    INSERT INTO deliveries (executor_id, rollout_id, order_key, wave, event, body, next_attempt_at)
    VALUES (${rollout.executor_id}::uuid, ${rollout.id}::uuid, ${rollout.id}, ${wave}, 'wave-opened', ${JSON.stringify(order)}::jsonb, ${at})`;
}

/** By component, the digest that the release was registered with: of all that lead to an image, the one to pull. */
async function readDigests(tx: Tx, releaseId: string | null): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.$queryRaw<{ name: string; digest: string }[]>`
    SELECT c.name::text, a.digest::text FROM release_components c JOIN artifacts a ON a.id = c.artifact_id WHERE c.release_id::text = ${releaseId}`;
  return new Map(rows.map(({ name, digest }) => [name, digest]));
}

function describeComponent({ name, repository, digests }: AssignedComponent, pulled: ReadonlyMap<string, string>): { name: string; repository: string; digest: string; digests: string[] } {
  const [first] = digests;
  const registered = pulled.get(name);
  // The entry is what was decided: what it does not name is not said.
  const digest = registered !== undefined && digests.includes(registered) ? registered : first;
  if (digest === undefined) throw new Error(`the component ${name} has no digest in its entry`);
  return { name, repository, digest, digests };
}

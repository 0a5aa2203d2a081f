import { recordChanges } from "@/server/changes/record-change";
import type { App } from "@/server/context";
import { transact } from "@/server/db";

type Row = { id: string; name: string; retired_at: Date; retired_reason: string; successor: string | null; outlived: boolean };

/** Why an agent that has ended may not speak, in words; `agent-retired` when its host may simply enrol again. */
export type Ended = { message: string; type: "agent-retired" | "agent-succeeded" };

/** A process that is told to end may take so long, and is then no second one. */
const GRACE_SECONDS = 60;

/**
 * Why an agent that has ended may not speak; null when the token is none of an agent that ended. One that goes on
 * after its host was enrolled again is a second process with a claim to that host: a finding of its successor's.
 */
export async function noteSurvivor(app: App, tokenHash: Uint8Array<ArrayBuffer>, now = new Date()): Promise<Ended | null> {
  const [agent] = await app.db.$queryRaw<Row[]>`
    SELECT a.id::text, a.name, a.retired_at, coalesce(a.retired_reason, '') AS retired_reason, n.name AS successor,
      n.id IS NOT NULL AND n.retired_at IS NULL AND a.retired_at < ${now}::timestamptz - make_interval(secs => ${GRACE_SECONDS}::int) AS outlived
    FROM agents a LEFT JOIN agents n ON n.id = a.successor_id WHERE a.token_hash = ${tokenHash} AND a.retired_at IS NOT NULL AND a.revoked_at IS NULL`;
  if (!agent) return null;
  if (agent.outlived) await openFinding(app, agent, now);
  const ended = `This agent ended at ${agent.retired_at.toISOString()}: ${agent.retired_reason}.`;
  if (agent.successor === null) return { type: "agent-retired", message: `${ended} Enrol this host again: plumbline agent leave --force, then plumbline agent enroll.` };
  return { type: "agent-succeeded", message: `${ended} ${agent.successor} reports for it now. Stop this process; if it runs on another host, give that host a machine id of its own (/etc/machine-id) and enrol it again.` };
}

async function openFinding(app: App, { id, name }: Row, now: Date): Promise<void> {
  const cause = JSON.stringify({ agent: id, detail: `${name} was enrolled before and reports too`, lastAt: now.toISOString() });
  await transact(app.db, async (tx) => {
    const rows = await tx.$queryRaw<{ opened: boolean }[]>`
      INSERT INTO findings AS f (kind, agent_scope_id, cause, since, opened_at)
      SELECT 'duplicate-agent', s.id, ${cause}::jsonb, ${now}, ${now} FROM agents a JOIN agent_scopes s ON s.agent_id = a.successor_id WHERE a.id = ${id}::uuid
      ON CONFLICT (kind, target_id, agent_scope_id, combination_id, rollout_id, image_id, pool_id) WHERE resolved_at IS NULL DO UPDATE SET cause = excluded.cause
      RETURNING f.opened_at = ${now}::timestamptz AS opened`;
    if (rows.some(({ opened }) => opened)) await recordChanges(tx, [{ topic: "findings" }]);
  });
}

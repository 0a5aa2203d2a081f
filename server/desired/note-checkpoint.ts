import { createBatcher } from "@/server/batch";
import type { App } from "@/server/context";
import { sqlArray, type Db } from "@/server/db";

type Held = { agentId: string; size: number };

const batchers = new WeakMap<Db, (held: Held) => Promise<null>>();

/**
 * Keeps that an agent holds a checkpoint of this tree size: it is a witness. What it claims beyond the tree's size counts
 * as the whole tree. Those who tell it together are one statement; a row that somebody else has locked is left for the
 * next time. Never throws.
 */
export async function noteCheckpoint({ db, log }: Pick<App, "db" | "log">, agentId: string, size: number): Promise<void> {
  let note = batchers.get(db);
  if (!note) {
    note = createBatcher((held: readonly Held[]) => writeSizes(db, held), { maxSize: 500, concurrency: 1 });
    batchers.set(db, note);
  }
  try {
    await note({ agentId, size });
  } catch (error) {
    log.warn({ err: error, agent: agentId }, "which checkpoint an agent holds was not kept");
  }
}

async function writeSizes(db: Db, held: readonly Held[]): Promise<null[]> {
  await db.$executeRaw`
    WITH told AS (
      SELECT n.id::uuid AS id, least(max(n.size), (SELECT size FROM ledger_head)) AS size
      FROM unnest(${sqlArray(held.map(({ agentId }) => agentId))}::text[], ${sqlArray(held.map(({ size }) => BigInt(size)))}::bigint[]) n(id, size) GROUP BY n.id),
    free AS (
      SELECT a.id, told.size FROM agents a JOIN told ON told.id = a.id WHERE a.checkpoint_size < told.size ORDER BY a.id FOR UPDATE OF a SKIP LOCKED)
    UPDATE agents SET checkpoint_size = free.size FROM free WHERE agents.id = free.id`;
  return held.map(() => null);
}

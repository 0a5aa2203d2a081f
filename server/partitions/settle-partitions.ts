import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { partitionOf } from "@/lib/domain/fleet/partitions";
import type { App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { moveInstances, moveTargets } from "./move-targets";
import { followEntries, labelsOf } from "./put-partitions";
import { readPartitionRows, readTargetGroups, type Site } from "./read-partitions";

/** Longer than any report takes that began before the partitions were declared. */
const LOOK_BACK_MS = 5 * 60_000;
const MOST_SITES = 50;

/**
 * A report that began before partitions were declared, and was committed after, still mapped its targets by the old ones:
 * they are put where they belong. For a while after each declaration; nothing is written when all is right.
 */
export async function settlePartitions(app: App, now = new Date()): Promise<void> {
  const sites = await app.db.$queryRaw<{ service_id: string; service: string; environment_id: string; environment: string; protected: boolean; required_approvals: number }[]>`
    WITH last AS (SELECT service_id, environment_id, at FROM ledger_entries WHERE type = 'partitions-changed' ORDER BY seq DESC LIMIT ${MOST_SITES})
    SELECT DISTINCT s.id::text AS service_id, s.name::text AS service, e.id::text AS environment_id, e.name::text AS environment, e.protected, e.required_approvals
    FROM last JOIN services s ON s.id = last.service_id JOIN environments e ON e.id = last.environment_id WHERE last.at > ${new Date(now.getTime() - LOOK_BACK_MS)}`;
  for (const row of sites) {
    const site: Site = { service: { id: row.service_id, name: row.service }, environment: { id: row.environment_id, name: row.environment, protected: row.protected, requiredApprovals: row.required_approvals } };
    await transact(app.db, (tx) => settleSite(tx, site, now));
  }
}

async function settleSite(tx: Tx, site: Site, now: Date): Promise<void> {
  // Behind a declaration that is being made, and before the next.
  await tx.$queryRaw`SELECT 1 FROM partitions WHERE service_id = ${site.service.id}::uuid AND environment_id = ${site.environment.id}::uuid ORDER BY name FOR SHARE`;
  const rows = await readPartitionRows(tx, site);
  const groups = await readTargetGroups(tx, site, labelsOf(rows));
  const declared = rows.filter(({ name }) => name !== DEFAULT_PARTITION);
  const moves = groups.flatMap((group) => {
    const { ids, partition } = group;
    const to = partitionOf(group, declared);
    return to === partition ? [] : ids.map((id) => ({ id, from: partition, to }));
  });
  await moveTargets(tx, site, moves, { now });
  await followEntries(tx, moves, new Map(rows.flatMap(({ name, entry_seq: seq }) => (seq === null ? [] : [[name, seq] as const]))));
  await moveInstances(tx, site, groups.flatMap(({ ids }) => ids), now);
}

import { Prisma, type Tx } from "@/server/db";
import { COMBINATION_COLUMNS, keyOfRow, type CombinationRow } from "@/server/drift/combination";
import { placeCombinations } from "@/server/drift/place-combinations";
import { refreshTargetFindings } from "@/server/drift/refresh-findings";
import { lockVerdicts } from "@/server/drift/rejudge";
import { repointInstances } from "@/server/drift/repoint-instances";
import { readLedgerNames } from "@/server/inventory/mapping-rules";
import { remapCombinations } from "@/server/mapping/remap-combinations";
import type { Site } from "./read-partitions";

/**
 * Moves targets to other partitions, with their instances' combinations, the counters and the open findings. What each
 * should run stays as it is. The scopes are locked first, as reports do.
 * @param moves by target; they all belong to this service and environment
 */
export async function moveTargets(tx: Tx, { service, environment }: Site, moves: readonly { id: bigint; to: string }[], { now }: { now: Date }): Promise<void> {
  if (moves.length === 0) return;
  const ids = moves.map(({ id }) => id);
  await lockVerdicts(tx);
  await tx.$executeRaw`SELECT 1 FROM agent_scopes WHERE id IN (SELECT agent_scope_id FROM targets WHERE id = ANY(${ids}::bigint[])) ORDER BY id FOR NO KEY UPDATE`;
  await tx.$executeRaw`
    UPDATE targets t SET partition = m.name FROM unnest(${ids}::bigint[], ${moves.map(({ to }) => to)}::text[]) m(id, name) WHERE t.id = m.id`;
  await moveInstances(tx, { service, environment }, ids, now);
  // Copies that run in targets of other services follow the labels of those.
  const guests = await tx.$queryRaw<{ id: bigint }[]>`
    SELECT DISTINCT c.id FROM combinations c JOIN instances i ON i.combination_id = c.id JOIN targets t ON t.id = i.target_id
    WHERE c.service_id = ${service.id}::uuid AND c.environment_id = ${environment.id}::uuid AND t.service_id IS DISTINCT FROM c.service_id`;
  if (guests.length > 0) await remapCombinations(tx, guests.map(({ id }) => id), { now });
  await refreshTargetFindings(tx, ids, { now });
}

/** Points the instances of moved targets to the combinations of their new partition. */
export async function moveInstances(tx: Tx, { service, environment }: Site, ids: readonly bigint[], now: Date): Promise<void> {
  const groups = await tx.$queryRaw<(CombinationRow & { target_partition: string })[]>`
    SELECT DISTINCT ${COMBINATION_COLUMNS}, t.partition::text AS target_partition
    FROM targets t JOIN instances i ON i.target_id = t.id JOIN combinations c ON c.id = i.combination_id
    WHERE t.id = ANY(${ids}::bigint[]) AND c.service_id = ${service.id}::uuid AND c.environment_id = ${environment.id}::uuid AND c.partition <> t.partition`;
  if (groups.length === 0) return;
  // A rule about containers may part the copies of one target.
  if ((await readLedgerNames(tx)).decided.rules.some(({ looksInside, sets }) => looksInside && sets.has("partition"))) {
    await remapCombinations(tx, groups.map(({ id }) => id), { now });
    return;
  }
  const keys = groups.map((group) => ({ ...keyOfRow(group), partition: group.target_partition }));
  const placed = await placeCombinations(tx, keys);
  await repointInstances(
    tx,
    Prisma.sql`
      instances i JOIN targets t ON t.id = i.target_id
      JOIN unnest(${groups.map(({ id }) => id)}::bigint[], ${groups.map((group) => group.target_partition)}::text[], ${keys.map((key) => placed.idOf(key))}::bigint[]) m(from_id, partition, to_id)
        ON m.from_id = i.combination_id AND m.partition = t.partition
      WHERE i.target_id = ANY(${ids}::bigint[])`,
    { now },
  );
}

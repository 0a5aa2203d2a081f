import { normalizeRepository } from "@/lib/domain/fleet/repository";
import type { Tx } from "@/server/db";
import { remapCombinations } from "@/server/mapping/remap-combinations";
import { rejudgeCombinations } from "./rejudge";

/**
 * A service, or a repository of it, has entered the ledger: what carried its name as text, or runs an image of its
 * repositories, is mapped anew. Nothing is read or written when all of it was known already. The caller holds the verdicts.
 */
export async function adoptServiceName(tx: Tx, { serviceId, name, repositories }: { serviceId: string; name: string; repositories: readonly string[] }): Promise<void> {
  // Names that no container carried before make containers components; a release repeats what the one before it named.
  const [last] = await tx.$queryRaw<{ renamed: boolean }[]>`
    WITH newest AS (SELECT id FROM releases WHERE service_id = ${serviceId}::uuid ORDER BY registered_order DESC LIMIT 1)
    SELECT EXISTS (
      SELECT FROM release_components c JOIN newest ON c.release_id = newest.id
      WHERE NOT EXISTS (SELECT FROM release_components o JOIN releases r ON r.id = o.release_id
        WHERE r.service_id = ${serviceId}::uuid AND r.id <> newest.id AND o.name = c.name AND o.repository IS NOT DISTINCT FROM c.repository)) AS renamed`;
  const combinations = await tx.$queryRaw<{ id: bigint }[]>`
    SELECT c.id FROM combinations c JOIN images i ON i.id = c.image_id
    WHERE (c.service_name = ${name} AND (c.service_id IS NULL OR ${last?.renamed ?? true}))
      OR (c.service_id IS DISTINCT FROM ${serviceId}::uuid AND i.repositories && ${repositories.map(normalizeRepository)}::text[])`;
  await tx.$executeRaw`UPDATE targets SET service_id = ${serviceId}::uuid WHERE service_name = ${name} AND service_id IS NULL`;
  if (combinations.length === 0) return;
  const now = await readClock(tx);
  await remapCombinations(tx, combinations.map(({ id }) => id), { now });
  await rejudgeCombinations(tx, { serviceId }, { now });
}

async function readClock(tx: Tx): Promise<Date> {
  const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  if (!clock) throw new Error("no clock");
  return clock.now;
}

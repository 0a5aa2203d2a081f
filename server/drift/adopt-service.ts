import { normalizeRepository } from "@/lib/domain/fleet/map-facts";
import type { ReportedDigest } from "@/lib/domain/drift/resolve-image";
import { recordChanges } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { mapContainer, readLedgerNames, repositoriesOf, type Mapped } from "@/server/inventory/mapping-rules";
import { keyOfRow, type CombinationRow } from "./combination";
import { moveCounts } from "./move-counts";
import { placeCombinations } from "./place-combinations";
import { lockVerdicts, rejudgeCombinations } from "./rejudge";

type Group = CombinationRow & { labels: Record<string, string>; containers: number; container: string; digests: ReportedDigest[]; reference: string | null; environment: string; target_service: string | null; target_service_id: string | null; target_partition: string; covered: boolean };
type Moved = { scope_id: bigint; from_id: bigint; to_id: bigint; instances: number; unhealthy: number };

/**
 * A service, or a repository of it, has entered the ledger: what carried its name as text, or runs an image of its
 * repositories, is mapped anew. Nothing is read or written when all of it was known already.
 */
export async function adoptServiceName(tx: Tx, { serviceId, name, repositories }: { serviceId: string; name: string; repositories: readonly string[] }): Promise<void> {
  await lockVerdicts(tx);
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

/** Maps everything that stands in these combinations anew, by the names that the ledger holds in this transaction. */
export async function remapCombinations(tx: Tx, combinationIds: readonly bigint[], { now }: { now: Date }): Promise<void> {
  const names = await readLedgerNames(tx);
  const groups = await tx.$queryRaw<Group[]>`
    SELECT DISTINCT c.id, c.service_name, c.service_id::text, c.environment_id::text, c.partition, c.component, c.image_id, c.desired_kind,
      c.desired_release_id::text, c.unexpected, c.mutated, c.settings_digest, c.declared_matches,
      t.labels, greatest(jsonb_array_length(t.components), 1) AS containers, i.component AS container, m.digests, m.reference, e.name::text AS environment, t.service_name::text AS target_service, t.service_id::text AS target_service_id,
      t.partition::text AS target_partition, EXISTS (SELECT FROM target_desired d WHERE d.target_id = t.id) AS covered
    FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN targets t ON t.id = i.target_id JOIN images m ON m.id = c.image_id JOIN environments e ON e.id = c.environment_id
    WHERE i.combination_id = ANY(${combinationIds}::bigint[])`;
  const changed = groups.flatMap((group) => {
    const mapped = mapContainer(names, [{ id: group.environment_id, name: group.environment }], {
      container: group.container,
      labels: group.labels,
      containersInTarget: group.containers,
      repositories: repositoriesOf(group),
      decided: group.covered ? { serviceName: group.target_service, serviceId: group.target_service_id, partition: group.target_partition } : null,
    });
    const same = mapped.serviceName === group.service_name && mapped.serviceId === group.service_id && mapped.partition === group.partition && mapped.component === group.component;
    return same ? [] : [{ group, mapped }];
  });
  if (changed.length === 0) return;
  const keys = changed.map(({ group, mapped }) => ({ ...keyOfRow(group), ...mapped }));
  // A combination's service follows from its name: the row of a name that was only text is the same row, now adopted.
  await tx.$executeRaw`
    UPDATE combinations c SET service_id = s.id FROM services s
    WHERE c.service_name = s.name AND c.service_id IS NULL AND s.name = ANY(${[...new Set(keys.flatMap((key) => key.serviceName ?? []))]}::text[])`;
  const placed = await placeCombinations(tx, keys);
  const moves = changed.flatMap(({ group }, at) => {
    const key = keys[at];
    return key && placed.idOf(key) !== group.id ? [{ group, to: placed.idOf(key) }] : [];
  });
  if (moves.length > 0) {
    const moved = await tx.$queryRaw<Moved[]>`
      WITH moving AS MATERIALIZED (
        SELECT i.id, i.agent_scope_id, i.health, i.combination_id AS from_id, m.to_id
        FROM instances i JOIN targets t ON t.id = i.target_id
        JOIN unnest(${moves.map(({ group }) => group.id)}::bigint[], ${moves.map(({ group }) => group.container)}::text[], ${moves.map(({ group }) => JSON.stringify(group.labels))}::text[],
          ${moves.map(({ group }) => group.containers)}::int[], ${moves.map(({ group }) => group.covered)}::boolean[], ${moves.map(({ group }) => group.target_service)}::text[], ${moves.map(({ to }) => to)}::bigint[])
          m(from_id, container, labels, containers, covered, target_service, to_id)
          ON m.covered = EXISTS (SELECT FROM target_desired d WHERE d.target_id = t.id) AND m.target_service IS NOT DISTINCT FROM t.service_name AND m.from_id = i.combination_id AND m.container = i.component AND m.labels::jsonb = t.labels AND m.containers = greatest(jsonb_array_length(t.components), 1)
        ORDER BY i.id FOR UPDATE OF i
      ), updated AS (
        UPDATE instances i SET combination_id = moving.to_id FROM moving WHERE i.id = moving.id
      )
      SELECT agent_scope_id AS scope_id, from_id, to_id, count(*)::int AS instances, (count(*) FILTER (WHERE health = 'unhealthy'))::int AS unhealthy
      FROM moving GROUP BY 1, 2, 3`;
    await moveCounts(tx, moved.flatMap((row) => [
      { scopeId: row.scope_id, combinationId: row.from_id, instances: -row.instances, unhealthy: -row.unhealthy },
      { scopeId: row.scope_id, combinationId: row.to_id, instances: row.instances, unhealthy: row.unhealthy },
    ]), now);
  }
  await moveTargets(tx, changed.map(({ group, mapped }, at) => {
    const key = keys[at];
    return { group, mapped, combinationId: key ? placed.idOf(key) : group.id };
  }));
  const places = new Map(keys.map((key) => [`${key.serviceName} ${key.environmentId}`, key]));
  await recordChanges(tx, [...places.values()].map((key) => ({ topic: "fleet", serviceId: key.serviceId, serviceName: key.serviceName, environmentId: key.environmentId })));
}

/** Targets whose service was the one of these containers follow them. */
async function moveTargets(tx: Tx, changed: readonly { group: Group; mapped: Mapped; combinationId: bigint }[]): Promise<void> {
  const own = changed.filter(({ group }) => !group.covered && group.service_name === group.target_service);
  if (own.length === 0) return;
  await tx.$executeRaw`
    UPDATE targets t SET service_name = m.name, service_id = m.service_id, partition = m.partition
    FROM unnest(${own.map(({ combinationId }) => combinationId)}::bigint[], ${own.map(({ group }) => group.target_service)}::text[], ${own.map(({ group }) => JSON.stringify(group.labels))}::text[], ${own.map(({ mapped }) => mapped.serviceName)}::text[],
      ${own.map(({ mapped }) => mapped.serviceId)}::uuid[], ${own.map(({ mapped }) => mapped.partition)}::text[]) m(combination_id, was, labels, name, service_id, partition)
    WHERE t.labels = m.labels::jsonb AND t.service_name IS NOT DISTINCT FROM m.was AND EXISTS (SELECT FROM instances i WHERE i.target_id = t.id AND i.combination_id = m.combination_id)`;
}

import { authoriseOwnName, type Asked } from "@/server/access/authorise";
import type { Db, Tx } from "@/server/db";

const DEFAULT_PARTITION = "default";

/** The (service, environment, partition) that a decision is about, by name; parts that do not exist are null. */
export type PlaceNames = { service: string; environment: string; partition: string };
export type Place = {
  /** The service's own name, where it was named by another one. */
  names: PlaceNames;
  service: { id: string; name: string } | null;
  environment: { id: string; name: string; protected: boolean; requiredApprovals: number } | null;
  partitionKnown: boolean;
};
/** What identifies a place in the database. */
export type PlaceIds = { names: Pick<PlaceNames, "partition">; service: { id: string; name: string }; environment: { id: string } };
/** A place of which every part exists. */
export type KnownPlace = Place & { service: NonNullable<Place["service"]>; environment: NonNullable<Place["environment"]> };

type Row = { service_id: string | null; service_name: string | null; environment_id: string | null; environment_name: string | null; protected: boolean | null; required_approvals: number | null; partition_known: boolean };

/**
 * Finds a place; a service answers to its aliases too, and whoever asks needs the right under its own name.
 * @throws AppError forbidden
 */
export async function readPlace(db: Db | Tx, names: PlaceNames, asked: Asked | null): Promise<Place> {
  const [row] = await db.$queryRaw<Row[]>`
    WITH s AS (SELECT id, name FROM services WHERE name = ${names.service} OR id = (SELECT service_id FROM service_aliases WHERE name = ${names.service}) LIMIT 1),
      e AS (SELECT id, name, protected, required_approvals FROM environments WHERE name = ${names.environment} AND retired_at IS NULL)
    SELECT s.id AS service_id, s.name::text AS service_name, e.id AS environment_id, e.name::text AS environment_name, e.protected, e.required_approvals,
      ${names.partition} = ${DEFAULT_PARTITION} OR EXISTS (SELECT FROM partitions p WHERE p.service_id = s.id AND p.environment_id = e.id AND p.name = ${names.partition} AND p.removed_at IS NULL) AS partition_known
    FROM (SELECT) one LEFT JOIN s ON true LEFT JOIN e ON true`;
  authoriseOwnName(asked, { service: names.service, environment: names.environment }, row?.service_name);
  return {
    names: { service: row?.service_name ?? names.service, environment: names.environment, partition: names.partition },
    service: row?.service_id && row.service_name ? { id: row.service_id, name: row.service_name } : null,
    environment:
      row?.environment_id && row.environment_name
        ? { id: row.environment_id, name: row.environment_name, protected: row.protected ?? false, requiredApprovals: row.required_approvals ?? 0 }
        : null,
    partitionKnown: row?.partition_known ?? false,
  };
}

/**
 * Locks a place for a decision, in the one order: service (shared with recalls and approvals), partition, which stands for
 * an assignment that may not exist yet, assignment, active rollout and those that are still looked after. The ledger head
 * comes after all of them.
 */
export async function lockPlace(tx: Tx, place: KnownPlace): Promise<void> {
  const { service, environment, names } = place;
  await tx.$queryRaw`SELECT 1 FROM services WHERE id = ${service.id}::uuid FOR SHARE`;
  if (names.partition === DEFAULT_PARTITION) {
    // Everyone has it, also in an environment that is younger than the service.
    await tx.$executeRaw`
      INSERT INTO partitions (service_id, environment_id, name) VALUES (${service.id}::uuid, ${environment.id}::uuid, ${names.partition}) ON CONFLICT DO NOTHING`;
  }
  await tx.$queryRaw`
    SELECT 1 FROM partitions WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND name = ${names.partition} FOR NO KEY UPDATE`;
  await tx.$queryRaw`
    SELECT 1 FROM assignments WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ${names.partition} FOR UPDATE`;
  await tx.$queryRaw`
    SELECT 1 FROM rollouts WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ${names.partition}
      AND (status IN ('planned', 'running', 'paused') OR watched_until IS NOT NULL OR uncounted_since IS NOT NULL) ORDER BY number FOR NO KEY UPDATE`;
}

export function isKnownPlace(place: Place): place is KnownPlace {
  return place.service !== null && place.environment !== null;
}

import { authoriseOwnName, type Asked } from "@/server/access/authorise";
import type { Db, Tx } from "@/server/db";
import { notFound } from "@/server/errors";

export type FoundRelease = {
  id: string;
  version: string;
  serviceId: string;
  serviceName: string;
  entrySeq: bigint;
  registrantPerson: string;
  authors: string[];
  triggeredBy: string | null;
};

/** The id of a service by name or alias; null when the ledger knows none. @throws AppError forbidden, under its own name */
export async function findServiceId(db: Db | Tx, name: string, asked: Asked | null): Promise<string | null> {
  const [row] = await db.$queryRaw<{ id: string; name: string }[]>`
    SELECT id, name::text FROM services WHERE name = ${name} OR id = (SELECT service_id FROM service_aliases WHERE name = ${name}) LIMIT 1`;
  authoriseOwnName(asked, { service: name }, row?.name);
  return row?.id ?? null;
}

/**
 * Serialises decisions about one service's releases (approve, withdraw, recall) with each other and with the start of
 * rollouts, which share it. First in the lock order: service, assignment, rollout, ledger head.
 */
export async function lockService(tx: Tx, serviceId: string, how: "decide" | "rely"): Promise<void> {
  if (how === "decide") await tx.$queryRaw`SELECT 1 FROM services WHERE id = ${serviceId}::uuid FOR NO KEY UPDATE`;
  else await tx.$queryRaw`SELECT 1 FROM services WHERE id = ${serviceId}::uuid FOR SHARE`;
}

/** A release by service and version, for whoever has the right under the service's own name. @throws AppError not-found, forbidden */
export async function findRelease(db: Db | Tx, { service, version, environment }: { service: string; version: string; environment?: string }, asked: Asked | null): Promise<FoundRelease> {
  const [row] = await db.$queryRaw<{ id: string; version: string; service_id: string; service_name: string; entry_seq: bigint; registrant: string; authors: string[]; triggered_by: string | null }[]>`
    SELECT r.id, r.version, r.service_id, s.name::text AS service_name, r.entry_seq, coalesce(a.person_id, a.id) AS registrant, r.authors, r.triggered_by
    FROM releases r JOIN services s ON s.id = r.service_id JOIN actors a ON a.id = r.registered_by
    WHERE r.version = ${version} AND (s.name = ${service} OR s.id = (SELECT service_id FROM service_aliases WHERE name = ${service}))`;
  if (!row) throw notFound("release");
  authoriseOwnName(asked, { service, ...(environment !== undefined && { environment }) }, row.service_name);
  return {
    id: row.id,
    version: row.version,
    serviceId: row.service_id,
    serviceName: row.service_name,
    entrySeq: row.entry_seq,
    registrantPerson: row.registrant,
    authors: row.authors,
    triggeredBy: row.triggered_by,
  };
}

/** The artifacts that a release names. */
export async function readArtifactIds(db: Db | Tx, releaseId: string): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`SELECT DISTINCT artifact_id AS id FROM release_components WHERE release_id = ${releaseId}::uuid`;
  return rows.map((row) => row.id);
}

export type FoundEnvironment = { id: string; name: string; protected: boolean; requiredApprovals: number };

/** An environment in use, by name. @throws AppError not-found */
export async function findEnvironment(db: Db | Tx, name: string): Promise<FoundEnvironment> {
  const [row] = await db.$queryRaw<{ id: string; name: string; protected: boolean; required_approvals: number }[]>`
    SELECT id, name::text, protected, required_approvals FROM environments WHERE name = ${name} AND retired_at IS NULL`;
  if (!row) throw notFound("environment");
  return { id: row.id, name: row.name, protected: row.protected, requiredApprovals: row.required_approvals };
}

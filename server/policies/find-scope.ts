import { authoriseOwnName, type Asked } from "@/server/access/authorise";
import type { Tx } from "@/server/db";
import { notFound } from "@/server/errors";
import { findEnvironment, type FoundEnvironment } from "@/server/releases/find-release";

export type FoundScope = { environment: FoundEnvironment; service: { id: string; name: string } | null };

/** An environment and, when one is named, a service of the ledger by name or alias. @throws AppError not-found, forbidden */
export async function findScope(tx: Tx, names: { environment: string; service?: string | undefined }, asked: Asked): Promise<FoundScope> {
  const environment = await findEnvironment(tx, names.environment);
  if (names.service === undefined) return { environment, service: null };
  const [service] = await tx.$queryRaw<{ id: string; name: string }[]>`
    SELECT id::text, name::text FROM services WHERE name = ${names.service} OR id = (SELECT service_id FROM service_aliases WHERE name = ${names.service}) LIMIT 1`;
  if (!service) throw notFound("service");
  authoriseOwnName(asked, { service: names.service, environment: names.environment }, service.name);
  return { environment, service };
}

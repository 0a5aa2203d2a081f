import type { ServiceNamesDto } from "@/lib/contract/services";
import { recordChanges } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError, notFound } from "@/server/errors";
import { readLedgerNames } from "@/server/inventory/mapping-rules";
import { applyRemap } from "@/server/mapping/apply-remap";
import { lockMapping } from "@/server/mapping/lock-mapping";
import { planRemap } from "@/server/mapping/plan-remap";
import { listRefusals, readRollouts } from "@/server/mapping/refuse-remap";
import { findServiceId } from "@/server/releases/find-release";

export type NamedService = { id: string; name: string };

/** Names move the fleet in one transaction. */
export const NAMES_TIMEOUT_MS = 120_000;

/**
 * Locks these names and the services that they mean, in the order of every decision, and the mapping.
 * @returns the service of each name, null for a name of none and for what was merged into another
 */
export async function lockNames(tx: Tx, names: readonly string[]): Promise<(NamedService | null)[]> {
  await tx.$executeRaw`
    SELECT pg_advisory_xact_lock(k.id) FROM (SELECT DISTINCT hashtextextended('plumbline.service:' || name, 0) AS id FROM unnest(${[...names]}::text[]) n(name) ORDER BY 1) k`;
  const ids: (string | null)[] = [];
  for (const name of names) ids.push(await findServiceId(tx, name, null));
  const rows = await tx.$queryRaw<NamedService[]>`SELECT id::text, name::text FROM services WHERE id = ANY(${ids.flatMap((id) => id ?? [])}::uuid[]) AND merged_into IS NULL ORDER BY id FOR NO KEY UPDATE`;
  await lockMapping(tx);
  return ids.map((id) => rows.find((row) => row.id === id) ?? null);
}

/** @throws AppError not-found for a name of no service; conflict while rollouts of it are under way */
export async function refuseMoving(tx: Tx, service: NamedService | null | undefined): Promise<NamedService> {
  if (!service) throw notFound("service");
  const [rollout] = await readRollouts(tx, [service.id]);
  if (rollout) throw new AppError("conflict", `Rollout ${rollout.number} of ${rollout.service} in ${rollout.environment} is under way. Let it end, or abort it.`, { type: "rollout-active" });
  return service;
}

/**
 * Maps the fleet anew after names changed, and judges what is the service's.
 * @throws AppError conflict when a rollout that is under way would lose or get targets by it
 */
export async function followNames(tx: Tx, service: NamedService): Promise<void> {
  const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  const now = clock?.now ?? new Date();
  const plan = await planRemap(tx, await readLedgerNames(tx));
  const refused = await listRefusals(tx, plan);
  if (refused.length > 0) throw new AppError("conflict", refused.join(" "), { type: "rollout-active", reasons: refused.map((sentence) => ({ reason: "rollout-active", sentence })) });
  await applyRemap(tx, plan, { now });
  await rejudgeCombinations(tx, { serviceId: service.id }, { now });
  await recordChanges(tx, (["fleet", "findings", "release", "assignment", "rollout"] as const).map((topic) => ({ topic, serviceId: service.id, serviceName: service.name })));
  await recordChanges(tx, [{ topic: "settings", key: "services" }]);
}

/** What the service is called now. */
export async function describeNames(tx: Tx, serviceId: string, entry: bigint): Promise<ServiceNamesDto> {
  const [row] = await tx.$queryRaw<{ name: string; aliases: string[] }[]>`
    SELECT s.name::text, ARRAY(SELECT a.name::text FROM service_aliases a WHERE a.service_id = s.id ORDER BY 1) AS aliases FROM services s WHERE s.id = ${serviceId}::uuid`;
  return { service: row?.name ?? "", aliases: row?.aliases ?? [], entry: Number(entry) };
}

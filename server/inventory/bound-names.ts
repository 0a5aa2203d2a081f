import { DEFAULT_COMPONENT, DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import type { Tx } from "@/server/db";
import type { TouchedInstance } from "./diff-facts";
import type { Mapped } from "./mapping-rules";

/** How many services that nobody registered one agent's scope may name; what is named beyond counts as nobody's. */
export const MOST_UNREGISTERED = 500;

/**
 * Bounds the names that agents bring up by themselves, in place: an agent that makes up names must not fill every list.
 * Names that it shows already stay; registered services are not counted.
 */
export async function boundNames(tx: Tx, touched: readonly TouchedInstance[], mapped: Mapped[]): Promise<void> {
  const scopeIds = [...new Set(touched.flatMap(({ scopeId }, at) => (isUnregistered(mapped[at]) ? [scopeId] : [])))];
  if (scopeIds.length === 0) return;
  const rows = await tx.$queryRaw<{ scope_id: bigint; name: string }[]>`
    /* prepared: report-names */ SELECT DISTINCT k.agent_scope_id AS scope_id, c.service_name AS name FROM combination_counts k JOIN combinations c ON c.id = k.combination_id
    WHERE k.agent_scope_id = ANY(${scopeIds}::bigint[]) AND c.service_id IS NULL AND c.service_name IS NOT NULL`;
  const named = new Map<bigint, Set<string>>(scopeIds.map((id) => [id, new Set()]));
  for (const { scope_id, name } of rows) named.get(scope_id)?.add(name);
  for (const [at, { scopeId }] of touched.entries()) {
    const one = mapped[at];
    const names = named.get(scopeId);
    if (!one || !names || !isUnregistered(one) || one.serviceName === null) continue;
    if (names.has(one.serviceName)) continue;
    if (names.size < MOST_UNREGISTERED) names.add(one.serviceName);
    else mapped[at] = { ...one, serviceName: null, partition: DEFAULT_PARTITION, component: DEFAULT_COMPONENT };
  }
}

function isUnregistered(mapped: Mapped | undefined): boolean {
  return mapped !== undefined && mapped.serviceId === null && mapped.serviceName !== null;
}

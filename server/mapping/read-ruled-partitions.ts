import { mapRuledPartition, toRuleFacts } from "@/lib/domain/fleet/map-facts";
import type { Db, Tx } from "@/server/db";
import { readLedgerNames } from "@/server/inventory/mapping-rules";
import { makeMapper, readGroups, readImages, readPools } from "./plan-remap";

/** The partitions that rules put targets of a service in an environment into, by target; only of those that a rule says so of. */
export async function readRuledPartitions(db: Db | Tx, site: { serviceId: string; environmentId: string }): Promise<Map<bigint, string>> {
  const names = await readLedgerNames(db);
  const deciding = names.decided.rules.filter(({ sets }) => sets.has("partition"));
  if (deciding.length === 0) return new Map();
  const groups = await readGroups(db, names, site);
  const images = await readImages(db, [...new Set(groups.flatMap(({ parts }) => parts.map(([, image]) => BigInt(image))))]);
  const { describe, mapOwn } = makeMapper(names, images, await readPools(db));
  return new Map(groups.flatMap((group) => {
    const own = mapOwn(group);
    const facts = own?.facts ?? describe(group, "", null);
    // Where nothing runs nobody knows what a rule about containers would see: what one may have put there stays.
    const mayStay = own === null && deciding.some((rule) => rule.looksInside && rule.valueOf("partition", toRuleFacts(facts)) === group.partition);
    const ruled = mapRuledPartition(facts, names.decided)?.value ?? (mayStay ? group.partition : null);
    return ruled === null ? [] : group.ids.map((id) => [id, ruled] as const);
  }));
}

import type { Db, Tx } from "@/server/db";
import { COMBINATION_COLUMNS, combinationText, keyOfRow, type CombinationKey, type CombinationRow } from "./combination";
import { judgeCombinations } from "./judge-combinations";

export type PlacedCombinations = { idOf: (key: CombinationKey) => bigint; created: bigint[] };

const MOST_KEPT = 50_000;
/** Ids of committed combinations by their key: a row keeps its key for ever, only its verdict changes. */
const kept = new WeakMap<Db, Map<string, bigint>>();

/**
 * Finds the combinations of these keys, judging and storing those that are new. Inserted in one order everywhere, so
 * that two reports with the same new facts wait for each other instead of deadlocking.
 * @param db to remember ids for the next report; only for a transaction that has placed none before
 */
export async function placeCombinations(tx: Tx, keys: readonly CombinationKey[], db: Db | null = null): Promise<PlacedCombinations> {
  const wanted = new Map(keys.map((key) => [combinationText(key), key]));
  const known = db === null ? null : (kept.get(db) ?? new Map<string, bigint>());
  const ids = new Map<string, bigint>();
  for (const text of wanted.keys()) {
    const id = known?.get(text);
    if (id !== undefined) ids.set(text, id);
  }
  await find(tx, [...wanted].filter(([text]) => !ids.has(text)).map(([, key]) => key), ids);
  if (db !== null && known !== null) {
    if (known.size > MOST_KEPT) known.clear();
    for (const [text, id] of ids) known.set(text, id);
    kept.set(db, known);
  }
  const missing = [...wanted].filter(([text]) => !ids.has(text)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
  const created = missing.length === 0 ? [] : await insert(tx, missing);
  if (missing.length > 0) await find(tx, missing, ids);
  return {
    created,
    idOf: (key) => {
      const id = ids.get(combinationText(key));
      if (id === undefined) throw new Error("a combination that was just stored is not there");
      return id;
    },
  };
}

async function find(tx: Tx, keys: readonly CombinationKey[], into: Map<string, bigint>): Promise<void> {
  if (keys.length === 0) return;
  const rows = await tx.$queryRaw<CombinationRow[]>`
    SELECT ${COMBINATION_COLUMNS}
    FROM unnest(${keys.map((key) => key.imageId)}::bigint[], ${keys.map((key) => key.environmentId)}::uuid[], ${keys.map((key) => key.serviceName)}::text[],
      ${keys.map((key) => key.partition)}::text[], ${keys.map((key) => key.component)}::text[], ${keys.map((key) => key.desiredKind)}::text[],
      ${keys.map((key) => key.desiredReleaseId)}::uuid[], ${keys.map((key) => key.unexpected)}::boolean[], ${keys.map((key) => key.mutated)}::boolean[],
      ${keys.map((key) => key.settingsDigest)}::text[], ${keys.map((key) => key.declaredMatches)}::boolean[], ${keys.map((key) => key.ignoredBy)}::text[])
      k(image_id, environment_id, service_name, partition, component, desired_kind, desired_release_id, unexpected, mutated, settings_digest, declared_matches, ignored_by)
    JOIN combinations c ON c.image_id = k.image_id AND c.environment_id = k.environment_id AND c.service_name IS NOT DISTINCT FROM k.service_name
      AND c.partition = k.partition AND c.component = k.component AND c.desired_kind = k.desired_kind
      AND c.desired_release_id IS NOT DISTINCT FROM k.desired_release_id AND c.unexpected = k.unexpected AND c.mutated = k.mutated
      AND c.settings_digest IS NOT DISTINCT FROM k.settings_digest AND c.declared_matches IS NOT DISTINCT FROM k.declared_matches
      AND c.ignored_by IS NOT DISTINCT FROM k.ignored_by`;
  for (const row of rows) into.set(combinationText(keyOfRow(row)), row.id);
}

async function insert(tx: Tx, keys: readonly CombinationKey[]): Promise<bigint[]> {
  const verdicts = await judgeCombinations(tx, keys);
  const rows = await tx.$queryRaw<{ id: bigint }[]>`
    INSERT INTO combinations (service_name, service_id, environment_id, partition, component, image_id, desired_kind, desired_release_id,
      unexpected, mutated, settings_digest, declared_matches, ignored_by, categories, running_release_id)
    SELECT service_name, service_id, environment_id, partition, component, image_id, desired_kind, desired_release_id,
      unexpected, mutated, settings_digest, declared_matches, ignored_by, string_to_array(categories, ','), running
    FROM unnest(${keys.map((key) => key.serviceName)}::text[], ${keys.map((key) => key.serviceId)}::uuid[], ${keys.map((key) => key.environmentId)}::uuid[],
      ${keys.map((key) => key.partition)}::text[], ${keys.map((key) => key.component)}::text[], ${keys.map((key) => key.imageId)}::bigint[],
      ${keys.map((key) => key.desiredKind)}::text[], ${keys.map((key) => key.desiredReleaseId)}::uuid[], ${keys.map((key) => key.unexpected)}::boolean[],
      ${keys.map((key) => key.mutated)}::boolean[], ${keys.map((key) => key.settingsDigest)}::text[], ${keys.map((key) => key.declaredMatches)}::boolean[],
      ${keys.map((key) => key.ignoredBy)}::text[], ${verdicts.map(({ categories }) => categories.join(","))}::text[], ${verdicts.map(({ runningReleaseId }) => runningReleaseId)}::uuid[])
      k(service_name, service_id, environment_id, partition, component, image_id, desired_kind, desired_release_id,
        unexpected, mutated, settings_digest, declared_matches, ignored_by, categories, running)
    ON CONFLICT DO NOTHING RETURNING id`;
  return rows.map(({ id }) => id);
}

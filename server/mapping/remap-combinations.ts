import type { Tx } from "@/server/db";
import { readLedgerNames } from "@/server/inventory/mapping-rules";
import { applyRemap } from "./apply-remap";
import { planRemap } from "./plan-remap";

/** Maps everything that stands in these combinations anew, by the names and rules that hold in this transaction. */
export async function remapCombinations(tx: Tx, combinationIds: readonly bigint[], { now }: { now: Date }): Promise<void> {
  if (combinationIds.length === 0) return;
  await applyRemap(tx, await planRemap(tx, await readLedgerNames(tx), combinationIds), { now });
}

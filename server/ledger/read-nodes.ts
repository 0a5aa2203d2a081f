import { assembleProof, planConsistency, planFrontier, planInclusion, type Hash, type NodeCoord, type ProofPlan } from "@/lib/domain/ledger/merkle";
import type { Db, Tx } from "@/server/db";

const keyOf = ({ level, index }: NodeCoord): string => `${level}/${index}`;

/** Stored nodes by coordinate, in one query. Complete subtrees never change. */
async function readNodes(db: Db | Tx, coords: readonly NodeCoord[]): Promise<(coord: NodeCoord) => Hash | undefined> {
  const found = new Map<string, Hash>();
  const wanted = [...new Map(coords.map((coord) => [keyOf(coord), coord])).values()];
  if (wanted.length > 0) {
    const rows = await db.$queryRaw<{ level: number; index: bigint; hash: Uint8Array }[]>`
      SELECT n.level, n.index, n.hash
      FROM unnest(${wanted.map((coord) => coord.level)}::int[], ${wanted.map((coord) => coord.index)}::bigint[]) w(level, index)
      JOIN ledger_nodes n ON n.level = w.level AND n.index = w.index`;
    for (const row of rows) found.set(keyOf({ level: row.level, index: Number(row.index) }), row.hash);
  }
  return (coord) => found.get(keyOf(coord));
}

/** The frontier of the tree as it was at `size`. */
export async function readFrontier(db: Db | Tx, size: number): Promise<Hash[]> {
  const coords = planFrontier(size);
  const lookup = await readNodes(db, coords);
  return assembleProof({ terms: coords.map((coord) => [coord]) }, lookup);
}

async function readProofs(db: Db | Tx, plans: readonly ProofPlan[]): Promise<Hash[][]> {
  const lookup = await readNodes(db, plans.flatMap((plan) => plan.terms.flat()));
  return plans.map((plan) => assembleProof(plan, lookup));
}

/** Inclusion proofs of several entries in the tree of `size`, in one query. @throws RangeError for an index outside */
export function readInclusionProofs(db: Db | Tx, indexes: readonly number[], size: number): Promise<Hash[][]> {
  return readProofs(db, indexes.map((index) => planInclusion(index, size)));
}

/** That the tree of `to` entries extends the one of `from`. @throws RangeError when it cannot */
export async function readConsistencyProof(db: Db | Tx, from: number, to: number): Promise<Hash[]> {
  const [proof] = await readProofs(db, [planConsistency(from, to)]);
  return proof ?? [];
}
